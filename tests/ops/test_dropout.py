"""Dropout with a given mask."""
import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_two_memories,
                             stays_float32)
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import dropout_backward, dropout_forward

MASK = np.random.default_rng(1).random((4, 5)) >= 0.3


@pytest.mark.parametrize("rate", [0, 0.3, 0.9])
def test_equals_the_loops(xp, rate):
    x, = draw((4, 5))
    y, _ = dropout_forward(*on(xp, x, MASK), rate=rate)
    close(y, [reference.dropout(row, stays, rate) for row, stays in zip(x, MASK)])


def test_gradients(xp):
    assert_gradients(dropout_forward, dropout_backward, *on(xp, *draw((4, 5)), MASK), rate=0.3)


def test_dropout_by_hand(xp):
    x, mask = on(xp, np.array([1.0, 2.0, 3.0]), np.array([True, False, True]))
    y, cache = dropout_forward(x, mask, rate=0.75)
    close(y, [4, 0, 12])                                # a quarter stays, four times as large
    close(dropout_backward(xp.asarray(np.array([5.0, 6.0, 7.0])), cache), [20, 0, 28])


def test_half_of_the_units_by_default(xp):
    x, mask = on(xp, *draw((4, 5)), np.ones((4, 5), bool))
    close(dropout_forward(x, mask)[0], 2 * x)


def test_the_mean_over_masks_is_the_input():
    x = np.ones(100_000)
    y, _ = dropout_forward(x, np.random.default_rng(0).random(x.shape) >= 0.3, rate=0.3)
    assert abs(y.mean() - 1) < 0.01                     # its standard error is 0.002


def test_float32_stays_float32(xp):
    y, cache = dropout_forward(*on(xp, *draw((4, 5), dtype="float32"), MASK), rate=0.3)
    stays_float32(xp, y, dropout_backward(y, cache))


def test_bad_input(xp):
    x, mask = on(xp, *draw((4, 5)), MASK)
    refuses(TypeError, "mask", "bool", dropout_forward, x, x)
    refuses(TypeError, "mask", "bool", dropout_forward, x, mask.astype("int64"))
    refuses(TypeError, "mask", "a NumPy or CuPy array", dropout_forward, x, MASK.tolist())
    refuses(ValueError, "mask", "with ... = (4,) as in x", dropout_forward, x, mask[0])
    refuses(ValueError, "mask", "with m = 5 as in x", dropout_forward, x, mask[:, :4])
    refuses(ValueError, "x", "at least one along every axis", dropout_forward, x[:0], mask[:0])
    refuses(TypeError, "x", "floating-point numbers", dropout_forward, x.astype("int64"), mask)
    for rate in 1, 1.5, -0.1, float("nan"):
        refuses(ValueError, "rate", "a number in [0, 1)", dropout_forward, x, mask, rate=rate)
    _, cache = dropout_forward(x, mask)
    refuses(ValueError, "dy", "with ... = (4,) as in cache[0]", dropout_backward, x.T, cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    x, = draw((4, 5))
    refuses_two_memories("x, mask", dropout_forward, xp.asarray(x), MASK)
    _, cache = dropout_forward(*on(xp, x, MASK))
    refuses_two_memories(r"cache\[0\], dy", dropout_backward, x, cache)
