"""Forward-forward in `demos.benchmark`: a step of the published experiment, plain and fast, and its arithmetic (H22 section 3.3).

Every layer learns from images with their true label and with a wrong one that the predictor takes for likely, with peer normalisation;
the softmax beside them learns from images with the neutral label.
"""
from functools import partial

import numpy as np

from demos.contenders import Network, TinyCaps
from tinycaps.forward_forward import FFConfig, fast_learning, fast_supervised_gradients, ff_update, init_ff, learning, supervised_gradients
from tinycaps.forward_forward.network import FIRST_HEARD
from tinycaps.fast.parallel import parallel
from tinycaps.fast.workspace import Workspace

PARTS = ("neutral pass and predictor", "layers", "optimiser")
"""The pass with the neutral label and what the predictor learns from it; wrong labels, and all that the layers do with them; the step."""
UPDATE = dict(learning_rate=5e-4, predictor_rate=20.0, momentum=0.9, weight_decay=0.004, predictor_decay=0.003)
"""Hinton's Matlab, in the units of `ff_update`."""


def gumbel(seed, step):
    """Return the source of a step's wrong labels: the same for every contender."""
    return np.random.default_rng([seed, 1 + step])


class Plain(TinyCaps):
    """The functions to read."""

    learn = staticmethod(supervised_gradients)
    module, ends = learning, {"predictor_gradients": (None, PARTS[0])}

    def __init__(self, task):
        super().__init__(task)
        self.seed, self.steps, self.how = task.seed, 0, {}

    def _differentiate(self):
        loss, grads = self.learn(self.params, self.images, self.labels, gumbel(self.seed, self.steps), self.config, **self.how)
        self.watch.lap("layers")
        return loss, grads

    def _update(self, grads):
        ff_update(self.params, grads, self.state, **UPDATE)
        self.steps += 1


class Fast(Plain):
    """Their fast twin, which begins the first layer's work on true and wrong labels with that on neutral ones."""

    learn = staticmethod(fast_supervised_gradients)
    module = fast_learning
    during = staticmethod(partial(parallel, np))

    def __init__(self, task):
        super().__init__(task)
        self.how = {"workspace": Workspace()}


def draw(rng, config):
    """Draw parameters that leave no gradient at zero: goodness is about θ, and the predictor has a mind of its own."""
    params = init_ff(rng, config)
    for k, m in enumerate(config.hidden):
        params[f"{k}.W"] *= 2 ** 0.5
        params[f"{k}.bias"] += 0.1 * rng.standard_normal(m)
    W = params["softmax.W"]
    W += rng.standard_normal(W.shape) / len(W) ** 0.5
    return params


def arithmetic(config, n):
    """Return GFLOP of a step of n images, by the direct algorithm and by the fast one.

    Counted are the multiplications and additions of the matrix products; all else is small beside them. A backward costs what its
    forward does, for nothing goes down to the layer below. Directly, every layer sees the images three times and learns from two; the
    fast way, what is no label pixel goes through the first layer's weights once, and so do its gradients.
    """
    layers = [n * a * b for a, b in zip((config.pixels, *config.hidden), config.hidden)]
    predictor = n * sum(config.hidden[FIRST_HEARD:]) * config.classes
    labels, above = n * config.classes * config.hidden[0], 2 * sum(layers[1:])
    neutral, shown = sum(layers) + predictor, 2 * sum(layers)
    direct = {PARTS[0]: (neutral, predictor), PARTS[1]: (shown, shown)}
    fast = {PARTS[0]: (neutral + labels, predictor), PARTS[1]: (above + 2 * labels, above + layers[0] + 2 * labels)}
    return [{part: [2e-9 * count for count in counts] for part, counts in each.items()} for each in (direct, fast)]


FORWARD_FORWARD = Network(
    contenders={"plain": "demos.contenders_forward_forward.Plain", "fast": "demos.contenders_forward_forward.Fast",
                "torch": "demos.careful_torch_forward_forward.AsInstalled", "torch tuned": "demos.careful_torch_forward_forward.Tuned"},
    parts=PARTS, paper=FFConfig(), quick=FFConfig(image_shape=(12, 12, 1), hidden=(60, 50, 40)), batch=100, draw=draw,
    arithmetic=arithmetic, epoch=60000, turn=20)
