"""Small networks for the tests: no two axes of one size where it can be helped."""
from dataclasses import replace

import numpy as np

from tests.ops.facts import on, with_biases
from tinycaps.forward_forward import FFConfig, init_ff

SMALL = FFConfig(image_shape=(3, 4, 2), classes=3, hidden=(7, 6, 5))
NO_PEERS = replace(SMALL, peer_weight=0)
LABELS = np.array([2, 0, 2, 1])


def images(dtype="float64", config=SMALL):
    return np.random.default_rng(2).random((len(LABELS), *config.image_shape)).astype(dtype)


def network(xp, dtype="float64", config=SMALL):
    """Parameters with a predictor that knows something, images, labels."""
    rng, params = np.random.default_rng(3), init_ff(np.random.default_rng(0), config, dtype)
    params["softmax.W"] = rng.standard_normal(params["softmax.W"].shape).astype(dtype)
    for k, m in enumerate(config.hidden):
        params[f"{k}.mean_activity"] = rng.random(m).astype(dtype)
    return on(xp, with_biases(params), images(dtype, config), LABELS)


def pairs(xp, dtype="float64"):
    """Flat positive and negative samples."""
    return on(xp, *np.random.default_rng(4).random((2, 4, SMALL.pixels)).astype(dtype))


def layers_only(params):
    """What the layers' own objectives are about: without running means and predictor."""
    return {key: array for key, array in params.items()
            if key.endswith((".W", ".bias")) and not key.startswith("softmax")}


MANY = FFConfig(image_shape=(3, 4, 2), classes=8, hidden=(7, 6, 5))
READOUTS = "softmax", "goodness", "shortlist"


def many(xp):
    """A network that tells eight classes apart, somehow, and 30 images."""
    params, _, _ = network(xp, config=MANY)
    return params, xp.asarray(np.random.default_rng(1).random((30, 3, 4, 2)))


def by_hand(xp, goal="maximise"):
    """Two pixels, both taken by the label, and two layers.

    The first layer has more goodness for class 0, the second for class 1.
    """
    config = FFConfig(image_shape=(1, 2, 1), classes=2, hidden=(2, 2), goal=goal)
    params = init_ff(np.random.default_rng(0), config, "float64")
    # For inputs of length √2.
    params |= {"0.W": np.diag([3.0, 1.0]) / 2 ** 0.5, "1.W": np.diag([1.0, 2.0]) / 2 ** 0.5}
    return *on(xp, params, np.full((3, 1, 2, 1), 0.5)), config
