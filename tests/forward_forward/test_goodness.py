"""Goodness, and the loss that a layer has of its own (H22 Eq. 1)."""
import math

import numpy as np
import pytest

from tests.reference import forward_forward as reference
from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_bad_dloss,
                             refuses_two_memories, stays_float32)
from tinycaps.forward_forward import (goodness_backward, goodness_forward, goodness_loss_backward,
                                      goodness_loss_forward, positive_probability)
from tinycaps.gradcheck import assert_gradients

SIGNS = {"maximise": 1, "minimise": -1}
goals = pytest.mark.parametrize("goal", SIGNS)


@pytest.fixture
def both(xp):
    """Goodness of positive and of negative samples, on both sides of θ = 3."""
    return on(xp, *(3 + 2 * array for array in draw((5,), (5,))))


def test_goodness_equals_the_loops(xp):
    y, = draw((4, 3))
    close(goodness_forward(xp.asarray(y))[0], [reference.goodness(row) for row in y])


def test_gradients_of_goodness(xp):
    assert_gradients(goodness_forward, goodness_backward, *on(xp, *draw((4, 3))))


def test_goodness_by_hand(xp):
    goodness, cache = goodness_forward(xp.asarray(np.array([[3.0, 0.0, 4.0], [1.0, 1.0, 1.0]])))
    close(goodness, [25.0, 3.0])                    # 9 + 0 + 16: a sum, not a mean
    # dy = 2 y dG: 2·3·1, 2·0·1, 2·4·1 and 2·1·(−0.5) three times.
    close(goodness_backward(xp.asarray(np.array([1.0, -0.5])), cache),
          [[6.0, 0.0, 8.0], [-1.0, -1.0, -1.0]])


def test_goodness_knows_the_length_and_not_the_direction(xp):
    y, A = draw((5, 4), (4, 4))
    y, rotation = on(xp, y, np.linalg.qr(A)[0])
    close(goodness_forward(y @ rotation)[0], goodness_forward(y)[0])
    close(goodness_forward(3 * y)[0], 9 * goodness_forward(y)[0])


def test_a_mean_is_the_sum_at_temperature_m(xp):
    y, m = xp.asarray(abs(draw((6, 5))[0])), 5
    goodness, cache = goodness_forward(y)
    theta = 4.0                                     # of the sum; that of the mean is θ/m
    close(positive_probability(goodness / m, theta / m), 1 / (1 + xp.exp(-(goodness - theta) / m)))
    for certain, divisor in (theta + math.log(99), 1), (theta + m * math.log(99), m):
        close(positive_probability(xp.full(1, certain / divisor), theta / divisor), [0.99])


@goals
def test_at_the_threshold_a_mean_has_gradients_m_times_smaller(xp, goal):
    m, theta = 5, 4.0
    y = draw((6, m))[0]
    y = xp.asarray(y * np.sqrt(theta / (y * y).sum(axis=1, keepdims=True)))     # so that G = θ
    goodness, cache = goodness_forward(y)
    dy = {}
    for divisor in 1, m:
        _, loss = goodness_loss_forward(*[goodness / divisor] * 2, theta / divisor, goal)
        # G' = G/divisor, so dG = dG'/divisor, and dy = 2 y dG'/divisor.
        dy[divisor] = [goodness_backward(each / divisor, cache)
                       for each in goodness_loss_backward(1.0, loss)]
    for of_sum, of_mean in zip(dy[1], dy[m]):
        close(of_sum, m * of_mean)
        assert of_sum.any()


@goals
def test_loss_equals_the_loops(both, goal):
    loss, _ = goodness_loss_forward(*both, theta=3.0, goal=goal)
    assert loss.shape == ()
    pairs = [(float(positive), float(negative)) for positive, negative in zip(*both)]
    close(loss, sum(reference.goodness_loss(*pair, 3.0, SIGNS[goal]) for pair in pairs) / 5)


@goals
def test_gradients_of_the_loss(both, goal):
    assert_gradients(goodness_loss_forward, goodness_loss_backward, *both, theta=3.0, goal=goal)


def test_goodness_loss_by_hand(xp):
    # σ(log 3) = 3/4, so the positive sample costs log(4/3) and, with σ(−log 3) = 1/4 for right,
    # the negative one log 4.
    above = xp.asarray(np.array([2.0 + math.log(3)]))
    loss, cache = goodness_loss_forward(above, above, theta=2.0)
    close(loss, math.log(4 / 3) + math.log(4))
    # The positive sample is wrong with a probability of 1/4, so dG⁺ = −1/4; the negative one with
    # 3/4, so dG⁻ = 3/4.
    dpositive, dnegative = goodness_loss_backward(1.0, cache)
    close(dpositive, [-0.25])
    close(dnegative, [0.75])
    close(goodness_loss_backward(-2.0, cache)[1], [-1.5])


@goals
def test_a_layer_that_knows_nothing_loses_twice_log_two(xp, goal):
    at_theta = xp.full(3, 4.0)
    close(goodness_loss_forward(at_theta, at_theta, theta=4.0, goal=goal)[0], 2 * math.log(2))


@goals
def test_probability_is_one_half_at_theta_and_certain_far_from_it(xp, goal):
    p = positive_probability(xp.asarray(np.array([4.0, 4.0 + math.log(3), 1e9, -1e9])), theta=4.0,
                             goal=goal)
    close(p, [0.5, 0.75, 1, 0] if goal == "maximise" else [0.5, 0.25, 0, 1])


def test_loss_is_the_negative_logarithm_of_the_probabilities(xp, both):
    positive, negative = (positive_probability(goodness, 3.0) for goodness in both)
    close(goodness_loss_forward(*both, theta=3.0)[0],
          -(xp.log(positive) + xp.log(1 - negative)).sum() / 5)


def test_maximise_and_minimise_are_mirror_images(both):
    positive, negative = both
    loss, cache = goodness_loss_forward(positive, negative, 3.0, "maximise")
    mirrored, mirrored_cache = goodness_loss_forward(negative, positive, 3.0, "minimise")
    close(mirrored, loss)
    for got, want in zip(goodness_loss_backward(1.0, mirrored_cache),
                         reversed(goodness_loss_backward(1.0, cache))):
        close(got, want)
    close(positive_probability(positive, 3.0, "minimise"), 1 - positive_probability(positive, 3.0))


@goals
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_goodness_has_finite_loss_and_gradient(xp, goal, dtype):
    huge = xp.asarray(np.array([1e30, 1e30, -1e30, -1e30], dtype))
    other = xp.asarray(np.array([1e30, -1e30, 1e30, -1e30], dtype))
    loss, cache = goodness_loss_forward(huge, other, theta=2.0, goal=goal)
    # Two of four pairs are wrong on one side, one on both, one on none: 4 times 1e30 in 4 pairs.
    np.testing.assert_allclose(float(loss), 1e30, rtol=1e-6)
    for gradient in goodness_loss_backward(1.0, cache):
        assert {float(abs(g)) for g in gradient} == {0.0, 0.25}


def test_repeating_the_batch_changes_nothing(xp, both):
    close(goodness_loss_forward(*(xp.concatenate([each, each]) for each in both), theta=3.0)[0],
          goodness_loss_forward(*both, theta=3.0)[0])


def test_float32_stays_float32(xp):
    y, positive, negative = on(xp, *draw((4, 3), (4,), (4,), dtype="float32"))
    goodness, cache = goodness_forward(y)
    stays_float32(xp, goodness, goodness_backward(goodness, cache),
                  positive_probability(goodness, 2.5))
    loss, cache = goodness_loss_forward(positive, negative, 2.5)
    stays_float32(xp, loss, goodness_loss_backward(loss, cache), goodness_loss_backward(0.5, cache))


def test_bad_input(xp):
    y, positive, negative = on(xp, *draw((4, 3), (4,), (4,)))
    refuses(ValueError, "y", "(n, m)", goodness_forward, y[0])
    refuses(ValueError, "dgoodness", "(n,) with n = 4 as in cache", goodness_backward, y[0], y)
    refuses(ValueError, "goodness_neg", "(n,) with n = 4 as in goodness_pos",
            goodness_loss_forward, positive, negative[:3], 1.0)
    refuses(TypeError, "goodness_neg", "the precision of goodness_pos, float64",
            goodness_loss_forward, positive, negative.astype("float32"), 1.0)
    refuses(ValueError, "goodness", "(n,)", positive_probability, y, 1.0)
    refuses(TypeError, "goodness", "a NumPy or CuPy array", positive_probability, [1.0], 1.0)
    for call in (lambda *choices: goodness_loss_forward(positive, negative, *choices),
                 lambda *choices: positive_probability(positive, *choices)):
        for theta in 0, -1.5, float("nan"):
            refuses(ValueError, "theta", "a finite number above 0", call, theta)
        refuses(ValueError, "goal", "maximise or minimise", call, 1.0, "maximize")
    refuses_bad_dloss(xp, goodness_loss_backward,
                      goodness_loss_forward(*on(xp, *draw((4,), (4,), dtype="float32")), 1.0)[1])


@on_device
def test_host_and_device_do_not_mix(xp):
    y, positive, negative = on(xp, *draw((4, 3), (4,), (4,)))
    refuses_two_memories("cache, dgoodness", goodness_backward, np.zeros(4), y)
    refuses_two_memories("goodness_pos, goodness_neg", goodness_loss_forward, positive,
                         np.zeros(4), 1.0)
    refuses_two_memories(r"cache\[0\], cache\[1\], dloss", goodness_loss_backward, np.ones(()),
                         goodness_loss_forward(positive, negative, 1.0)[1])
