"""Max pooling."""
import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_two_memories,
                             stays_float32)
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import max_pool_backward, max_pool_forward

# Size and stride: side by side, overlapping twice, with gaps, the whole height.
CASES = [(2, 2), (2, 1), (3, 2), (1, 2), (4, 4)]
cases = pytest.mark.parametrize("size, stride", CASES)


@cases
def test_equals_the_loops(xp, size, stride):
    x, = draw((2, 4, 7, 2))
    y, _ = max_pool_forward(xp.asarray(x), size=size, stride=stride)
    close(y, [reference.max_pool(image, size, stride) for image in x])


@cases
def test_gradients(xp, size, stride):
    assert_gradients(max_pool_forward, max_pool_backward, *on(xp, *draw((1, 4, 5, 2))),
                     size=size, stride=stride)


def test_max_pool_by_hand(xp):
    x = np.array([[1.0, 2.0, 9.0], [4.0, 3.0, 9.0], [9.0, 9.0, 9.0]]).reshape(1, 3, 3, 1)
    y, cache = max_pool_forward(xp.asarray(x))
    close(y, [[[[4.0]]]])               # the nines are in a row and a column that fill no window
    dx = max_pool_backward(xp.asarray(np.array([[[[5.0]]]])), cache)
    close(dx.reshape(3, 3), [[0, 0, 0], [5, 0, 0], [0, 0, 0]])


def test_negative_numbers_have_a_largest_one_too(xp):
    y, _ = max_pool_forward(xp.asarray(-np.arange(1.0, 5).reshape(1, 2, 2, 1)))
    close(y, [[[[-1.0]]]])


def test_first_of_equal_numbers_gets_the_whole_gradient(xp):
    y, cache = max_pool_forward(xp.ones((1, 2, 4, 1)))
    close(max_pool_backward(y, cache).reshape(2, 4), [[1, 0, 1, 0], [0, 0, 0, 0]])


def test_pixel_that_wins_two_windows_gets_both_gradients(xp):
    x, dy = on(xp, np.array([[0.0, 1.0, 0.0]] * 2).reshape(1, 2, 3, 1),
               np.array([3.0, 4.0]).reshape(1, 1, 2, 1))
    _, cache = max_pool_forward(x, size=2, stride=1)
    close(max_pool_backward(dy, cache).reshape(2, 3), [[0, 7, 0], [0, 0, 0]])


def test_windows_of_one_pixel_change_nothing(xp):
    x, = on(xp, *draw((2, 3, 4, 2)))
    y, cache = max_pool_forward(x, size=1)
    close(y, x)
    close(max_pool_backward(x, cache), x)


def test_float32_stays_float32(xp):
    y, cache = max_pool_forward(*on(xp, *draw((2, 4, 4, 2), dtype="float32")))
    stays_float32(xp, y, max_pool_backward(y, cache))


def test_bad_input(xp):
    x, = on(xp, *draw((2, 4, 5, 3)))
    refuses(ValueError, "x", "(n, h, w, c)", max_pool_forward, x[0])
    refuses(TypeError, "x", "floating-point numbers", max_pool_forward, x.astype("int64"))
    refuses(ValueError, "size", "at most the image's 4 x 5 pixels", max_pool_forward, x, size=5)
    refuses(ValueError, "size", "an integer of at least 1", max_pool_forward, x, size=0)
    refuses(ValueError, "stride", "an integer of at least 1", max_pool_forward, x, stride=0)
    y, cache = max_pool_forward(x)
    refuses(ValueError, "dy", "with c = 3", max_pool_backward, y[..., :1], cache)
    refuses(ValueError, "dy", "with h' = 2", max_pool_backward, y[:, :1], cache)
    refuses(TypeError, "dy", "the precision of cache[0], float64",
            max_pool_backward, y.astype("float32"), cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    _, cache = max_pool_forward(*on(xp, *draw((2, 4, 4, 1))))
    refuses_two_memories(r"cache\[0\], cache\[1\], dy",
                         max_pool_backward, np.zeros((2, 2, 2, 1)), cache)


def test_the_output_lies_in_memory_of_its_own():
    x, = draw((1, 2, 2, 1))
    for size in 1, 2:
        y, cache = max_pool_forward(x, size=size)
        assert not np.shares_memory(y, x)
        assert not np.shares_memory(max_pool_backward(y, cache), y)
