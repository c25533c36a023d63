"""The sizes of CapsNet."""
import dataclasses
import math

import numpy as np
import pytest

from tests.ops.facts import refuses
from tinycaps.capsules import DIGITS, PAPER, TWO_DIGITS, CapsNetConfig, CNNConfig


def test_paper_sizes():
    # S17 section 4: 256 kernels of 9×9; 32 types of 8 numbers, 9×9, stride 2; 10 classes of 16
    # numbers; 3 rounds; 512, 1024, 784.
    assert dataclasses.asdict(PAPER) == dict(
        image_shape=(28, 28, 1), conv_channels=256, conv_kernel=9, primary_types=32, primary_dims=8,
        primary_kernel=9, primary_stride=2, classes=10, class_dims=16, iterations=3,
        stop_gradient=False, decoder_hidden=(512, 1024), reconstruction_weight=0.0005)
    assert CapsNetConfig() == PAPER


def test_sizes_for_the_digits():
    # Ours: small enough to train in half a minute.
    assert DIGITS == CapsNetConfig((8, 8, 1), 32, 3, 32, 8, 5, 1, 10, 16, 3, False, (64, 128),
                                   0.005)


def test_paper_sizes_for_two_digits():
    # S17 section 6.2: 11.36 million. 36 − 9 + 1 = 28, ⌊(28 − 9)/2⌋ + 1 = 10, 10·10·32 = 3200.
    assert TWO_DIGITS == dataclasses.replace(PAPER, image_shape=(36, 36, 1))
    assert TWO_DIGITS.grid == (10, 10) and TWO_DIGITS.primary_capsules == 3200
    shapes = (TWO_DIGITS.shapes | TWO_DIGITS.decoder_shapes).values()
    assert sum(math.prod(shape) for shape in shapes) == 11_361_808


@pytest.mark.parametrize("config, grid, capsules", [
    (PAPER, (6, 6), 1152),              # 28 − 9 + 1 = 20, ⌊(20 − 9)/2⌋ + 1 = 6, 6·6·32 = 1152
    (DIGITS, (2, 2), 128),              # 8 − 3 + 1 = 6, 6 − 5 + 1 = 2, 2·2·32 = 128
    (CapsNetConfig(image_shape=(36, 28, 1)), (10, 6), 1920),    # 36 − 9 + 1 = 28, ⌊19/2⌋ + 1 = 10
    (CapsNetConfig(image_shape=(17, 18, 3)), (1, 1), 32)])
def test_grid_of_primary_capsules(config, grid, capsules):
    assert config.grid == grid and config.primary_capsules == capsules


def test_lists_become_tuples_so_that_configs_can_be_keys():
    config = CapsNetConfig(image_shape=[28, 28, 1], decoder_hidden=[512, 1024])
    assert config == PAPER and hash(config) == hash(PAPER)


def test_numpy_scalars_become_numbers():
    assert type(CapsNetConfig(reconstruction_weight=np.float64(1)).reconstruction_weight) is float
    assert type(CNNConfig(dropout=np.float64(0.2)).dropout) is float


def test_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAPER.iterations = 1
    assert dataclasses.replace(PAPER, iterations=1).iterations == 1


@pytest.mark.parametrize("wrong, name, wanted", [
    (dict(iterations=0), "iterations", "an integer of at least 1"),
    (dict(classes=10.0), "classes", "an integer of at least 1"),
    (dict(primary_stride=-2), "primary_stride", "an integer of at least 1"),
    (dict(conv_channels=None), "conv_channels", "an integer of at least 1"),
    (dict(image_shape=(28, 28)), "image_shape", "(h, w, c)"),
    (dict(image_shape=(28, 0, 1)), "image_shape[1]", "an integer of at least 1"),
    (dict(decoder_hidden=(512, 0)), "decoder_hidden[1]", "an integer of at least 1"),
    (dict(image_shape=(16, 28, 1)), "image_shape", "at least 17 pixels each way for these kernels"),
    (dict(image_shape=(28, 16, 1)), "image_shape", "at least 17 pixels each way for these kernels"),
    (dict(conv_kernel=29), "image_shape", "at least 37 pixels each way for these kernels"),
    (dict(reconstruction_weight=-1), "reconstruction_weight", "a finite number"),
    (dict(reconstruction_weight=math.nan), "reconstruction_weight", "a finite number"),
    (dict(reconstruction_weight=math.inf), "reconstruction_weight", "a finite number"),
    (dict(stop_gradient=1), "stop_gradient", "True or False"),
    (dict(stop_gradient=None), "stop_gradient", "True or False"),
    (dict(stop_gradient="False"), "stop_gradient", "True or False")])
def test_bad_sizes(wrong, name, wanted):
    refuses(ValueError, name, wanted, CapsNetConfig, **wrong)


def test_the_baselines_last_map_reads_the_last_hidden_layer():
    assert CNNConfig(hidden=(4, 5, 6)).shapes["output.0.W"] == (6, 10)
