"""What the demos that train share."""
import numpy as np
import pytest

from demos import command, training
from tinycaps.data import Dataset, load_digits, random_shift

SMALL = dict(epochs=5, batch=32, learning_rate=2.5e-4, shift=0, warp=True)
LARGE = dict(epochs=7, batch=64, learning_rate=1e-3, shift=2, warp=False)


def parse(*words, **settings):
    parser = command.parser("boat", "A boat.")
    training.add_arguments(parser, SMALL, LARGE, "the oars", **settings)
    return parser.parse_args([str(word) for word in words])


def blank(count, side):
    images = np.zeros((count, side, side, 1), np.float32)
    return Dataset(images, np.arange(count) % 3, images[:2], np.arange(2))


@pytest.mark.parametrize("side, defaults", [(16, SMALL), (17, LARGE)])
def test_what_was_not_given_is_filled_in_by_the_size_of_the_images(side, defaults):
    arguments = parse("--epochs", 3)
    training.fill_in(arguments, blank(100, side), SMALL, LARGE)
    assert {name: getattr(arguments, name) for name in defaults} == defaults | {"epochs": 3}
    few, hurried = parse("--shift", 1, "--no-warp"), parse("--quick")
    for each in few, hurried:
        training.fill_in(each, blank(20, side), SMALL, LARGE)
    assert (few.batch, few.shift, few.warp, few.epochs, hurried.epochs) == (20, 1, False, defaults["epochs"], 2)


def test_haste_changes_defaults_but_nothing_that_was_given():
    arguments = parse("--quick", "--epochs", 9)
    arguments.alone_epochs = None
    training.fill_in(arguments, blank(20, 8), SMALL | dict(alone_epochs=5), LARGE)
    assert (arguments.epochs, arguments.alone_epochs) == (9, 1) and not hasattr(arguments, "teacher_epochs")


def test_help_tells_the_defaults(capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    said = " ".join(capsys.readouterr().out.split())
    assert "default 5 for images up to 16 pixels, else 7" in said and "of the oars; default 2.5e-4, or 1e-3" in said
    assert "or FILE.npz with images and labels (default digits)" in said


def test_a_demo_may_have_data_of_its_own(capsys):
    assert [parse().data, parse(data="mnist").data, parse("--data", "digits", data="mnist").data] == ["digits", "mnist", "digits"]
    with pytest.raises(SystemExit):
        parse("--help", data="mnist")
    assert "with images and labels (default mnist)" in " ".join(capsys.readouterr().out.split())


def test_classes_are_counted_in_both_parts():
    assert training.count_classes(blank(20, 4)) == 3
    assert training.count_classes(blank(20, 4)._replace(test_labels=np.array([0, 6]))) == 7


def test_quick_is_256_images_from_all_over():
    data, digits = training.load_data(parse("--quick")), load_digits()
    assert [len(part) for part in data] == [256] * 4
    assert np.array_equal(data.train_images, digits.train_images[::5][:256])


def test_images_are_changed_as_the_arguments_say():
    x, nothing = load_digits().test_images[:5], parse("--shift", 0, "--no-warp")
    assert np.array_equal(training.augmentation(nothing)(x, np.random.default_rng(0)), x)
    shifted = training.augmentation(parse("--shift", 2, "--no-warp"))(x, np.random.default_rng(0))
    assert np.array_equal(shifted, random_shift(x, np.random.default_rng(0), 2))
    warped = training.augmentation(parse("--shift", 0, "--warp"))(x, np.random.default_rng(0))
    assert warped.shape == x.shape and not np.allclose(warped, x)


def test_runs_of_other_data_seeds_and_haste_lie_apart():
    folders = {str(training.run_folder("boat", parse(*words))) for words in
               ([], ["--seed", 1], ["--quick"], ["--data", "elsewhere/mine.npz"])}
    assert folders == {"runs/boat-digits-0", "runs/boat-digits-1", "runs/boat-digits-0-quick", "runs/boat-mine.npz-0"}


@pytest.mark.parametrize("count, every", [(1, 1), (1000, 1), (1001, 2), (2000, 2), (2001, 3), (5500, 6)])
def test_some_are_at_most_a_thousand_from_all_over(count, every):
    images, labels = training.some(np.arange(count)[:, None, None, None], np.arange(count))
    assert labels.tolist() == list(range(0, count, every)) and len(labels) <= 1000
    assert np.array_equal(images[:, 0, 0, 0], labels)


def test_a_training_is_watched_on_what_is_held_out_or_on_some_of_its_own_images():
    data = blank(1500, 4)._replace(train_labels=np.arange(1500))
    images, labels = training.watched(parse("--hold-out", 2), data)
    assert images is data.test_images and labels is data.test_labels
    images, labels = training.watched(parse(), data)
    assert images.shape == (750, 4, 4, 1) and labels.tolist() == list(range(0, 1500, 2))


@pytest.mark.parametrize("there", [False, True])
def test_an_interrupt_tells_how_to_go_on_if_there_is_a_checkpoint(tmp_path, capsys, there):
    if there:
        (tmp_path / "checkpoint.npz").write_bytes(b"")
    with pytest.raises(KeyboardInterrupt), training.resumable(tmp_path):
        raise KeyboardInterrupt
    assert ("--resume" in capsys.readouterr().err) == there
    with training.resumable(tmp_path):
        pass
    assert capsys.readouterr() == ("", "")


def test_says_whose_error_it_is():
    assert training.judged(parse()) == ("test", "test images")
    assert training.judged(parse("--hold-out", 5)) == ("held-out", "held-out training images")
