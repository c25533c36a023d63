"""The squared error: a sum over the pixels, a mean over the samples."""
import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import close, draw, on, on_device, refuses, refuses_bad_dloss, refuses_two_memories, stays_float32
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import squared_error_backward, squared_error_forward

SHAPE = 3, 2, 4, 1


def test_equals_the_loops(xp):
    x, target = draw(SHAPE, SHAPE)
    loss, _ = squared_error_forward(*on(xp, x, target))
    assert loss.shape == ()
    close(loss, sum(reference.squared_error(reference.flat(a), reference.flat(b)) for a, b in zip(x, target)) / 3)


@pytest.mark.parametrize("shape", [SHAPE, (2, 5)])
def test_gradients(xp, shape):
    x, target = on(xp, *draw(shape, shape))
    assert_gradients(lambda x: squared_error_forward(x, target), squared_error_backward, x)


def test_example_by_hand(xp):
    loss, cache = squared_error_forward(*on(xp, np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[1.0, 0.0], [4.0, 2.0]])))
    close(loss, 7.0)                                                            # (0 + 4 + 1 + 9) / 2 samples
    close(squared_error_backward(1.0, cache), [[0.0, 2.0], [-1.0, 3.0]])        # 2 (x − target) / 2
    close(squared_error_backward(0.5, cache), [[0.0, 1.0], [-0.5, 1.5]])        # a weight enters as the upstream gradient


def test_more_pixels_give_a_larger_error_and_more_samples_do_not(xp):
    x, target = on(xp, *draw((3, 4), (3, 4)))
    loss = squared_error_forward(x, target)[0]
    close(squared_error_forward(xp.concatenate([x, x], axis=1), xp.concatenate([target, target], axis=1))[0], 2 * loss)
    close(squared_error_forward(xp.concatenate([x, x]), xp.concatenate([target, target]))[0], loss)


def test_the_target_has_no_error_and_no_gradient(xp):
    x, = on(xp, *draw((3, 4)))
    loss, cache = squared_error_forward(x, x)
    assert loss == 0 and (squared_error_backward(1.0, cache) == 0).all()


def test_float32_stays_float32(xp):
    loss, cache = squared_error_forward(*on(xp, *draw(SHAPE, SHAPE, dtype="float32")))
    stays_float32(xp, loss, squared_error_backward(loss, cache), squared_error_backward(0.0005, cache))


def test_bad_input(xp):
    x, = on(xp, *draw((2, 3)))
    refuses(ValueError, "target: got shape (3, 2), wanted (2, 3)", squared_error_forward, x, x.T)
    refuses(ValueError, "target: got shape (3,), wanted (2, 3)", squared_error_forward, x, x[0])
    refuses(ValueError, "x: got shape (), wanted (..., f)", squared_error_forward, x.sum(), x.sum())
    refuses(TypeError, "target: got float32, wanted the precision of x, float64", squared_error_forward, x, x.astype("float32"))
    refuses(TypeError, "target: got dtype uint8, wanted floating-point numbers", squared_error_forward, x, x.astype("uint8"))
    refuses(ValueError, "x: got shape (0, 3), wanted at least one along every axis", squared_error_forward, x[:0], x[:0])
    refuses_bad_dloss(xp, squared_error_backward, squared_error_forward(x.astype("float32"), x.astype("float32"))[1])


@on_device
def test_host_and_device_do_not_mix(xp):
    x, = draw((2, 3))
    refuses_two_memories("x, target", squared_error_forward, xp.asarray(x), x)
    refuses_two_memories("cache, dloss", squared_error_backward, np.ones(()), squared_error_forward(*on(xp, x, x))[1])
