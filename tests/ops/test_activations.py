"""Relu and sigmoid."""
import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import close, draw, on, on_device, refuses, refuses_two_memories, stays_float32
from tinycaps.backend import to_numpy
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import relu_backward, relu_forward, sigmoid_backward, sigmoid_forward

RELU = relu_forward, relu_backward, reference.relu
SIGMOID = sigmoid_forward, sigmoid_backward, reference.sigmoid
both = pytest.mark.parametrize("forward, backward, loops", [RELU, SIGMOID], ids=["relu", "sigmoid"])


@both
def test_equals_the_loops(xp, forward, backward, loops):
    x, = draw((4, 5))
    y, _ = forward(xp.asarray(x))
    close(y, [loops(row) for row in x])


@both
@pytest.mark.parametrize("shape", [(4, 5), (6,), (2, 2, 3)])
def test_gradients(xp, forward, backward, loops, shape):
    assert_gradients(forward, backward, *on(xp, *draw(shape)))


def test_relu_by_hand(xp):
    y, cache = relu_forward(xp.asarray(np.array([-2.0, 0.0, 3.0])))
    close(y, [0, 0, 3])
    # At the kink the slope is that of the left side.
    close(relu_backward(xp.asarray(np.array([5.0, 6.0, 7.0])), cache), [0, 0, 7])


def test_sigmoid_by_hand(xp):
    y, cache = sigmoid_forward(xp.asarray(np.log([1.0, 3.0])))
    close(y, [1 / 2, 3 / 4])                                            # 1/(1 + 1) and 1/(1 + ⅓)
    close(sigmoid_backward(xp.ones(2), cache), [1 / 4, 3 / 16])         # ½·½ and ¾·¼


def test_sigmoid_of_minus_x_is_the_rest_to_one(xp):
    x, = on(xp, *draw((20,)))
    close(sigmoid_forward(-x)[0], 1 - sigmoid_forward(x)[0])


def test_sigmoid_of_huge_numbers(xp):
    y, cache = sigmoid_forward(xp.asarray(np.array([-1e4, 1e4])))
    assert to_numpy(y).tolist() == [0, 1]
    assert to_numpy(sigmoid_backward(xp.ones(2), cache)).tolist() == [0, 0]


@both
def test_float32_stays_float32(xp, forward, backward, loops):
    y, cache = forward(*on(xp, *draw((4, 5), dtype="float32")))
    stays_float32(xp, y, backward(y, cache))


@both
def test_bad_input(xp, forward, backward, loops):
    x, = on(xp, *draw((2, 3)))
    refuses(ValueError, "x", "(..., m)", forward, x.sum())
    refuses(TypeError, "x", "floating-point numbers", forward, x.astype("int64"))
    refuses(TypeError, "x", "a NumPy or CuPy array", forward, [0.5])
    _, cache = forward(x)
    refuses(ValueError, "dy", "(..., m) with ... = (2,)", backward, x.T, cache)
    refuses(TypeError, "dy", "the precision of cache, float64",
            backward, x.astype("float32"), cache)


@both
@on_device
def test_host_and_device_do_not_mix(xp, forward, backward, loops):
    x, = draw((2, 3))
    refuses_two_memories(r"cache, dy", backward, x, forward(xp.asarray(x))[1])
