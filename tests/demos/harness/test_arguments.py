"""The arguments of all demos, and the defaults of those that train."""
import argparse
import os

import numpy as np
import pytest

from demos.harness import arguments as harness
from tinycaps.data import Dataset

SMALL = dict(epochs=5, batch=32, learning_rate=2.5e-4, shift=0, warp=True)
LARGE = dict(epochs=7, batch=64, learning_rate=1e-3, shift=2, warp=False)


def parse(*words):
    parser = harness.make_parser("boat", "A boat.")
    harness.add_training_arguments(parser, SMALL, LARGE, "the oars")
    return parser.parse_args([str(word) for word in words])


def blank(count, side):
    images = np.zeros((count, side, side, 1), np.float32)
    return Dataset(images, np.arange(count) % 3, images[:2], np.arange(2))


def test_every_demo_has_a_seed_and_a_place():
    arguments = harness.make_parser("boat", "A boat.").parse_args([])
    assert arguments.seed == 0 and str(arguments.out) == os.path.join("out", "boat")
    assert harness.make_parser("boat", "A boat.", seed=7).parse_args([]).seed == 7


@pytest.mark.parametrize("words, said", [
    (["--seed", "-1"], "argument --seed: got '-1', wanted an integer of at least 0"),
    (["--seed", "1.5"], "argument --seed: got '1.5', wanted an integer of at least 0"),
    (["--sail"], "unrecognized arguments: --sail"),
    (["--out"], "argument --out: expected one argument")])
def test_a_wrong_argument_is_one_line_and_code_2(words, said, capsys):
    with pytest.raises(SystemExit, match="^2$"):
        harness.make_parser("boat", "A boat.").parse_args(words)
    assert capsys.readouterr() == ("", f"python -m demos boat: error: {said}\n")


def test_help_is_the_docstring(capsys):
    with pytest.raises(SystemExit, match="^0$"):
        harness.make_parser("boat", "A boat.\n\n    with   a sail").parse_args(["--help"])
    assert "A boat.\n\n    with   a sail" in capsys.readouterr().out


def test_numbers_that_arguments_may_be():
    assert harness.whole_number(1)("3") == 3 and harness.positive_number("4e-3") == 0.004
    assert harness.fraction("1") == 1 and harness.fraction_below_one("0") == 0
    assert harness.not_negative("0") == 0 and harness.temperature("0.01") == 0.01
    for convert, more in ((harness.whole_number(1), ["0", "1.0"]),
                          (harness.positive_number, ["0", "inf"]),
                          (harness.fraction, ["1.1"]), (harness.fraction_below_one, ["1"]),
                          (harness.deviation, ["3.1"]), (harness.temperature, ["0.009", "1e6"])):
        for text in ("-1", "nan", "x", "", *more):
            with pytest.raises(argparse.ArgumentTypeError, match=f"^got '{text}', wanted "):
                convert(text)


@pytest.mark.parametrize("side, defaults", [(16, SMALL), (17, LARGE)])
def test_what_was_not_given_is_filled_in_by_the_size_of_the_images(side, defaults):
    arguments, hurried = parse("--epochs", 3), parse("--quick")
    few = parse("--shift", 1, "--no-warp")
    harness.fill_in(arguments, blank(100, side), SMALL, LARGE)
    found = {name: getattr(arguments, name) for name in defaults}
    assert found == defaults | {"epochs": 3}
    for each in few, hurried:
        harness.fill_in(each, blank(20, side), SMALL, LARGE)
    assert (few.batch, few.shift, few.warp, few.epochs) == (20, 1, False, defaults["epochs"])
    assert hurried.epochs == 2


def test_quick_changes_defaults_but_nothing_that_was_given():
    arguments = parse("--quick", "--epochs", 9)
    arguments.alone_epochs = None
    quick = dict(epochs=2, alone_epochs=1)
    harness.fill_in(arguments, blank(20, 8), SMALL | dict(alone_epochs=5), LARGE, quick)
    assert (arguments.epochs, arguments.alone_epochs) == (9, 1)


def test_a_batch_larger_than_the_data_is_refused():
    harness.fill_in(parse("--batch", 20), blank(20, 8), SMALL, LARGE)
    with pytest.raises(ValueError, match="^batch: got 21, wanted at most the 20 training images$"):
        harness.fill_in(parse("--batch", 21), blank(20, 8), SMALL, LARGE)


def test_a_shift_as_large_as_the_images_is_refused():
    harness.fill_in(parse("--shift", 7), blank(40, 8), SMALL, LARGE)
    with pytest.raises(ValueError, match="^shift: got 8, wanted at most 7: a larger one can push "):
        harness.fill_in(parse("--shift", 8), blank(40, 8), SMALL, LARGE)


def test_help_shows_the_defaults(capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    said = " ".join(capsys.readouterr().out.split())
    assert "default 5 for images up to 16 pixels, else 7" in said
    assert "of the oars; default 0.00025 or 0.001" in said and "digits (default), mnist" in said


def test_defaults_that_agree_are_named_once():
    assert harness.describe_defaults(dict(a=[3, 4], b=0.5), dict(a=[5], b=0.5), "a") == (
        "default 3 4 or 5")
    assert harness.describe_defaults(dict(b=0.5), dict(b=0.5), "b") == "default 0.5"
