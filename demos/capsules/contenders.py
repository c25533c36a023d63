"""The networks that tell two digits apart: CapsNet, and the paper's convolutional network."""
import dataclasses
from typing import NamedTuple

import numpy as np

from demos.capsules.pairs import is_multi_label
from demos.harness.arguments import is_small
from demos.harness.data import count_classes
from tinycaps.backend import get_xp
from tinycaps.capsules import (CNN_TWO_DIGITS, DIGITS, PLAIN, TWO_DIGITS, CNNConfig,
                               capsnet_multi_label_loss_backward, capsnet_multi_label_loss_forward,
                               class_lengths, cnn_forward, cnn_multi_label_loss_backward,
                               cnn_multi_label_loss_forward, init_capsnet, init_cnn)
from tinycaps.fast import choose_network, sliced_gradients

WIDTH = {"capsnet": 0.5, "cnn": 0.25}
"""Of the networks for large images: 5.3 and 5.5 million parameters."""
SMALL_CAPSNET = dataclasses.replace(DIGITS, primary_stride=2)
SMALL_CNN = CNNConfig(channels=(128, 96), kernel=3, hidden=(512,), dropout=0, pool=2)


class Contender(NamedTuple):
    """A network that tells two digits apart."""

    name: str
    config: object
    params: dict
    """Before the training."""
    gradients: object
    """For `tinycaps.train.train`; a batch is that of `draw_pairs`, or images and bool labels."""
    scores: object
    """(params, images) -> lengths or logits (n, k)."""
    threshold: float
    """The score of a class that is as likely there as not."""


def canvas(arguments, images):
    """Return the shape of the images of pairs."""
    h, w, c = images.shape[1:]
    return h + 2 * arguments.pad, w + 2 * arguments.pad, c


def fit_config(name, arguments, data):
    """Return the config of a network for images of these sizes."""
    small = is_small(data.train_images)
    capsnet, cnn = (SMALL_CAPSNET, SMALL_CNN) if small else (TWO_DIGITS, CNN_TWO_DIGITS)
    images, labels = data.train_images, data.train_labels
    sizes = dict(image_shape=canvas(arguments, images), classes=count_classes(data))
    if is_multi_label(data):                                # no single digits to reconstruct
        sizes["classes"] = labels.shape[1]
        capsnet = dataclasses.replace(capsnet, reconstruction_weight=0)
    width = arguments.width or (1 if small else WIDTH[name])

    def narrow(channels):
        return max(1, round(width * channels))
    if name == "cnn":
        return dataclasses.replace(cnn, channels=tuple(map(narrow, cnn.channels)), **sizes)
    return dataclasses.replace(capsnet, conv_channels=narrow(capsnet.conv_channels),
                               primary_types=narrow(capsnet.primary_types), **sizes)


def contend_capsnet(arguments, config):
    """Return CapsNet as a contender."""
    network = PLAIN if arguments.plain else choose_network(config, arguments.batch)[0]

    def gradients(params, batch, now):
        images, labels, *digits = batch
        loss, cache = capsnet_multi_label_loss_forward(
            params, images, labels, digits[0] if digits else None, config, network)
        return loss, capsnet_multi_label_loss_backward(1.0, cache)

    def scores(params, images):
        return class_lengths(params, images, config, arguments.batch, network)

    params = init_capsnet(np.random.default_rng(arguments.seed), config)
    return Contender("capsnet", config, params, gradients, scores, threshold=0.5)


def contend_cnn(arguments, config):
    """Return the paper's convolutional network as a contender."""
    def gradients(params, batch, now):
        def forward(x, labels):
            return cnn_multi_label_loss_forward(params, x, labels, config)
        x, labels, *_ = batch
        if arguments.plain:
            loss, cache = forward(x, labels)
            return loss, cnn_multi_label_loss_backward(1.0, cache)
        return sliced_gradients(forward, cnn_multi_label_loss_backward, x, labels)

    def scores(params, images):
        parts = range(0, len(images), arguments.batch)
        return get_xp(images).concatenate(
            [cnn_forward(params, images[k:k + arguments.batch], config)[0] for k in parts])

    params = init_cnn(np.random.default_rng(arguments.seed), config)
    return Contender("cnn", config, params, gradients, scores, threshold=0.0)


CONTENDERS = {"capsnet": contend_capsnet, "cnn": contend_cnn}


def contend(name, arguments, data):
    """Return the contender of a name for images of these sizes."""
    return CONTENDERS[name](arguments, fit_config(name, arguments, data))
