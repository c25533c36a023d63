"""The faster network is chosen by arithmetic that can be redone by hand, and the reason is told."""
from dataclasses import replace

import numpy as np
import pytest

from tests.ops.facts import refuses
from tinycaps.capsules import DIGITS, PAPER, PLAIN, init_capsnet
from tinycaps.fast import choose_network, fast_capsnet_backward, fast_capsnet_forward, fast_network


def test_the_published_network_is_fast_at_its_batch_and_plain_for_one_image():
    # Multiplications for each of n·256·256 pairs of channels: directly 36 outputs with 81 taps are 2916. By Fourier 148 products of 4
    # phases, and shared among the pairs 148·400/256 of the pixels' transform, 148·36/256 of the outputs' and 148·81/n of the kernels':
    # 148 (4 + 1.5625 + 0.1406 + 81/n), which for n = 128 is 938, 32 % of 2916, and for n = 1 12,832, 440 %.
    network, reason = choose_network(PAPER, 128)
    assert network.forward.func is fast_capsnet_forward and network.backward is fast_capsnet_backward
    assert reason == "fast network: 32% of the multiplications by Fourier convolution at batch 128"
    assert choose_network(PAPER, 1) == (PLAIN, "plain network: it would be 440% of the multiplications by Fourier convolution at batch 1")
    # Half, that is 1458, leaves 1458/148 − 5.7031 = 4.148 = 81/n: n = 19.5.
    assert choose_network(PAPER, 19)[0] == PLAIN != choose_network(PAPER, 20)[0]


@pytest.mark.parametrize("config, batch, reason", [
    (DIGITS, 32, "it would be 106% of the multiplications by Fourier convolution at batch 32"),
    (replace(PAPER, primary_stride=3), 128, "the stride 3 does not divide conv1's 20 pixels"),
    (replace(PAPER, image_shape=(29, 29, 1)), 128, "the stride 2 does not divide conv1's 21 pixels"),
    (replace(PAPER, image_shape=(28, 30, 1)), 128, "images of 28 x 30 pixels are not square"),
    (replace(PAPER, image_shape=(30, 28, 3)), 128, "images of 30 x 28 pixels are not square")])
def test_the_plain_network_is_chosen_where_it_is_faster_or_the_only_one_and_the_reason_says_why(config, batch, reason):
    assert choose_network(config, batch) == (PLAIN, f"plain network: {reason}")


@pytest.mark.parametrize("batch", [0, -1, 2.5])
def test_a_batch_is_at_least_one_image(batch):
    refuses(ValueError, f"batch: got {batch}, wanted an integer of at least 1", choose_network, PAPER, batch)


def test_a_cache_that_was_overwritten_is_refused():
    config = replace(DIGITS, reconstruction_weight=0)
    params = init_capsnet(np.random.default_rng(0), config)
    x, other = np.random.default_rng(1).random((2, 3, 8, 8, 1), dtype="float32")
    network = fast_network()
    v, cache = network.forward(params, x, config)
    network.forward(params, other, config)
    refused = pytest.raises(RuntimeError, match="^cache: got one that a later call with the same workspace has overwritten")
    with refused:
        network.backward(v, cache)
    v, cache = network.forward(params, x, config)
    network.backward(v, cache)
    with refused:
        network.backward(v, cache)
