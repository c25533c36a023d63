"""Compare a backward with the measured derivatives of its forward."""
import warnings

import numpy as np

from .pair import Pair
from .report import VERDICTS, Report, Row
from .ridders import SAFETY, derivative

UNSURE = 1e-6
"""A measurement with an error above this fraction of the largest gradient proves nothing."""
NOTHING = 1e-11
"""The fraction of the outputs' own size at which a gradient of zero is measured well enough."""
MOST = 200
"""Bisection gives up after this number of measurements."""
TINY = 1e-30
"""The complex step: no difference is taken, so nothing is lost however small it is."""


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
        Derivatives are taken by floating-point arrays and dicts of them, in float64; the rest is
        passed on.
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
    The output is contracted with a random cotangent, and its derivative by every entry is measured
    by Ridders' extrapolation (`tinycaps.gradcheck.ridders`), whose error estimate is the tolerance:
    a gradient passes within 8 estimated errors, and a measurement too coarse to prove anything
    counts as "unsure", which is not a pass. The entries of a random direction have sizes from 1/2
    to 1 and both signs, so that neither a fault in a single entry nor two equal ones can hide.

    Where forward takes complex numbers and is analytic, Im f(x + i h) / h with h = 1e-30 is a
    second witness, without any difference and so without rounding. It fails, and the table shows
    "none", if forward uses what has no complex derivative:

        abs(x)             drops the phase: the imaginary part is lost
        conj(x), x.real    turns or drops the imaginary part; write x * x, not x * conj(x)
        linalg.norm(x)     uses abs or conj; write sqrt((x * x).sum())
        x > y, maximum     Python refuses complex numbers; NumPy compares real parts first, and
                           imaginary ones where these are equal, so a kink looks smooth
        a real buffer      zeros(shape)[...] = x discards the imaginary part
    """
    pair = Pair(forward, backward, inputs, keywords)
    rng = np.random.default_rng(seed)
    weights, gradients, problems = pair.gradients(rng)
    rows = []
    if not problems:
        for name, gradient in gradients.items():
            probe = _Probe(pair, name, weights, gradient)
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


class _Probe:
    """One array of the pair, to be moved along directions of the same shape."""

    def __init__(self, pair, name, weights, gradient):
        self.pair, self.name, self.weights, self.gradient = pair, name, weights, gradient
        self.x = pair.arrays[name]
        spread = np.sqrt(np.mean(self.x ** 2))
        self.step = 2.0 ** np.round(np.log2(spread)) if spread > 0 else 1.0
        self.centre = pair.outputs(pair.arrays)
        sizes = [np.abs(self.outputs(h, np.ones(self.x.shape))) for h in (-1 / 16, 0, 1 / 16)]
        self.outputs_size = (np.nan_to_num(sizes, posinf=0) @ np.abs(weights)).max() / self.step

    def outputs(self, h, direction):
        """Return the outputs after h steps along the direction, NaN outside of f's domain."""
        if not h:
            return self.centre
        with np.errstate(all="ignore"):
            moved = {self.name: self.x + h * self.step * direction}
            return self.pair.outputs(self.pair.arrays | moved)

    def measure(self, direction):
        """Compare analytic and measured derivative along a direction."""
        length = np.linalg.norm(direction)
        size = np.abs(self.gradient).max() * length
        argument_noise = np.linalg.norm(self.gradient * self.x * direction)
        found = derivative(lambda h: self.outputs(h, direction), self.weights, size * self.step,
                           argument_noise)
        numeric, error, left, right, sides_error = (z / self.step for z in found)
        analytic, tolerance = float((self.gradient * direction).sum()), SAFETY * error
        agrees = abs(analytic - numeric) <= tolerance
        witness = self.complex_step(direction)
        if witness is not None and abs(witness - numeric) > tolerance and agrees:
            witness = None
        if found.kink:
            low, high = sorted((left, right))
            margin = SAFETY * sides_error
            verdict = "kink" if low - margin <= analytic <= high + margin else "WRONG"
        elif found.doubt / self.step > max(UNSURE * max(size, abs(numeric)),
                                           NOTHING * self.outputs_size):
            verdict = "unsure"
        elif agrees:
            verdict = "ok"
        elif witness is None or abs(analytic - witness) > tolerance:
            verdict = "WRONG"
        else:
            verdict = "unsure"
        return Row(self.name, self.x.shape, "", None, analytic, numeric, error, witness,
                   int(found.kink), verdict, (left, right) if found.kink else None)

    def complex_step(self, direction):
        """Return Im f(x + i h) / h, or None where forward takes or returns no complex numbers."""
        arrays = {name: array.astype(np.complex128) for name, array in self.pair.arrays.items()}
        arrays[self.name] = arrays[self.name] + 1j * TINY * direction
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                outputs = self.pair.outputs(arrays)
        except Exception:       # real numbers went well, so whatever is wrong is about complex ones
            return None
        if outputs.dtype.kind != "c" or not np.isfinite(outputs).all():
            return None
        return float(self.weights @ outputs.imag / TINY)

    def one(self, entry):
        """Return the direction that moves one entry, given by its place in the flat array."""
        direction = np.zeros(self.x.shape)
        direction.flat[entry] = 1
        return direction

    def index(self, entry):
        return tuple(int(k) for k in np.unravel_index(entry, self.x.shape))


def _badness(row):
    return VERDICTS.index(row.verdict), abs(row.analytic - row.numeric) / (row.error or TINY)


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
