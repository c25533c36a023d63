"""Work cut into slices for a few Python threads, each with a BLAS of one thread.

NumPy lets go of Python's lock inside its loops and matrix products, so threads over slices that stay in a core's cache are
faster than one BLAS call that spreads over all cores and touches everything once for every operation.
"""
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache

import numpy as np


@contextmanager
def parallel(xp):
    """Give ``split(work, count, pieces=None)``, which calls ``work(slice)`` for slices that cut range(count) into equal parts.

    Parameters
    ----------
    xp : module
        On numpy the slices run on as many threads as there are cores, and the BLAS is held to one thread meanwhile; on one core,
        or with a BLAS that cannot be held (Accelerate on macOS), they run one by one. On cupy one slice is everything: few launches.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    controller = _controller() if xp is np and cores > 1 else None
    if xp is not np:
        yield lambda work, count, pieces=None: work(slice(0, count))
    elif controller is None:
        yield _one_by_one
    else:
        with controller.limit(limits=1, user_api="blas"):
            yield lambda work, count, pieces=None: list(_pool(cores).map(work, _cut(count, pieces or cores)))


def _one_by_one(work, count, pieces=None):
    for part in _cut(count, pieces or 1):
        work(part)


def _cut(count, pieces):
    """Cut range(count) into slices, none of them empty."""
    pieces = max(1, min(count, pieces))
    edges = [count * k // pieces for k in range(pieces + 1)]
    return [slice(a, b) for a, b in zip(edges, edges[1:])]


@lru_cache
def _pool(threads):
    return ThreadPoolExecutor(threads)


@lru_cache
def _controller():
    """Return threadpoolctl's view of NumPy's BLAS, or None if it sees none."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    found = ThreadpoolController().select(user_api="blas")
    return found if found.lib_controllers else None
