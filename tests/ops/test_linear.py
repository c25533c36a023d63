"""The linear map."""
import numpy as np

from tests.reference import ops as reference
from tests.ops.facts import close, draw, on, on_device, refuses, refuses_two_memories, stays_float32
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import linear_backward, linear_forward

SHAPES = (4, 3), (3, 2), (2,)


def test_equals_the_loops(xp):
    x, W, bias = draw(*SHAPES)
    y, _ = linear_forward(*on(xp, x, W, bias))
    close(y, [reference.linear(row, W, bias) for row in x])


def test_gradients(xp):
    assert_gradients(linear_forward, linear_backward, *on(xp, *draw(*SHAPES)))


def test_example_by_hand(xp):
    x, W, bias = on(xp, np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([0.5, -0.5]))
    y, cache = linear_forward(x, W, bias)
    close(y, [[13.5, 15.5]])                                        # 1·3 + 2·5 + ½ and 1·4 + 2·6 − ½
    dx, dW, dbias = linear_backward(xp.asarray(np.array([[1.0, -1.0]])), cache)
    close(dx, [[-1.0, -1.0]])                                       # 3 − 4 and 5 − 6
    close(dW, [[1.0, -1.0], [2.0, -2.0]])                           # x times dy, each with each
    close(dbias, [1.0, -1.0])


def test_no_input_gradient_unless_asked_for(xp):
    y, cache = linear_forward(*on(xp, *draw(*SHAPES)))
    dx, *others = linear_backward(y, cache, input_gradient=False)
    assert dx is None
    assert all((got == want).all() for got, want in zip(others, linear_backward(y, cache)[1:], strict=True))


def test_float32_stays_float32(xp):
    y, cache = linear_forward(*on(xp, *draw(*SHAPES, dtype="float32")))
    stays_float32(xp, y, linear_backward(y, cache))


def test_bad_input(xp):
    x, W, bias = on(xp, *draw(*SHAPES))
    refuses(ValueError, "x: got shape (4, 3, 1), wanted (n, f)", linear_forward, x[..., None], W, bias)
    refuses(ValueError, "W: got shape (2, 3), wanted (f, m) with f = 3 as in x", linear_forward, x, W.T, bias)
    refuses(ValueError, "bias: got shape (1,), wanted (m,) with m = 2 as in W", linear_forward, x, W, bias[:1])
    refuses(TypeError, "W: got float32, wanted the precision of x, float64", linear_forward, x, W.astype("float32"), bias)
    refuses(TypeError, "x: got list, wanted a NumPy or CuPy array", linear_forward, [[1.0, 2.0, 3.0]], W, bias)
    refuses(ValueError, "x: got shape (0, 3), wanted at least one along every axis", linear_forward, x[:0], W, bias)
    refuses(ValueError, "W: got shape (3, 0), wanted at least one along every axis", linear_forward, x, W[:, :0], bias[:0])
    y, cache = linear_forward(x, W, bias)
    refuses(ValueError, "dy: got shape (0, 2), wanted at least one along every axis", linear_backward, y[:0], cache)
    refuses(ValueError, "dy: got shape (2, 4), wanted (4, 2)", linear_backward, y.T, cache)
    refuses(TypeError, "W: got float64, wanted the precision of dy, float32", linear_backward, y.astype("float32"), cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    hosts = draw(*SHAPES)
    x, W, bias = on(xp, *hosts)
    refuses_two_memories("x, W, bias", linear_forward, x, hosts[1], bias)
    refuses_two_memories("dy, W", linear_backward, np.zeros((4, 2)), linear_forward(x, W, bias)[1])
