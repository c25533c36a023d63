"""One array of a pair: moved along directions, and its gradient compared with what is measured.

The second witness. Where forward takes complex numbers, the complex step Im f(x + i h) / h with
h = 1e-30 takes no difference and loses nothing to rounding. It is the derivative only if f is
analytic, and it is wrong without a sign of it if f uses

    abs(x)             drops the phase: the imaginary part is lost; so do var and std
    conj(x), x.real    turns or drops the imaginary part; write x * x, not x * conj(x)
    linalg.norm(x)     uses abs or conj; write sqrt((x * x).sum())
    x > y, maximum     Python refuses complex numbers; NumPy compares real parts first, and
                       imaginary ones where these are equal, so a kink looks smooth
    a real buffer      zeros(shape)[...] = x discards the imaginary part

So it is never believed against the measured derivative alone. Where the two differ, either f is not
analytic or the estimated error is too small, and a third measurement decides. For an analytic
f = u + iv the Cauchy-Riemann equation ∂u/∂x = ∂v/∂y holds at complex points, too. Both sides are
measured at one of them, along the direction and along i times the direction. (At x itself it would
prove nothing: there it says that the two witnesses agree.) If it does not hold, the table shows
"not analytic" and the measured derivative decides; if it holds, a gradient that agrees with the
complex step is "unsure" and not "WRONG".
"""
import warnings

import numpy as np

from .report import Row
from .ridders import SAFETY, derivative

UNSURE = 1e-6
"""A measurement with an error above this fraction of the largest gradient proves nothing."""
NOTHING = 1e-11
"""The fraction of the outputs' own size at which a gradient of zero is measured well enough."""
TINY = 1e-30
"""The complex step: no difference is taken, so nothing is lost however small it is."""
OFF_AXIS = (1 + 1j) / 8
"""The complex point of the Cauchy-Riemann equation, in steps from x. Not straight above it: there
sqrt(x * x + eps) has a cut."""
NOT_ANALYTIC = "not analytic"


class Probe:
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
        apart = 0 if witness is None else abs(witness - numeric)
        if apart > tolerance and (found.kink or not self.is_analytic(direction, apart)):
            witness = NOT_ANALYTIC
        if found.kink:
            low, high = sorted((left, right))
            margin = SAFETY * sides_error
            verdict = "kink" if low - margin <= analytic <= high + margin else "WRONG"
        elif found.doubt / self.step > max(UNSURE * max(size, abs(numeric)),
                                           NOTHING * self.outputs_size):
            verdict = "unsure"
        elif agrees:
            verdict = "ok"
        elif witness in (None, NOT_ANALYTIC) or abs(analytic - witness) > tolerance:
            verdict = "WRONG"
        else:
            verdict = "unsure"          # the estimated error is refuted
        return Row(self.name, self.x.shape, "", None, analytic, numeric, error, witness,
                   int(found.kink), verdict, (left, right) if found.kink else None)

    def complex_step(self, direction):
        """Return Im f(x + i h) / h, or None where forward takes no complex numbers."""
        outputs = self.complex_outputs(1j * TINY, direction)
        return float(self.weights @ outputs.imag / TINY) if np.isfinite(outputs).all() else None

    def is_analytic(self, direction, apart):
        """Return whether ∂u/∂x = ∂v/∂y, measured about as well as the witnesses are apart."""
        def sides(h):
            right, up = (self.complex_outputs(self.step * (OFF_AXIS + turn * h), direction)
                         for turn in (1, 1j))
            return np.concatenate([right.real, up.imag])
        weights = np.concatenate([self.weights, -self.weights])
        difference = derivative(sides, weights, scale=apart * self.step)
        return (abs(difference.value) <= SAFETY * difference.error
                and difference.error < SAFETY * apart * self.step)

    def complex_outputs(self, z, direction):
        """Return the outputs at x + z direction, NaN where forward takes no complex numbers."""
        arrays = {name: array.astype(np.complex128) for name, array in self.pair.arrays.items()}
        arrays[self.name] = arrays[self.name] + z * direction
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                return self.pair.outputs(arrays)
        except Exception:       # real numbers went well, so whatever is wrong is about complex ones
            return np.full(self.centre.shape, np.nan)

    def one(self, entry):
        """Return the direction that moves one entry, given by its place in the flat array."""
        direction = np.zeros(self.x.shape)
        direction.flat[entry] = 1
        return direction

    def index(self, entry):
        return tuple(int(k) for k in np.unravel_index(entry, self.x.shape))
