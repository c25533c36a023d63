"""Small networks for the tests of whole ones: axes of different sizes wherever possible."""
import numpy as np

from tests.ops.facts import draw, on, with_biases
from tinycaps.capsules import CapsNetConfig, CNNConfig, init_capsnet, init_cnn

SMALL = CapsNetConfig(image_shape=(6, 7, 2), conv_channels=3, conv_kernel=2, primary_types=2,
                      primary_dims=2, primary_kernel=3, primary_stride=2, classes=3, class_dims=4,
                      decoder_hidden=(4, 5), reconstruction_weight=0.05)
SMALL_CNN = CNNConfig(image_shape=(4, 5, 2), channels=(2, 3, 2), kernel=3, hidden=(6, 5), classes=3,
                      dropout=0.3)
POOLED_CNN = CNNConfig(image_shape=(6, 7, 2), channels=(2, 3), kernel=(3, 2), hidden=(5,),
                       classes=3, dropout=0, pool=2)
LABELS = np.array([2, 0, 2])


def images(config, dtype="float64"):
    return np.random.default_rng(2).random((len(LABELS), *config.image_shape)).astype(dtype)


def capsnet(xp, config=SMALL, dtype="float64"):
    """Parameters, with matrices W_ij large enough for the routing to matter, images and labels."""
    params = with_biases(init_capsnet(np.random.default_rng(0), config, dtype))
    return on(xp, params | {"digit.W": 3 * params["digit.W"]}, images(config, dtype), LABELS)


def cnn(xp, dtype="float64", config=SMALL_CNN):
    """Parameters, images, labels and a dropout mask."""
    params = with_biases(init_cnn(np.random.default_rng(0), config, dtype))
    mask = draw((len(LABELS), config.hidden[-1]))[0] > -0.5
    return on(xp, params, images(config, dtype), LABELS, mask)
