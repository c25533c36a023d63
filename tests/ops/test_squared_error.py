"""The squared error: a sum over the pixels, a mean over the samples."""
import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_bad_dloss,
                             refuses_two_memories, stays_float32)
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import squared_error_backward, squared_error_forward

SHAPE = 3, 2, 4, 1


def test_equals_the_loops(xp):
    x, target = draw(SHAPE, SHAPE)
    loss, _ = squared_error_forward(*on(xp, x, target))
    assert loss.shape == ()
    want = [reference.squared_error(*map(reference.flat, pair)) for pair in zip(x, target)]
    close(loss, sum(want) / 3)


@pytest.mark.parametrize("shape", [SHAPE, (2, 5)])
def test_gradients(xp, shape):
    x, target = on(xp, *draw(shape, shape))
    assert_gradients(lambda x: squared_error_forward(x, target), squared_error_backward, x)


def test_squared_error_by_hand(xp):
    x, target = on(xp, np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[1.0, 0.0], [4.0, 2.0]]))
    loss, cache = squared_error_forward(x, target)
    close(loss, 7.0)                # (0 + 4 + 1 + 9) / 2 samples
    close(squared_error_backward(1.0, cache), [[0.0, 2.0], [-1.0, 3.0]])    # 2 (x − target) / 2
    close(squared_error_backward(0.5, cache), [[0.0, 1.0], [-0.5, 1.5]])    # weighted by a half


def test_more_pixels_give_a_larger_error_and_more_samples_do_not(xp):
    x, target = on(xp, *draw((3, 4), (3, 4)))
    loss = squared_error_forward(x, target)[0]
    for axis, times in (1, 2), (0, 1):
        twice = [xp.concatenate([each, each], axis=axis) for each in (x, target)]
        close(squared_error_forward(*twice)[0], times * loss)


def test_the_target_has_no_error_and_no_gradient(xp):
    x, = on(xp, *draw((3, 4)))
    loss, cache = squared_error_forward(x, x)
    assert loss == 0 and (squared_error_backward(1.0, cache) == 0).all()


def test_float32_stays_float32(xp):
    loss, cache = squared_error_forward(*on(xp, *draw(SHAPE, SHAPE, dtype="float32")))
    stays_float32(xp, loss, squared_error_backward(loss, cache),
                  squared_error_backward(0.0005, cache))


def test_bad_input(xp):
    x, = on(xp, *draw((2, 3)))
    refuses(ValueError, "target", "with ... = (2,) as in x", squared_error_forward, x, x.T)
    refuses(ValueError, "target", "with ... = (2,) as in x", squared_error_forward, x, x[0])
    refuses(ValueError, "target", "with f = 3 as in x", squared_error_forward, x, x[:, :2])
    refuses(ValueError, "x", "(..., f)", squared_error_forward, x.sum(), x.sum())
    refuses(TypeError, "target", "the precision of x, float64",
            squared_error_forward, x, x.astype("float32"))
    refuses(TypeError, "target", "floating-point numbers",
            squared_error_forward, x, x.astype("uint8"))
    refuses(ValueError, "x", "at least one along every axis", squared_error_forward, x[:0], x[:0])
    _, cache = squared_error_forward(x.astype("float32"), x.astype("float32"))
    refuses_bad_dloss(xp, squared_error_backward, cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    x, = draw((2, 3))
    refuses_two_memories("x, target", squared_error_forward, xp.asarray(x), x)
    _, cache = squared_error_forward(*on(xp, x, x))
    refuses_two_memories(r"cache, dloss", squared_error_backward, np.ones(()), cache)
