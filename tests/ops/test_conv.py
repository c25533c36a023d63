"""Convolution: strides, borders and shapes that are not square."""
import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import (ALONG_DIRECTIONS, close, draw, on, on_device, refuses,
                             refuses_two_memories, stays_float32)
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import conv, conv2d_backward, conv2d_forward

CASES = [                           # image, kernel, stride, padding
    ((5, 5), (3, 3), 1, "valid"),
    ((7, 6), (3, 2), 2, "valid"),
    ((6, 7), (2, 3), 3, "valid"),   # leaves rows and columns over
    ((3, 4), (3, 4), 1, "valid"),   # the kernel is the image
    ((5, 4), (1, 1), 2, "valid"),   # skips pixels
    ((5, 4), (3, 3), 1, "same"),
    ((7, 6), (3, 2), 2, "same"),
    ((5, 6), (4, 2), 1, "same"),    # even kernels: one more zero at the bottom and the right
    ((7, 5), (2, 2), 3, "same"),
    ((5, 4), (1, 1), 2, "same"),    # nothing is missing
    ((2, 3), (3, 5), 1, "same"),    # larger than the image, but not than the padded one
]


def case(image, kernel):
    return draw((2, *image, 2), (*kernel, 2, 3), (3,))


@pytest.mark.parametrize("image, kernel, stride, padding", CASES)
def test_equals_the_loops(xp, image, kernel, stride, padding):
    x, W, bias = case(image, kernel)
    out, _ = conv2d_forward(*on(xp, x, W, bias), stride=stride, padding=padding)
    close(out, [reference.conv2d(one, W, bias, stride, padding) for one in x])


@pytest.mark.parametrize("image, kernel, stride, padding", CASES)
def test_gradients(xp, image, kernel, stride, padding):
    assert_gradients(conv2d_forward, conv2d_backward, *on(xp, *case(image, kernel)), stride=stride,
                     padding=padding, **ALONG_DIRECTIONS)


def test_gradients_entry_by_entry():
    assert_gradients(conv2d_forward, conv2d_backward, *draw((2, 5, 4, 2), (3, 2, 2, 3), (3,)),
                     stride=2, padding="same")


def test_conv2d_by_hand(xp):
    image = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    kernel = np.array([[1.0, 10.0], [100.0, 1000.0]])
    x, W, bias = on(xp, image.reshape(1, 2, 3, 1), kernel.reshape(2, 2, 1, 1), np.array([0.5]))
    out, cache = conv2d_forward(x, W, bias)
    assert cache.out_shape == (1, 1, 2, 1)
    # 1 + 10·2 + 100·4 + 1000·5 = 5421, 2 + 10·3 + 100·5 + 1000·6 = 6532, and the bias: the kernel
    # is not flipped.
    close(out, [[[[5421.5], [6532.5]]]])
    dx, dW, dbias = conv2d_backward(xp.ones((1, 1, 2, 1)), cache)
    close(dx.reshape(2, 3), [[1, 11, 10], [100, 1100, 1000]])    # the middle column is seen twice
    close(dW.reshape(2, 2), [[1 + 2, 2 + 3], [4 + 5, 5 + 6]])
    close(dbias, [2.0])


def test_even_kernels_get_the_extra_zeros_at_the_bottom_and_the_right(xp):
    image = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    x, W, bias = on(xp, image, np.ones((2, 2, 1, 1)), np.zeros(1))
    out, _ = conv2d_forward(x, W, bias, padding="same")
    close(out.reshape(2, 2), [[10.0, 6.0], [7.0, 4.0]])              # 1+2+3+4, 2+4, 3+4, 4


def test_ones_over_ones_count_the_pixels_in_reach(xp):
    ones = on(xp, np.ones((1, 4, 5, 1)), np.ones((3, 3, 1, 1)), np.zeros(1))
    out, _ = conv2d_forward(*ones, padding="same")
    close(out.reshape(4, 5), [[4, 6, 6, 6, 4], [6, 9, 9, 9, 6], [6, 9, 9, 9, 6], [4, 6, 6, 6, 4]])


@pytest.mark.parametrize("size, stride", [((8, 8), 1), ((8, 8), 2), ((7, 9), 2), ((7, 5), 3)])
def test_same_gives_size_over_stride_rounded_up(xp, size, stride):
    arrays = on(xp, *draw((1, *size, 1), (3, 3, 1, 1), (1,)))
    out, _ = conv2d_forward(*arrays, stride=stride, padding="same")
    assert out.shape == (1, -(-size[0] // stride), -(-size[1] // stride), 1)


def test_shifted_image_gives_shifted_output(xp):
    x, W, bias = on(xp, *draw((1, 6, 7, 2), (3, 2, 2, 3), (3,)))
    out, _ = conv2d_forward(x, W, bias)
    shifted, _ = conv2d_forward(x[:, 1:, 2:], W, bias)
    close(shifted, out[:, 1:, 2:])


def test_without_the_input_gradient_the_others_are_the_same(xp):
    out, cache = conv2d_forward(*on(xp, *case((5, 5), (3, 3))))
    _, dW, dbias = conv2d_backward(out, cache)
    dx, *others = conv2d_backward(out, cache, input_gradient=False)
    assert dx is None
    close(others[0], dW)
    close(others[1], dbias)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_float32_stays_float32(xp, padding):
    arrays = on(xp, *draw((2, 5, 5, 2), (3, 3, 2, 3), (3,), dtype="float32"))
    out, cache = conv2d_forward(*arrays, padding=padding)
    stays_float32(xp, out, conv2d_backward(out, cache))


def test_bad_input(xp):
    x, W, bias = on(xp, *case((5, 4), (3, 3)))
    refuses(ValueError, "x", "(n, h, w, c_in)", conv2d_forward, x[0], W, bias)
    refuses(ValueError, "W", "c_in = 2 as in x", conv2d_forward, x, W[:, :, :1], bias)
    refuses(ValueError, "bias", "c_out = 3 as in W", conv2d_forward, x, W, bias[:2])
    refuses(ValueError, "W", "at most the image's 5 x 2", conv2d_forward, x[:, :, :2], W, bias)
    refuses(ValueError, "W", "at most the image's 2 x 4", conv2d_forward, x[:, :2], W, bias)
    for stride in 0, 1.0:
        refuses(ValueError, "stride", "an integer of at least 1",
                conv2d_forward, x, W, bias, stride=stride)
    refuses(ValueError, "padding", "valid or same", conv2d_forward, x, W, bias, padding="full")
    refuses(TypeError, "x", "floating-point numbers", conv2d_forward, x.astype("int64"), W, bias)
    refuses(TypeError, "W", "the precision of x, float64",
            conv2d_forward, x, W.astype("float32"), bias)
    out, cache = conv2d_forward(x, W, bias)
    refuses(ValueError, "dout", "(2, 3, 2, 3)", conv2d_backward, out[..., :2], cache)
    refuses(ValueError, "dout", "(2, 3, 2, 3)", conv2d_backward, out[:, :1], cache)
    refuses(TypeError, "dout", "the precision of W, float64",
            conv2d_backward, out.astype("float32"), cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    hosts = case((5, 4), (3, 3))
    x, W, bias = on(xp, *hosts)
    refuses_two_memories("x, W, bias", conv2d_forward, hosts[0], W, bias)
    _, cache = conv2d_forward(x, W, bias)
    refuses_two_memories("W, dout", conv2d_backward, np.zeros((2, 3, 2, 3)), cache)


@pytest.mark.parametrize("numbers", [1, 200, 500])
def test_columns_made_for_a_few_images_at_a_time_give_the_same(monkeypatch, numbers):
    x, W, bias, dout = draw((5, 6, 7, 2), (3, 3, 2, 3), (3,), (5, 3, 4, 3))
    out, cache = conv2d_forward(x, W, bias, stride=2, padding="same")
    grads = conv2d_backward(dout, cache)
    # An image has 3·4·18 = 216: one image at a time, one, and two.
    monkeypatch.setattr("tinycaps.ops.conv.COLUMNS", numbers)
    again, cache = conv2d_forward(x, W, bias, stride=2, padding="same")
    close(again, out)
    for got, want in zip(conv2d_backward(dout, cache), grads):
        close(got, want)


@pytest.mark.parametrize("numbers, together", [(1, 1), (431, 1), (432, 2), (647, 2), (648, 3)])
def test_no_more_columns_than_allowed_are_made_together(monkeypatch, numbers, together):
    assert conv.COLUMNS == 6_000_000
    monkeypatch.setattr(conv, "COLUMNS", numbers)
    # An image of 3·4 outputs, each of which sees 3·3·2 numbers, has 216.
    parts = conv._images((5, 3, 4, 7), (3, 3, 2, 7))
    assert [range(5)[part] for part in parts] == [range(5)[k:k + together]
                                                  for k in range(0, 5, together)]
