"""The length of a capsule."""
import numpy as np
import pytest

from tests.reference import capsules as reference
from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_two_memories,
                             stays_float32)
from tinycaps.capsules import length_backward, length_forward, squash_backward, squash_forward
from tinycaps.gradcheck import assert_gradients


def test_equals_the_loops(xp):
    v, = draw((2, 3, 4))
    length, _ = length_forward(xp.asarray(v))
    close(length, [[reference.length(capsule) for capsule in sample] for sample in v])


@pytest.mark.parametrize("shape", [(2, 3, 4), (5, 2), (3,)])
def test_gradients(xp, shape):
    assert_gradients(length_forward, length_backward, *on(xp, *draw(shape)))


def test_length_by_hand(xp):
    length, cache = length_forward(xp.asarray(np.array([[3.0, 4.0], [-5.0, 12.0]])))
    # 3² + 4² = 5² and 5² + 12² = 13².
    close(length, [5.0, 13.0])
    # Unit vectors times 1 and 26: (3, 4)/5 and 26 · (−5, 12)/13.
    dv = length_backward(xp.asarray(np.array([1.0, 26.0])), cache)
    close(dv, [[0.6, 0.8], [-10.0, 24.0]])


def test_turning_and_stretching(xp):
    v, A = draw((5, 4), (4, 4))
    v, rotation = on(xp, v, np.linalg.qr(A)[0])
    close(length_forward(v @ rotation)[0], length_forward(v)[0])
    close(length_forward(-3 * v)[0], 3 * length_forward(v)[0])


def test_squashed_capsules_have_lengths_of_probabilities(xp):
    s, = on(xp, *draw((20, 4)))
    length, _ = length_forward(squash_forward(10 * s)[0])
    assert ((0 < length) & (length < 1)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zero_has_value_zero_and_gradient_zero(xp, dtype):
    v, dlength = on(xp, np.array([[0, 0, 0], [0, 0, 2]], dtype), np.ones(2, dtype))
    length, cache = length_forward(v)
    dv = length_backward(dlength, cache)
    assert length[0] == 0 and not dv[0].any()
    close(dv[1], [0, 0, 1])


def test_length_of_squash_is_finite_at_zero(xp):
    v, squash = squash_forward(xp.zeros((1, 3)))
    _, cache = length_forward(v)
    assert not squash_backward(length_backward(xp.ones(1), cache), squash).any()


def test_float32_stays_float32(xp):
    length, cache = length_forward(*on(xp, *draw((2, 3, 4), dtype="float32")))
    stays_float32(xp, length, length_backward(length, cache))


def test_bad_input(xp):
    v, = on(xp, *draw((2, 3, 4)))
    refuses(ValueError, "v", "(..., q)", length_forward, v.sum())
    refuses(TypeError, "v", "floating-point numbers", length_forward, v.astype("int64"))
    length, cache = length_forward(v)
    refuses(ValueError, "dlength", "... = (2, 3)", length_backward, length.T, cache)
    refuses(TypeError, "dlength", "float64", length_backward, length.astype("float32"), cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    _, cache = length_forward(*on(xp, *draw((2, 3, 4))))
    refuses_two_memories(r"cache\[0\], cache\[1\], dlength", length_backward, np.zeros((2, 3)),
                         cache)
