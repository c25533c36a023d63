"""The derivative of a function of one step, measured: Ridders' extrapolation, with an error estimate, and an eye for kinks.

A central difference D(h) = (f(h) − f(−h)) / 2h of a smooth f is f'(0) + a₁h² + a₂h⁴ + …. From D(h), D(h/2), D(h/4), … Neville's
scheme removes one power after the other; how much neighbours in the table still differ estimates the error that is left
(Ridders 1982; Press et al., Numerical Recipes 5.7). Three things are added:

* rounding: an output of size |y| is known to a few eps |y|, so no difference quotient is better than eps |y| / h, whatever the table says;
* several first steps: a kink or a pole closer than h spoils the table, so smaller first steps are tried until one is good enough;
* kinks at the point itself: there the central difference is the mean of both slopes and looks perfect (1/2 for relu at 0), so
  the slopes of the two sides are compared.
"""
from typing import NamedTuple

import numpy as np

FIRST_STEPS = tuple(2.0 ** -k for k in (4, 9, 14, 19, 24))
LEVELS = 7
ROUNDING = 4 * np.finfo(np.float64).eps
GOOD_ENOUGH = 1e-10
KINK = 1e-5


class Derivative(NamedTuple):
    """What was measured at step 0."""

    value: float
    error: float
    left: float
    right: float
    kink: bool


def derivative(f, weights, scale, argument_noise=0.0):
    """Differentiate weights · f(h) at h = 0.

    Parameters
    ----------
    f : function of a float returning a float64 array (m,)
        Evaluated at both sides of 0.
    weights : array (m,)
        The scalar whose derivative is wanted is Σ_m weights_m f_m; differences are taken before the sum, so that outputs that do
        not move add no rounding error.
    scale : float
        Size of the derivatives expected; an error below 1e-10 of it ends the search for a better first step.
    argument_noise : float
        |Σ x ∂f/∂x|, by eps of which rounding the argument x + h may change f.

    Returns
    -------
    Derivative
        `error` is an estimate of |value − truth|. `left` and `right` are the slopes of the two sides; `kink` says that they differ.
    """
    centre = f(0.0)
    best = None
    for first in FIRST_STEPS:
        found = _table(f, centre, weights, first, argument_noise)
        if best is None or found.error < best.error:
            best = found
        if best.error <= GOOD_ENOUGH * max(scale, abs(best.value)):
            break
    return best


def _table(f, centre, weights, first, argument_noise):
    """Fill one table of Neville's scheme, row by row, h = first, first/2, …, and return its best entry."""
    row, best, slopes = [], None, []
    for level in range(LEVELS):
        h = first / 2 ** level
        above, below = f(h), f(-h)
        moved = (above != centre) | (below != centre)
        noise = ROUNDING * (np.abs(weights * centre)[moved].sum() + argument_noise) / h
        right, left = weights @ (above - centre) / h, weights @ (centre - below) / h
        slopes.append((left, right, noise))
        previous, row = row, [weights @ (above - below) / (2 * h)]
        for k, old in enumerate(previous):
            better = row[k] + (row[k] - old) / (4.0 ** (k + 1) - 1)
            error = max(abs(better - row[k]), abs(better - old), noise)
            row.append(better)
            if best is None or error <= best[1]:
                best = better, error
        if previous and abs(row[-1] - previous[-1]) > 2 * best[1]:
            break
    return _with_slopes(best, slopes)


def _with_slopes(best, slopes):
    """Extrapolate the one-sided slopes, S(h) = S + O(h), and call it a kink if they stay apart as the step is halved."""
    (left_2h, right_2h, _), (left_h, right_h, noise) = slopes[-2:]
    left, right = 2 * left_h - left_2h, 2 * right_h - right_2h
    gap, gap_2h = right_h - left_h, right_2h - left_2h
    apart = abs(gap) > 0.75 * abs(gap_2h) and abs(right - left) > KINK * (abs(left) + abs(right)) + 16 * noise
    return Derivative(float(best[0]), float(best[1]), float(left), float(right), bool(apart))
