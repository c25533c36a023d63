"""The linear map."""
import numpy as np

from tests.reference import ops as reference
from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_two_memories,
                             stays_float32)
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import linear_backward, linear_forward

SHAPES = (4, 3), (3, 2), (2,)


def test_equals_the_loops(xp):
    x, W, bias = draw(*SHAPES)
    y, _ = linear_forward(*on(xp, x, W, bias))
    close(y, [reference.linear(row, W, bias) for row in x])


def test_gradients(xp):
    assert_gradients(linear_forward, linear_backward, *on(xp, *draw(*SHAPES)))


def test_linear_by_hand(xp):
    x, W = on(xp, np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]))
    bias, = on(xp, np.array([0.5, -0.5]))
    y, cache = linear_forward(x, W, bias)
    close(y, [[13.5, 15.5]])            # 1·3 + 2·5 + ½ and 1·4 + 2·6 − ½
    dx, dW, dbias = linear_backward(xp.asarray(np.array([[1.0, -1.0]])), cache)
    close(dx, [[-1.0, -1.0]])           # 3 − 4 and 5 − 6
    close(dW, [[1.0, -1.0], [2.0, -2.0]])   # x times dy, each with each
    close(dbias, [1.0, -1.0])


def test_no_input_gradient_unless_asked_for(xp):
    y, cache = linear_forward(*on(xp, *draw(*SHAPES)))
    dx, *others = linear_backward(y, cache, input_gradient=False)
    assert dx is None
    for got, want in zip(others, linear_backward(y, cache)[1:], strict=True):
        assert (got == want).all()


def test_float32_stays_float32(xp):
    y, cache = linear_forward(*on(xp, *draw(*SHAPES, dtype="float32")))
    stays_float32(xp, y, linear_backward(y, cache))


def test_bad_input(xp):
    x, W, bias = on(xp, *draw(*SHAPES))
    refuses(ValueError, "x", "(n, f)", linear_forward, x[..., None], W, bias)
    refuses(ValueError, "W", "f = 3 as in x", linear_forward, x, W.T, bias)
    refuses(ValueError, "bias", "m = 2 as in W", linear_forward, x, W, bias[:1])
    refuses(TypeError, "W", "the precision of x, float64",
            linear_forward, x, W.astype("float32"), bias)
    refuses(TypeError, "x", "a NumPy or CuPy array", linear_forward, [[1.0, 2.0, 3.0]], W, bias)
    refuses(ValueError, "x", "at least one along every axis", linear_forward, x[:0], W, bias)
    refuses(ValueError, "W", "at least one along every axis",
            linear_forward, x, W[:, :0], bias[:0])
    y, cache = linear_forward(x, W, bias)
    refuses(ValueError, "dy", "at least one along every axis", linear_backward, y[:0], cache)
    refuses(ValueError, "dy", "(n, m) with n = 4", linear_backward, y.T, cache)
    refuses(ValueError, "dy", "(n, m) with m = 2", linear_backward, y[:, :1], cache)
    refuses(TypeError, "dy", "the precision of cache[0], float64",
            linear_backward, y.astype("float32"), cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    hosts = draw(*SHAPES)
    x, W, bias = on(xp, *hosts)
    refuses_two_memories("x, W, bias", linear_forward, x, hosts[1], bias)
    _, cache = linear_forward(x, W, bias)
    refuses_two_memories(r"cache\[0\], cache\[1\], dy", linear_backward, np.zeros((4, 2)), cache)
