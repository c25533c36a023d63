"""What all demos share: their arguments, one line for an error of the user, and the record of a run."""
import argparse
import math
import shlex
import sys
import tempfile
import time
from pathlib import Path

from tinycaps.backend import asarray
from tinycaps.checkpoint import write_json
from tinycaps.environment import environment


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def parser(name, doc):
    """Return a parser with the demo's docstring as its help, and the arguments of every demo: --seed and --out."""
    result = Parser(prog=f"python -m demos.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="of everything random (default %(default)s)")
    result.add_argument("--out", type=Path, default=Path("out") / name, metavar="DIR",
                        help=f"where figures and run.json go (default out/{name})")
    return result


def whole_number(least):
    """Return an argument type: an integer of at least so much."""
    return _number(int, lambda number: number >= least, f"an integer of at least {least}")


def _number(convert, is_good, wanted):
    """Return an argument type that refuses, in one line, what is no such number."""
    def read(text):
        try:
            number = convert(text)
        except ValueError:
            number = math.nan
        if not is_good(number):
            raise argparse.ArgumentTypeError(f"got {text!r}, wanted {wanted}")
        return number
    return read


positive_number = _number(float, lambda number: 0 < number < math.inf, "a number above 0")
"""Argument type of a learning rate and the like."""
not_negative = _number(float, lambda number: 0 <= number < math.inf, "a number of at least 0")
"""Argument type of a weight decay and the like."""
share = _number(float, lambda number: 0 <= number <= 1, "a number from 0 to 1")
"""Argument type of a part of a whole."""
less_than_all = _number(float, lambda number: 0 <= number < 1, "a number from 0 to below 1")
"""Argument type of a part that must leave something."""
spread = _number(float, lambda number: 0 <= number <= 3, "a number from 0 to 3")
"""Argument type of the standard deviation of a logarithm, and of what is added to activities: beyond, everything drowns."""
temperature = _number(float, lambda number: 0.01 <= number <= 1e5, "a number from 0.01 to 100,000")
"""Argument type of a softmax's temperature: between these, single precision can tell probabilities apart."""


def prepare(arguments):
    """Find out before the work, not after it, that the device is missing or that --out cannot be written; leave what is there."""
    if getattr(arguments, "device", "cpu") == "gpu":
        asarray([0.0], "gpu")
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=arguments.out).close()
    except OSError as error:
        raise OSError(f"out: got {arguments.out}, wanted a folder that can be written ({error.strerror})") from None


class Record:
    """The run as it will stand in run.json."""

    def __init__(self, name, argv, arguments):
        self.name, self.arguments, self.started = name, arguments, time.monotonic()
        words = sys.argv[1:] if argv is None else argv
        self.command = " ".join(["python -m", f"demos.{name}", *map(shlex.quote, words)])

    def write(self, **results):
        """Write run.json: how it was called, on what, and what came out."""
        shown = {key: value if isinstance(value, (int, float, str, bool, list, type(None))) else str(value)
                 for key, value in vars(self.arguments).items()}
        write_json(self.arguments.out / "run.json", {
            "command": self.command, "date": time.strftime("%Y-%m-%d"), "seconds": round(time.monotonic() - self.started, 1),
            "results": results, "arguments": shown, "environment": environment()})


def run(main):
    """Call a demo's main; an error of the user becomes one line and exit code 2."""
    try:
        sys.exit(main())
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
