"""The log of a training run: one JSON object a line, on the disk as soon as it is written."""
import json

from .checkpoint import write_atomically


class RunLog:
    """Lines of JSON, also kept in memory.

    Resumed at a step, it has no lines of later steps, and no torn last line.
    """

    def __init__(self, path, step):
        self.path, self.lines = path, []
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self.lines = [line for line in _readable(path) if line["step"] <= step]
            text = "".join(json.dumps(line) + "\n" for line in self.lines)
            write_atomically(path, lambda file: file.write(text.encode()))

    def write(self, **numbers):
        self.lines.append(numbers)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(numbers) + "\n")


def _readable(path):
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield json.loads(text)
        except json.JSONDecodeError:
            return
