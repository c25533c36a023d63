"""A process of its own for the reader's code, with limits on its time and memory."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from demos.exercise.catalogue import find_exercises
from demos.exercise.hints import guess
from demos.exercise.judge import Unreadable, judge

ROOT = str(Path(__file__).parents[2])
SECONDS = 20
"""For a whole judgement, of which a right solution takes a tenth."""
GIGABYTES = 4
TASKS = {"check": judge, "hint": guess}


def judged(task, exercise, path):
    """Return what a task says of the reader's file.

    Parameters
    ----------
    task : "check" or "hint"
    exercise : Exercise
    path : Path

    Raises
    ------
    Unreadable
        As `judge`; or if the code does not end in time, wants too much memory, or ends Python.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", __name__, task, exercise.name, path, result]
        paths = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))
        # One thread: the arrays are small, and each thread would take of the memory allowed.
        environment = os.environ | {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
        try:
            subprocess.run(command, timeout=SECONDS, stdin=subprocess.DEVNULL, env=environment)
        except subprocess.TimeoutExpired:
            raise Unreadable(f"{path}: got no end in {SECONDS} seconds, wanted code that ends "
                             "(is there an endless loop?)") from None
        if not result.exists():
            raise Unreadable(f"{path}: got an end of Python itself, wanted gradients")
        found = json.loads(result.read_text(encoding="utf-8"))
    if "error" in found:
        raise Unreadable(found["error"])
    return found["result"]


def limit_memory():
    """Limit the memory of this process, where the system can."""
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES * 2 ** 30, resource.RLIM_INFINITY))
    except (ImportError, ValueError, OSError):
        pass


def work(task, name, path, result):
    """Do a task in this process, and write a JSON file."""
    limit_memory()
    try:
        found = {"result": TASKS[task](find_exercises()[name], Path(path))}
    except Unreadable as error:
        found = {"error": str(error)}
    Path(result).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    work(*sys.argv[1:])
