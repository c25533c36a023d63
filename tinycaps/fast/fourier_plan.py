"""Convolution with large kernels in fewer multiplications: three matrices of sines and cosines.

The same function as `tinycaps.ops.conv`, computed in another way. One page, from the circle to the
three products.

**1. Phases.** A kernel of stride s meets the pixel (s·h + α, s·w + β) only with its tap
(s·k + α, s·l + β). So the image falls apart into s² images of every s-th pixel, the kernel into s²
kernels, and the convolution is a sum of s² ones with stride 1:

    y[r, q] = Σ_αβ Σ_kl x_αβ[r + k, q + l] w_αβ[k, l]

20x20 pixels and 9x9 taps with stride 2 become four times 10x10 pixels, with 5x5, 5x4, 4x5 and 4x4
taps.

**2. The circle.** Let the N x N grid of a phase wrap around, as a torus. The outputs that we want,
r + k < N for all taps k, never see the wrap; but on a circle every shift is a multiplication of
Fourier coefficients. With ω = 2π/N, and x, w of one phase,

    X[f] = Σ_h x[h] e^(−iωf·h)     K[f] = Σ_k w[k] e^(+iωf·k)
    y[r] = N⁻² Σ_f X[f] K[f] e^(+iωf·r)

(f, h, k, r are pairs of integers, · their dot product). N² products instead of one for each output
and tap: 100 instead of 36·81/4.

**3. Real signals.** X[−f] and K[−f] are the complex conjugates of X[f] and K[f], so the terms of f
and −f are conjugates and sum to

    2 Re(X K e^(iωf·r)) = 2 Re(X K) cos(ωf·r) − 2 Im(X K) sin(ωf·r)

Half of the frequencies are enough. Those with f = −f (four, if N is even) are real: one real
product each.

**4. Three products.** A product of complex numbers, X = a + ib and K = c + id, takes three real
ones (Gauss; Karatsuba's trick):

    p₁ = (a + b) c,  p₂ = a (d − c),  p₃ = b (c + d)       Re X K = p₁ − p₃,   Im X K = p₁ + p₂

so the pair f, −f contributes 2(cos − sin) p₁ − 2 sin p₂ − 2 cos p₃. In all R = 4 + 3·48 = 148
products for N = 10.

**5. Three constant matrices.** What turns x into the a + b, a, b of all frequencies is linear, and
so are the other two steps:

    V = Bᵀ x        (R, N²) times the pixels
    U_αβ = G_αβ w_αβ    (R, taps) times the taps of a phase
    M_r = V_r U_r   for each product r
    y = Aᵀ M        (outputs, R) times the products

With channels, V_r is a matrix (n, s²·c), one row for each sample and the phases side by side, and
U_r is (s²·c, f): the sum over the phases and channels is a matrix product too, and the work is R
small products of matrices. For CapsNet's primary capsules and 128 samples these are 9.9 GFLOP, with
the transforms 15.7, instead of 48.9. The backward needs twice as many products, but transforms as
many numbers as the forward: a training step takes 41 instead of 147.

**6. Backward** is the same lines transposed, from bottom to top, since the map is linear in x and
in w:

    dM = A dy     dU_r = V_rᵀ dM_r     dV_r = dM_r U_rᵀ     dw_αβ = G_αβᵀ dU_αβ     dx = B dV

The error in float32 is that of a direct convolution: all entries of the matrices are sums of a few
sines and cosines.
"""
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..checks import check_count


class FourierPlan(NamedTuple):
    """The constant matrices for one size of image and kernel, float64 on the host."""

    grid: int
    """N: height and width of a phase."""
    out: int
    """Height and width of the output."""
    taps: tuple
    """For each phase αβ, where its taps stand among the kernel's k·k."""
    B_T: np.ndarray
    """(R, N²)."""
    G: tuple
    """For each phase (R, taps)."""
    A_T: np.ndarray
    """(out², R)."""


@lru_cache(maxsize=8)
def fourier_plan(size, kernel, stride):
    """Make the matrices for square images and kernels.

    Parameters
    ----------
    size, kernel, stride : int
        In pixels; the stride must divide the size.

    Returns
    -------
    FourierPlan

    Raises
    ------
    ValueError
        If the stride does not divide the size, or the kernel is larger than the image.
    """
    check_count(size=size, kernel=kernel, stride=stride)
    if size % stride or kernel > size:
        raise ValueError(f"size: got {size} with kernel {kernel} and stride {stride}, wanted a "
                         "multiple of the stride, at least the kernel")
    grid, out = size // stride, (size - kernel) // stride + 1
    pixels, outputs = _points(grid, grid), _points(out, out)
    phases = [(a, b) for a in range(stride) for b in range(stride)]
    taps = [np.array([i * kernel + j for i in range(a, kernel, stride)
                      for j in range(b, kernel, stride)], int) for a, b in phases]
    places = [np.stack([t // kernel // stride, t % kernel // stride], axis=1) for t in taps]
    B_T, G, A_T = [], [[] for _ in phases], []
    for f in _half_of_the_frequencies(grid):
        omega = 2 * np.pi / grid * np.array(f)
        a, b = np.cos(pixels @ omega), -np.sin(pixels @ omega)
        cd = [(np.cos(place @ omega), np.sin(place @ omega)) for place in places]
        cos, sin = np.cos(outputs @ omega), np.sin(outputs @ omega)
        if f == _opposite(f, grid):
            B_T += [a]
            A_T += [cos]
            rows = [[c] for c, _ in cd]
        else:
            B_T += [a + b, a, b]
            A_T += [2 * (cos - sin), -2 * sin, -2 * cos]
            rows = [[c, d - c, c + d] for c, d in cd]
        for g, more in zip(G, rows):
            g += more
    return FourierPlan(grid, out, tuple(taps), np.array(B_T), tuple(np.array(g) for g in G),
                       np.array(A_T).T / grid ** 2)


def _points(rows, columns):
    return np.stack(np.mgrid[:rows, :columns], axis=-1).reshape(-1, 2)


def _opposite(f, grid):
    return -f[0] % grid, -f[1] % grid


def _half_of_the_frequencies(grid):
    """Yield one of each pair f, −f."""
    return [f for f in map(tuple, _points(grid, grid).tolist()) if f <= _opposite(f, grid)]
