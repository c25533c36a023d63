"""Work cut into slices for a few Python threads, each with a BLAS of one thread.

NumPy lets go of Python's lock inside its loops and matrix products, so threads over slices that stay in a core's cache are
faster than one BLAS call that spreads over all cores and touches everything once for every operation.
"""
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import lru_cache, partial

import numpy as np


@contextmanager
def parallel(xp):
    """Give ``split(work, count, pieces=None)``, which calls ``work(slice)`` for slices that cut range(count) into equal parts.

    Parameters
    ----------
    xp : module
        On numpy the slices run on as many threads as there are cores, and the BLAS is held to one thread meanwhile; on one core,
        inside of such a slice, or with a BLAS that cannot be held (Accelerate on macOS), they run one by one. On cupy one slice
        is everything: few launches.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if xp is not np:
        yield lambda work, count, pieces=None: work(slice(0, count))
    elif cores == 1 or getattr(_here, "inside", False) or _controller() is None:
        yield _one_by_one
    else:
        _blas.hold()
        try:
            yield partial(_share_out, _pool(cores - 1), cores)
        finally:
            _blas.release()


def _cut(count, pieces):
    """Cut range(count) into slices, none of them empty."""
    pieces = max(1, min(count, pieces))
    edges = [count * k // pieces for k in range(pieces + 1)]
    return [slice(a, b) for a, b in zip(edges, edges[1:])]


def _one_by_one(work, count, pieces=None):
    for part in _cut(count, pieces or 1):
        work(part)


def _share_out(pool, cores, work, count, pieces=None):
    """Work on the first slice here; then this thread and the pool's take one after another until none is left, all under the caller's
    np.errstate. Return or raise, also on Ctrl-C, when none of them is at work."""
    first, *others = _cut(count, pieces or cores)
    waiting, futures = iter(others), []

    def take():
        for part in waiting:                                            # one iterator for all: Python's lock gives a slice to one thread
            work(part)

    def begun():
        return [future for future in futures if not future.cancel()]

    _here.inside = True
    try:
        for _ in others[:cores - 1]:
            futures.append(pool.submit(copy_context().run, take))
        work(first)
        take()
        wait(begun())
    finally:
        _here.inside = False
        list(waiting)                                                   # whatever went wrong here, nobody takes another
        wait(begun())
    for future in begun():
        future.result()


class _Blas:
    """NumPy's BLAS, held to one thread while anybody asks for it."""

    def __init__(self):
        self.lock, self.holders = threading.Lock(), 0

    def hold(self):
        with self.lock:
            if self.holders == 0:
                self.limit = _controller().limit(limits=1, user_api="blas")
            self.holders += 1

    def release(self):
        with self.lock:
            self.holders -= 1
            if self.holders == 0:
                self.limit.restore_original_limits()


_blas = _Blas()
_here = threading.local()


@lru_cache
def _pool(threads):
    return ThreadPoolExecutor(threads, initializer=setattr, initargs=(_here, "inside", True))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)       # threads do not survive a fork


@lru_cache
def _controller():
    """Return threadpoolctl's view of NumPy's BLAS, or None if it sees none."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    found = ThreadpoolController().select(user_api="blas")
    return found if found.lib_controllers else None
