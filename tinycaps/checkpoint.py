"""Files that survive a crash, and checkpoints whose every array is what was written.

A file is written next to its place, flushed, then moved in one step. A checkpoint is an npz file
whose ``head``, a JSON text, lists shape, type and CRC-32 of every array. The zip format guards the
bytes of each member, the head's among them; the list guards what stands in the zip's directory.
"""
import json
import math
import os
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .archive import read_arrays
from .backend import to_numpy

TEMPORARY = ".tinycaps"
"""How the name of a file ends that is being written."""


class Checkpoint(NamedTuple):
    """A moment of a training run."""

    params: dict
    state: dict
    """Of the optimiser."""
    about: dict
    """What was trained on what: settings that a resumed run must share, and what a reader needs."""
    step: int
    seconds: float
    """Of training so far."""
    logged: int = 0
    """Lines of the log so far."""


@contextmanager
def naming(path):
    """Add a file's name to the errors of the system that lack one, such as a full disk's."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_atomically(path, write):
    """Let ``write(file)`` fill a file that replaces ``path`` once it is complete and on the disk.

    Raises
    ------
    OSError
        If the folder cannot be written; what was at the path stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with naming(path), open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder, age=0.0):
    """Remove what `write_atomically` left in a folder when it was killed, at least an age ago."""
    for torn in folder.glob(f".*{TEMPORARY}"):
        with suppress(FileNotFoundError):           # another process has finished it just now
            if time.time() - torn.stat().st_mtime >= age:
                torn.unlink()


def write_json(path, value):
    """Write a value as indented JSON, atomically."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def save_checkpoint(path, checkpoint):
    """Write a checkpoint as one npz file, atomically."""
    arrays = {f"{field}/{key}": to_numpy(value) for field in ("params", "state")
              for key, value in getattr(checkpoint, field).items()}
    head = {key: value for key, value in checkpoint._asdict().items()
            if key not in ("params", "state")}
    head["arrays"] = {name: _describe(array) for name, array in arrays.items()}
    text = np.array(json.dumps(head))
    write_atomically(path, lambda file: np.savez(file, head=text, **arrays))


def _describe(array):
    """Return shape, type and CRC-32 of an array, as JSON gives them back."""
    return [[*array.shape], array.dtype.str, zlib.crc32(np.ascontiguousarray(array))]


def load_checkpoint(path):
    """Read a checkpoint; its arrays are on the host.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If the file is torn or damaged, or is not a checkpoint of this version.
    """
    try:
        # Nothing in a checkpoint is compressed, so its arrays are no larger than the file.
        arrays = read_arrays(path, limit=os.path.getsize(path))
        head = json.loads(str(arrays.pop("head")))
        if head.keys() != {"about", "step", "seconds"}:
            return _unpack(head, arrays)
    except FileNotFoundError:
        raise FileNotFoundError(f"checkpoint: got {path}, which does not exist, wanted a "
                                "checkpoint.npz of a training run") from None
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        reason = str(error).removeprefix(f"{path}: got ")
        raise ValueError(f"checkpoint: got {path}, which is torn or no checkpoint ({reason}), "
                         "wanted one of a training run") from None
    raise ValueError(f"checkpoint: got {path}, which an earlier version of tinycaps wrote, without "
                     "checksums, wanted one of this version: train again")


def _unpack(head, arrays):
    """Return the checkpoint in these arrays: all that the head lists, and nothing else."""
    listed, came = head.pop("arrays"), {key: _describe(array) for key, array in arrays.items()}
    for name in listed | came:
        if listed.get(name) != came.get(name):
            raise ValueError(f"{name}: got {came.get(name, 'nothing')}, "
                             f"wanted {listed.get(name, 'nothing')}")
    found = Checkpoint(_part(arrays, "params/"), _part(arrays, "state/"), **head)
    numbers = {"step": found.step, "seconds": found.seconds, "logged": found.logged}
    for name, number in numbers.items():
        kinds = (int, float) if name == "seconds" else (int,)
        if type(number) not in kinds or not 0 <= number < math.inf:
            raise ValueError(f"{name}: got {number!r}, wanted a number of at least 0")
    if not isinstance(found.about, dict):
        raise ValueError(f"about: got {type(found.about).__name__}, wanted a dict")
    return found


def _part(arrays, prefix):
    return {name.removeprefix(prefix): array for name, array in arrays.items()
            if name.startswith(prefix)}
