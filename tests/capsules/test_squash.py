"""Squash (S17 Eq. 1)."""
import numpy as np
import pytest

from tests.reference import capsules as reference
from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_two_memories,
                             stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.capsules import length_forward, squash_backward, squash_forward
from tinycaps.gradcheck import assert_gradients


def norms(v):
    return np.sqrt((to_numpy(v) ** 2).sum(axis=-1))


def test_equals_the_loops(xp):
    s, = draw((2, 3, 4))
    v, _ = squash_forward(xp.asarray(s))
    close(v, [[reference.squash(capsule) for capsule in sample] for sample in s])


@pytest.mark.parametrize("scale", [0.1, 1, 100])
def test_gradients(xp, scale):
    s, = draw((2, 3, 2))
    assert_gradients(squash_forward, squash_backward, xp.asarray(scale * s))


def test_one_vector_is_enough(xp):
    assert_gradients(squash_forward, squash_backward, *on(xp, *draw((4,))))


def test_squash_by_hand(xp):
    v, cache = squash_forward(xp.asarray(np.array([3.0, 4.0])))
    # ‖s‖ = 5, so v is 25/(1 + 25) long, in the direction (3, 4)/5.
    close(v, [25 / 26 * 0.6, 25 / 26 * 0.8])
    # Along s, dv = (0.6, 0.8): the slope of n²/(1 + n²) is 2n/(1 + n²)² = 10/676.
    along = squash_backward(xp.asarray(np.array([0.6, 0.8])), cache)
    close(along, [10 / 676 * 0.6, 10 / 676 * 0.8])
    # Across s, dv = (−0.8, 0.6): v turns with s and is 1/(1 + n²) · n = 5/26 times as long.
    close(squash_backward(xp.asarray(np.array([-0.8, 0.6])), cache), [5 / 26 * -0.8, 5 / 26 * 0.6])


def test_unit_vectors_are_halved_and_so_are_their_gradients(xp):
    s = xp.asarray(np.array([[1.0, 0.0], [0.6, -0.8]]))
    v, cache = squash_forward(s)
    close(v, s / 2)
    dv = xp.asarray(np.array([[2.0, 3.0], [-1.0, 5.0]]))
    close(squash_backward(dv, cache), dv / 2)


def test_direction_is_kept_and_length_is_below_one(xp):
    s = draw((50, 4))[0] * np.logspace(-6, 6, 50)[:, None]
    v = to_numpy(squash_forward(xp.asarray(s))[0])
    close(v / norms(v)[:, None], s / norms(s)[:, None])
    close(norms(v), norms(s) ** 2 / (1 + norms(s) ** 2))
    assert (norms(v) < 1).all()


@pytest.mark.parametrize("op, name", [(squash_forward, "s"), (length_forward, "v")])
@pytest.mark.parametrize("dtype, large", [("float32", 2e19), ("float16", 300)])
def test_squares_that_overflow_are_refused(xp, op, name, dtype, large):
    s = np.full((2, 3), large, dtype)
    refuses(ValueError, name, "squared length", op, xp.asarray(s))
    assert np.isfinite(to_numpy(op(xp.asarray(s / 4))[0])).all()


def test_longer_stays_longer(xp):
    direction = np.array([0.6, 0.8])
    v, _ = squash_forward(xp.asarray(np.logspace(-4, 4, 30)[:, None] * direction))
    assert (np.diff(norms(v)) > 0).all()


def test_rotated_input_gives_rotated_output(xp):
    s, A = draw((5, 4), (4, 4))
    s, rotation = on(xp, s, np.linalg.qr(A)[0])
    close(squash_forward(s @ rotation)[0], squash_forward(s)[0] @ rotation)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zero_has_value_zero_and_gradient_zero(xp, dtype):
    s, dv = on(xp, np.array([[0, 0, 0], [0, 3, 4]], dtype), np.ones((2, 3), dtype))
    v, cache = squash_forward(s)
    ds = squash_backward(dv, cache)
    assert not v[0].any() and not ds[0].any()
    assert xp.isfinite(ds).all() and ds[1].any()


@pytest.mark.parametrize("length", [1e-18, 1e9, 1e15])
def test_tiny_and_huge_vectors_in_float32_are_finite(xp, length):
    s = xp.asarray(np.array([[length, -length]], "float32"))
    v, cache = squash_forward(s)
    assert xp.isfinite(v).all() and xp.isfinite(squash_backward(v, cache)).all()


def test_the_gradient_of_a_huge_vector_in_float32_is_that_in_float64(xp):
    s, dv = np.array([[1e15, -1e15]]), np.array([[1.0, 0.5]])

    def gradient(dtype):
        _, cache = squash_forward(xp.asarray(s.astype(dtype)))
        return to_numpy(squash_backward(xp.asarray(dv.astype(dtype)), cache))

    wide, narrow = gradient("float64"), gradient("float32")
    # Only across s does anything move: v turns by 1/‖s‖.
    np.testing.assert_allclose(wide, np.full((1, 2), 0.75 / (2 ** 0.5 * 1e15)), rtol=1e-12)
    np.testing.assert_allclose(narrow, wide, rtol=1e-5)


def test_float32_stays_float32(xp):
    v, cache = squash_forward(*on(xp, *draw((2, 3, 4), dtype="float32")))
    stays_float32(xp, v, squash_backward(v, cache))


def test_bad_input(xp):
    s, = on(xp, *draw((2, 3)))
    refuses(ValueError, "s", "(..., q)", squash_forward, s.sum())
    refuses(TypeError, "s", "floating-point numbers", squash_forward, s.astype("int64"))
    refuses(TypeError, "s", "a NumPy or CuPy array", squash_forward, [3.0, 4.0])
    _, cache = squash_forward(s)
    refuses(ValueError, "dv", "(..., q) with ... = (2,)", squash_backward, s.T, cache)
    refuses(ValueError, "dv", "(..., q) with q = 3", squash_backward, s[:, :2], cache)
    refuses(TypeError, "dv", "float64", squash_backward, s.astype("float32"), cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    s, = draw((2, 3))
    refuses_two_memories(r"cache\[0\], dv", squash_backward, s, squash_forward(xp.asarray(s))[1])
