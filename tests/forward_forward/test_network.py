"""A stack of layers: each learns alone, and none asks those above (H22 sections 2, 3)."""
import math
from dataclasses import replace

import numpy as np
import pytest

from tests.reference import forward_forward as reference
from tests.forward_forward.networks import NO_PEERS, SMALL, images, layers_only, network, pairs
from tests.gradcheck.pairs import verdict
from tests.ops.facts import (ALONG_DIRECTIONS, close, on, on_device, refuses, refuses_two_memories,
                             stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.forward_forward import (FFConfig, ff_activities, ff_backward, ff_features, ff_forward,
                                      ff_layer_loss_backward, ff_layer_loss_forward, init_ff,
                                      length_normalise_forward, write_labels)
from tinycaps.gradcheck import check_gradients

every_layer = pytest.mark.parametrize("k", range(3))


def test_activities_equal_the_loops(xp):
    params, _, _ = network(np)
    x, _ = pairs(np)
    wanted = [reference.ff_network(params, row, 3, math.sqrt) for row in x]
    activities = ff_activities(*on(xp, params, x), SMALL)
    assert [y.shape for y in activities] == [(4, 7), (4, 6), (4, 5)]
    for k, y in enumerate(activities):
        close(y, [row[k] for row in wanted])


def test_features_are_the_directions_of_all_layers_but_the_first(xp):
    params, _, _ = network(np)
    x, _ = pairs(np)
    wanted = []
    for row in x:
        _, *decisive = reference.ff_network(params, row, 3, math.sqrt)
        features = [reference.length_normalise(y, math.sqrt(len(y))) for y in decisive]
        wanted.append([a for feature in features for a in feature])
    close(ff_features(*on(xp, params, x), SMALL), wanted)


def test_ff_by_hand(xp):
    # Two pixels, two layers of two units, θ = 2, no peers. x⁺ = (1, 0) is normalised to (√2, 0):
    # y = (3, 0), G = 9; that again to (√2, 0), and the second layer makes (1, 0), G = 1.
    # x⁻ = (0, 1): y = (0, 1), G = 1; then (0, 2), G = 4.
    config = FFConfig(image_shape=(1, 2, 1), classes=2, hidden=(2, 2), peer_weight=0)
    root = 2 ** 0.5
    params = {"0.W": np.diag([3.0, 1.0]) / root, "0.bias": np.zeros(2),
              "1.W": np.diag([1.0, 2.0]) / root, "1.bias": np.zeros(2)}
    params, x_pos, x_neg = on(xp, params, np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    losses, caches = ff_forward(params, x_pos, x_neg, config)
    for cache, y, goodness in zip(caches, ([[3, 0], [0, 1]], [[1, 0], [0, 2]]), ([9, 1], [1, 4])):
        close(cache.y, y)
        close(cache.goodness, goodness)

    def cost(margin):
        return math.log(1 + math.exp(-margin))
    close(losses[0], cost(9 - 2) + cost(2 - 1))
    close(losses[1], cost(1 - 2) + cost(2 - 4))

    def wrong(margin):
        return 1 / (1 + math.exp(margin))
    # dz = 2 y dG: in the first layer −2·3·σ(−7) and 2·1·σ(−1), in the second −2·1·σ(1) and
    # 2·2·σ(2); dW is √2 times that, and nothing comes down to the first layer from the second.
    grads = ff_backward(caches)
    for k, dz in enumerate([(-6 * wrong(7), 2 * wrong(1)), (-2 * wrong(-1), 4 * wrong(-2))]):
        close(grads[f"{k}.bias"], dz)
        close(grads[f"{k}.W"], root * np.diag(dz))


@pytest.mark.parametrize("config", [SMALL, NO_PEERS, replace(SMALL, theta=2.5, goal="minimise")])
def test_losses_equal_the_loops_layer_by_layer(xp, config):
    params, _, _ = network(np)
    x_pos, x_neg = pairs(np)
    losses, caches = ff_forward(*on(xp, params, x_pos, x_neg), config)
    goodness = [[[reference.goodness(y) for y in reference.ff_network(params, row, 3, math.sqrt)]
                 for row in x]
                for x in (x_pos, x_neg)]
    grads = ff_backward(caches)
    for k, m in enumerate(config.hidden):
        sign = {"maximise": 1, "minimise": -1}[config.goal]
        want = sum(reference.goodness_loss(positive[k], negative[k], config.theta or m, sign)
                   for positive, negative in zip(*goodness)) / 4
        positive, negative = to_numpy(caches[k].x)[:4], to_numpy(caches[k].x)[4:]
        W, bias, push = params[f"{k}.W"], params[f"{k}.bias"], None
        if config.peer_weight:
            y, means = to_numpy(caches[k].y)[:4], params[f"{k}.mean_activity"]
            want += reference.peer_normalisation(y, means, config.peer_weight)
            a = reference.running_means(y, means)
            push = [2 * config.peer_weight * (each - sum(a) / m) for each in a]
        close(losses[k], want)
        by_hand = reference.ff_layer_gradient(W, bias, positive, negative, config.theta or m, sign,
                                              push, through_relu=True)
        close(grads[f"{k}.W"], by_hand[0])
        close(grads[f"{k}.bias"], by_hand[1])


@every_layer
def test_each_gradient_is_that_of_the_layers_own_loss(xp, k):
    params, _, _ = network(xp)
    x_pos, x_neg = pairs(xp)

    def forward(own):
        losses, caches = ff_forward(params | own, x_pos, x_neg, NO_PEERS)
        return losses[k], caches

    def backward(dloss, caches):
        return {key: dloss * grad for key, grad in ff_backward(caches).items()
                if key.startswith(f"{k}.")}
    own = {key: params[key] for key in (f"{k}.W", f"{k}.bias")}
    assert verdict(forward, backward, own, **ALONG_DIRECTIONS) == "ok"


def test_they_are_not_the_gradient_of_the_sum_but_for_the_last_layer():
    params, _, _ = network(np)
    x_pos, x_neg = pairs(np)

    def forward(params):
        losses, caches = ff_forward(params, x_pos, x_neg, NO_PEERS)
        return sum(losses), caches

    def backward(dloss, caches):
        return {key: dloss * grad for key, grad in ff_backward(caches).items()}
    report = check_gradients(forward, backward, layers_only(params), max_entries=1, directions=2)
    assert not report.problems
    assert {row.name: row.verdict for row in report.rows} == {
        "0.W": "WRONG", "0.bias": "WRONG", "1.W": "WRONG", "1.bias": "WRONG",
        "2.W": "ok", "2.bias": "ok"}


@every_layer
def test_parameters_of_a_layer_change_nothing_below(xp, k):
    params, _, _ = network(xp)
    changed = {f"{k}.W": 2 * params[f"{k}.W"], f"{k}.bias": 1 + params[f"{k}.bias"]}
    before, after = (ff_backward(ff_forward(given, *pairs(xp), SMALL)[1])
                     for given in (params, params | changed))
    for key in before:
        assert (before[key] == after[key]).all() == (int(key[0]) < k)


def test_a_network_is_its_layers_one_after_the_other(xp):
    params, _, _ = network(xp)
    x_pos, x_neg = pairs(xp)
    losses, caches = ff_forward(params, x_pos, x_neg, SMALL)
    grads = ff_backward(caches)
    assert len(losses) == len(caches) == 3 and set(grads) == set(layers_only(params))
    for k in range(3):
        x_pos, x_neg = length_normalise_forward(x_pos)[0], length_normalise_forward(x_neg)[0]
        loss, cache = ff_layer_loss_forward(params[f"{k}.W"], params[f"{k}.bias"], x_pos, x_neg,
                                            params[f"{k}.mean_activity"])
        close(losses[k], loss)
        close(caches[k].mean_activity, cache.mean_activity)
        for name, grad in zip(("W", "bias"), ff_layer_loss_backward(1.0, cache)):
            close(grads[f"{k}.{name}"], grad)
        x_pos, x_neg = cache.y[:4], cache.y[4:]


def test_training_and_reading_out_see_the_same_activities(xp):
    params, _, _ = network(xp)
    x_pos, x_neg = pairs(xp)
    _, caches = ff_forward(params, x_pos, x_neg, SMALL)
    for cache, y in zip(caches, ff_activities(params, xp.concatenate([x_pos, x_neg]), SMALL)):
        close(cache.y, y)


def test_the_brightness_of_an_image_changes_no_activity(xp):
    params, _, _ = network(xp)
    x, _ = pairs(xp)
    for dark, bright in zip(ff_activities(params, x, SMALL), ff_activities(params, 100 * x, SMALL)):
        close(dark, bright)


def test_equal_labels_give_equal_goodness(xp):
    params, x, labels = network(xp)
    x = write_labels(x, labels, 3)
    losses, caches = ff_forward(params, x, x.copy(), NO_PEERS)
    for loss, cache in zip(losses, caches):
        close(cache.goodness[:4] - cache.goodness[4:], np.zeros(4))
        assert loss >= 2 * math.log(2) - 1e-12          # −log p − log (1 − p) is least at one half


def test_a_black_image_has_finite_losses_and_gradients(xp):
    params, _, _ = network(xp)
    params |= {key: 0 * array for key, array in params.items() if key.endswith("bias")}
    # All zeros, and then also a first layer that is off.
    for blank in ({}, {"0.bias": params["0.bias"] - 100}):
        losses, caches = ff_forward(params | blank, xp.zeros((2, 24)), xp.zeros((2, 24)), SMALL)
        assert all(xp.isfinite(loss) for loss in losses)
        assert all(xp.isfinite(grad).all() for grad in ff_backward(caches).values())
        assert not ff_features(params | blank, xp.zeros((2, 24)), SMALL).any()


def test_first_numbers_of_a_network():
    config = FFConfig(image_shape=(20, 20, 1), hidden=(300, 200), classes=4)
    params = init_ff(np.random.default_rng(0), config)
    assert {key: array.shape for key, array in params.items()} == {
        "0.W": (400, 300), "0.bias": (300,), "0.mean_activity": (300,),
        "1.W": (300, 200), "1.bias": (200,), "1.mean_activity": (200,),
        "softmax.W": (200, 4), "softmax.bias": (4,)}    # the predictor does not see the first layer
    assert {str(array.dtype) for array in params.values()} == {"float32"}
    for key, deviation in ("0.W", 1 / 20), ("1.W", 300 ** -0.5):
        assert abs(params[key].std() / deviation - 1) < 0.02
        assert abs(params[key].mean()) < 0.01 * deviation + 1e-3
    assert not any(params[key].any() for key in ("0.bias", "1.bias", "softmax.W", "softmax.bias"))
    assert all((params[key] == 0.5).all() for key in ("0.mean_activity", "1.mean_activity"))


def test_float32_stays_float32(xp):
    params, x, labels = network(xp, "float32")
    losses, caches = ff_forward(params, *pairs(xp, "float32"), SMALL)
    features = ff_features(params, write_labels(x, labels, 3), SMALL)
    stays_float32(xp, *losses, ff_backward(caches), features, *(cache.y for cache in caches))
    stays_float32(np, init_ff(np.random.default_rng(0), SMALL))


def test_bad_input(xp):
    params, _, _ = network(xp)
    x_pos, x_neg = pairs(xp)
    refuses(ValueError, "x", "(n, 24)", ff_activities, params, x_pos[:, 1:], SMALL)
    refuses(ValueError, "x", "(n, 24)", ff_features, params, xp.asarray(images()), SMALL)
    refuses(TypeError, "x", "the precision of 0.W, float64", ff_activities, params,
            x_pos.astype("float32"), SMALL)
    refuses(ValueError, "x_neg", "(n, f) with n = 4 as in x_pos", ff_forward, params, x_pos,
            x_neg[:3], SMALL)
    refuses(ValueError, "x_neg", "(n, f) with f = 23 as in x_pos", ff_forward, params,
            x_pos[:, 1:], x_neg, SMALL)
    refuses(ValueError, "x_pos", "(n, 24)", ff_forward, params, x_pos[:, 1:], x_neg[:, 1:], SMALL)
    for key, shape in ("1.W", "(7, 6)"), ("2.bias", "(5,)"), ("0.mean_activity", "(7,)"):
        refuses(ValueError, key, shape, ff_forward, params | {key: params[key][1:]}, x_pos, x_neg,
                SMALL)
        lacking = {other: p for other, p in params.items() if other != key}
        refuses(TypeError, key, "a NumPy or CuPy array", ff_forward, lacking, x_pos, x_neg, SMALL)


@on_device
def test_host_and_device_do_not_mix(xp):
    params, _, _ = network(xp)
    x_pos, x_neg = pairs(xp)
    refuses_two_memories("x_pos, x_neg", ff_forward, params, x_pos, np.ones(x_neg.shape), SMALL)
    refuses_two_memories("x, 0.W, 0.bias, .*", ff_activities, network(np)[0], x_pos, SMALL)
