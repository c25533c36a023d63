"""Compare a backward with the measured derivatives of its forward."""
import numpy as np

from ..checks import check_count
from .pair import Pair
from .probe import Probe
from .report import VERDICTS, Report

MOST = 200
"""Bisection gives up after this number of measurements."""
SMALLEST = np.finfo(np.float64).tiny
"""Stands for an error of 0 where rows are ranked."""


def check_gradients(forward, backward, *inputs, seed=0, max_entries=400, directions=4,
                    **keywords):
    """Check that ``backward`` is the derivative of ``forward`` at the inputs given.

        outputs, cache = forward(*inputs, **keywords)
        gradients = backward(*cotangents, cache)

    Parameters
    ----------
    forward, backward : functions
        The pair. Forward returns an array (or a tuple of arrays) and a cache; backward takes one
        cotangent for each output and returns the gradients in the order of the differentiable
        inputs: a bare array (or dict) for one input, else a tuple.
    *inputs : arrays, dicts of arrays, or anything else
        Derivatives are taken with respect to floating-point arrays and dicts of them, in float64;
        the rest is passed on.
    seed : int
        Of the random cotangent and the random directions.
    max_entries : int
        An array with more entries is checked along random directions, and a direction that fails is
        bisected to an entry.
    directions : int
        The number of random directions.
    **keywords
        Passed to forward.

    Returns
    -------
    Report
        Print it for the table; ``report.ok``, ``report.rows`` and ``report.problems`` for programs.

    Notes
    -----
    The outputs are summed with random weights, the cotangent, and the derivative of the sum with
    respect to every entry is measured by Ridders' extrapolation (`tinycaps.gradcheck.ridders`). So
    "analytic" and "numeric" in the table are derivatives of this sum, not of one output: for x² at
    -2 not -4, but -4 times a weight. The error estimate of the extrapolation is the tolerance:
    a gradient passes within 8 estimated errors, and a measurement too coarse to prove anything
    counts as "unsure", which is not a pass. The entries of a random direction have sizes from 1/2
    to 1 and both signs, so that neither a fault in a single entry nor two equal ones can hide.

    Where forward takes complex numbers and is analytic, Im f(x + i h) / h with h = 1e-30 is a
    second witness; `tinycaps.gradcheck.probe` says when it is believed. The table shows "none"
    where forward takes no complex numbers, and "not analytic" where the witness is invalid.
    """
    check_count(directions=directions)
    pair = Pair(forward, backward, inputs, keywords)
    rng = np.random.default_rng(seed)
    weights, gradients, problems = pair.gradients(rng)
    rows = []
    if not problems:
        for name, gradient in gradients.items():
            probe = Probe(pair, name, weights, gradient)
            if gradient.size <= max_entries:
                rows.append(_check_entries(probe))
            else:
                rows.append(_check_directions(probe, rng, directions))
    return Report(rows, problems, tuple(pair.constants))


def assert_gradients(forward, backward, *inputs, allow_kinks=False, **options):
    """Raise an AssertionError that shows the table, unless `check_gradients` proves everything.

    Parameters
    ----------
    forward, backward, *inputs, **options
        As for `check_gradients`.
    allow_kinks : bool
        Accept points at which the slopes of the two sides differ and the gradient lies between
        them.

    Returns
    -------
    Report
    """
    report = check_gradients(forward, backward, *inputs, **options)
    if not report.ok or (report.kinks and not allow_kinks):
        names = [getattr(function, "__name__", "function") for function in (backward, forward)]
        raise AssertionError(f"{' is not proven to be the gradient of '.join(names)}:\n{report}")
    return report


def _badness(row):
    return [*VERDICTS].index(row.verdict), abs(row.analytic - row.numeric) / (row.error or SMALLEST)


def _check_entries(probe):
    rows = [probe.measure(probe.one(entry))._replace(index=probe.index(entry))
            for entry in range(probe.x.size)]
    kinks = sum(row.kinks for row in rows)
    return max(rows, key=_badness)._replace(checked=f"all {len(rows)}", kinks=kinks)


def _check_directions(probe, rng, count):
    rows = []
    for _ in range(count):
        direction = rng.uniform(0.5, 1, probe.x.shape) * rng.choice([-1.0, 1.0], probe.x.shape)
        row = probe.measure(direction)
        rows.append(_bisect(probe, direction, row) if row.verdict == "WRONG" else row)
    kinks = sum(row.kinks for row in rows)
    return max(rows, key=_badness)._replace(checked=f"{count} directions", kinks=kinks)


def _bisect(probe, direction, row):
    """Halve the set of moved entries, following what is wrong, until one entry is left.

    Each kink has a slope between those of its sides, but the sum over many entries need not, so a
    direction that falls apart into kinks is a kink.
    """
    kinks, waiting = 0, np.array_split(np.arange(probe.x.size), 2)
    for _ in range(MOST):
        if not waiting:
            break
        entries = waiting.pop()
        half = np.zeros(probe.x.shape)
        half.flat[entries] = direction.flat[entries]
        found = probe.measure(half)
        kinks += found.kinks
        if found.verdict == "WRONG":
            if len(entries) == 1:
                entry = entries[0]
                return probe.measure(probe.one(entry))._replace(index=probe.index(entry))
            waiting += np.array_split(entries, 2)
    return row._replace(verdict="kink", kinks=kinks) if kinks else row
