"""A CapsNet and a CNN as functions: their gradients are derivatives, their poses the network's."""
import dataclasses

import numpy as np
import pytest

from demos.probes.networks import CROSS_ENTROPY, MARGIN, ask_capsnet, ask_cnn
from tests.ops.facts import close, near
from tinycaps.capsules import (CapsNetConfig, CNNConfig, capsnet_forward, init_capsnet, init_cnn,
                               predict)

CONFIG = CapsNetConfig(image_shape=(6, 6, 1), conv_channels=3, conv_kernel=3, primary_types=2,
                       primary_dims=4, primary_kernel=3, primary_stride=1, classes=3, class_dims=4,
                       decoder_hidden=(5,), reconstruction_weight=0.1)
CNN = CNNConfig(image_shape=(6, 6, 1), channels=(3,), kernel=3, hidden=(7, 5), classes=3)
IMAGES = np.random.default_rng(2).random((4, 6, 6, 1))
LABELS = np.array([0, 1, 2, 1])


def capsnet(stop_gradient=False, loss=CROSS_ENTROPY):
    params = init_capsnet(np.random.default_rng(0), CONFIG, "float64")
    return ask_capsnet(params, dataclasses.replace(CONFIG, stop_gradient=stop_gradient), loss, 3)


def cnn():
    params = init_cnn(np.random.default_rng(0), CNN, "float64")
    return ask_cnn(params, CNN, IMAGES, 2, 3)


@pytest.mark.parametrize("asked, loss", [(capsnet(), CROSS_ENTROPY), (cnn(), CROSS_ENTROPY),
                                         (capsnet(loss=MARGIN), MARGIN)])
def test_the_input_gradient_is_the_derivative_of_the_summed_losses(asked, loss):
    direction = np.random.default_rng(3).standard_normal(IMAGES.shape)
    value = [len(IMAGES) * float(loss[0](asked.forward(IMAGES + h * direction), LABELS)[0])
             for h in (-1e-5, 1e-5)]
    slope = (asked.input_gradient(IMAGES, LABELS) * direction).sum()
    assert slope == pytest.approx((value[1] - value[0]) / 2e-5, rel=1e-6)


def test_a_stopped_gradient_differs_but_the_answers_do_not():
    exact, stopped = capsnet(), capsnet(stop_gradient=True)
    close(exact.forward(IMAGES), stopped.forward(IMAGES))
    gradients = [each.input_gradient(IMAGES, LABELS) for each in (exact, stopped)]
    assert abs(gradients[0] - gradients[1]).max() > 1e-3 * abs(gradients[0]).max()


def test_scores_pose_and_reconstruction_of_a_capsnet():
    params = init_capsnet(np.random.default_rng(0), CONFIG, "float64")
    asked = ask_capsnet(params, CONFIG)
    v, _ = capsnet_forward(params, IMAGES, CONFIG)
    close(asked.pose(IMAGES, LABELS), [v[n, k] for n, k in enumerate(LABELS)])
    close(asked.forward(IMAGES), np.linalg.norm(v, axis=-1))
    assert (asked.forward(IMAGES).argmax(axis=1) == predict(params, IMAGES, CONFIG)).all()
    assert asked.reconstruct(IMAGES).shape == IMAGES.shape
    bare = dataclasses.replace(CONFIG, reconstruction_weight=0)
    assert ask_capsnet(params, bare).reconstruct is None


def test_the_pose_of_a_cnn_is_its_last_hidden_layer():
    params = init_cnn(np.random.default_rng(0), CNN, "float64")
    images = np.random.default_rng(1).random((12, 6, 6, 1))
    full = ask_cnn(params, CNN, images, 5)
    pose, logits = full.pose(images, None), full.forward(images)
    assert pose.shape == (12, 5)                    # all five units, turned: logits are linear
    terms = np.concatenate([pose, np.ones((12, 1))], axis=1)
    near(terms @ np.linalg.lstsq(terms, logits, rcond=None)[0], logits)
    assert cnn().pose(IMAGES, LABELS).shape == (4, 2) and cnn().reconstruct is None
