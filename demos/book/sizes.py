"""The sizes at which networks are drawn: the published ones, for two samples, n in the drawing."""
import functools

import numpy as np

from demos.gradcheck.faults import find_point
from tinycaps import capsules, distillation, forward_forward, ops

SAMPLES = 2
DIGITS, UNITS, CLASSES = 784, 1200, 10


def _images(size=28):
    return np.random.default_rng(0).random((SAMPLES, size, size, 1), dtype="float32")


def _normal(*shape):
    return np.random.default_rng(0).standard_normal(shape, dtype="float32")


def _labels():
    return np.arange(SAMPLES)


def _pairs():
    return np.arange(2 * SAMPLES).reshape(SAMPLES, 2)


def _digits():
    return np.stack([_images(36)] * 2, axis=1)


@functools.cache
def _capsnet(config=capsules.PAPER):
    return capsules.init_capsnet(np.random.default_rng(0), config)


def _part(decoder):
    return {key: p for key, p in _capsnet().items() if key.startswith("decoder") == decoder}


@functools.cache
def _cnn(config=capsules.CNN_PAPER):
    return capsules.init_cnn(np.random.default_rng(0), config)


@functools.cache
def _mlp():
    return ops.init_mlp(np.random.default_rng(0), (DIGITS, UNITS, UNITS, CLASSES))


def _mask():
    return _normal(SAMPLES, capsules.CNN_PAPER.hidden[-1]) > 0


def _hardware():
    rng = np.random.default_rng(0)
    return distillation.draw_hardware(rng, (DIGITS, UNITS, UNITS, CLASSES))


@functools.cache
def _ff():
    return forward_forward.init_ff(np.random.default_rng(0), forward_forward.FFConfig())


PUBLISHED = {
    "mlp": lambda: ((_mlp(), _normal(SAMPLES, DIGITS)), dict(dropouts=[
        (_normal(SAMPLES, DIGITS) > -1, 0.2), (_normal(SAMPLES, UNITS) > 0, 0.5),
        (_normal(SAMPLES, UNITS) > 0, 0.5)])),
    "hardware_mlp": lambda: ((_mlp(), _normal(SAMPLES, DIGITS), _hardware()), {}),
    "routing": lambda: ((_normal(SAMPLES, 1152, CLASSES, 16),), {}),
    "decoder": lambda: ((_part(True), _normal(SAMPLES, CLASSES, 16), capsules.PAPER), {}),
    "capsnet": lambda: ((_part(False), _images(), capsules.PAPER), {}),
    "capsnet_loss": lambda: ((_capsnet(), _images(), _labels(), capsules.PAPER), {}),
    "cnn": lambda: ((_cnn(), _images(), capsules.CNN_PAPER, _mask()), {}),
    "cnn_loss": lambda: ((_cnn(), _images(), _labels(), capsules.CNN_PAPER, _mask()), {}),
    "capsnet_multi_label_loss": lambda: (
        (_capsnet(capsules.TWO_DIGITS), _images(36), _pairs(), _digits(), capsules.TWO_DIGITS), {}),
    "cnn_multi_label_loss": lambda: (
        (_cnn(capsules.CNN_TWO_DIGITS), _images(36), _pairs(), capsules.CNN_TWO_DIGITS), {}),
    "ff_layer_loss": lambda: ((_ff()["0.W"], _ff()["0.bias"], _normal(SAMPLES, DIGITS),
                               _normal(SAMPLES, DIGITS), _ff()["0.mean_activity"]), {}),
    "ff": lambda: ((_ff(), _normal(SAMPLES, DIGITS), _normal(SAMPLES, DIGITS),
                    forward_forward.FFConfig()), {}),
}
"""Arguments and keywords by op; other ops are drawn at the point of their gradient check."""


def arguments(op):
    """Return arguments and keywords of a forward, and the number of samples that is called n."""
    if op in PUBLISHED:
        return *PUBLISHED[op](), SAMPLES
    _, _, inputs, keywords = find_point(op)
    return tuple(inputs), keywords, None
