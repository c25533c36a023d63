"""Forward-forward in the benchmark: a step of the published experiment (H22 section 3.3).

Every layer learns from images with their true label and with a wrong one that the predictor finds
likely, with peer normalisation; the softmax beside them learns from images with the neutral label.
"""
import numpy as np

from demos.benchmark.contender import Network
from tinycaps.forward_forward import FFConfig, init_ff
from tinycaps.forward_forward.network import FIRST_HEARD

PARTS = ("neutral pass and predictor", "layers", "optimiser")
"""The pass with the neutral label and what the predictor learns from it; wrong labels, and what the
layers learn from them; the step."""
UPDATE = dict(learning_rate=5e-4, predictor_rate=20.0, momentum=0.9, weight_decay=0.004,
              predictor_decay=0.003)
"""Hinton's Matlab, in the units of `ff_update`."""


def gumbel(seed, step):
    """Return the source of a step's wrong labels: the same for every contender."""
    return np.random.default_rng([seed, 1 + step])


def draw(rng, config):
    """Draw parameters that leave no gradient at zero: goodness near θ, a predictor that decides."""
    params = init_ff(rng, config)
    for k, m in enumerate(config.hidden):
        params[f"{k}.W"] *= 2 ** 0.5
        params[f"{k}.bias"] += 0.1 * rng.standard_normal(m)
    W = params["softmax.W"]
    W += rng.standard_normal(W.shape) / len(W) ** 0.5
    return params


def arithmetic(config, n):
    """Return GFLOP of a step of n images; there is one algorithm, given twice.

    The multiplications and additions of the matrix products are counted; all else is small. A
    backward costs what its forward does, for nothing goes down to the layer below. Every layer sees
    the images three times and learns from two of them.
    """
    layers = [n * a * b for a, b in zip((config.pixels, *config.hidden), config.hidden)]
    predictor = n * sum(config.hidden[FIRST_HEARD:]) * config.classes
    counts = {PARTS[0]: (sum(layers) + predictor, predictor),
              PARTS[1]: (2 * sum(layers), 2 * sum(layers))}
    return [{part: [2e-9 * count for count in each] for part, each in counts.items()}] * 2


FORWARD_FORWARD = Network(
    contenders={"plain": "demos.benchmark.forward_forward_plain.Plain",
                "torch": "demos.benchmark.forward_forward_torch.AsInstalled",
                "torch tuned": "demos.benchmark.forward_forward_torch.Tuned"},
    parts=PARTS, paper=FFConfig(), quick=FFConfig(image_shape=(12, 12, 1), hidden=(60, 50, 40)),
    batch=100, draw=draw, arithmetic=arithmetic, epoch=60000, turn=20)
