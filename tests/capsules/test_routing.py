"""Routing by agreement (S17 Procedure 1) and its gradient through all rounds."""
import inspect
import math

import numpy as np
import pytest

from tests.reference import capsules as reference
from tests.ops.facts import (ALONG_DIRECTIONS, close, defaults, draw, on, on_device, refuses,
                             refuses_two_memories, stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.capsules import routing_backward, routing_forward, squash_forward
from tinycaps.gradcheck import assert_gradients, check_gradients

SHAPE = 2, 4, 3, 2                  # n i j q, all but two different
rounds = pytest.mark.parametrize("iterations", [1, 2, 3, 4])


@pytest.fixture
def u_hat(xp):
    """Votes long enough to be routed: the coupling gets far from even."""
    return xp.asarray(2 * draw(SHAPE)[0])


@rounds
def test_equals_the_loops_in_every_round(xp, iterations):
    u_hat, = draw((2, 5, 3, 4))
    v, cache = routing_forward(xp.asarray(u_hat), iterations)
    wanted = [reference.routing(sample, iterations) for sample in u_hat]
    close(v, [v for v, _ in wanted])
    assert len(cache.coupling) == iterations
    for t in range(iterations):
        close(cache.coupling[t], [coupling[t] for _, coupling in wanted])


def test_three_rounds_by_default(u_hat):
    close(routing_forward(u_hat)[0], routing_forward(u_hat, iterations=3)[0])


@rounds
def test_gradients(xp, u_hat, iterations):
    assert_gradients(routing_forward, routing_backward, u_hat, iterations=iterations,
                     **ALONG_DIRECTIONS)


@rounds
def test_gradients_entry_by_entry(iterations):
    assert_gradients(routing_forward, routing_backward, 2 * draw(SHAPE)[0], iterations=iterations)


def changed_backward(line, by):
    """Return routing_backward with a piece of its source changed."""
    source = inspect.getsource(routing_backward)
    assert source.count(line) == 1
    names = dict(vars(inspect.getmodule(routing_backward)))
    exec(source.replace(line, by), names)
    return names["routing_backward"]


@pytest.mark.parametrize("iterations, caught", [(1, False), (2, False), (3, True), (4, True)])
def test_a_forgotten_straight_path_of_the_logits_shows_from_three_rounds_up(iterations, caught):
    faulty = changed_backward("db = db + softmax_backward", "db = softmax_backward")
    row, = check_gradients(routing_forward, faulty, 2 * draw(SHAPE)[0], iterations=iterations).rows
    assert row.verdict == ("WRONG" if caught else "ok")


@pytest.mark.parametrize("iterations, caught", [(1, False), (2, True), (3, True)])
def test_a_coupling_taken_for_constant_shows_from_two_rounds_up(iterations, caught):
    faulty = changed_backward("if cache.stop_gradient:", "if True:")
    row, = check_gradients(routing_forward, faulty, 2 * draw(SHAPE)[0], iterations=iterations).rows
    assert row.verdict == ("WRONG" if caught else "ok")


def frozen(u_hat, iterations):
    """The last round as a function of the votes alone, with its coupling held constant.

    Its cache is that of the whole procedure.
    """
    c = routing_forward(u_hat, iterations)[1].coupling[-1][..., None]

    def forward(u_hat):
        _, cache = routing_forward(u_hat, iterations, stop_gradient=True)
        return squash_forward((c * u_hat).sum(axis=1))[0], cache
    return forward


@rounds
def test_stop_gradient_is_the_gradient_with_the_coupling_frozen(u_hat, iterations):
    assert_gradients(frozen(u_hat, iterations), routing_backward, u_hat, **ALONG_DIRECTIONS)


@pytest.mark.parametrize("iterations, same", [(1, True), (2, False), (3, False)])
def test_stop_gradient_changes_no_value_and_every_gradient_but_that_of_one_round(
        u_hat, iterations, same):
    v, cache = routing_forward(u_hat, iterations)
    stopped, stopped_cache = routing_forward(u_hat, iterations, stop_gradient=True)
    assert (v == stopped).all()
    exact, short = (to_numpy(routing_backward(v, each)) for each in (cache, stopped_cache))
    assert np.allclose(exact, short, rtol=0.01) == same


def test_routing_by_hand(xp):
    # Both children vote (1, 0) for parent 1. For parent 2, child 1 votes 2 (0.6, 0.8) and child 2
    # votes (0, 0). Two rounds.
    u_hat = xp.asarray(np.array([[[[1.0, 0.0], [1.2, 1.6]], [[1.0, 0.0], [0.0, 0.0]]]]))
    v, cache = routing_forward(u_hat, iterations=2)
    # Round 1: c = ½. s_1 = ½ + ½ = 1 long, s_2 = ½·2 + 0 = 1 long, and squash halves what has
    # length one.
    close(cache.coupling[0], [[[0.5, 0.5], [0.5, 0.5]]])
    close(cache.v[0], [[[0.5, 0.0], [0.3, 0.4]]])
    # Agreement: b_11 = b_21 = ½, b_12 = 2·½ = 1, b_22 = 0. So with a = 1/(1 + e^½) = 0.3775…
    # child 1 has c_11 = e^½/(e^½ + e) = a and c_12 = 1 − a,
    # child 2 has c_21 = e^½/(e^½ + 1) = 1 − a and c_22 = a.
    a = 1 / (1 + math.exp(0.5))
    close(cache.coupling[1], [[[a, 1 - a], [1 - a, a]]])
    # Round 2: s_1 = a + 1 − a = 1 long, so v_1 = ½.
    # s_2 = 2 (1 − a) = 1.2449… long, so ‖v_2‖ = 1.5498…/2.5498… = 0.6078…
    square = (2 * (1 - a)) ** 2
    length = square / (1 + square)
    assert abs(length - 0.6078) < 1e-4
    close(v, [[[0.5, 0.0], [length * 0.6, length * 0.8]]])

    # Backward from dv_1 = (1, 0), dv_2 = 0. At length one squash halves gradients, too.
    # Round 2: ds_1 = (½, 0), so children 1 and 2 get a/2 and (1 − a)/2 along (1, 0).
    # dc_11 = dc_21 = ½, so db_i1 = c_i1 (½ − c_i1 ½) = a (1 − a)/2 = d and db_i2 = −d.
    # Round 1: dv_1 = d + d along (1, 0) and dv_2 = −2d (0.6, 0.8); ds is half of that. Line 7 adds
    # d v_1 = d (½, 0) and −d v_2 = −d (0.3, 0.4), line 5 adds ds/2, which is the same once more.
    d = a * (1 - a) / 2
    du_hat = routing_backward(xp.asarray(np.array([[[1.0, 0.0], [0.0, 0.0]]])), cache)
    close(du_hat, [[[[a / 2 + d, 0.0], [-0.6 * d, -0.8 * d]],
                    [[(1 - a) / 2 + d, 0.0], [-0.6 * d, -0.8 * d]]]])


@rounds
def test_coupling_of_a_child_sums_to_one_over_the_parents_and_not_the_other_way(u_hat, iterations):
    for c in map(to_numpy, routing_forward(u_hat, iterations)[1].coupling):
        close(c.sum(axis=2), np.ones((2, 4)))
        assert (c > 0).all() and abs(c.sum(axis=1) - 1).min() > 0.01


def test_one_round_couples_evenly(u_hat):
    v, cache = routing_forward(u_hat, iterations=1)
    close(cache.coupling[0], np.full((2, 4, 3), 1 / 3))
    close(v, squash_forward(u_hat.sum(axis=1) / 3)[0])


def test_outputs_are_shorter_than_one(u_hat):
    assert ((100 * u_hat) ** 2).sum() > 1e4
    assert (to_numpy((routing_forward(100 * u_hat)[0] ** 2).sum(axis=-1)) < 1).all()


def test_order_of_the_children_does_not_matter(u_hat):
    v, cache = routing_forward(u_hat)
    turned, turned_cache = routing_forward(u_hat[:, [2, 0, 3, 1]])
    close(turned, v)
    close(routing_backward(v, turned_cache), routing_backward(v, cache)[:, [2, 0, 3, 1]])


def test_order_of_the_parents_is_the_order_of_the_outputs(u_hat):
    v, cache = routing_forward(u_hat)
    turned, turned_cache = routing_forward(u_hat[:, :, [1, 2, 0]])
    close(turned, v[:, [1, 2, 0]])
    close(turned_cache.coupling[-1], cache.coupling[-1][:, :, [1, 2, 0]])


def test_rotated_votes_give_rotated_outputs(xp, u_hat):
    matrices, = draw((3, 2, 2))
    # One rotation for each parent.
    rotations = xp.asarray(np.stack([np.linalg.qr(A)[0] for A in matrices]))
    v, cache = routing_forward(u_hat)
    turned, turned_cache = routing_forward(xp.einsum("nijq,jqr->nijr", u_hat, rotations))
    close(turned, xp.einsum("njq,jqr->njr", v, rotations))
    close(turned_cache.coupling[-1], cache.coupling[-1])
    close(routing_backward(turned, turned_cache),
          xp.einsum("nijq,jqr->nijr", routing_backward(v, cache), rotations))


def test_samples_do_not_see_each_other(u_hat):
    v, cache = routing_forward(u_hat)
    alone, alone_cache = routing_forward(u_hat[1:])
    close(alone, v[1:])
    close(routing_backward(alone, alone_cache), routing_backward(v, cache)[1:])


def test_children_that_agree_win_and_the_outlier_turns_away(xp):
    # Three children cast the same vote for parent 0, the fourth the opposite one; for parent 1 all
    # votes are short.
    votes = np.zeros((1, 4, 2, 2))
    votes[0, :3, 0], votes[0, 3, 0], votes[0, :, 1] = (2.0, 0.0), (-2.0, 0.0), (0.0, 0.1)
    _, cache = routing_forward(xp.asarray(votes))
    towards = np.array([to_numpy(c)[0, :, 0] for c in cache.coupling])      # rounds × children
    assert (np.diff(towards[:, :3], axis=0) > 0).all() and (np.diff(towards[:, 3]) < 0).all()


@rounds
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_votes_of_zero_give_zero_and_finite_gradients(xp, iterations, dtype):
    v, cache = routing_forward(xp.zeros(SHAPE, dtype=dtype), iterations)
    du_hat = routing_backward(xp.ones((2, 3, 2), dtype=dtype), cache)
    assert not v.any() and not du_hat.any()


@pytest.mark.parametrize("stop_gradient", [False, True])
def test_float32_stays_float32(xp, stop_gradient):
    v, cache = routing_forward(*on(xp, *draw(SHAPE, dtype="float32")), stop_gradient=stop_gradient)
    stays_float32(xp, v, routing_backward(v, cache), *cache.coupling, *cache.v)


def test_bad_input(xp, u_hat):
    refuses(ValueError, "u_hat", "(n, i, j, q)", routing_forward, u_hat[0])
    refuses(TypeError, "u_hat", "floating-point numbers", routing_forward, u_hat.astype("int64"))
    for empty in u_hat[:0], u_hat[:, :0]:
        refuses(ValueError, "u_hat", "at least one along every axis", routing_forward, empty)
    for iterations in 0, -1, 2.0, True, None:
        refuses(ValueError, "iterations", "an integer of at least 1", routing_forward, u_hat,
                iterations)
    v, cache = routing_forward(u_hat)
    refuses(ValueError, "dv", "j = 3", routing_backward, v.swapaxes(1, 2), cache)
    refuses(ValueError, "dv", "q = 2", routing_backward, v[..., :1], cache)
    refuses(TypeError, "dv", "float64", routing_backward, v.astype("float32"), cache)


@on_device
def test_host_and_device_do_not_mix(xp, u_hat):
    refuses_two_memories(r"cache\[0\], dv", routing_backward, np.zeros((2, 3, 2)),
                         routing_forward(u_hat)[1])


def test_defaults_are_those_of_the_paper():
    # S17 section 4: "we use 3 iterations of routing"; all of it is differentiated.
    assert defaults(routing_forward) == dict(iterations=3, stop_gradient=False)
