"""Files that survive a crash: written next to their place, flushed, then moved in one step."""
import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .backend import to_numpy


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


def write_atomically(path, write):
    """Let ``write(file)`` fill a file that replaces ``path`` once it is complete and on the disk.

    Raises
    ------
    OSError
        If the folder cannot be written; what was at the path stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path, value):
    """Write a value as indented JSON, atomically."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def save_checkpoint(path, checkpoint):
    """Write a checkpoint as one npz file, atomically."""
    arrays = {f"params/{key}": to_numpy(value) for key, value in checkpoint.params.items()}
    arrays |= {f"state/{key}": to_numpy(value) for key, value in checkpoint.state.items()}
    head = json.dumps({"about": checkpoint.about, "step": checkpoint.step,
                       "seconds": checkpoint.seconds})
    write_atomically(path, lambda file: np.savez(file, head=np.array(head), **arrays))


def load_checkpoint(path):
    """Read a checkpoint; its arrays are on the host.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If the file is torn, or is not a checkpoint.
    """
    try:
        with open(path, "rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as arrays:
            head = json.loads(str(arrays["head"]))
            dicts = {"params": {}, "state": {}}
            for name in arrays.files:
                field, _, key = name.partition("/")
                if key:
                    dicts[field][key] = arrays[name]
            return Checkpoint(**dicts, **head)
    except FileNotFoundError:
        raise FileNotFoundError(f"checkpoint: got {path}, which does not exist, wanted a "
                                "checkpoint.npz of a training run") from None
    except (ValueError, KeyError, TypeError, EOFError, OSError, RuntimeError, zlib.error,
            zipfile.BadZipFile) as error:
        raise ValueError(f"checkpoint: got {path}, which is torn or no checkpoint ({error}), "
                         "wanted one of a training run") from None
