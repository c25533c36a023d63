"""A trained CapsNet fits in a small file and still classifies after loading; so does ours."""
import dataclasses
import json
import re
from importlib import resources

import numpy as np
import pytest

from tests.capsules.networks import SMALL, capsnet
from tests.ops.facts import refuses, with_biases
from tinycaps.backend import to_numpy
from tinycaps.capsules import (CNN_DIGITS, DIGITS, capsnet_forward, init_capsnet, init_cnn,
                               length_forward, load_capsnet, predict, save_capsnet)
from tinycaps.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinycaps.data import ink_margin, load_digits
from tinycaps.forward_forward import FFConfig
from tinycaps.optim import adam

SHIPPED = resources.files("tinycaps.capsules").joinpath("digits.npz")
ABOUT = {"config": json.loads(json.dumps(dataclasses.asdict(SMALL))), "images": [60, 6, 7, 2],
         "margin": 1, "note": "größer als ‖v‖"}
OURS = with_biases(init_capsnet(np.random.default_rng(0), SMALL))
ROUNDED = dict(rtol=2 ** -11, atol=2 ** -25)
"""Half precision: 11 bits, and nothing between 0 and 2⁻²⁴."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.npz"


def lengths(params, images, config):
    return length_forward(capsnet_forward(params, images, config)[0])[0]


def test_comes_back_rounded_and_float32(xp, path):
    params, *_ = capsnet(xp, dtype="float32")
    before = {key: to_numpy(p).copy() for key, p in params.items()}
    save_capsnet(path, params, ABOUT)
    found = load_capsnet(path)
    assert found.config == SMALL and found.about == ABOUT and found.params.keys() == before.keys()
    for key, p in found.params.items():
        assert type(p) is np.ndarray and p.dtype == np.float32
        np.testing.assert_allclose(p, before[key], **ROUNDED)
        assert params[key].dtype == np.float32
        assert np.array_equal(to_numpy(params[key]), before[key])


def test_is_a_sixth_of_its_trainings_checkpoint(path):
    params, state = init_capsnet(np.random.default_rng(0), DIGITS), {}
    adam(params, params, state)
    save_checkpoint(path, Checkpoint(params, state, ABOUT, 1, 0.0))
    whole = path.stat().st_size
    save_capsnet(path, params, ABOUT)
    assert 5.9 < whole / path.stat().st_size < 6.1


def test_what_was_loaded_is_saved_without_further_loss(path):
    save_capsnet(path, OURS, ABOUT)
    first, content = load_capsnet(path), path.read_bytes()
    save_capsnet(path, first.params, first.about)
    assert path.read_bytes() == content


def test_a_checkpoint_of_a_training_is_loaded_unrounded_and_without_its_optimiser(path):
    params, state = {key: p.copy() for key, p in OURS.items()}, {}
    adam(params, OURS, state)
    save_checkpoint(path, Checkpoint(params, state, ABOUT | {"seed": 0}, 7, 1.5))
    found = load_capsnet(path)
    assert found.config == SMALL and found.about == ABOUT | {"seed": 0}
    assert found.params.keys() == params.keys()
    assert all(p.dtype == np.float32 and np.array_equal(p, params[key])
               for key, p in found.params.items())


def test_the_shipped_file_is_small_and_holds_a_network_and_nothing_else():
    assert 100_000 < len(SHIPPED.read_bytes()) < 1_000_000
    with resources.as_file(SHIPPED) as file, np.load(file) as arrays:
        found = {name for name in arrays.files if name.startswith("params/")}
        assert set(arrays.files) - found == {"head"}
        assert {arrays[name].dtype for name in found} == {np.dtype("float16")}
        assert json.loads(str(arrays["head"])).keys() == {"about", "step", "seconds", "logged",
                                                          "arrays"}
    with resources.as_file(SHIPPED) as file:
        assert load_checkpoint(file).state == {}


def test_the_shipped_network_is_that_of_the_digits_and_knows_its_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)                 # found from anywhere
    params, config, about = load_capsnet()
    images = load_digits().train_images
    assert config == DIGITS and tuple(about["images"]) == images.shape
    assert about["margin"] == ink_margin(images)
    assert {key: p.shape for key, p in params.items()} == DIGITS.shapes | DIGITS.decoder_shapes
    assert {p.dtype for p in params.values()} == {np.dtype("float32")}


def test_the_shipped_network_classifies_97_percent_of_the_test_digits():
    params, config, _ = load_capsnet()
    digits = load_digits()
    assert (predict(params, digits.test_images, config) == digits.test_labels).mean() >= 0.97


def test_half_precision_costs_no_accuracy(path):
    shipped, config, about = load_capsnet()
    images, rng = load_digits().test_images, np.random.default_rng(0)
    # Parameters with bits below the last one of half precision.
    whole = {key: p * (1 + rng.uniform(-1, 1, p.shape).astype(np.float32) / 2048)
             for key, p in shipped.items()}
    save_capsnet(path, whole, about)
    rounded = load_capsnet(path).params
    assert not any(np.array_equal(rounded[key], p) for key, p in whole.items())
    before, after = lengths(whole, images, config), lengths(rounded, images, config)
    np.testing.assert_allclose(after, before, rtol=0, atol=0.01)
    assert (after.argmax(axis=1) != before.argmax(axis=1)).sum() <= 1


def test_a_missing_file_is_reported_in_one_line(path):
    with pytest.raises(FileNotFoundError, match=f"^checkpoint: got {re.escape(str(path))}[^\n]+$"):
        load_capsnet(path)


def test_a_torn_file_is_reported_in_one_line(path):
    save_capsnet(path, OURS, ABOUT)
    whole = path.read_bytes()
    for content in b"", whole[:len(whole) // 2], whole[:-1], b"\x89PNG\r\n\x1a\n" + bytes(100):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"^checkpoint: got {re.escape(str(path))}[^\n]+$"):
            load_capsnet(path)


OTHER = FFConfig((8, 8, 1), 10, (5, 4))
OTHERS = {
    "a convolutional network": ABOUT | {"config": dataclasses.asdict(CNN_DIGITS)},
    "a forward-forward network": ABOUT | {"config": dataclasses.asdict(OTHER)},
    "no config": {key: ABOUT[key] for key in ("images", "margin")},
    "a config in words": ABOUT | {"config": "small"},
    "no margin": {key: ABOUT[key] for key in ("config", "images")},
    "no shape of images": {key: ABOUT[key] for key in ("config", "margin")},
    "nothing": {},
    "sizes that cannot be": ABOUT | {"config": ABOUT["config"] | {"classes": 0}},
}


@pytest.mark.parametrize("about", OTHERS.values(), ids=OTHERS.keys())
def test_another_network_is_reported_in_one_line(path, about):
    params = init_cnn(np.random.default_rng(0), CNN_DIGITS)
    save_checkpoint(path, Checkpoint(params, {}, about, 1, 0.0))
    refuses(ValueError, "checkpoint", "a trained CapsNet", load_capsnet, path)


def without(key):
    return {name: p for name, p in OURS.items() if name != key}


UNFIT = {
    "one missing": (without("primary.bias"), "primary.bias"),
    "the decoder missing": ({key: p for key, p in OURS.items() if "decoder" not in key},
                            "decoder.0.W"),
    "one too many": (OURS | {"digit.V": OURS["digit.W"]}, "digit.V"),
    "another shape": (OURS | {"conv1.W": OURS["conv1.W"][:-1]}, "conv1.W"),
    "integers": (OURS | {"conv1.bias": OURS["conv1.bias"].astype("int32")}, "conv1.bias"),
    "NaN": (OURS | {"digit.W": OURS["digit.W"] * np.nan}, "digit.W"),
    "more than float32 holds": ({key: p.astype("float64") + 1e300 for key, p in OURS.items()},
                                "conv1.W"),
}


@pytest.mark.parametrize("params, key", UNFIT.values(), ids=UNFIT.keys())
def test_parameters_that_do_not_fit_the_config_are_refused_by_name(path, params, key):
    save_checkpoint(path, Checkpoint(params, {}, ABOUT, 1, 0.0))
    with pytest.raises(ValueError, match=rf"^checkpoint: got {re.escape(str(path))} of another "
                                         rf"network \([^\n]*{re.escape(key)}[^\n]*\), wanted"):
        load_capsnet(path)


def test_a_network_without_a_decoder_is_loaded(path):
    config = dataclasses.replace(SMALL, reconstruction_weight=0.0)
    params = init_capsnet(np.random.default_rng(0), config)
    save_capsnet(path, params, ABOUT | {"config": dataclasses.asdict(config)})
    assert load_capsnet(path).params.keys() == config.shapes.keys()


def test_what_was_saved_counts_no_steps_and_no_seconds(path):
    save_capsnet(path, capsnet(np)[0], ABOUT)
    saved = load_checkpoint(path)
    assert (saved.step, saved.seconds, saved.state) == (0, 0.0, {})
