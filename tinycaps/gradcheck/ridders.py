"""The derivative of a function of one step, measured: Ridders' extrapolation, with an error estimate, and an eye for kinks.

A central difference D(h) = (f(h) − f(−h)) / 2h of a smooth f is f'(0) + a₁h² + a₂h⁴ + …. From D at smaller and smaller steps, Neville's
scheme removes one power after the other; how much neighbours in the table still differ estimates the error that is left
(Ridders 1982; Press et al., Numerical Recipes 5.7). An estimate that is to serve as a tolerance must not be right by luck:

* rounding of the outputs: y is known to a few eps |y|, so no difference quotient is better than eps |y| / h, whatever the table says.
  An output that stands still is no better known: at the largest h that left it in place, it may have moved by eps |y| unseen;
* rounding inside f does not show in the size of its outputs, and the smallest of many differences is small by chance. So a row of
  the table counts only if the two rows after it, at smaller steps, bear it out, and steps are not halved;
* several first steps: a kink or a pole closer than h spoils the table, so smaller first steps are tried until one is good enough;
* kinks at the point itself: there the central difference is the mean of both slopes and looks perfect (1/2 for relu at 0), so
  the slopes of the two sides, S(h) = f'(0±) + b₁h + b₂h² + …, have tables of their own. It is a kink if they differ by more than
  both may be off, and no smaller step brings them together.
"""
from typing import NamedTuple

import numpy as np

SAFETY = 8
"""What is measured may be off by this many estimated errors."""
FIRST_STEPS = tuple(2.0 ** -k for k in range(4, 45, 5))
LEVELS = 11
RATIO = (1 + 5 ** 0.5) / 2
"""From one step to the next smaller one. Halved steps divide a rounded difference without a rest, and the table looks exact where it is
not; the golden ratio is the least like a fraction."""
ROUNDING = 4 * np.finfo(np.float64).eps
GOOD_ENOUGH = 1e-10
SIDES = 1e-4
"""The slopes of the sides may be so much worse known than the derivative: they only have to show a kink."""
CERTAIN = 1e-3


class Derivative(NamedTuple):
    """What was measured at step 0."""

    value: float
    error: float
    left: float
    right: float
    sides_error: float
    """Of `left` and `right`."""

    @property
    def kink(self):
        """The slopes of the two sides differ."""
        return self.right != self.left and self.gap > 2 * SAFETY * self.sides_error

    @property
    def gap(self):
        return abs(self.right - self.left)

    @property
    def doubt(self):
        """The less the better: an error is worth little where a kink could hide."""
        return max(self.error, SIDES * self.sides_error)


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
        Size of x ∂f/∂x, by eps of which rounding the argument x + h may change f.

    Returns
    -------
    Derivative
        `error` is an estimate of |value − truth|. `left` and `right` are the slopes of the two sides; `kink` says that they differ.
    """
    differences = _Differences(f, weights, argument_noise)
    tables = []
    for first in FIRST_STEPS:
        tables.append(_table(differences, first))
        best = _choose(tables)
        nothing_better = differences.noise(first / 32 / RATIO)           # the second row of the next table
        if not best.kink and best.doubt <= max(GOOD_ENOUGH * max(scale, abs(best.value)), nothing_better):
            break
    return best


class _Differences:
    """Difference quotients, taken at smaller and smaller steps, and what rounding leaves of them."""

    def __init__(self, f, weights, argument_noise):
        self.f, self.weights, self.argument_noise = f, weights, argument_noise
        self.centre = f(0.0)
        self.moves = np.ones(self.centre.shape, bool)
        self.stands = np.ones(self.centre.shape)
        """The largest step that leaves an output in place."""

    def __call__(self, h):
        """Return the slopes of the left and of the right side, and their rounding error."""
        above, below = self.f(h), self.f(-h)
        moved, self.moves = self.moves, (above != self.centre) | (below != self.centre)
        self.stands[moved] = h
        self.size = self.weights * np.maximum(np.abs(above), np.abs(below))
        return self.weights @ (self.centre - below) / h, self.weights @ (above - self.centre) / h, self.noise(h)

    def noise(self, h):
        outputs = np.linalg.norm(self.size / np.where(self.moves, h, self.stands))
        return ROUNDING * np.hypot(outputs, self.argument_noise / h)


class _Neville:
    """One table, row by row; from one row to the next, the first power of h in the quotient's error shrinks by `factor`."""

    def __init__(self, factor):
        self.factor, self.row, self.tops = factor, [], []

    def add(self, quotient, noise):
        """Add the row of a quotient at the next smaller step, and keep the row's best (error, value)."""
        above, self.row = self.row, [quotient]
        top = np.inf, quotient
        for k, old in enumerate(above):
            last = self.row[k]
            better = last + (last - old) / (self.factor ** (k + 1) - 1)
            self.row.append(better)
            top = min(top, (max(abs(better - last), abs(better - old), noise), better))
        self.tops.append(top)

    @property
    def finished(self):
        """Two more rows did not make it better."""
        return len(self.tops) > 4 and min(self.tops) in self.tops[:-2]

    def result(self):
        """Return the best (error, value). Rounding grows as 1/h from row to row: a later value may differ by so much, no more."""
        found = np.inf, 0.0
        for b, (error, value) in enumerate(self.tops[:-2]):
            differences = [abs(later - value) / RATIO ** k for k, (_, later) in enumerate(self.tops[b + 1:], 1)]
            found = min(found, (max(error, *differences), value))
        return found


def _table(differences, first):
    middle, left, right = _Neville(RATIO ** 2), _Neville(RATIO), _Neville(RATIO)
    for level in range(LEVELS):
        slope_left, slope_right, noise = differences(first / RATIO ** level)
        if np.isfinite(slope_left + slope_right):
            middle.add((slope_left + slope_right) / 2, noise)
            left.add(slope_left, noise)
            right.add(slope_right, noise)
        if middle.finished:
            break
    (error, value), (error_left, slope_left), (error_right, slope_right) = middle.result(), left.result(), right.result()
    sides_error = max(error_left, error_right)
    found = Derivative(*map(float, (value, error, slope_left, slope_right, sides_error)))
    if sides_error < error and not found.kink:          # x|x| at 0: no series in h² fits, but both sides are smooth
        return found._replace(value=(found.left + found.right) / 2, error=found.sides_error)
    return found


def _choose(tables):
    """Return the table with the least doubt, unless another one refutes it."""
    best = min(tables, key=lambda table: table.doubt)
    others = []
    if best.kink:                               # smaller steps show the sides meet: it was a narrow bend
        others = [t for t in tables if t.gap + SAFETY * t.sides_error < best.gap / 2]
    elif best.left == best.right == 0:          # larger steps showed a slope: rounding has swallowed it
        others = [t for t in tables if not t.kink and t.error < CERTAIN * abs(t.value)]
    return min(others or [best], key=lambda table: table.doubt)
