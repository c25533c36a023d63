"""The derivative of a function of one step, measured with an estimate of its error.

The usual check takes central differences D(h) = (f(h) − f(−h)) / 2h with one step h for everything.
D is wrong by h² |f‴| / 6, because f is no parabola, and by ε |f| / h, because f is rounded to
ε = 1.1·10⁻¹⁶ of itself. Their sum is smallest at

    h = (3 ε |f| / |f‴|)^⅓

which differs from entry to entry, so no fixed step suffices. The sum of a steep and a flat term

    f(x, y) = sin(10⁵ x) + sin(10⁻⁵ y)    at x = y = 1

has its best steps at 2·10⁻¹¹ for ∂f/∂x and at 0.2 for ∂f/∂y; each derivative is found to 10⁻¹¹ of
itself there. Of all the steps 2⁻ᵏ, the best for both is 3·10⁻⁸, and at that one of them is wrong by
4·10⁻⁶: with smaller steps rounding swallows the flat term, with larger ones D no longer follows the
waves of the steep one. No fixed step reaches 10⁻⁷. The extrapolation below finds both to 10⁻⁹.

Ridders' extrapolation: for a smooth f, D(h) = f'(0) + a₁h² + a₂h⁴ + …. From D at smaller and
smaller steps, Neville's scheme removes one power after the other, so that large steps, at which
rounding does no harm, give small errors; how much neighbours in the table still differ estimates
the error that is left (Ridders 1982; Press et al., Numerical Recipes 5.7). An estimate that is to
serve as a tolerance must not be right by luck:

* Rounding of the outputs: y is known to a few ε |y|, so no difference quotient is better than
  ε |y| / h, whatever the table says. An output that does not change is known no better: at the
  largest h that left it in place, it may have moved by ε |y| unseen.
* Rounding inside f does not show in the size of its outputs, and the smallest of many differences
  is small by chance. So a row of the table counts only if the two rows after it, at smaller steps,
  confirm it, and steps are not halved.
* Several first steps: a kink or a pole closer than h spoils the table, so smaller first steps are
  tried until one is good enough.
* Kinks at the point itself: there the central difference is the mean of both slopes and looks
  perfect (1/2 for relu at 0), so the slopes of the two sides, S(h) = f'(0±) + b₁h + b₂h² + …, have
  tables of their own. It is a kink if they differ by more than the errors of both, and no smaller
  step brings them together.
"""
from typing import NamedTuple

import numpy as np

SAFETY = 8
"""What is measured may be off by this many estimated errors."""
FIRST_STEPS = tuple(2.0 ** -k for k in range(4, 45, 5))
LEVELS = 11
RATIO = (1 + 5 ** 0.5) / 2
"""Of one step to the next smaller one. Halved steps divide a rounded difference without remainder,
and the table looks exact where it is not; no number is less like a fraction than the golden ratio.
"""
ROUNDING = 4 * np.finfo(np.float64).eps
GOOD_ENOUGH = 1e-10
SIDES = 1e-4
"""Errors of the sides' slopes count by this factor: they only have to show whether there is a kink.
"""
CERTAIN = 1e-3
"""A slope whose error is below this fraction of it was certainly there."""


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
        return self.gap > 2 * SAFETY * self.sides_error

    @property
    def gap(self):
        return abs(self.right - self.left)

    @property
    def doubt(self):
        """The smaller the better: a small error is worth little where a kink could hide."""
        return max(self.error, SIDES * self.sides_error)


@np.errstate(all="ignore")              # outside of its domain f may be infinite: left out
def derivative(f, weights, scale, argument_noise=0.0):
    """Differentiate weights · f(h) at h = 0.

    Parameters
    ----------
    f : function of a float returning a float64 array (m,)
        Evaluated at both sides of 0.
    weights : array (m,)
        The scalar whose derivative is wanted is Σ_m weights_m f_m. Differences are taken before the
        sum, so that outputs that do not move add no rounding error.
    scale : float
        Size of the derivatives expected; an error below 1e-10 of it ends the search for a better
        first step.
    argument_noise : float
        Size of x ∂f/∂x, by ε of which rounding the argument x + h may change f.

    Returns
    -------
    Derivative
        `error` is an estimate of |value − truth|. `left` and `right` are the slopes of the two
        sides; `kink` says that they differ.
    """
    differences = _Differences(f, weights, argument_noise)
    tables = []
    for first in FIRST_STEPS:
        tables.append(_table(differences, first))
        best = _choose(tables)
        nothing_better = differences.noise(first / 32 / RATIO)      # the next table's second row
        good_enough = GOOD_ENOUGH * max(scale, abs(best.value))
        if not best.kink and best.doubt <= max(good_enough, nothing_better):
            break
    return best


class _Differences:
    """Difference quotients at smaller and smaller steps, and their rounding errors."""

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
        left, right = self.weights @ (self.centre - below), self.weights @ (above - self.centre)
        return left / h, right / h, self.noise(h)

    def noise(self, h):
        outputs = np.linalg.norm(self.size / np.where(self.moves, h, self.stands))
        return ROUNDING * np.hypot(outputs, self.argument_noise / h)


class _Neville:
    """One table, row by row; the first power of h in the error shrinks by `factor` each row."""

    def __init__(self, factor):
        self.factor, self.row, self.tops = factor, [], []

    def add(self, quotient, noise):
        """Add the row of a quotient at the next smaller step; keep its best (error, value)."""
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
        """Return the best (error, value); later values may differ by no more than rounding grows.

        It grows as 1/h, by RATIO from row to row.
        """
        found = np.inf, 0.0
        for b, (error, value) in enumerate(self.tops[:-2]):
            differences = [abs(later - value) / RATIO ** k
                           for k, (_, later) in enumerate(self.tops[b + 1:], 1)]
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
    error, value = middle.result()
    error_left, slope_left = left.result()
    error_right, slope_right = right.result()
    sides_error = max(error_left, error_right)
    found = Derivative(*map(float, (value, error, slope_left, slope_right, sides_error)))
    if sides_error < error:                         # x|x| at 0: smooth on each side only
        return found._replace(value=(found.left + found.right) / 2, error=found.sides_error)
    return found


def _choose(tables):
    """Return the table with the least doubt, unless another one refutes it."""
    best = min(tables, key=lambda table: table.doubt)
    others = []
    if best.kink:                               # a narrow bend, if at smaller steps the sides meet
        others = [t for t in tables if t.gap + SAFETY * t.sides_error < best.gap / 2]
    elif best.left == best.right == 0:          # rounding swallowed a slope that larger steps show
        others = [t for t in tables if not t.kink and t.error < CERTAIN * abs(t.value)]
    return min(others or [best], key=lambda table: table.doubt)
