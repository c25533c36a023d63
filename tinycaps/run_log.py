"""The log of a training run: one JSON object a line, on the disk as soon as it is written."""
import json
import logging

from .checkpoint import naming, write_atomically


class RunLog:
    """Lines of JSON, also kept in memory.

    Resumed at a step, it has no lines of later steps, and no torn last line. If fewer are left than
    were ``logged`` up to that step, it says so.
    """

    def __init__(self, path, step, logged=0):
        self.path, self.lines = path, []
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self.lines = [line for line in _readable(path) if line["step"] <= step]
            text = "".join(json.dumps(line) + "\n" for line in self.lines)
            write_atomically(path, lambda file: file.write(text.encode()))
        if len(self.lines) < logged:
            logging.getLogger(__name__).warning(
                f"log: got {len(self.lines)} lines in {path}, wanted the {logged} up to step "
                f"{step}: the others are lost, the training goes on")

    def write(self, **numbers):
        """Append a line; arrays without axes, as losses are, become Python numbers."""
        numbers = {name: each.item() if getattr(each, "ndim", None) == 0 else each
                   for name, each in numbers.items()}
        self.lines.append(numbers)
        with naming(self.path), open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(numbers) + "\n")


def _readable(path):
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(line, dict) or not isinstance(line.get("step"), int):
            return
        yield line
