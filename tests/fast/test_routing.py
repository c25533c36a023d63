"""Routing by batched products equals the plain one: values, coupling and gradients."""
import numpy as np
import pytest

from tests.ops.facts import (ALONG_DIRECTIONS, defaults, draw, near, on, on_device, refuses,
                             refuses_two_memories, stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.capsules import routing_backward, routing_forward
from tinycaps.fast import fast_routing_backward, fast_routing_forward
from tinycaps.gradcheck import assert_gradients

SHAPE = 2, 5, 3, 4                  # n i j q, all different
rounds = pytest.mark.parametrize("iterations", [1, 2, 3, 4])
stopped_or_not = pytest.mark.parametrize("stop_gradient", [False, True], ids=["exact", "stopped"])


def case(xp, dtype="float64"):
    """Votes long enough to be routed, and an upstream gradient."""
    u_hat, dv = draw(SHAPE, (2, 3, 4), dtype=dtype)
    return on(xp, 2 * u_hat, dv)


@rounds
def test_equals_plain_routing_in_value_and_in_the_coupling_of_every_round(xp, iterations):
    u_hat, _ = case(xp)
    v, cache = fast_routing_forward(u_hat, iterations)
    want, wanted = routing_forward(u_hat, iterations)
    near(v, want)
    assert len(cache.coupling) == len(cache.v) == iterations
    for t in range(iterations):
        near(cache.coupling[t], wanted.coupling[t])
        near(cache.v[t], wanted.v[t])
    assert iterations == 1 or np.ptp(to_numpy(cache.coupling[-1])) > 0.3        # far from even


@rounds
@stopped_or_not
def test_equals_plain_routing_in_the_gradient(xp, iterations, stop_gradient):
    u_hat, dv = case(xp)
    v, cache = fast_routing_forward(u_hat, iterations, stop_gradient)
    want, wanted = routing_forward(u_hat, iterations, stop_gradient)
    near(v, want)
    near(fast_routing_backward(dv, cache), routing_backward(dv, wanted))


def test_three_rounds_and_an_exact_gradient_by_default(xp):
    u_hat, dv = case(xp)
    caches = fast_routing_forward(u_hat)[1], fast_routing_forward(u_hat, 3, False)[1]
    first, second = (to_numpy(fast_routing_backward(dv, cache)) for cache in caches)
    assert np.array_equal(first, second)


@rounds
def test_gradients(xp, iterations):
    u_hat, _ = case(xp)
    assert_gradients(fast_routing_forward, fast_routing_backward, u_hat, iterations=iterations,
                     **ALONG_DIRECTIONS)


@rounds
def test_gradients_entry_by_entry(iterations):
    u_hat, _ = case(np)
    assert_gradients(fast_routing_forward, fast_routing_backward, u_hat, iterations=iterations)


@rounds
@stopped_or_not
def test_the_gradient_is_written_where_it_is_wanted(xp, iterations, stop_gradient):
    u_hat, dv = case(xp)
    _, cache = fast_routing_forward(u_hat, iterations, stop_gradient)
    want = fast_routing_backward(dv, cache)
    out = xp.full(SHAPE, np.nan)
    assert fast_routing_backward(dv, cache, out=out) is out
    assert np.array_equal(to_numpy(out), to_numpy(want))


@rounds
def test_the_gradient_may_overwrite_the_votes(xp, iterations):
    u_hat, dv = case(xp)
    want = fast_routing_backward(dv, fast_routing_forward(u_hat, iterations)[1])
    _, cache = fast_routing_forward(u_hat, iterations)
    fast_routing_backward(dv, cache, out=u_hat)
    assert np.array_equal(to_numpy(u_hat), to_numpy(want))


def test_nothing_else_is_written_and_the_cache_can_be_used_twice(xp):
    u_hat, dv = case(xp)
    v, cache = fast_routing_forward(u_hat)
    only_read = u_hat, dv, v, *cache.coupling, *cache.v
    before = [to_numpy(array).copy() for array in only_read]
    first, second = (to_numpy(fast_routing_backward(dv, cache)) for _ in range(2))
    assert np.array_equal(first, second)
    assert all(np.array_equal(to_numpy(a), b) for a, b in zip(only_read, before))


@stopped_or_not
def test_float32_stays_float32(xp, stop_gradient):
    u_hat, dv = case(xp, "float32")
    v, cache = fast_routing_forward(u_hat, stop_gradient=stop_gradient)
    stays_float32(xp, v, fast_routing_backward(dv, cache), *cache.coupling, *cache.v)


@rounds
def test_votes_of_zero_give_zero_and_finite_gradients(xp, iterations):
    v, cache = fast_routing_forward(xp.zeros(SHAPE), iterations)
    assert not v.any() and not fast_routing_backward(xp.ones_like(v), cache).any()


def test_bad_input(xp):
    u_hat, dv = case(xp)
    forward, backward = fast_routing_forward, fast_routing_backward
    refuses(ValueError, "u_hat", "(n, i, j, q)", forward, u_hat[0])
    refuses(TypeError, "u_hat", "floating-point numbers", forward, u_hat.astype("int64"))
    for iterations in 0, -1, 2.0, True, None:
        refuses(ValueError, "iterations", "an integer of at least 1", forward, u_hat, iterations)
    _, cache = forward(u_hat)
    refuses(ValueError, "dv", "j = 3", backward, dv.swapaxes(1, 2), cache)
    refuses(ValueError, "dv", "q = 4", backward, dv[..., :1], cache)
    refuses(TypeError, "dv", "float64", backward, dv.astype("float32"), cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    _, dv = case(np)
    u_hat, _ = case(xp)
    refuses_two_memories(r"cache\[0\], dv", fast_routing_backward, dv,
                         fast_routing_forward(u_hat)[1])


def test_defaults_are_those_of_the_plain_routing():
    assert defaults(fast_routing_forward) == defaults(routing_forward)
