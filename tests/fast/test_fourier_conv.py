"""The Fourier convolution equals conv2d; a workspace changes only where its arrays lie."""
import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import (ALONG_DIRECTIONS, defaults, draw, error, near, on, on_device, refuses,
                             refuses_two_memories, stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.fast import Workspace, fourier_conv2d_backward, fourier_conv2d_forward
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import conv2d_backward, conv2d_forward

CASES = [                                                       # size, kernel, stride
    (6, 3, 2), (8, 5, 2), (9, 4, 3), (8, 5, 4), (5, 3, 1), (6, 2, 1), (6, 6, 2), (4, 4, 1),
    (3, 1, 1),
    (8, 3, 4),                                                  # phases without any tap
]
every_case = pytest.mark.parametrize("size, kernel, stride", CASES)


def case(size=6, kernel=3, n=2, dtype="float64"):
    return draw((n, size, size, 2), (kernel, kernel, 2, 3), (3,), dtype=dtype)


def both_ways(forward, backward, x, W, bias, stride, **more):
    """The output, and the gradients with the output as their upstream gradient."""
    out, cache = forward(x, W, bias, stride=stride, **more)
    return out, *backward(out, cache)


def plain(*arrays):
    return both_ways(conv2d_forward, conv2d_backward, *arrays)


def fourier(*arrays, workspace=None):
    return both_ways(fourier_conv2d_forward, fourier_conv2d_backward, *arrays, workspace=workspace)


@every_case
def test_equals_the_loops(xp, size, kernel, stride):
    x, W, bias = case(size, kernel)
    out, _ = fourier_conv2d_forward(*on(xp, x, W, bias), stride=stride)
    near(out, np.array([reference.conv2d(one, W, bias, stride) for one in x]))


@every_case
@pytest.mark.parametrize("n", [1, 5])
def test_equals_conv2d_in_value_and_every_gradient(xp, size, kernel, stride, n):
    arrays = on(xp, *case(size, kernel, n))
    for got, want in zip(fourier(*arrays, stride), plain(*arrays, stride), strict=True):
        near(got, want)


@every_case
def test_gradients(xp, size, kernel, stride):
    arrays = on(xp, *case(size, kernel))
    assert_gradients(fourier_conv2d_forward, fourier_conv2d_backward, *arrays, stride=stride,
                     **ALONG_DIRECTIONS)


def test_gradients_entry_by_entry():
    assert_gradients(fourier_conv2d_forward, fourier_conv2d_backward, *case(), stride=2)


@pytest.mark.parametrize("size, kernel, stride, n, channels", [
    (20, 9, 2, 20, 32), (9, 4, 3, 3, 2), (7, 3, 1, 3, 2)])
def test_float32_errs_about_as_little_as_in_a_direct_convolution(size, kernel, stride, n, channels):
    # Largest deviations from float64, as fractions of the largest number, in the output, dx, dW and
    # dbias. Measured for 20/9/2: Fourier 6, 5, 4 and 5 times 1e-7, direct 5, 2, 5 and 5 times 1e-7;
    # for the small sizes both at most 3e-7.
    arrays = draw((n, size, size, channels), (kernel, kernel, channels, 24), (24,))
    truth = plain(*arrays, stride)
    narrow = [array.astype("float32") for array in arrays]
    out, cache = conv2d_forward(*narrow, stride=stride)
    direct = out, *conv2d_backward(truth[0].astype("float32"), cache)
    out, cache = fourier_conv2d_forward(*narrow, stride=stride)
    fast = out, *fourier_conv2d_backward(truth[0].astype("float32"), cache)
    for ours, theirs, true in zip(fast, direct, truth):
        assert error(ours, true) < max(3 * error(theirs, true), 1e-6) < 1e-5


def test_without_a_workspace_the_cache_serves_as_often_as_wanted(xp):
    x, W, bias = on(xp, *case())
    out, cache = fourier_conv2d_forward(x, W, bias, stride=2)
    only_read = x, W, bias, out, cache[0].V, cache[0].U
    before = [to_numpy(array).copy() for array in only_read]
    first, second = (fourier_conv2d_backward(out, cache) for _ in range(2))
    assert all(np.array_equal(to_numpy(a), to_numpy(b)) for a, b in zip(first, second))
    assert all(np.array_equal(to_numpy(a), b) for a, b in zip(only_read, before))


def test_without_a_workspace_two_calls_share_nothing():
    for first, second in zip(fourier(*case(), 2), fourier(*case(), 2)):
        assert not np.shares_memory(first, second)


def test_with_a_workspace_everything_stays_right_though_the_calls_differ(xp):
    workspace = Workspace()
    for size, kernel, stride, n, dtype in [
            (6, 3, 2, 3, "float64"), (6, 3, 2, 3, "float64"), (6, 3, 2, 5, "float64"),
            (6, 3, 2, 5, "float32"), (6, 3, 2, 1, "float32"), (8, 5, 4, 3, "float64"),
            (5, 3, 1, 2, "float32"), (6, 3, 2, 3, "float64")]:
        arrays = on(xp, *case(size, kernel, n, dtype))
        results = fourier(*arrays, stride, workspace=workspace)
        for got, want in zip(results, plain(*arrays, stride), strict=True):
            near(got, want, 1e-12 if dtype == "float64" else 2e-6)
            assert got.dtype == dtype


def test_a_workspace_lends_the_same_memory_again():
    workspace = Workspace()
    out, cache = fourier_conv2d_forward(*case(), stride=2, workspace=workspace)
    first, kept, (dx, dW, _) = cache[0], out.copy(), fourier_conv2d_backward(out, cache)
    kept_dx = dx.copy()
    others = draw((2, 6, 6, 2), (3, 3, 2, 3), (3,), seed=1)
    again, cache = fourier_conv2d_forward(*others, stride=2, workspace=workspace)
    assert np.shares_memory(first.V, cache[0].V) and np.shares_memory(first.U, cache[0].U)
    assert np.shares_memory(dW, fourier_conv2d_backward(again, cache)[1])
    # What goes on to other layers stays.
    assert np.array_equal(out, kept) and np.array_equal(dx, kept_dx)


def test_without_the_input_gradient_the_others_are_the_same(xp):
    arrays = on(xp, *case())
    for workspace in None, Workspace():
        _, _, dW, dbias = (array.copy() for array in fourier(*arrays, 2, workspace=workspace))
        out, cache = fourier_conv2d_forward(*arrays, stride=2, workspace=workspace)
        dx, *others = fourier_conv2d_backward(out, cache, input_gradient=False)
        assert dx is None
        near(others[0], dW)
        near(others[1], dbias)


def test_arrays_need_not_lie_in_one_piece_nor_be_writable(xp):
    whole = draw((6, 2, 6, 4), (3, 6, 3, 2), (6,))
    x, W, bias = on(xp, *whole)
    x, bias = x.transpose(1, 0, 2, 3)[:, :, ::-1, ::2], bias[::2]
    W = W[:, ::2].transpose(0, 2, 3, 1)
    copies = [xp.asarray(np.ascontiguousarray(to_numpy(a))) for a in (x, W, bias)]
    out, cache = fourier_conv2d_forward(x, W, bias, stride=2)
    want, wanted = conv2d_forward(*copies, stride=2)
    near(out, want)
    dout = xp.broadcast_to(xp.asarray(np.array([1.0, -2.0, 3.0])), out.shape)
    for got, want in zip(fourier_conv2d_backward(dout, cache), conv2d_backward(dout, wanted)):
        near(got, want)


@pytest.mark.parametrize("pretended", [1, 2, 3, 7])
def test_equals_conv2d_on_any_number_of_cores(cores, pretended):
    cores(pretended)
    for got, want in zip(fourier(*case(n=5), 2), plain(*case(n=5), 2)):
        near(got, want)


def test_float32_stays_float32(xp):
    stays_float32(xp, *fourier(*on(xp, *case(dtype="float32")), 2))
    stays_float32(xp, *fourier(*on(xp, *case(dtype="float32")), 2, workspace=Workspace()))


def test_default_is_that_of_conv2d():
    assert defaults(fourier_conv2d_forward) == dict(stride=1)


def test_bad_input(xp):
    x, W, bias = on(xp, *case())
    forward = fourier_conv2d_forward
    refuses(ValueError, "x", "(n, h, h, c_in)", forward, x[0], W, bias)
    refuses(ValueError, "x", "(n, h, h, c_in)", forward, x[:, :, :4], W, bias)
    refuses(ValueError, "W", "(k, k, c_in, c_out)", forward, x, W[:, :2], bias)
    refuses(ValueError, "W", "(k, k, c_in, c_out)", forward, x, W[:, :, :1], bias)
    refuses(ValueError, "bias", "(c_out,)", forward, x, W, bias[:2])
    for stride, images in (4, x), (1, x[:, :2, :2]):
        refuses(ValueError, "size", "a multiple of the stride, at least the kernel", forward,
                images, W, bias, stride=stride)
    refuses(ValueError, "stride", "an integer of at least 1", forward, x, W, bias, stride=0)
    refuses(ValueError, "stride", "an integer of at least 1", forward, x, W, bias, stride=2.0)
    refuses(TypeError, "x", "floating-point numbers", forward, x.astype("int64"), W, bias)
    refuses(TypeError, "W", "the precision of x, float64", forward, x, W.astype("float32"), bias)
    out, cache = forward(x, W, bias, stride=2)
    backward = fourier_conv2d_backward
    refuses(ValueError, "dout", "(2, 2, 2, 3)", backward, out[..., :2], cache)
    refuses(ValueError, "dout", "(2, 2, 2, 3)", backward, out[:1], cache)
    refuses(TypeError, "dout", "float64", backward, out.astype("float32"), cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    hosts = case()
    x, W, bias = on(xp, *hosts)
    refuses_two_memories("x, W, bias", fourier_conv2d_forward, hosts[0], W, bias)
    _, cache = fourier_conv2d_forward(x, W, bias)
    refuses_two_memories("W, dout", fourier_conv2d_backward, np.zeros((2, 4, 4, 3)), cache)


@pytest.mark.parametrize("c, f", [(1, 3), (3, 1), (1, 1)])
def test_equals_conv2d_with_one_channel(c, f):
    arrays = draw((2, 6, 6, c), (3, 3, c, f), (f,))
    for got, want in zip(fourier(*arrays, 2), plain(*arrays, 2), strict=True):
        near(got, want)


def test_a_cache_that_was_overwritten_is_refused():
    workspace = Workspace()
    (_, first), (out, second) = (fourier_conv2d_forward(*case(), stride=2, workspace=workspace)
                                 for _ in range(2))
    refused = pytest.raises(RuntimeError, match="^cache: got one that a later call")
    with refused:
        fourier_conv2d_backward(out, first)
    fourier_conv2d_backward(out, second)
    with refused:
        fourier_conv2d_backward(out, second)
