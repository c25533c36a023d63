"""The folder of a run: one training works in it, begins anew, or goes on with what was stopped.

It goes on only with the same settings, data and parameters.
"""
import json
import logging
import os
import shutil
import zlib
from contextlib import contextmanager

import numpy as np

from .backend import get_xp
from .checkpoint import load_checkpoint, sweep
from .run_log import RunLog
from .scalars import plain

try:
    import fcntl
except ImportError:                                 # Windows
    fcntl = None

GENERATIONS = 5
"""Earlier runs that are kept in a folder."""


def settings_of(about, data, **settings):
    """Return what a resumed run must share, as JSON gives it back: tuples have become lists."""
    crc32 = 0
    for array in data:
        crc32 = zlib.crc32(np.ascontiguousarray(array), crc32)
    forms = {"data_shapes": [array.shape for array in data], "data_crc32": crc32}
    return json.loads(json.dumps(about | settings | forms, default=_plain))


def _plain(value):
    """Return what JSON does not know as a Python number, or refuse it."""
    number = plain(value)
    if number is value:
        raise TypeError(f"about: got {type(value).__name__}, wanted JSON values or NumPy scalars")
    return number


def restore(path, params, state, about):
    """Copy a checkpoint of this run into params and state; return the checkpoint.

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    ValueError
        If it is damaged or of another run: the message names one thing that differs.
    """
    earlier = None if path.exists() else where_earlier(path.parent)
    if earlier:
        raise FileNotFoundError(f"checkpoint: got no {path}, wanted one to go on from: {earlier}")
    found = load_checkpoint(path)
    came, wanted = _flat(found.about, found.params), _flat(about, params)
    for key in wanted | came:
        if came.get(key) != wanted.get(key):
            raise ValueError(f"checkpoint: got {path} of a run with {key} = {came.get(key)}, "
                             f"wanted {key} = {wanted.get(key)}")
    for key, p in params.items():
        p[...] = get_xp(p).asarray(found.params[key], dtype=p.dtype)
    xp = get_xp(next(iter(params.values())))
    state.update({key: xp.asarray(value) if value.dtype.kind == "f" else value.item()
                  for key, value in found.state.items()})
    return found


def _flat(about, params):
    """Return settings, those in inner dicts too, and the form of each parameter in one dict."""
    flat = {}
    for key, value in about.items():
        inner = value.items() if isinstance(value, dict) else ()
        flat |= {f"{key}.{name}": entry for name, entry in inner} or {key: value}
    return flat | {f"params.{key}": f"{p.dtype} {p.shape}" for key, p in params.items()}


@contextmanager
def at_work(folder, checkpoint=None):
    """Work in a folder: yield the log of a run that begins, or goes on from a checkpoint.

    Raises
    ------
    BlockingIOError
        If another training works in the folder, in this process or in another.

    Notes
    -----
    The lock is the system's, on the empty file ``.lock``, which stays: it ends with the process,
    whatever ends that. On Windows, and on network file systems without locks, there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "a") as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"folder: got {folder}, where another training is at work, "
                                  "wanted one without: wait for its end, or change a setting"
                                  ) from None
        except OSError:                             # a file system without locks
            pass
        sweep(folder)
        if not checkpoint and (folder / "checkpoint.npz").exists():
            keep_old(folder)
        step, logged = (checkpoint.step, checkpoint.logged) if checkpoint else (0, 0)
        yield RunLog(folder / "log.jsonl", step, logged)


def where_earlier(folder):
    """Say where the last run lies that `keep_old` has moved, and how to go on with it; or None."""
    found = [path.parent for path in folder.glob("old-*/checkpoint.npz")
             if path.parent.name[4:].isdigit()]
    if found:
        old = max(found, key=lambda path: int(path.name[4:]))
        return f"the earlier run is in {old}: to go on with it, move its files to {folder}"


def keep_old(folder):
    """Move an earlier run to a folder inside, say where, and remove the oldest of more than five.

    The log is copied before the checkpoint is moved: a kill between the two loses nothing.
    """
    numbers = [int(path.name[4:]) for path in folder.glob("old-*") if path.name[4:].isdigit()]
    old = folder / f"old-{max(numbers, default=0) + 1}"
    old.mkdir()
    if (folder / "log.jsonl").exists():
        shutil.copy2(folder / "log.jsonl", old)
    os.replace(folder / "checkpoint.npz", old / "checkpoint.npz")
    logging.getLogger(__name__).warning(
        f"the earlier run in {folder} is now in {old}: to go on with it, move its files back and "
        "resume")
    for number in sorted(numbers)[:1 - GENERATIONS]:
        shutil.rmtree(folder / f"old-{number}")
