"""The constant matrices of the Fourier convolution: what they compute, and in how many products."""
import itertools
import math

import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import close, draw, near, refuses
from tinycaps.fast.fourier_plan import fourier_plan

CASES = [                       # size, kernel, stride
    (20, 9, 2),                 # the published network's primary capsules: N = 10, outputs 6 x 6
    (10, 5, 2), (9, 4, 3),      # odd N: 5 and 3
    (12, 5, 4), (8, 8, 4),      # N = 3 and 2
    (7, 3, 1), (6, 3, 1),       # one phase
    (6, 2, 2), (9, 3, 3),       # one tap in each phase
    (7, 7, 1), (6, 6, 3),       # the kernel is the image: one output
    (11, 4, 1), (10, 3, 2),     # even kernels on odd images, and the other way round
    (5, 1, 1), (1, 1, 1),       # one tap; one pixel
    (8, 3, 4), (4, 1, 2),       # phases without any tap
]
every_case = pytest.mark.parametrize("size, kernel, stride", CASES)


def convolve(plan, x, w, stride):
    """Take one channel through the three matrices: y = Aᵀ Σ_αβ (Bᵀ x_αβ) (G_αβ w_αβ)."""
    products, phases = np.zeros(len(plan.B_T)), itertools.product(range(stride), repeat=2)
    for (a, b), G, taps in zip(phases, plan.G, plan.taps, strict=True):
        products += plan.B_T @ x[a::stride, b::stride].ravel() * (G @ w.ravel()[taps])
    return (plan.A_T @ products).reshape(plan.out, plan.out)


@every_case
def test_equals_the_loops(size, kernel, stride):
    x, w = draw((size, size), (kernel, kernel))
    plan = fourier_plan(size, kernel, stride)
    assert plan.grid == size // stride and plan.out == (size - kernel) // stride + 1
    wanted = reference.conv2d(x[..., None], w[..., None, None], [0.0], stride)
    near(convolve(plan, x, w, stride)[..., None], wanted)


@every_case
def test_shapes_and_dtypes(size, kernel, stride):
    plan = fourier_plan(size, kernel, stride)
    R = len(plan.B_T)
    assert plan.B_T.shape == (R, plan.grid ** 2) and plan.A_T.shape == (plan.out ** 2, R)
    assert [G.shape for G in plan.G] == [(R, len(taps)) for taps in plan.taps]
    assert len(plan.G) == stride ** 2
    assert {a.dtype for a in (plan.B_T, plan.A_T, *plan.G)} == {np.dtype("float64")}
    # Every tap stands in one phase.
    assert sorted(tap for taps in plan.taps for tap in taps) == list(range(kernel ** 2))


@pytest.mark.parametrize("N", [1, 2, 3, 4, 5, 6, 7, 8, 10])
def test_number_of_products(N):
    # Real frequencies, 4 for even N and 1 for odd N, need one product each; each pair of the others
    # needs three.
    real = 1 if N % 2 else 4
    assert len(fourier_plan(N, 1, 1).B_T) == real + 3 * (N * N - real) // 2


def test_products_and_multiplications_of_the_published_network():
    # R = 4 + 3·(100 − 4)/2 = 148. For 128 samples, 256 channels and 256 outputs: 148 products of
    # (128, 4·256) with (4·256, 256), then Bᵀ (148 x 100), G (148 x 81 in all) and Aᵀ (36 x 148).
    # Each multiplication counts as 2 operations, for the addition that goes with it.
    plan = fourier_plan(20, 9, 2)
    assert len(plan.B_T) == 148 and [len(taps) for taps in plan.taps] == [25, 20, 20, 16]
    products = 2 * len(plan.B_T) * 128 * (4 * 256) * 256
    pixels, outputs = plan.B_T.size * 128 * 4 * 256, plan.A_T.size * 128 * 256
    kernels = sum(G.size for G in plan.G) * 256 ** 2
    transforms = 2 * (pixels + kernels + outputs)
    direct = 2 * 128 * 36 * 81 * 256 ** 2
    forward, backward_too = products + transforms, 3 * products + 2 * transforms
    assert [round(count / 1e9, 1) for count in (products, forward, direct)] == [9.9, 15.7, 48.9]
    assert [round(count / 1e9) for count in (backward_too, 3 * direct)] == [41, 147]


def test_two_by_two_by_hand():
    # N = 2: ω = π, all four frequencies are their own opposites, and the coefficients are sums with
    # signs. Of 1 2 / 3 4: 1+2+3+4 = 10, 1−2+3−4 = −2, 1+2−3−4 = −4, 1−2−3+4 = 0.
    # Of 5 6 / 7 8: 26, −2, −4, 0. The products are 260, 4, 16, 0, and a quarter of their sum is
    # 70 = 1·5 + 2·6 + 3·7 + 4·8.
    plan = fourier_plan(2, 2, 1)
    V, U = plan.B_T @ [1.0, 2.0, 3.0, 4.0], plan.G[0] @ [5.0, 6.0, 7.0, 8.0]
    close(V, [10, -2, -4, 0])
    close(U, [26, -2, -4, 0])
    close(plan.A_T @ (V * U), [70.0])


def test_three_by_three_by_hand():
    # N = 3, the image 1 2 3 above zeros, the kernel 4 5 above zeros.
    # ω = 2π/3: cos ω = −½, sin ω = √3/2.
    # f = (0, 0): X = 6, K = 9.
    # f = (0, 1):
    #   X = a + ib,  a = 1 − 2/2 − 3/2 = −3/2,  b = −(2 − 3)·√3/2 = √3/2
    #   K = c + id,  c = 4 − 5/2 = 3/2,         d = 5·√3/2
    #   p₁ = (a + b) c = (−9 + 3√3)/4
    #   p₂ = a (d − c) = (9 − 15√3)/4
    #   p₃ = b (c + d) = (15 + 3√3)/4
    #   Re X K = p₁ − p₃ = −6,    directly: ac − bd = −9/4 − 15/4
    #   Im X K = p₁ + p₂ = −3√3,  directly: ad + bc = (−15√3 + 3√3)/4
    # f = (0, 2) is the conjugate. Image and kernel have one row each, so nothing depends on the
    # first index of f, and the first output row is y[q] = 3/9 (6·9 + 2 Re(X K e^(iωq))):
    #   y[0] = (54 − 12)/3 = 14 = 1·4 + 2·5,  y[1] = (54 + 2(3 + 9/2))/3 = 23 = 2·4 + 3·5
    # The second row, of zeros, is zero.
    s = math.sqrt(3)
    plan = fourier_plan(3, 2, 1)
    assert len(plan.B_T) == 13                                              # 1 + 3·4
    V, U = plan.B_T @ [1.0, 2.0, 3.0, 0, 0, 0, 0, 0, 0], plan.G[0] @ [4.0, 5.0, 0, 0]
    close(V[:4], [6, (-3 + s) / 2, -3 / 2, s / 2])                          # X₀; a + b, a, b
    close(U[:4], [9, 3 / 2, (5 * s - 3) / 2, (3 + 5 * s) / 2])              # K₀; c, d − c, c + d
    _, p1, p2, p3 = (V * U)[:4]
    close([p1 - p3, p1 + p2], [-6, -3 * s])
    close(plan.A_T @ (V * U), [14, 23, 0, 0])


@pytest.mark.parametrize("N", [2, 3, 4, 5, 6])
def test_products_are_those_of_the_fourier_coefficients_of_one_of_each_pair(N):
    x, w = draw((N, N), (N, N))
    plan = fourier_plan(N, N, 1)
    V, U = plan.B_T @ x.ravel(), plan.G[0] @ w.ravel()
    X, K = np.fft.fft2(x), np.conj(np.fft.fft2(w))                          # e^(−iω…) and e^(+iω…)
    XK, row = X * K, 0
    for f in itertools.product(range(N), repeat=2):
        opposite = -f[0] % N, -f[1] % N
        close(X[opposite], np.conj(X[f]))
        if f == opposite:
            close(V[row] * U[row], XK[f].real)
            row += 1
        elif f < opposite:
            p1, p2, p3 = (V * U)[row:row + 3]
            near(np.array([p1 - p3, p1 + p2]), np.array([XK[f].real, XK[f].imag]))
            row += 3
    assert row == len(plan.B_T)
    # The kernel is the image: one output does not wrap, the first.
    near(plan.A_T @ (V * U), np.fft.ifft2(XK).real.ravel()[:1])


def test_entries_are_small_so_that_float32_loses_nothing():
    for size, kernel, stride in CASES:
        plan = fourier_plan(size, kernel, stride)
        assert np.abs(plan.B_T).max() <= math.sqrt(2) + 1e-12               # cos, sin, or cos − sin
        assert np.abs(plan.A_T).max() <= 2 * math.sqrt(2) / plan.grid ** 2 + 1e-12
        assert all(np.abs(G).max() <= math.sqrt(2) + 1e-12 for G in plan.G if G.size)


def test_made_once():
    assert fourier_plan(6, 3, 2) is fourier_plan(6, 3, 2)


def test_bad_input():
    for sizes in (7, 3, 2), (20, 9, 3), (4, 5, 1), (4, 5, 2), (2, 1, 4):
        refuses(ValueError, "size", "a multiple of the stride, at least the kernel", fourier_plan,
                *sizes)


def test_sizes_are_positive_integers():
    for wrong in (0, 1, 1), (4, 0, 1), (4, 2, 0), (4.0, 2, 1):
        with pytest.raises(ValueError, match="wanted an integer of at least 1$"):
            fourier_plan(*wrong)
