"""Going on with a run that was stopped: only with the same settings, data and parameters."""
import json
import os
import zlib

import numpy as np

from .backend import get_xp
from .checkpoint import load_checkpoint


def settings_of(about, data, **settings):
    """Return what a resumed run must share, as JSON gives it back: tuples have become lists."""
    crc32 = 0
    for array in data:
        crc32 = zlib.crc32(np.ascontiguousarray(array), crc32)
    forms = {"data_shapes": [array.shape for array in data], "data_crc32": crc32}
    return json.loads(json.dumps(about | settings | forms))


def restore(path, params, state, about):
    """Copy a checkpoint of this run into params and state; return its step and seconds.

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    ValueError
        If it is damaged or of another run: the message names one thing that differs.
    """
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
    return found.step, found.seconds


def _flat(about, params):
    """Return settings, those in inner dicts too, and the form of each parameter in one dict."""
    flat = {}
    for key, value in about.items():
        inner = value.items() if isinstance(value, dict) else ()
        flat |= {f"{key}.{name}": entry for name, entry in inner} or {key: value}
    return flat | {f"params.{key}": f"{p.dtype} {p.shape}" for key, p in params.items()}


def keep_old(folder):
    """Rename what an earlier run left; a log without a checkpoint must not replace one with it."""
    if (folder / "checkpoint.npz").exists():
        for name in ("log.jsonl", "checkpoint.npz"):
            if (folder / name).exists():
                os.replace(folder / name, folder / f"old-{name}")
