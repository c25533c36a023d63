"""The faster convolution is chosen by arithmetic that can be redone by hand, and with a reason."""
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.ops.facts import defaults, refuses
from tinycaps.capsules import DIGITS, PAPER, CapsNetConfig, init_capsnet
from tinycaps.fast import choose_network, fast_capsnet_backward, fast_capsnet_forward, fast_network
from tinycaps.fast.fourier_plan import fourier_plan

module = sys.modules["tinycaps.fast.choose_network"]


def is_fourier(network):
    assert network.forward.func is fast_capsnet_forward
    assert network.backward is fast_capsnet_backward
    return network.forward.keywords["fourier"]


def test_the_published_network_takes_fourier_at_its_batch_and_not_for_one_image():
    # Multiplications for each of n·256·256 pairs of channels. Direct: 36 outputs of 81 taps, 2916.
    # By Fourier: 148 products of 4 phases, and shared among the pairs 148·400/256 for the
    # transform of the pixels, 148·36/256 for that of the outputs and 148·81/n for that of the
    # kernels. The sum 148 (4 + 1.5625 + 0.1406 + 81/n) is 938 for n = 128, 32 % of 2916, and 12,832
    # for n = 1, 440 %.
    network, reason = choose_network(PAPER, 128)
    assert is_fourier(network)
    assert reason == ("Fourier convolution: it takes 32% of the multiplications of a direct one "
                      "at batch 128")
    network, reason = choose_network(PAPER, 1)
    assert not is_fourier(network) and "440%" in reason
    # The limit is half of them, 1458: 1458/148 − 5.7031 = 4.148 = 81/n, so n = 19.5.
    assert [is_fourier(choose_network(PAPER, n)[0]) for n in (19, 20)] == [False, True]


@pytest.mark.parametrize("config, batch, reason", [
    (DIGITS, 32, "one by Fourier transform would take 106% of its multiplications at batch 32"),
    (replace(PAPER, primary_stride=3), 128, "the stride 3 does not divide the 20 pixels of conv1"),
    (replace(PAPER, image_shape=(29, 29, 1)), 128, "the stride 2 does not divide the 21 pixels"),
    (replace(PAPER, image_shape=(28, 30, 1)), 128, "images of 28 x 30 pixels are not square"),
    (replace(PAPER, image_shape=(30, 28, 3)), 128, "images of 30 x 28 pixels are not square")])
def test_direct_convolution_where_it_is_faster_or_the_only_one(config, batch, reason):
    network, said = choose_network(config, batch)
    assert not is_fourier(network) and said.startswith(f"direct convolution: {reason}")


@pytest.mark.parametrize("batch", [0, -1, 2.5])
def test_a_batch_is_at_least_one_image(batch):
    refuses(ValueError, "batch", "an integer of at least 1", choose_network, PAPER, batch)


@pytest.mark.parametrize("fourier", [True, False])
def test_a_cache_that_was_overwritten_is_refused(fourier):
    config = replace(DIGITS, reconstruction_weight=0)
    params = init_capsnet(np.random.default_rng(0), config)
    x, other = np.random.default_rng(1).random((2, 3, 8, 8, 1), dtype="float32")
    network = fast_network(fourier)
    v, cache = network.forward(params, x, config)
    network.forward(params, other, config)
    refused = pytest.raises(RuntimeError, match="^cache: got one that a later call")
    with refused:
        network.backward(v, cache)
    v, cache = network.forward(params, x, config)
    network.backward(v, cache)
    with refused:
        network.backward(v, cache)


def test_multiplications_by_hand(monkeypatch):
    # Images of 8 pixels after conv1, 2 channels, kernels of 3, stride 2, 4 maps of 3 x 3 pixels.
    config = CapsNetConfig(image_shape=(9, 9, 1), conv_channels=2, conv_kernel=2, primary_types=2,
                           primary_dims=2, primary_kernel=3, primary_stride=2)
    direct = 5 * 2 * 4 * 3 * 3 * 3 * 3
    # Of each product: the sums over 2·2 phases, Bᵀ of the pixels, G of the kernels, Aᵀ of the maps.
    each = 5 * 2 * 4 * 2 * 2 + 5 * 2 * 8 * 8 + 2 * 4 * 3 * 3 + 5 * 4 * 3 * 3
    fraction = len(fourier_plan(8, 3, 2).B_T) * each / direct
    assert f" {fraction:.0%} of " in choose_network(config, 5)[1]
    assert module.WORTH == 0.5 and defaults(fast_network) == dict(fourier=True)
    for worth, chosen in (fraction, "Fourier"), (0.999 * fraction, "direct"):
        monkeypatch.setattr(module, "WORTH", worth)
        assert choose_network(config, 5)[1].startswith(chosen)
