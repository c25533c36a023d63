"""The demo of two digits as users meet it: both networks, their record, the figure, mistakes."""
import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from demos.capsules import contenders, drawings
from demos.capsules import multi_mnist as demo
from demos.capsules import pairs as pairing
from demos.harness import data as harness
from tests.demos.calls import call, files, networks, own, record, refused, results, run_named
from tinycaps.capsules import (CNN_TWO_DIGITS, TWO_DIGITS, CapsNetConfig, class_lengths,
                               load_capsnet, most_present)
from tinycaps.data import Dataset, load_digits

OUT = Path("out/multi_mnist")
BOTH = "capsnet", "cnn"
SIZE = "--width", 0.2


def run_of(name, folder="."):
    return run_named(f"multi-mnist-{name}-digits-0-quick", folder)


def parse(*words):
    arguments = demo.build_parser().parse_args([str(word) for word in words])
    demo.fill_in(arguments, load_digits(), demo.SMALL, demo.LARGE)
    return arguments


def never(*arguments, **settings):
    raise AssertionError("training began")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which `--quick` has been run."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(demo, "ACROSS", 2)
        assert call(demo, "--quick", *SIZE) == 0
    return folder


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """The current folder is a copy of the one in which `--quick` has been run."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "draw", lambda *arguments: None)
    return tmp_path


def test_leaves_figures_log_record_and_a_checkpoint_of_each(here):
    figures = ["learning_curves.png", "two_digits.png"]
    assert sorted(os.listdir(OUT)) == sorted([*figures, "metrics.jsonl", "network.npz", "run.json"])
    for name in figures:
        assert np.ptp(imread(OUT / name)[..., :3]) > 0.5
    assert sorted(os.listdir("runs")) == sorted(run_of(name).name for name in BOTH)
    lines = [json.loads(line) for line in (OUT / "metrics.jsonl").read_text().splitlines()]
    assert {line["network"] for line in lines} == {"multi-mnist capsnet", "multi-mnist cnn"}
    found = results(demo)
    assert found["judged"] == 256 and found["judged_on"] == "pairs of test images"
    assert found["networks"].keys() == {*BOTH} == found["learning_curves"].keys()
    assert found["error"] == found["networks"]["capsnet"]["error"] and len(found["seeds"]) == 1
    assert found["baseline"] == found["networks"]["cnn"]["error"]
    for each in found["networks"].values():
        assert each["error"] == each["wrong"] / 256
        assert each["error"] / 2 <= each["error_of_a_digit"] <= each["error"] <= 1


def test_the_errors_are_those_of_the_written_network_on_pairs_of_test_images(here):
    params, config, about = load_capsnet(run_of("capsnet") / "checkpoint.npz")
    data = harness.load_data(parse("--quick"))
    pairs = pairing.fixed_pairs(*data[2:], parse())
    found = most_present(class_lengths(params, pairs.images, config, 32))
    wrong = [{*a} != {*b} for a, b in zip(found.tolist(), pairs.labels.tolist())]
    assert sum(wrong) == results(demo)["networks"]["capsnet"]["wrong"]
    assert about["pad"] == about["shift"] == 2 and about["images"] == [256, 8, 8, 1]
    assert load_capsnet(OUT / "network.npz").config == config


def test_errors_by_hand():
    labels = np.array([[1, 2], [3, 4], [5, 6], [7, 8]])
    found = np.array([[2, 1], [3, 9], [0, 1], [7, 8]])
    assert pairing.errors(found, labels) == (2 / 4, 3 / 8)


def test_test_pairs_are_the_same_in_every_run_and_show_test_images_alone():
    digits, arguments = load_digits(), parse()
    one, two = (pairing.fixed_pairs(*digits[2:], arguments, 3) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two))
    assert np.array_equal(one.labels[:, 0], np.tile(digits.test_labels, 3))
    inside = one.digits.sum(axis=(2, 3, 4)).ravel()
    sums = digits.test_images.sum(axis=(1, 2, 3))
    whole = np.isclose(inside[:, None], sums, rtol=1e-6).any(axis=1)
    assert whole.all()                                  # shifts of 2 lose nothing of a border of 2


@pytest.mark.parametrize("warp", [False, True])
def test_a_batch_becomes_pairs_of_training_images_which_differ_from_step_to_step(warp):
    digits, arguments = load_digits(), parse("--warp" if warp else "--no-warp")
    batch = digits.train_images[:16], digits.train_labels[:16]
    augment = pairing.pair_up(arguments, digits)
    images, labels, alone = augment(batch, np.random.default_rng(0))
    assert images.shape == (16, 12, 12, 1) and np.array_equal(labels[:, 0], batch[1])
    np.testing.assert_array_equal(images, np.minimum(alone.sum(axis=1), 1))
    moved = not np.isclose(alone[:, 0].sum(axis=(1, 2, 3)), batch[0].sum(axis=(1, 2, 3))).all()
    assert moved == warp
    assert not np.array_equal(images, augment(batch, np.random.default_rng(1))[0])


@pytest.mark.parametrize("width, capsnet, cnn", [
    (None, (128, 16), (128, 64)), (1, (256, 32), (512, 256)), (0.001, (1, 1), (1, 1))])
def test_width_narrows_the_published_networks(width, capsnet, cnn):
    images, labels = np.zeros((20, 28, 28, 1)), np.arange(20) % 10
    arguments = demo.build_parser().parse_args([])
    data = Dataset(images, labels, images, labels)
    demo.fill_in(arguments, data, demo.SMALL, demo.LARGE)
    arguments.width = width
    config = contenders.fit_config("capsnet", arguments, data)
    assert (config.conv_channels, config.primary_types) == capsnet
    rival = contenders.fit_config("cnn", arguments, data)
    assert rival.channels == cnn and rival.hidden == (1024,)
    if width == 1:
        assert config == TWO_DIGITS and rival == CNN_TWO_DIGITS


def test_classes_found_stand_where_their_labels_do():
    labels = np.array([[1, 2], [1, 2], [1, 2], [1, 2], [1, 2]])
    found = np.array([[1, 2], [2, 1], [3, 1], [2, 4], [5, 6]])
    assert demo.in_order(found, labels).tolist() == [[1, 2], [1, 2], [1, 3], [4, 2], [5, 6]]


def test_right_pairs_wrong_ones_and_absent_digits_are_shown():
    labels = np.array([[0, 1], [2, 3]] * 20)
    found = labels[:, ::-1].copy()
    found[:3] = 1, 3
    shown, asked = demo.choose_shown(found, labels)
    assert shown.tolist() == [*range(3, 15), 0, 1, 2, *range(15, 27)]
    assert asked[:12].tolist() == labels[3:15].tolist()
    assert asked[12:15].tolist() == [[3, 1], [1, 3], [3, 1]]
    assert asked[15:17].tolist() == [[2, 0], [0, 2]]    # the second is one that is not there


def test_two_colours_by_hand():
    digits = np.zeros((1, 2, 1, 3, 1))
    digits[0, 0, 0, :, 0], digits[0, 1, 0, :, 0] = (1, 0, 1), (0, 0.5, 1)
    picture = drawings.two_colours(digits)
    np.testing.assert_allclose(picture[0, 0], [[1, 0.45, 0], [0, 0.275, 0.5], [1, 1, 1]])
    np.testing.assert_allclose(drawings.two_colours(digits.repeat(3, axis=-1)), picture)


def test_the_last_lines_say_both_errors_of_both_networks(here, no_figures, monkeypatch, capsys):
    for name in "capsnet", "cnn":
        monkeypatch.setattr(contenders, f"{name}_multi_label_loss_forward", never)
    before, said = networks(), results(demo)["networks"]
    assert call(demo, "--quick", *SIZE, "--resume", "--min-accuracy", 1) == 1
    *_, rival, last = capsys.readouterr().out.splitlines()
    for line, name in (rival, "cnn"), (last, "capsnet"):
        each = said[name]
        assert line == (f"test error {100 * each['error']:.2f} % of pairs, {name} "
                        f"({each['wrong']} of 256 not exactly right); "
                        f"{100 * each['error_of_a_digit']:.2f} % of digits")
    assert networks() == before


def test_one_network_goes_on_where_the_other_is_done(here, no_figures, monkeypatch, capsys):
    shutil.rmtree(run_of("cnn"))
    monkeypatch.setattr(contenders, "capsnet_multi_label_loss_forward", never)
    said = results(demo)["networks"]
    assert call(demo, "--quick", *SIZE, "--resume", "--plain") == 0
    again = results(demo)["networks"]
    assert abs(again["cnn"]["error"] - said["cnn"]["error"]) < 0.03     # other sums, other rounding
    assert again["capsnet"]["error"] == said["capsnet"]["error"]
    assert call(demo, "--quick", *SIZE, "--resume", "--network", "cnn") == 0
    assert results(demo)["error"] == again["cnn"]["error"] and "baseline" not in results(demo)
    assert re.search(r"% of pairs, cnn ", capsys.readouterr().out.splitlines()[-1])


def test_pairs_of_own_images_of_three_channels(empty, monkeypatch):
    own("mine.npz", 3, (60, 6, 6, 3))
    monkeypatch.setattr(pairing, "JUDGED", 20)
    monkeypatch.setattr(demo, "ACROSS", 2)
    assert call(demo, "--data", "mine.npz", "--epochs", 1, "--batch", 16, *SIZE) == 0
    assert record(demo)["results"]["judged"] == 24          # twice 12 test images
    config = CapsNetConfig(**results(demo)["networks"]["capsnet"]["config"])
    assert config.image_shape == (10, 10, 3) and config.classes == 3


def test_images_that_show_several_classes_already(empty, capsys):
    # Four bright quarters, each there or not.
    labels = np.arange(100)[:, None] * 7 // 2 ** np.arange(4) % 2
    images = labels.reshape(100, 2, 2).repeat(5, axis=1).repeat(5, axis=2).astype("float32")
    np.savez("quarters.npz", images=images, labels=labels)
    assert call(demo, "--data", "quarters.npz", "--epochs", 8, "--batch", 16, *SIZE) == 0
    found, given = results(demo), record(demo)["arguments"]
    assert found["judged_on"] == "test images" and found["judged"] == 20
    assert (given["pad"], given["shift"], given["warp"]) == (0, 0, False)
    for name, each in found["networks"].items():
        assert each["error"] < 0.3 and each["error_of_a_digit"] < 0.1, name
    assert found["networks"]["capsnet"]["config"]["reconstruction_weight"] == 0
    assert "two_digits.png" not in os.listdir(OUT)
    assert re.fullmatch(r"test error .* % of images, capsnet \(\d of 20 not exactly right\); .* % "
                        "of answers", capsys.readouterr().out.splitlines()[-1])


def test_errors_of_several_classes_by_hand():
    labels = np.array([[1, 0, 1], [0, 0, 0]], bool)
    found = np.array([[1, 0, 1], [0, 1, 0]], bool)
    assert pairing.errors(found, labels) == (1 / 2, pytest.approx(1 / 6))


MISTAKES = {
    "one class": (["--data", "one.npz"], "one.npz", "at least two"),
    "small images": (["--data", "small.npz", "--pad", 1, "--shift", 1], "image_shape",
                     "at least 7 pixels"),
    "large shift": (["--shift", 7], "shift", "at most 6, which leaves half"),
    "negative pad": (["--pad=-1"], "pad", "at least 0"),
    "no width": (["--width", 0], "width", "above 0"),
    "unknown network": (["--network", "mlp"], "network", "invalid choice: 'mlp'"),
    "nothing to resume": (["--resume"], "resume", "wanted one to go on from"),
}


@pytest.mark.parametrize("words, name, wanted", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_code_2_before_any_step(empty, monkeypatch, capsys, words, name,
                                                          wanted):
    own("one.npz", 1)
    own("small.npz", 3, (60, 4, 4))
    monkeypatch.setattr("demos.harness.learn.train", never)
    monkeypatch.setitem(sys.modules, "cupy", None)
    before = files()
    assert call(demo, *words) == 2
    refused(capsys.readouterr(), name, wanted)
    assert files() == before
