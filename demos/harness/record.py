"""What a run leaves beside its figures: run.json, and the log of its trainings."""
import json
import shlex
import time

from tinycaps.checkpoint import write_atomically, write_json
from tinycaps.environment import environment


class Record:
    """The run as it will stand in run.json."""

    def __init__(self, name, argv, arguments):
        self.arguments, self.started = arguments, time.monotonic()
        self.command = " ".join(["python -m demos", name, *map(shlex.quote, argv)])

    def write(self, error, **results):
        """Write run.json: the command, its results, all arguments and the environment.

        Parameters
        ----------
        error : float
            The one number of the run: a fraction of 1, unless ``unit`` names another unit.
        **results
            Whatever else came out; ``baseline`` is the error of a rival in the same unit, and
            ``seeds`` lists the error of every seed (default: of the only one).
        """
        shown = {key: value if isinstance(value, (int, float, str, bool, list, type(None)))
                 else str(value) for key, value in vars(self.arguments).items()}
        write_json(self.arguments.out / "run.json", {
            "command": self.command, "date": time.strftime("%Y-%m-%d"),
            "seconds": round(time.monotonic() - self.started, 1),
            "results": {"error": error, "seeds": [error]} | results,
            "arguments": shown, "environment": environment()})


def write_log(arguments, log):
    """Write metrics.jsonl: the log of all trainings of a run, one JSON object a line."""
    text = "".join(json.dumps(line) + "\n" for line in log)
    write_atomically(arguments.out / "metrics.jsonl", lambda file: file.write(text.encode()))
