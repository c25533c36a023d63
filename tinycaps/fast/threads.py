"""Work cut into slices for a few Python threads, each with a BLAS of one thread.

NumPy releases Python's lock inside its loops and matrix products, so threads over slices that stay
in the cache of a core are faster than one BLAS call that spreads over all cores and goes through
the whole memory for every operation.
"""
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import lru_cache, partial

import numpy as np


SLICE = 2 ** 20
"""Numbers, at most, that a slice of samples works on: what stays in the cache of a core."""


@contextmanager
def parallel(xp):
    """Provide ``split(work, count, pieces=None)``: it calls ``work(slice)`` for equal slices.

    The slices cut range(count) into the given number of pieces, by default one for each core.

    Parameters
    ----------
    xp : module
        On numpy the slices run on one thread for each core, and the BLAS is held to one thread
        meanwhile. On one core, inside such a slice, or with a BLAS that cannot be held (Accelerate
        on macOS), they run one by one. On cupy one slice is everything: few launches.
    """
    cores = count_cores()
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


def count_cores():
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pieces(samples, size):
    """Return how many slices to cut samples of some size into: at least one for each core."""
    return max(-(-samples // max(1, SLICE // size)), count_cores())


def _cut(count, pieces):
    """Cut range(count) into slices, none of them empty."""
    pieces = max(1, min(count, pieces))
    edges = [count * k // pieces for k in range(pieces + 1)]
    return [slice(a, b) for a, b in zip(edges, edges[1:])]


def _one_by_one(work, count, pieces=None):
    for part in _cut(count, pieces or 1):
        work(part)


def _share_out(pool, cores, work, count, pieces=None):
    """Do the first slice here; then this thread and the pool's take one slice after another.

    All run under the caller's np.errstate. Return or raise, also on Ctrl-C, when none is at work.
    """
    first, *others = _cut(count, pieces or cores)
    waiting, futures = iter(others), []

    def take():
        for part in waiting:        # one iterator for all: Python's lock hands out each slice once
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
        list(waiting)               # whatever went wrong here, nobody takes another
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
