"""The sizes and choices of a forward-forward network."""
import dataclasses

import numpy as np
import pytest

from tests.ops.facts import refuses
from tinycaps.forward_forward import FFConfig


def test_sizes_of_the_matlab():
    # 3 × 1000 units, θ the number of units, goodness maximised, label pixel 1, λ = 0.03.
    assert dataclasses.asdict(FFConfig()) == dict(
        image_shape=(28, 28, 1), classes=10, hidden=(1000, 1000, 1000), theta=None, goal="maximise",
        label_strength=1.0, peer_weight=0.03)


@pytest.mark.parametrize("shape, pixels", [((28, 28, 1), 784), ((10, 8, 1), 80), ((4, 5, 3), 60)])
def test_pixels(shape, pixels):
    assert FFConfig(image_shape=shape).pixels == pixels


def test_lists_become_tuples_so_that_configs_can_be_keys():
    config = FFConfig(image_shape=[28, 28, 1], hidden=[1000, 1000, 1000])
    assert config == FFConfig() and hash(config) == hash(FFConfig())


def test_numpy_scalars_become_numbers():
    config = FFConfig(peer_weight=np.float64(0.5), theta=np.float64(2))
    assert {type(config.peer_weight), type(config.theta)} == {float}


def test_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FFConfig().theta = 2.0
    assert dataclasses.replace(FFConfig(), theta=2.0).theta == 2.0


def test_thresholds_and_shapes_of_the_layers():
    config = FFConfig(image_shape=(2, 5, 1), hidden=(7, 6))
    assert config.thetas == [7, 6] and dataclasses.replace(config, theta=2.5).thetas == [2.5, 2.5]
    assert config.shapes == {"0.W": (10, 7), "0.bias": (7,), "1.W": (7, 6), "1.bias": (6,)}
    assert config.mean_shapes == {"0.mean_activity": (7,), "1.mean_activity": (6,)}
    # The predictor does not see the first layer.
    assert config.predictor_shapes == {"softmax.W": (6, 10), "softmax.bias": (10,)}


@pytest.mark.parametrize("wrong, name, wanted", [
    (dict(hidden=(500,)), "hidden", "at least two layers: the first is left out of the decision"),
    (dict(hidden=()), "hidden", "at least two layers: the first is left out of the decision"),
    (dict(hidden=(500, 0)), "hidden[1]", "an integer of at least 1"),
    (dict(hidden=(500.0, 500)), "hidden[0]", "an integer of at least 1"),
    (dict(image_shape=(28, 28)), "image_shape", "(h, w, c)"),
    (dict(image_shape=(28, 0, 1)), "image_shape[1]", "an integer of at least 1"),
    (dict(classes=0), "classes", "an integer of at least 1"),
    (dict(goal="max"), "goal", "maximise or minimise"),
    (dict(theta="a"), "theta", "a finite number above 0"),
    (dict(theta=0), "theta", "a finite number above 0"),
    (dict(theta=-2.0), "theta", "a finite number above 0"),
    (dict(theta=float("inf")), "theta", "a finite number above 0"),
    (dict(theta=float("nan")), "theta", "a finite number above 0"),
    (dict(label_strength=0.0), "label_strength", "a finite number above 0"),
    (dict(label_strength=None), "label_strength", "a finite number above 0"),
    (dict(peer_weight=-0.03), "peer_weight", "a finite number of at least 0"),
    (dict(peer_weight=float("nan")), "peer_weight", "a finite number of at least 0")])
def test_bad_sizes_and_choices(wrong, name, wanted):
    refuses(ValueError, name, wanted, FFConfig, **wrong)
