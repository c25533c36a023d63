"""A mistake gives one line: the argument, what came, what was wanted."""
import re

import numpy as np
import pytest

from tests import stand_in
from tinycaps import checks
from tinycaps.checks import check_count, check_dloss, check_images, check_labels, check_memory, check_shapes, named_xp


def refuses(error, line, check, *args, **kwargs):
    """Assert that a check raises exactly this line."""
    with pytest.raises(error, match=f"^{re.escape(line)}$"):
        check(*args, **kwargs)


def test_shapes_that_agree(xp):
    u, W = xp.zeros((5, 3, 8)), xp.zeros((3, 10, 16, 8))
    check_shapes(u=(u, "n,i,p"), W=(W, "i,j,q,p"))
    check_shapes(x=(u, "...,i,p"), y=(xp.zeros((3, 8)), "...,i,p"), z=(xp.zeros(8), "p"))
    check_shapes(u=(u, "n,i,p"), du=(u, u.shape), dloss=(xp.ones(()), ()))
    check_shapes()


def test_letter_with_two_sizes(xp):
    u, W = xp.zeros((5, 3, 8)), xp.zeros((3, 10, 16, 4))
    refuses(ValueError, "W: got shape (3, 10, 16, 4), wanted (i, j, q, p) with p = 8 as in u",
            check_shapes, u=(u, "n,i,p"), W=(W, "i,j,q,p"))


def test_letter_twice_in_one_array(xp):
    refuses(ValueError, "A: got shape (2, 3), wanted (i, i) with i = 2 as in A", check_shapes, A=(xp.zeros((2, 3)), "i,i"))


@pytest.mark.parametrize("shape, axes, wanted", [
    ((5, 3), "n,i,p", "(n, i, p)"), ((5, 3, 8, 1), "n,i,p", "(n, i, p)"), ((), "n", "(n,)"), ((2, 3), "n", "(n,)"),
    ((8,), "...,i,p", "(..., i, p)")])
def test_wrong_rank(xp, shape, axes, wanted):
    refuses(ValueError, f"u: got shape {shape}, wanted {wanted}", check_shapes, u=(xp.zeros(shape), axes))


def test_ellipsis_binds_the_last_axes(xp):
    refuses(ValueError, "y: got shape (2, 7, 9), wanted (..., p) with p = 8 as in x",
            check_shapes, x=(xp.zeros((4, 8)), "n,p"), y=(xp.zeros((2, 7, 9)), "...,p"))


@pytest.mark.parametrize("wanted", [(5, 4), (5,), ()])
def test_tuple_is_the_whole_shape(xp, wanted):
    refuses(ValueError, f"dv: got shape (5, 3), wanted {wanted}", check_shapes, dv=(xp.zeros((5, 3)), wanted))


@pytest.mark.parametrize("shape, axes", [((0, 3), "n,i"), ((3, 0), "n,i"), ((0, 3), "...,i"), ((0, 3), (0, 3)), ((0,), "n"), ((0,), "n,i")])
def test_empty_arrays_are_refused_whatever_the_axes(xp, shape, axes):
    refuses(ValueError, f"u: got shape {shape}, wanted at least one along every axis", check_shapes, u=(xp.zeros(shape), axes))


def test_precisions_do_not_mix(xp):
    u, W = xp.zeros(3, dtype=np.float32), xp.zeros(3)
    refuses(TypeError, "W: got float64, wanted the precision of u, float32", check_shapes, u=(u, "n"), W=(W, "n"))
    refuses(TypeError, "z: got complex128, wanted the precision of u, float32",
            check_shapes, u=(u, "n"), z=(W.astype(np.complex128), "n"))


@pytest.mark.parametrize("real, cplx", [(np.float32, np.complex64), (np.float64, np.complex128)])
def test_complex_mixes_with_real_of_its_precision(xp, real, cplx):
    check_shapes(u=(xp.zeros(3, dtype=cplx), "n"), W=(xp.zeros(3, dtype=real), "n"))


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_numbers_must_be_floating_point(xp, dtype):
    refuses(TypeError, f"u: got dtype {dtype}, wanted floating-point numbers", check_shapes, u=(xp.zeros(3, dtype=dtype), "n"))


@pytest.mark.parametrize("u, name", [([0.0], "list"), (0.0, "float"), (None, "NoneType")])
def test_shapes_wants_arrays(u, name):
    refuses(TypeError, f"u: got {name}, wanted a NumPy or CuPy array", check_shapes, u=(u, "n"))


def test_memories_do_not_mix(monkeypatch):
    device = stand_in.activate(monkeypatch)
    with pytest.raises(TypeError, match=r"^u, W: got arrays in different memories \(host, device\), wanted"):
        check_shapes(u=(np.zeros(3), "n"), W=(device.zeros(3), "n"))


def test_named_module_of_arrays(xp):
    assert named_xp(v=xp.zeros(3), labels=xp.zeros(2, dtype=np.int64)) is xp


def test_module_of_what_is_no_array_or_in_two_memories_names_the_arguments(monkeypatch):
    device = stand_in.activate(monkeypatch)
    refuses(TypeError, "v, labels: got list, wanted a NumPy or CuPy array", named_xp, v=np.zeros(3), labels=[1])
    with pytest.raises(TypeError, match=r"^v, labels: got arrays in different memories \(device, host\), wanted"):
        named_xp(v=device.zeros(3), labels=np.zeros(3))


def test_dloss(xp):
    for dtype in "float32", "float64":
        like = xp.zeros((2, 3), dtype=dtype)
        for dloss in 1.0, 0.0005, 1, xp.ones((), dtype=dtype), like.sum():
            check_dloss(dloss, like)


@pytest.mark.parametrize("shape", [(1,), (2,), (2, 3)])
def test_dloss_is_one_number(xp, shape):
    refuses(ValueError, f"dloss: got shape {shape}, wanted ()", check_dloss, xp.ones(shape), xp.zeros((2, 3)))


@pytest.mark.parametrize("dloss, cache", [("float64", "float32"), ("float32", "float64")])
def test_dloss_has_the_precision_of_the_cache(xp, dloss, cache):
    refuses(TypeError, f"dloss: got {dloss}, wanted the precision of cache, {cache}",
            check_dloss, xp.ones((), dtype=dloss), xp.zeros((2, 3), dtype=cache))


def test_scalars_of_numpy_are_arrays_as_dloss_although_python_takes_them_for_numbers():
    check_dloss(np.float64(1), np.zeros(3))
    refuses(TypeError, "dloss: got float64, wanted the precision of cache, float32", check_dloss, np.float64(1), np.zeros(3, "float32"))


@pytest.mark.parametrize("dloss, name", [([1.0], "list"), ("1", "str"), (None, "NoneType"), (1j, "complex")])
def test_dloss_is_a_number_or_an_array(dloss, name):
    refuses(TypeError, f"dloss: got {name}, wanted a NumPy or CuPy array", check_dloss, dloss, np.zeros(3))


def test_dloss_and_cache_have_one_memory(monkeypatch):
    device = stand_in.activate(monkeypatch)
    with pytest.raises(TypeError, match=r"^cache, dloss: got arrays in different memories \(device, host\), wanted"):
        check_dloss(np.ones(()), device.zeros(3))


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_labels_in_range(xp, dtype):
    check_labels(xp.asarray([0, 9, 3], dtype=dtype), 3, 10)


@pytest.mark.parametrize("labels, line", [
    (np.array([0.0, 1.0]), "labels: got dtype float64, wanted an array of integers"),
    (np.array([True, False]), "labels: got dtype bool, wanted an array of integers")])
def test_labels_must_be_integers(xp, labels, line):
    refuses(TypeError, line, check_labels, xp.asarray(labels), 2, 10)


def test_labels_must_be_an_array():
    refuses(TypeError, "labels: got list, wanted an array of integers", check_labels, [0, 1], 2, 10)


@pytest.mark.parametrize("labels, line", [
    ([0, 10], "labels: got values 0..10, wanted 0..9"), ([3, -1], "labels: got values -1..3, wanted 0..9"),
    ([0, 1, 2], "labels: got shape (3,), wanted (2,)"), ([[0, 1]], "labels: got shape (1, 2), wanted (2,)"),
    (3, "labels: got shape (), wanted (2,)")])
def test_labels_with_a_wrong_value_or_shape(xp, labels, line):
    refuses(ValueError, line, check_labels, xp.asarray(labels), 2, 10)


def test_no_labels_at_all(xp):
    refuses(ValueError, "labels: got shape (0,), wanted (at least 1,)", check_labels, xp.zeros(0, dtype=np.int64), 0, 10)


@pytest.mark.parametrize("count", [1, 3, np.int64(3), np.uint8(1)])
def test_counts(count):
    check_count(iterations=count, classes=10)


@pytest.mark.parametrize("count", [0, -1, True, False, 2.5, 3.0, np.float64(3), np.True_, np.int64(0), "3", None])
def test_what_does_not_count(count):
    refuses(ValueError, f"iterations: got {count!r}, wanted an integer of at least 1", check_count, classes=10, iterations=count)


def test_images(xp):
    check_images(xp.zeros((2, 28, 28, 1), dtype=np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_images_must_be_finite(xp, bad):
    images = xp.zeros((4, 2, 2, 1))
    images[1, 0, 1, 0] = bad
    images[3] = bad
    refuses(ValueError, "images: got NaN or infinity in 2 of them, first in number 1, wanted finite pixels", check_images, images)


def test_no_images_at_all(xp):
    refuses(ValueError, "images: got shape (0, 28, 28, 1), wanted at least one along every axis", check_images, xp.zeros((0, 28, 28, 1)))


def test_images_have_four_axes(xp):
    refuses(ValueError, "images: got shape (2, 28, 28), wanted (n, h, w, c)", check_images, xp.zeros((2, 28, 28)))


def test_raw_bytes_are_no_images(xp):
    raw = xp.zeros((1, 8, 8, 1), dtype=np.uint8)
    refuses(TypeError, "images: got dtype uint8, wanted floating-point numbers", check_images, raw)


VOTES = dict(n=128, i=1152, j=1000, q=16)       # in float32 128·1152·1000·16·4 = 9,437,184,000 bytes, 8.8 GiB


def test_what_cannot_fit_is_told_in_numbers(xp, monkeypatch):
    monkeypatch.setattr(checks, "free_memory", lambda xp: 2 ** 30)
    refuses(MemoryError, "u_hat: got n = 128, i = 1,152, j = 1,000, q = 16, 8.8 GiB, wanted at most the 1.0 GiB that are free: "
            "a smaller batch or fewer capsules", check_memory, xp, np.dtype("float32"), u_hat=VOTES)


@pytest.mark.parametrize("dtype, need", [("float32", 9_437_184_000), ("float64", 18_874_368_000)])
def test_what_just_fits_is_let_through(monkeypatch, dtype, need):
    monkeypatch.setattr(checks, "free_memory", lambda xp: need)
    check_memory(np, np.dtype(dtype), u_hat=VOTES)
    monkeypatch.setattr(checks, "free_memory", lambda xp: need - 1)
    with pytest.raises(MemoryError, match="^u_hat: got n = 128, "):
        check_memory(np, np.dtype(dtype), u_hat=VOTES)


def test_every_array_is_asked_for(monkeypatch):
    monkeypatch.setattr(checks, "free_memory", lambda xp: 2 ** 30)
    with pytest.raises(MemoryError, match="^b: got m = 268,435,457, 1.0 GiB, wanted at most the 1.0 GiB that are free"):
        check_memory(np, np.dtype("float32"), a=dict(m=2 ** 28), b=dict(m=2 ** 28 + 1))


def test_nobody_asks_for_little_memory(monkeypatch):
    def never(xp):
        raise AssertionError("asked")
    monkeypatch.setattr(checks, "free_memory", never)
    check_memory(np, np.dtype("float32"), u_hat=dict(m=2 ** 24))                    # 64 MiB
    with pytest.raises(AssertionError, match="asked"):
        check_memory(np, np.dtype("float32"), u_hat=dict(m=2 ** 24 + 1))


def test_where_nothing_tells_how_much_is_free_everything_is_let_through(monkeypatch):
    monkeypatch.setattr(checks, "free_memory", lambda xp: None)
    check_memory(np, np.dtype("float32"), u_hat=VOTES | dict(n=10 ** 12))


@pytest.mark.parametrize("number", [0, -1.0, float("inf"), float("nan"), "a", None, np.array([1.0, 2.0])])
def test_what_is_no_positive_number_is_told(number):
    refuses(ValueError, f"theta: got {number!r}, wanted a finite number above 0", checks.check_positive, size=1, theta=number)


@pytest.mark.parametrize("number", [-1e-9, 1.001, float("nan"), "a", None, np.array([0.5, 0.5])])
def test_what_is_no_part_of_a_whole_is_told(number):
    refuses(ValueError, f"weight: got {number!r}, wanted a number in [0, 1]", checks.check_share, none=0, all=1.0, weight=number)


@pytest.mark.parametrize("number", [-1e-9, float("inf"), float("nan"), "a", None])
def test_what_is_negative_is_told(number):
    refuses(ValueError, f"weight: got {number!r}, wanted a finite number of at least 0", checks.check_not_negative, rate=0, weight=number)
