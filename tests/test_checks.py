"""A mistake gives one line: the argument, what came, what was wanted; and it is looked for once."""
import inspect
import re
import threading
from contextvars import copy_context
from typing import NamedTuple

import numpy as np
import pytest

from tests import stand_in
from tinycaps import checks, scalars, shapes
from tinycaps.checks import (check_below_one, check_choice, check_count, check_file, check_finite,
                             check_fraction, check_images, check_labels, check_like, check_memory,
                             check_not_negative, check_positive, check_shapes, door, named_xp)


def refuses(error, line, check, *args, **kwargs):
    """Assert that a check raises exactly this line."""
    with pytest.raises(error, match=f"^{re.escape(line)}$"):
        check(*args, **kwargs)


def test_checks_hands_on_every_check():
    for module in scalars, shapes:
        public = {name for name, found in vars(module).items()
                  if getattr(found, "__module__", "") == module.__name__ and name[0] != "_"}
        assert public and public <= set(checks.__all__)
    assert all(hasattr(checks, name) for name in checks.__all__)


# The door.

@door(u="n,i,p", W="i,j,q,p")
def votes_forward(u, W, scale=1.0):
    """Votes of capsules."""
    return scale * np.einsum("nip,ijqp->nijq", u, W), (u, W)


@door(du_hat="n,i,j,q", cache=("n,i,p", "i,j,q,p"))
def votes_backward(du_hat, cache):
    u, W = cache
    return np.einsum("nijq,ijqp->nip", du_hat, W), np.einsum("nijq,nip->ijqp", du_hat, u)


U, VOTERS = np.ones((5, 3, 8)), np.ones((3, 10, 16, 8))


def test_an_op_behind_a_door_is_the_op():
    u_hat, cache = votes_forward(U, VOTERS)
    assert u_hat.shape == (5, 3, 10, 16) and (u_hat == 8).all()
    assert (votes_forward(U, W=VOTERS, scale=0.5)[0] == 4).all()
    du, dW = votes_backward(np.ones((5, 3, 10, 16)), cache)
    assert (du == 160).all() and (dW == 5).all()
    assert votes_forward.__name__ == "votes_forward"
    assert votes_forward.__doc__ == "Votes of capsules."
    assert list(inspect.signature(votes_forward).parameters) == ["u", "W", "scale"]
    assert votes_forward.axes == {"u": "n,i,p", "W": "i,j,q,p"}


@pytest.mark.parametrize("call", [
    lambda W: votes_forward(U, W), lambda W: votes_forward(U, W=W),
    lambda W: votes_forward(W=W, u=U)],
    ids=["by place", "mixed", "by name"])
def test_arguments_are_checked_by_place_and_by_name(call):
    refuses(ValueError, "W: got shape (3, 10, 16, 4), wanted (i, j, q, p) with p = 8 as in u",
            call, VOTERS[..., :4])


@pytest.mark.parametrize("u, said", [(None, "NoneType"), ([[[1.0]]], "list")])
def test_an_argument_that_is_not_optional_must_be_an_array(u, said):
    refuses(TypeError, f"u: got {said}, wanted a NumPy or CuPy array", votes_forward, u, VOTERS)


def test_a_call_without_an_argument_gets_pythons_own_message():
    with pytest.raises(TypeError, match=r"votes_forward\(\) missing 1 required .* 'W'"):
        votes_forward(U)
    with pytest.raises(TypeError, match=r"votes_forward\(\) got an unexpected .* 'width'"):
        votes_forward(U, VOTERS, width=3)


@door(x="n,f")
def scaled(x, scale=1.0, sizes=(), *, flag: bool = False, table: dict | None = None):
    return x * scale, scale, sizes


def test_a_numpy_scalar_becomes_a_number_whose_precision_is_that_of_the_arrays():
    x = np.ones((2, 3), np.float32)
    for call in (lambda: scaled(x, np.float64(0.5)), lambda: scaled(x, scale=np.float64(0.5))):
        y, scale, _ = call()
        assert y.dtype == np.float32 and type(scale) is float and scale == 0.5
    _, _, sizes = scaled(x, sizes=(np.int64(3), [np.float32(0.5)], "a"))
    assert sizes == (3, [0.5], "a") and type(sizes[0]) is int and type(sizes[1][0]) is float
    refuses(TypeError, "x: got float64, wanted the precision of cache[0], float32",
            door(lambda **_: None, cache=("n,f",), x="n,f")(lambda x, cache: x),
            x=np.ones((2, 3)), cache=(x,))
    refuses(ValueError, "x: got shape (), wanted (n, f)", scaled, np.float64(3))


def test_an_annotated_argument_has_that_type():
    x = np.ones((2, 3))
    assert scaled(x, flag=True, table={}) and scaled(x, flag=np.bool_(True), table=None)
    refuses(TypeError, "flag: got ndarray, wanted bool", scaled, x, flag=x > 0)
    refuses(TypeError, "flag: got int, wanted bool", scaled, x, flag=1)
    refuses(TypeError, "table: got float, wanted dict | None", scaled, x, table=0.5)


def test_an_optional_argument_may_be_none_but_not_wrong():
    @door(x="n,f", mask="bool n,f", bias="f")
    def masked(x, mask=None, bias=None):
        return x if mask is None else x * mask

    x = np.ones((2, 3))
    assert masked(x) is x and masked(x, None) is x and masked(x, mask=None, bias=None) is x
    assert masked(x, x > 2).sum() == 0
    refuses(TypeError, "mask: got dtype float64, wanted bool", masked, x, x)
    refuses(ValueError, "mask: got shape (2, 2), wanted (n, f) with f = 3 as in x",
            masked, x, x[:, :2] > 2)
    refuses(ValueError, "bias: got shape (2,), wanted (f,) with f = 3 as in x",
            masked, x, bias=np.ones(2))


def test_a_cache_is_checked_first_and_names_its_entries():
    u_hat, cache = votes_forward(U, VOTERS)
    refuses(ValueError, "du_hat: got shape (4, 3, 10, 16), wanted (n, i, j, q) with n = 5 as in "
            "cache[0]", votes_backward, u_hat[:4], cache)
    refuses(TypeError, "du_hat: got float32, wanted the precision of cache[0], float64",
            votes_backward, u_hat.astype("float32"), cache)
    refuses(ValueError, "cache[1]: got shape (5, 3, 8), wanted (i, j, q, p)",
            votes_backward, u_hat, (U, U))


@pytest.mark.parametrize("cache, said", [
    (None, "NoneType"), (U, "ndarray"), ([U, VOTERS], "list"), ((U,), "tuple")])
def test_what_is_not_the_cache_of_the_forward(cache, said):
    refuses(TypeError, f"cache: got {said}, wanted the cache that the forward returned",
            votes_backward, np.ones((5, 3, 10, 16)), cache)


def test_only_the_leading_entries_of_a_cache_are_checked_and_it_may_have_names():
    class Cache(NamedTuple):
        u: object
        rounds: int

    @door(dv="n,q", cache=("n,q",))
    def backward(dv, cache):
        return cache.rounds * dv

    assert (backward(np.ones((2, 3)), Cache(np.ones((2, 3)), 3)) == 3).all()
    refuses(ValueError, "dv: got shape (2, 4), wanted (n, q) with q = 3 as in cache[0]",
            backward, np.ones((2, 4)), Cache(np.ones((2, 3)), 3))


def test_a_cache_that_is_one_bare_array():
    @door(dloss="", cache="n,k")
    def backward(dloss, cache):
        return dloss * cache

    y = np.ones((2, 3), "float32")
    for dloss in 2, 2.0, np.float32(2), np.asarray(2, "float32"):
        assert (backward(dloss, y) == 2).all()
    refuses(TypeError, "dloss: got float64, wanted the precision of cache, float32",
            backward, np.float64(2), y)
    refuses(ValueError, "dloss: got shape (1,), wanted ()", backward, np.ones(1, "float32"), y)
    refuses(ValueError, "cache: got shape (2,), wanted (n, k)", backward, 1.0, y[:, 0])
    refuses(TypeError, "cache: got tuple, wanted a NumPy or CuPy array", backward, 1.0, (y,))


def test_a_function_of_the_same_arguments_checks_what_axes_cannot_say():
    seen = []

    def check(params, x, rounds=3):
        seen.append((sorted(params), x.shape, rounds))
        if x.shape[1] != len(params):
            raise ValueError(f"params: got {len(params)}, wanted {x.shape[1]}")

    @door(check, x="n,f")
    def net(params, x, rounds=3):
        return x

    net({"W": 0, "bias": 1}, np.ones((4, 2)), rounds=1)
    assert seen == [(["W", "bias"], (4, 2), 1)]
    refuses(ValueError, "params: got 1, wanted 2", net, {"W": 0}, np.ones((4, 2)))
    refuses(TypeError, "x: got dtype int64, wanted floating-point numbers",
            net, {"W": 0}, np.ones((4, 1), "int64"))


class Counted:
    """A door that counts how often it checks, and what an op behind it calls."""

    def __init__(self):
        self.checks = 0

    def check(self, x, within=None):
        self.checks += 1

    def op(self):
        @door(self.check, x="n")
        def op(x, within=None):
            return within(x) if within else x
        return op


def test_an_op_called_by_another_is_not_checked_again():
    inner, outer = Counted(), Counted()
    inner_op, outer_op = inner.op(), outer.op()
    for _ in range(2):
        assert outer_op(np.ones(2), lambda x: inner_op(x.reshape(1, 2))).shape == (1, 2)
    assert (outer.checks, inner.checks) == (2, 0)
    refuses(ValueError, "x: got shape (1, 2), wanted (n,)", inner_op, np.ones((1, 2)))
    assert inner.checks == 1


def test_after_an_error_inside_the_next_call_is_checked_again():
    counted = Counted()
    op = counted.op()
    with pytest.raises(ZeroDivisionError):
        op(np.ones(2), lambda x: 1 / 0)
    refuses(ValueError, "x: got shape (1, 2), wanted (n,)", op, np.ones((1, 2)))
    with pytest.raises(ValueError):
        op(np.ones((2, 2)))
    refuses(ValueError, "x: got shape (1, 2), wanted (n,)", op, np.ones((1, 2)))
    assert counted.checks == 4


def in_thread(call):
    """Run call in a thread to its end; return what it returned or raised."""
    found = []

    def work():
        try:
            found.append(call())
        except ValueError as error:
            found.append(error)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found[0]


def test_threads_that_an_op_starts_in_its_context_are_inside_and_others_are_not():
    counted = Counted()
    op, wrong = counted.op(), np.ones((1, 2))

    def in_its_context(x):
        context = copy_context()
        return in_thread(lambda: context.run(op, wrong))

    assert op(np.ones(2), in_its_context) is wrong
    assert counted.checks == 1
    assert isinstance(op(np.ones(2), lambda x: in_thread(lambda: op(wrong))), ValueError)
    context = copy_context()
    assert isinstance(in_thread(lambda: context.run(op, wrong)), ValueError)
    assert counted.checks == 4


# Arrays.

def test_shapes_that_agree(xp):
    u, W = xp.zeros((5, 3, 8)), xp.zeros((3, 10, 16, 8))
    assert check_shapes(u=(u, "n,i,p"), W=(W, "i,j,q,p")) is xp
    check_shapes(x=(u, "...,p"), y=(u, "...,i"), z=(xp.zeros(8), "p"))
    check_shapes(u=(u, "n,i,p"), du=(u, u.shape), dloss=(xp.ones(()), ()))
    check_shapes(u=(u, (5, None, 8)), v=(W, (None,) * 4))


def test_nothing_to_check_is_numpys():
    assert check_shapes() is np


def test_letter_with_two_sizes(xp):
    u, W = xp.zeros((5, 3, 8)), xp.zeros((3, 10, 16, 4))
    refuses(ValueError, "W: got shape (3, 10, 16, 4), wanted (i, j, q, p) with p = 8 as in u",
            check_shapes, u=(u, "n,i,p"), W=(W, "i,j,q,p"))


def test_letter_twice_in_one_array(xp):
    refuses(ValueError, "A: got shape (2, 3), wanted (i, i) with i = 2 as in A",
            check_shapes, A=(xp.zeros((2, 3)), "i,i"))


@pytest.mark.parametrize("shape, axes, wanted", [
    ((5, 3), "n,i,p", "(n, i, p)"), ((5, 3, 8, 1), "n,i,p", "(n, i, p)"), ((), "n", "(n,)"),
    ((2, 3), "n", "(n,)"), ((8,), "...,i,p", "(..., i, p)"), ((1,), "", "()"), ((2, 3), "", "()")])
def test_wrong_number_of_axes(xp, shape, axes, wanted):
    refuses(ValueError, f"u: got shape {shape}, wanted {wanted}",
            check_shapes, u=(xp.zeros(shape), axes))


@pytest.mark.parametrize("shape", [(8,), (4, 8), (2, 4, 8)])
def test_leading_axes_stand_for_any_number_and_are_the_same_everywhere(xp, shape):
    check_shapes(x=(xp.zeros(shape), "...,p"), y=(xp.zeros((*shape[:-1], 3)), "...,q"))
    refuses(ValueError, f"y: got shape {(7, *shape)}, wanted (..., p) with ... = {shape[:-1]} as "
            "in x", check_shapes, x=(xp.zeros(shape), "...,p"), y=(xp.zeros((7, *shape)), "...,p"))


def test_leading_axes_of_another_size(xp):
    refuses(ValueError, "y: got shape (2, 5, 8), wanted (..., p) with ... = (2, 4) as in x",
            check_shapes, x=(xp.zeros((2, 4, 8)), "...,p"), y=(xp.zeros((2, 5, 8)), "...,p"))
    refuses(ValueError, "y: got shape (2, 4, 9), wanted (..., p) with p = 8 as in x",
            check_shapes, x=(xp.zeros((2, 4, 8)), "...,p"), y=(xp.zeros((2, 4, 9)), "...,p"))


@pytest.mark.parametrize("wanted, said", [
    ((5, 4), "(5, 4)"), ((5,), "(5,)"), ((), "()"), ((None, 4), "(n, 4)"), ((4, None), "(4, n)")])
def test_tuple_is_the_whole_shape(xp, wanted, said):
    refuses(ValueError, f"dv: got shape (5, 3), wanted {said}",
            check_shapes, dv=(xp.zeros((5, 3)), wanted))


@pytest.mark.parametrize("shape, axes", [
    ((0, 3), "n,i"), ((3, 0), "n,i"), ((0, 3), "...,i"), ((0, 3), (0, 3)), ((0,), "n"),
    ((0,), "n,i")])
def test_empty_arrays_are_refused_whatever_the_axes(xp, shape, axes):
    refuses(ValueError, f"u: got shape {shape}, wanted at least one along every axis",
            check_shapes, u=(xp.zeros(shape), axes))


def test_precisions_do_not_mix(xp):
    u, W = xp.zeros(3, dtype=np.float32), xp.zeros(3)
    refuses(TypeError, "W: got float64, wanted the precision of u, float32",
            check_shapes, u=(u, "n"), W=(W, "n"))
    refuses(TypeError, "z: got complex128, wanted the precision of u, float32",
            check_shapes, u=(u, "n"), z=(W.astype(np.complex128), "n"))


def test_the_one_array_of_another_precision_is_blamed_wherever_it_stands(xp):
    x, W = xp.zeros(3), xp.zeros(3, dtype=np.float32)
    for names in ("x", "W", "bias"), ("W", "x", "bias"), ("W", "bias", "x"):
        refuses(TypeError, "x: got float64, wanted the precision of W, float32",
                check_shapes, **{name: (x if name == "x" else W, "n") for name in names})


@pytest.mark.parametrize("real, cplx", [(np.float32, np.complex64), (np.float64, np.complex128)])
def test_complex_mixes_with_real_of_its_precision(xp, real, cplx):
    check_shapes(u=(xp.zeros(3, dtype=cplx), "n"), W=(xp.zeros(3, dtype=real), "n"))


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_numbers_must_be_floating_point(xp, dtype):
    refuses(TypeError, f"u: got dtype {dtype}, wanted floating-point numbers",
            check_shapes, u=(xp.zeros(3, dtype=dtype), "n"))


@pytest.mark.parametrize("u, name", [([0.0], "list"), (0.0, "float"), (None, "NoneType")])
def test_shapes_wants_arrays(u, name):
    refuses(TypeError, f"u: got {name}, wanted a NumPy or CuPy array", check_shapes, u=(u, "n"))


def test_memories_do_not_mix(monkeypatch):
    device = stand_in.activate(monkeypatch)
    labels = np.zeros(3, int)
    for name, other in [("W", (np.zeros(3), "n")), ("mask", (np.zeros(3, bool), "bool n")),
                        ("labels", (labels, "n < n"))]:
        with pytest.raises(TypeError, match=rf"^u, {name}: got arrays in different memories "
                                            r"\(device, host\), wanted"):
            check_shapes(u=(device.zeros(3), "n"), **{name: other})


def test_masks(xp):
    x, mask = xp.zeros((2, 3), dtype="float32"), xp.zeros((2, 3), dtype=bool)
    check_shapes(x=(x, "n,m"), mask=(mask, "bool n,m"))
    check_shapes(mask=(mask, "bool n,m"), x=(x, "n,m"))
    check_shapes(x=(x, "...,m"), mask=(mask, "bool ...,m"))
    refuses(TypeError, "mask: got dtype float32, wanted bool",
            check_shapes, x=(x, "n,m"), mask=(x, "bool n,m"))
    refuses(ValueError, "mask: got shape (2, 3), wanted (m, n) with m = 3 as in x",
            check_shapes, x=(x, "n,m"), mask=(mask, "bool m,n"))


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_labels_with_what_they_label(xp, dtype):
    z = xp.zeros((3, 4), dtype="float32")
    check_shapes(z=(z, "n,k"), labels=(xp.asarray([0, 3, 1], dtype=dtype), "n < k"))
    check_shapes(z=(z, "n,k"), labels=(xp.asarray([0, 3, 1], dtype=dtype), "n<k"))
    for labels, error, line in [
            ([0, 4, 1], ValueError, "labels: got values 0..4, wanted 0..3"),
            ([0, 1], ValueError, "labels: got shape (2,), wanted (3,)"),
            ([0.0, 1.0, 2.0], TypeError, "labels: got dtype float64, wanted an array of integers")]:
        refuses(error, line, check_shapes, z=(z, "n,k"), labels=(xp.asarray(labels), "n < k"))


def test_labels_are_named_as_the_argument_is(xp):
    refuses(ValueError, "wrong: got values 0..9, wanted 0..3", check_shapes,
            z=(xp.zeros((2, 4)), "n,k"), wrong=(xp.asarray([0, 9]), "n < k"))


def test_a_gradient_of_a_loss(xp):
    for dtype in "float32", "float64":
        y = xp.zeros((2, 3), dtype=dtype)
        for dloss in 1.0, 0.0005, 1, xp.ones((), dtype=dtype), y.sum():
            check_shapes(y=(y, "n,k"), dloss=(dloss, ""))
    for dtype, other in [("float32", "float64"), ("float64", "float32")]:
        refuses(TypeError, f"dloss: got {other}, wanted the precision of y, {dtype}", check_shapes,
                y=(xp.zeros((2, 3), dtype=dtype), "n,k"), dloss=(xp.ones((), dtype=other), ""))


def test_scalars_of_numpy_are_arrays_although_python_takes_them_for_numbers():
    check_shapes(y=(np.zeros(3), "n"), dloss=(np.float64(1), ""))
    refuses(TypeError, "dloss: got float64, wanted the precision of y, float32",
            check_shapes, y=(np.zeros(3, "float32"), "n"), dloss=(np.float64(1), ""))


@pytest.mark.parametrize("dloss, name", [
    ([1.0], "list"), ("1", "str"), (None, "NoneType"), (1j, "complex")])
def test_a_gradient_of_a_loss_is_a_number_or_an_array(dloss, name):
    refuses(TypeError, f"dloss: got {name}, wanted a NumPy or CuPy array",
            check_shapes, y=(np.zeros(3), "n"), dloss=(dloss, ""))


def test_like(xp):
    v = xp.zeros((2, 3), dtype="float32")
    assert check_like(dv=v, v=v) is xp
    refuses(ValueError, "dv: got shape (2, 1), wanted (2, 3)", check_like, dv=v[:, :1], v=v)
    refuses(TypeError, "dv: got float64, wanted the precision of v, float32",
            check_like, dv=v.astype("float64"), v=v)


def test_named_module_of_arrays(xp):
    assert named_xp(v=xp.zeros(3), labels=xp.zeros(2, dtype=np.int64)) is xp


def test_arguments_without_a_common_module_are_named(monkeypatch):
    device = stand_in.activate(monkeypatch)
    refuses(TypeError, "v, labels: got list, wanted a NumPy or CuPy array",
            named_xp, v=np.zeros(3), labels=[1])
    with pytest.raises(TypeError, match=r"^v, labels: got arrays in different memories "
                                        r"\(device, host\), wanted"):
        named_xp(v=device.zeros(3), labels=np.zeros(3))


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
    ([0, 10], "labels: got values 0..10, wanted 0..9"),
    ([3, -1], "labels: got values -1..3, wanted 0..9"),
    ([0, 1, 2], "labels: got shape (3,), wanted (2,)"),
    ([[0, 1]], "labels: got shape (1, 2), wanted (2,)"),
    (3, "labels: got shape (), wanted (2,)")])
def test_labels_with_a_wrong_value_or_shape(xp, labels, line):
    refuses(ValueError, line, check_labels, xp.asarray(labels), 2, 10)


def test_no_labels_at_all(xp):
    refuses(ValueError, "labels: got shape (0,), wanted (at least 1,)",
            check_labels, xp.zeros(0, dtype=np.int64), 0, 10)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 2, 2, 1)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_must_be_finite(xp, bad, shape):
    x = xp.zeros(shape)
    check_finite(x=x)
    if len(shape) > 1:
        x[1, ..., 0] = bad
    else:
        x[1] = bad
    x[3] = bad
    refuses(ValueError, "x: got NaN or infinity in 2 of 4 samples, first in number 1, wanted "
            "finite numbers", check_finite, y=xp.zeros(2), x=x)


def test_images(xp):
    images = xp.zeros((2, 28, 28, 1), dtype=np.float32)
    check_images(images)
    images[1, 3] = np.nan
    refuses(ValueError, "images: got NaN or infinity in 1 of 2 samples, first in number 1, wanted "
            "finite numbers", check_images, images)


@pytest.mark.parametrize("error, line, shape, dtype", [
    (ValueError, "images: got shape (0, 8, 8, 1), wanted at least one along every axis",
     (0, 8, 8, 1), "float32"),
    (ValueError, "images: got shape (2, 8, 8), wanted (n, h, w, c)", (2, 8, 8), "float32"),
    (TypeError, "images: got dtype uint8, wanted floating-point numbers", (1, 8, 8, 1), "uint8")])
def test_what_images_are_not(xp, error, line, shape, dtype):
    refuses(error, line, check_images, xp.zeros(shape, dtype=dtype))


# Numbers and choices.

@pytest.mark.parametrize("count", [1, 3, np.int64(3), np.uint8(1)])
def test_counts(count):
    check_count(iterations=count, classes=10)


@pytest.mark.parametrize("count", [
    0, -1, True, False, 2.5, 3.0, np.float64(3), np.True_, np.int64(0), "3", None])
def test_what_does_not_count(count):
    refuses(ValueError, f"iterations: got {count!r}, wanted an integer of at least 1",
            check_count, classes=10, iterations=count)


NO_NUMBER = [float("nan"), "a", None, np.array([0.5, 0.5])]


@pytest.mark.parametrize("check, wanted, good, bad", [
    (check_positive, "a finite number above 0", [1e-300, 2, np.float32(0.5)], [0, -1.0, np.inf]),
    (check_not_negative, "a finite number of at least 0", [0, 0.0, 3], [-1e-9, np.inf]),
    (check_fraction, "a number in [0, 1]", [0, 0.5, 1, 1.0], [-1e-9, 1.001]),
    (check_below_one, "a number in [0, 1)", [0, 0.5, 1 - 1e-9], [-1e-9, 1, 1.001])])
def test_numbers_in_a_range(check, wanted, good, bad):
    for number in good:
        check(weight=number)
    for number in bad + NO_NUMBER:
        refuses(ValueError, f"weight: got {number!r}, wanted {wanted}",
                check, fine=0.5, weight=number)


def test_choices():
    check_choice(("maximise", "minimise"), goal="minimise", other="maximise")
    for value in "max", "", None, 1:
        refuses(ValueError, f"goal: got {value!r}, wanted maximise or minimise",
                check_choice, ("maximise", "minimise"), goal=value)


# Memory.

VOTES = dict(n=128, i=1152, j=1000, q=16)
"""In float32 128·1152·1000·16·4 = 9,437,184,000 bytes, 8.8 GiB."""


def test_what_cannot_fit_is_refused_with_its_size(xp, monkeypatch):
    monkeypatch.setattr(checks, "free_memory", lambda xp: 2 ** 30)
    refuses(MemoryError, "u_hat: got n = 128, i = 1,152, j = 1,000, q = 16, 8.8 GiB, wanted at "
            "most the 1.0 GiB that are free",
            check_memory, xp, np.dtype("float32"), u_hat=VOTES)


@pytest.mark.parametrize("dtype, need", [("float32", 9_437_184_000), ("float64", 18_874_368_000)])
def test_what_just_fits_is_let_through(monkeypatch, dtype, need):
    monkeypatch.setattr(checks, "free_memory", lambda xp: need)
    check_memory(np, np.dtype(dtype), u_hat=VOTES)
    monkeypatch.setattr(checks, "free_memory", lambda xp: need - 1)
    with pytest.raises(MemoryError, match="^u_hat: got n = 128, "):
        check_memory(np, np.dtype(dtype), u_hat=VOTES)


def test_every_array_is_checked_for_memory(monkeypatch):
    monkeypatch.setattr(checks, "free_memory", lambda xp: 2 ** 30)
    with pytest.raises(MemoryError, match="^b: got m = 268,435,457, 1.0 GiB, wanted at most the "
                                          "1.0 GiB that are free"):
        check_memory(np, np.dtype("float32"), a=dict(m=2 ** 28), b=dict(m=2 ** 28 + 1))


def test_the_free_memory_is_not_looked_up_for_small_arrays(monkeypatch):
    def never(xp):
        raise AssertionError("looked up")
    monkeypatch.setattr(checks, "free_memory", never)
    check_memory(np, np.dtype("float32"), u_hat=dict(m=2 ** 24))                    # 64 MiB
    with pytest.raises(AssertionError, match="looked up"):
        check_memory(np, np.dtype("float32"), u_hat=dict(m=2 ** 24 + 1))


def test_where_the_free_memory_is_unknown_everything_is_let_through(monkeypatch):
    monkeypatch.setattr(checks, "free_memory", lambda xp: None)
    check_memory(np, np.dtype("float32"), u_hat=VOTES | dict(n=10 ** 12))


# Numbers too large for their precision.

def test_half_precision_has_no_mean_of_a_hundred_thousand_samples():
    many = np.zeros((65505, 1), np.float16)
    check_shapes(x=(many[1:], "n,k"))
    check_shapes(x=(many.astype("float32"), "n,k"))
    for x in many, many.T:
        refuses(TypeError, f"x: got float16 of shape {x.shape}, wanted float32: half precision has "
                "no number above 65,504, so means and sums over an axis like this do not fit",
                check_shapes, x=(x, "n,k"))


@pytest.mark.parametrize("dtype, largest", [("float16", 255), ("float32", 1.8e19),
                                            ("float64", 1.3e154)])
def test_vectors_whose_squared_length_overflows(dtype, largest):
    x = np.array([[0, 1], [0, -largest]], dtype)
    check_shapes(x=(x, "square n,f"))
    check_shapes(x=(np.array([[np.inf, np.nan]], dtype), "square n,f"))
    refuses(ValueError, f"x: got numbers up to {2 * largest:.3g}, wanted vectors whose squared "
            f"length {dtype} can hold", check_shapes, x=(2 * x, "square n,f"))
    refuses(ValueError, "x: got shape (2,), wanted (n, f)", check_shapes, x=(x[0], "square n,f"))


def test_a_folder_is_no_file(tmp_path):
    refuses(FileNotFoundError, f"{tmp_path}: got a folder, wanted a map", check_file, tmp_path,
            "a map")
    path = tmp_path / "map"
    refuses(FileNotFoundError, f"{path}: got no such file, wanted a map", check_file, path, "a map")
    path.touch()
    check_file(path, "a map")


@pytest.mark.parametrize("check", [check_count, check_positive, check_not_negative, check_fraction])
def test_an_array_in_place_of_a_number_is_shown_in_one_line(check):
    with pytest.raises(ValueError, match=r"^x: got array\(\[\[0\.\], \[0\.\]\]\), wanted "):
        check(x=np.zeros((2, 1)))


def test_an_array_in_place_of_a_word():
    refuses(ValueError, "x: got array([0., 0.]), wanted a or b", check_choice, "ab", x=np.zeros(2))
