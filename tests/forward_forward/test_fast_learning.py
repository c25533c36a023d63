"""The fast twins return what the plain functions return, on any number of cores."""
from dataclasses import replace

import numpy as np
import pytest

from tests.forward_forward.networks import SMALL, network
from tests.ops.facts import near, refuses, stays_float32
from tinycaps.forward_forward import (fast_supervised_gradients, fast_unsupervised_gradients, supervised_gradients,
                                      unsupervised_gradients)
from tinycaps.workspace import Workspace

CONFIGS = {
    "as published": SMALL,
    "two layers": replace(SMALL, hidden=(5, 4)),
    "minimising, strong labels": replace(SMALL, goal="minimise", theta=3.0, label_strength=2.5),
    "no peers": replace(SMALL, peer_weight=0.0),
}
configs = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
threads = pytest.mark.parametrize("threads", [1, 3])
hard = pytest.mark.parametrize("hard", [True, False], ids=["hard", "random"])


def rng():
    return np.random.default_rng(5)


def same(fast, plain):
    near(fast[0], plain[0])
    assert fast[1].keys() == plain[1].keys()
    for key, grad in plain[1].items():
        near(fast[1][key], grad)


@configs
@hard
@threads
def test_supervised(xp, config, hard, threads, cores):
    cores(threads)
    params, x, labels = network(xp, config=config)
    plain = supervised_gradients(params, x, labels, rng(), config, hard)
    same(fast_supervised_gradients(params, x, labels, rng(), config, hard), plain)
    same(fast_supervised_gradients(params, x, labels, rng(), config, hard, Workspace()), plain)


@configs
@threads
def test_unsupervised(xp, config, threads, cores):
    cores(threads)
    params, x, labels = network(xp, config=config)
    layers = {key: array for key, array in params.items() if not key.startswith("softmax")}
    same(fast_unsupervised_gradients(layers, x, labels, rng(), config, Workspace()),
         unsupervised_gradients(layers, x, labels, rng(), config))


def test_an_image_of_zeros(xp):
    params, x, labels = network(xp)
    x[1] = 0
    same(fast_supervised_gradients(params, x, labels, rng(), SMALL), supervised_gradients(params, x, labels, rng(), SMALL))
    same(fast_unsupervised_gradients(params, x * 0, labels, rng(), SMALL), unsupervised_gradients(params, x * 0, labels, rng(), SMALL))


def test_a_workspace_is_used_again_also_for_a_smaller_batch(xp):
    params, x, labels = network(xp)
    workspace = Workspace()
    first = fast_supervised_gradients(params, x, labels, rng(), SMALL, workspace=workspace)[1]["1.W"]
    again = fast_supervised_gradients(params, x, labels, rng(), SMALL, workspace=workspace)[1]["1.W"]
    assert again is first
    same(fast_supervised_gradients(params, x[:2], labels[:2], rng(), SMALL, workspace=workspace),
         supervised_gradients(params, x[:2], labels[:2], rng(), SMALL))


def test_arguments_are_left_as_they_are(xp):
    params, x, labels = network(xp)
    before = {key: array.copy() for key, array in params.items()}, x.copy()
    fast_supervised_gradients(params, x, labels, rng(), SMALL)
    fast_unsupervised_gradients(params, x, labels, rng(), SMALL)
    assert (x == before[1]).all() and all((params[key] == array).all() for key, array in before[0].items())


def test_float32_stays_float32(xp):
    params, x, labels = network(xp, "float32")
    stays_float32(xp, *fast_supervised_gradients(params, x, labels, rng(), SMALL),
                  *fast_unsupervised_gradients(params, x, labels, rng(), SMALL))


def test_bad_input(xp):
    params, x, labels = network(xp)
    for gradients in fast_supervised_gradients, fast_unsupervised_gradients:
        refuses(ValueError, f"images: got shape {tuple(x[:, 1:].shape)}, wanted (n, {', '.join(map(str, x.shape[1:]))})",
                gradients, params, x[:, 1:], labels, rng(), SMALL)
    refuses(ValueError, "labels: got values 3..3, wanted 0..2", fast_supervised_gradients, params, x, labels * 0 + 3, rng(), SMALL)
