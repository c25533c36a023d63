"""A layer with an objective of its own: what its backward returns, and what not (H22 section 2)."""
import math
from functools import partial

import numpy as np
import pytest

from tests.reference import forward_forward, ops
from tests.gradcheck.pairs import verdict
from tests.ops.facts import (ALONG_DIRECTIONS, close, defaults, draw, on, on_device, refuses,
                             refuses_bad_dloss, refuses_two_memories, stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.forward_forward import ff_layer_loss_backward, ff_layer_loss_forward
from tinycaps.gradcheck import assert_gradients
from tinycaps.optim import sgd

SIGNS = {"maximise": 1, "minimise": -1}
goals = pytest.mark.parametrize("goal", SIGNS)
F, M, N = 6, 5, 4


def layer(xp, dtype="float64"):
    """W, bias, positive samples, negative samples, running means.

    Some activities are zero, and no unit is always off.
    """
    W, bias, x_pos, x_neg, means = draw((F, M), (M,), (N, F), (N, F), (M,), dtype=dtype)
    return on(xp, W / 2, abs(bias), x_pos, x_neg, means + 1)


def gradients(W, bias, x_pos, x_neg, means=None, **settings):
    _, cache = ff_layer_loss_forward(W, bias, x_pos, x_neg, means, **settings)
    return ff_layer_loss_backward(1.0, cache)


@goals
def test_equals_the_loops(xp, goal):
    W, bias, x_pos, x_neg, _ = layer(np)
    loss, cache = ff_layer_loss_forward(*on(xp, W, bias, x_pos, x_neg), theta=3.0, goal=goal)
    assert loss.shape == () and cache.mean_activity is None
    close(loss, forward_forward.ff_layer_loss(W, bias, x_pos, x_neg, 3.0, SIGNS[goal]))
    close(cache.y, [ops.relu(ops.linear(x, W, bias)) for x in (*x_pos, *x_neg)])
    close(cache.goodness, [forward_forward.goodness(y) for y in to_numpy(cache.y)])
    for got, want in zip(ff_layer_loss_backward(1.0, cache),
                         forward_forward.ff_layer_gradient(W, bias, x_pos, x_neg, 3.0,
                                                           SIGNS[goal])):
        close(got, want)


@pytest.mark.parametrize("exact", [False, True])
def test_equals_the_loops_with_peers(xp, exact):
    W, bias, x_pos, x_neg, means = layer(np)
    loss, cache = ff_layer_loss_forward(*on(xp, W, bias, x_pos, x_neg, means), theta=3.0,
                                        peer_weight=0.2, exact=exact)
    y = [ops.relu(ops.linear(x, W, bias)) for x in x_pos]
    close(loss, forward_forward.ff_layer_loss(W, bias, x_pos, x_neg, 3.0)
          + forward_forward.peer_normalisation(y, means, 0.2))
    running = forward_forward.running_means(y, means)
    close(cache.mean_activity, running)
    push = [2 * 0.2 * (a - sum(running) / M) for a in running]
    wanted = forward_forward.ff_layer_gradient(W, bias, x_pos, x_neg, 3.0, push=push,
                                               through_relu=not exact)
    for got, want in zip(ff_layer_loss_backward(1.0, cache), wanted):
        close(got, want)


@goals
def test_gradients(xp, goal):
    W, bias, x_pos, x_neg, _ = layer(xp)
    report = assert_gradients(ff_layer_loss_forward, ff_layer_loss_backward, W, bias, x_pos=x_pos,
                              x_neg=x_neg, goal=goal, theta=3.0, **ALONG_DIRECTIONS)
    assert [row.name for row in report.rows] == ["W", "bias"]


@goals
def test_gradients_entry_by_entry(goal):
    W, bias, x_pos, x_neg, means = layer(np)
    assert_gradients(ff_layer_loss_forward, ff_layer_loss_backward, W, bias, x_pos=x_pos,
                     x_neg=x_neg, mean_activity=means, exact=True, goal=goal, theta=3.0)


def test_there_are_two_gradients_and_none_of_them_is_dx(xp):
    W, bias, x_pos, x_neg, means = layer(xp)
    returned = gradients(W, bias, x_pos, x_neg, means)
    assert type(returned) is tuple
    assert [gradient.shape for gradient in returned] == [W.shape, bias.shape]


def test_ff_layer_loss_by_hand(xp):
    # One unit of weight 1, θ = 4: x = 2 gives y = 2 and G = 4, p = ½; x = 1 gives G = 1,
    # p = σ(−3) = 0.0474…
    W, bias, x_pos, x_neg = xp.ones((1, 1)), xp.zeros(1), xp.full((1, 1), 2.0), xp.ones((1, 1))
    loss, cache = ff_layer_loss_forward(W, bias, x_pos, x_neg, theta=4.0)
    low = 1 / (1 + math.exp(3))
    close(loss, math.log(2) - math.log(1 - low))
    # dz⁺ = −½·2·2 = −2 and dz⁻ = p·2·1: dW adds 2 dz⁺ + 1 dz⁻, dbias dz⁺ + dz⁻.
    dW, dbias = ff_layer_loss_backward(1.0, cache)
    close(dW, [[-4 + 2 * low]])
    close(dbias, [-2 + 2 * low])
    close(ff_layer_loss_backward(-3.0, cache)[0], [[12 - 6 * low]])


@pytest.mark.parametrize("exact, off", [(True, 0.0), (False, -0.006)])
def test_the_push_on_a_unit_that_is_off_by_hand(xp, exact, off):
    # x = 1 for both samples, z = (2, −1), so y = (2, 0), G = 4 = θ: p = ½, and the pulls of the
    # goodness, dz⁺ = −½·2·2 = −2 and dz⁻ = 2, cancel.
    W, bias, x = on(xp, np.array([[2.0, -1.0]]), np.array([0.0, 0.0]), np.array([[1.0]]))
    loss, cache = ff_layer_loss_forward(W, bias, x, x, xp.full(2, 0.5), theta=4.0, exact=exact)
    # a = 0.9·0.5 + 0.1·(2, 0) = (0.65, 0.45), 0.1 off the mean: loss 0.03/0.1·(0.01 + 0.01).
    close(cache.mean_activity, [0.65, 0.45])
    close(loss, 2 * math.log(2) + 0.006)
    # dy = 2·0.03·(0.1, −0.1). The second unit is off: a gradient does not reach it, the Matlab's
    # push does, and down that its weight and its bias rise.
    dW, dbias = ff_layer_loss_backward(1.0, cache)
    close(dW, [[0.006, off]])
    close(dbias, [0.006, off])


def test_a_step_to_a_wanted_goodness_by_hand(xp):
    # ‖x‖ = 1. y_1 = 0.6·1 + 0.8·3 = 3, y_2 = −2.4 + 6.4 = 4, z_3 = −3 is off: S = 9 + 16 = 25.
    # For S* = 36, ε = 6/5 − 1 = 0.2.
    W, bias, x, nothing = on(xp, np.array([[1.0, -4.0, -5.0], [3.0, 8.0, 0.0]]), np.zeros(3),
                             np.array([[0.6, 0.8]]), np.zeros((1, 2)))
    _, cache = ff_layer_loss_forward(W, bias, x, nothing, theta=25.0)
    close(cache.y[:1], [[3.0, 4.0, 0.0]])
    epsilon = math.sqrt(36 / 25) - 1
    moved = W + epsilon * cache.y[:1] * x.T         # ΔW_m = ε y_m x
    close(moved[:, 0], [1.36, 3.48])                # 1 + 0.2·3·0.6 and 3 + 0.2·3·0.8
    _, after = ff_layer_loss_forward(moved, bias, x, nothing)
    close(after.y[:1], [[3.6, 4.8, 0.0]])           # (1 + ε) y: the direction stays
    close(after.goodness[:1], [36.0])               # 12.96 + 23.04
    # It is a step down the layer's own gradient, dW = 2 dG y x with dG = −σ(θ − S) = −½, at a
    # learning rate of ε/(2·½) = ε. The sample of zeros has y = 0 and adds nothing.
    close(W - epsilon * ff_layer_loss_backward(1.0, cache)[0], moved)
    # With a mean square of one, ‖x‖² = f, the step is f = 2 times smaller.
    scaled = W / 2 ** 0.5 + epsilon / 2 * cache.y[:1] * (2 ** 0.5 * x.T)
    close(ff_layer_loss_forward(scaled, bias, 2 ** 0.5 * x, nothing)[1].goodness[:1], [36.0])


def test_theta_is_the_number_of_units_unless_given(xp):
    arrays = layer(xp)[:4]
    close(ff_layer_loss_forward(*arrays)[0], ff_layer_loss_forward(*arrays, theta=float(M))[0])


def test_a_layer_that_cannot_tell_positive_from_negative_learns_nothing_at_theta(xp):
    # W = 0 and y = bias = 1 for every sample: G = θ, both probabilities are ½, and the pulls of
    # both kinds cancel.
    W, bias, x_pos, _, _ = layer(xp)
    loss, cache = ff_layer_loss_forward(0 * W, 0 * bias + 1, x_pos, x_pos)
    close(loss, 2 * math.log(2))
    for gradient in ff_layer_loss_backward(1.0, cache):
        close(gradient, np.zeros(gradient.shape))


def test_maximise_and_minimise_are_mirror_images(xp):
    W, bias, x_pos, x_neg, _ = layer(xp)
    close(ff_layer_loss_forward(W, bias, x_pos, x_neg, goal="maximise")[0],
          ff_layer_loss_forward(W, bias, x_neg, x_pos, goal="minimise")[0])
    for one, other in zip(gradients(W, bias, x_pos, x_neg, goal="maximise"),
                          gradients(W, bias, x_neg, x_pos, goal="minimise")):
        close(one, other)


def test_a_step_down_the_gradient_raises_positive_and_lowers_negative_goodness(xp):
    W, bias, x_pos, x_neg, _ = layer(xp)
    params = {"W": W, "bias": bias}
    forward = partial(ff_layer_loss_forward, x_pos=x_pos, x_neg=x_neg, theta=3.0)
    before, cache = forward(W, bias)
    sgd(params, dict(zip(params, ff_layer_loss_backward(1.0, cache))), {}, learning_rate=0.01)
    after, moved = forward(**params)
    assert after < before
    assert moved.goodness[:N].sum() > cache.goodness[:N].sum()
    assert moved.goodness[N:].sum() < cache.goodness[N:].sum()


def test_peer_normalisation_passes_the_check_when_exact(xp):
    W, bias, x_pos, x_neg, means = layer(xp)
    assert_gradients(ff_layer_loss_forward, ff_layer_loss_backward, W, bias, x_pos=x_pos,
                     x_neg=x_neg, mean_activity=means, exact=True, peer_weight=0.3,
                     **ALONG_DIRECTIONS)


def test_peer_normalisation_as_in_the_matlab_is_not_the_gradient_and_the_checker_says_so(xp):
    W, bias, x_pos, x_neg, means = layer(xp)
    given = dict(x_pos=x_pos, x_neg=x_neg, mean_activity=means, peer_weight=0.3)
    for exact, wanted in (True, "ok"), (False, "WRONG"):
        assert verdict(ff_layer_loss_forward, ff_layer_loss_backward, W, bias, exact=exact, **given,
                       **ALONG_DIRECTIONS) == wanted


def test_the_matlab_departs_from_the_gradient_by_the_push_on_units_that_are_off(xp):
    W, bias, x_pos, x_neg, means = layer(np)
    exact, matlab = (gradients(*on(xp, W, bias, x_pos, x_neg, means), peer_weight=0.3, exact=exact)
                     for exact in (True, False))
    y = np.maximum(x_pos @ W + bias, 0)
    a = 0.9 * means + 0.1 * y.mean(axis=0)
    # Where y > 0 both push alike; negative samples are not pushed.
    ungated = (y == 0) * 2 * 0.3 * (a - a.mean()) / N
    assert (y == 0).any() and y.any(axis=0).all()
    close(to_numpy(matlab[0]) - to_numpy(exact[0]), x_pos.T @ ungated)
    close(to_numpy(matlab[1]) - to_numpy(exact[1]), ungated.sum(axis=0))


def test_a_dead_unit_is_woken_by_the_matlab_and_by_no_exact_gradient(xp):
    W, bias, x_pos, x_neg, means = layer(xp)
    bias[2] = -1000.0
    given = W, bias, x_pos, x_neg, 0 * means + 0.5
    dW, dbias = gradients(*given, exact=True)
    woken_W, woken_bias = gradients(*given, exact=False)
    assert not dW[:, 2].any() and dbias[2] == 0
    # Less active than its peers: down the gradient its bias rises.
    assert (woken_W[:, 2] != 0).all() and woken_bias[2] < 0
    assert dW[:, 0].any()


def test_without_running_means_there_is_no_peer_normalisation(xp):
    W, bias, x_pos, x_neg, means = layer(xp)
    alone, with_peers = (ff_layer_loss_forward(W, bias, x_pos, x_neg, *given)
                         for given in ((), (means,)))
    weightless = ff_layer_loss_forward(W, bias, x_pos, x_neg, means, peer_weight=0.0)
    assert alone[1].peer is None and with_peers[0] > alone[0]
    close(weightless[0], alone[0])
    for got, want in zip(ff_layer_loss_backward(1.0, weightless[1]),
                         ff_layer_loss_backward(1.0, alone[1])):
        close(got, want)


def test_a_scale_of_one_is_a_mean_square_of_one_with_larger_weights_and_a_larger_learning_rate(xp):
    # ‖x‖ = 1 instead of √f: with weights √f times as large the activities are the same. The
    # gradient is √f times smaller where it should be √f times larger, so the learning rate of W,
    # and of nothing else, is f times as large.
    W, bias, x_pos, x_neg, _ = layer(np)
    x_pos, x_neg = (x / np.sqrt((x * x).sum(axis=1, keepdims=True)) for x in (x_pos, x_neg))
    after = {}
    for scale, length, times, rate in (("mean square", F ** 0.5, 1.0, 0.02),
                                       ("length", 1.0, F ** 0.5, 0.02 * F)):
        params = dict(zip(("W", "bias"), on(xp, times * W, bias.copy())))
        inputs = on(xp, length * x_pos, length * x_neg)
        _, cache = ff_layer_loss_forward(params["W"], params["bias"], *inputs)
        dW, dbias = ff_layer_loss_backward(1.0, cache)
        for name, grad, learning_rate in ("W", dW, rate), ("bias", dbias, 0.02):
            sgd({name: params[name]}, {name: grad}, {}, learning_rate)
        after[scale] = cache, ff_layer_loss_forward(params["W"], params["bias"], *inputs)[1]
    for one, other in zip(*after.values()):
        close(one.y, other.y)
        close(one.goodness, other.goodness)
    before, moved = after["length"]
    assert abs(moved.goodness - before.goodness).max() > 0.01


def test_samples_of_zero_have_finite_gradients(xp):
    W, bias, x_pos, x_neg, means = layer(xp)
    loss, cache = ff_layer_loss_forward(W, 0 * bias, 0 * x_pos, 0 * x_neg, means)
    dW, dbias = ff_layer_loss_backward(1.0, cache)
    assert xp.isfinite(loss) and not dW.any() and xp.isfinite(dbias).all()


def test_huge_weights_have_a_finite_loss_and_gradient(xp):
    W, bias, x_pos, x_neg, means = layer(xp, "float32")
    loss, cache = ff_layer_loss_forward(W * 1e6, bias, x_pos, x_neg, means)
    assert xp.isfinite(loss)
    assert all(xp.isfinite(gradient).all() for gradient in ff_layer_loss_backward(1.0, cache))


@pytest.mark.parametrize("exact", [False, True])
def test_a_cache_can_be_used_twice(xp, exact):
    _, cache = ff_layer_loss_forward(*layer(xp), exact=exact)
    first = [gradient.copy() for gradient in ff_layer_loss_backward(1.0, cache)]
    for one, other in zip(first, ff_layer_loss_backward(1.0, cache)):
        assert (one == other).all()


@pytest.mark.parametrize("exact", [False, True])
def test_float32_stays_float32(xp, exact):
    loss, cache = ff_layer_loss_forward(*layer(xp, "float32"), exact=exact)
    stays_float32(xp, loss, cache.y, cache.goodness, cache.mean_activity,
                  ff_layer_loss_backward(loss, cache), ff_layer_loss_backward(0.5, cache))


def test_bad_input(xp):
    W, bias, x_pos, x_neg, means = layer(xp)
    refuses(ValueError, "x_neg", "(n, f) with n = 4 as in x_pos", ff_layer_loss_forward, W, bias,
            x_pos, x_neg[:3])
    refuses(ValueError, "x_pos", "(n, f) with f = 6 as in W", ff_layer_loss_forward, W, bias,
            x_pos[:, :5], x_neg)
    refuses(ValueError, "bias", "(m,) with m = 5 as in W", ff_layer_loss_forward, W, bias[:4],
            x_pos, x_neg)
    refuses(TypeError, "x_pos", "the precision of W, float64",
            ff_layer_loss_forward, W, bias, x_pos.astype("float32"), x_neg)
    refuses(ValueError, "mean_activity", "(m,) with m = 5 as in W",
            ff_layer_loss_forward, W, bias, x_pos, x_neg, means[:4])
    for theta in 0, -2.0:
        refuses(ValueError, "theta", "a finite number above 0", ff_layer_loss_forward, W, bias,
                x_pos, x_neg, theta=theta)
    refuses(ValueError, "goal", "maximise or minimise", ff_layer_loss_forward, W, bias, x_pos,
            x_neg, goal="up")
    refuses_bad_dloss(xp, ff_layer_loss_backward, ff_layer_loss_forward(*layer(xp, "float32"))[1])


@on_device
def test_host_and_device_do_not_mix(xp):
    W, bias, x_pos, x_neg, means = layer(xp)
    refuses_two_memories("W, bias, x_pos, x_neg", ff_layer_loss_forward, W, bias, x_pos,
                         np.zeros((N, F)))
    refuses_two_memories("W, bias, x_pos, x_neg, mean_activity", ff_layer_loss_forward, W, bias,
                         x_pos, x_neg, np.zeros(M))
    refuses_two_memories(r"cache\[0\], .*, dloss", ff_layer_loss_backward, np.ones(()),
                         ff_layer_loss_forward(W, bias, x_pos, x_neg, means)[1])


def test_defaults():
    # Hinton's Matlab for H22: lambdamean = 0.03, and the update that it uses.
    assert defaults(ff_layer_loss_forward) == dict(goal="maximise", peer_weight=0.03, exact=False)
