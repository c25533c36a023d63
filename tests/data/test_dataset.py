import subprocess
import sys

import numpy as np
import pytest

from tinycaps.data import Dataset, hold_out
from tinycaps.data.dataset import split_every_class, split_every_fifth


def numbered(train, test):
    """A dataset in which image number m is the number m."""
    return Dataset(np.arange(train), -np.arange(train),
                   100 + np.arange(test), -100 - np.arange(test))


@pytest.mark.parametrize("n, in_test", [(2, 1), (5, 1), (6, 2), (1797, 360)])
def test_every_fifth_image_is_for_the_test(n, in_test):
    numbers = np.arange(n)
    split = split_every_fifth(numbers, -numbers)
    assert split.test_images.tolist() == list(range(0, n, 5))
    assert len(split.test_images) == in_test
    assert sorted([*split.train_images, *split.test_images]) == numbers.tolist()
    assert (split.train_labels == -split.train_images).all()
    assert (split.test_labels == -split.test_images).all()


@pytest.mark.parametrize("labels, test", [
    ([0, 1, 2, 3, 4] * 5 + [7], [0, 1, 2, 3, 4, 25]),                   # of 0..4 the first of five
    ([0, 1, 2, 3, 4] * 6, [0, 1, 2, 3, 4, 25, 26, 27, 28, 29]),
    ([2] * 7 + [0] * 6, [0, 5, 7, 12]),
    ([3, 3, 0, 3, 0, 3, 3, 3], [0, 2, 7])])
def test_every_fifth_of_each_class_is_for_the_test_by_hand(labels, test):
    labels, numbers = np.array(labels), np.arange(len(labels))
    split = split_every_class(numbers, labels)
    assert split.test_images.tolist() == test
    assert split.train_images.tolist() == [k for k in numbers if k not in test]
    assert np.array_equal(split.train_labels, labels[split.train_images])
    assert np.array_equal(split.test_labels, labels[split.test_images])


def test_hold_out_takes_the_last_training_images_and_no_test_image():
    held_out = hold_out(numbered(10, 4), 3)
    assert held_out.train_images.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert held_out.test_images.tolist() == [7, 8, 9]
    assert held_out.train_labels.tolist() == [0, -1, -2, -3, -4, -5, -6]
    assert held_out.test_labels.tolist() == [-7, -8, -9]


@pytest.mark.parametrize("count", [0, -1, 10, 11, 2.0, True, "3"])
def test_hold_out_leaves_no_part_empty(count):
    with pytest.raises(ValueError, match=r"^count: got .*, wanted an integer in 1\.\.9$"):
        hold_out(numbered(10, 4), count)


@pytest.mark.parametrize("count", [1, 9, np.int64(4)])
def test_hold_out_takes_any_count_between(count):
    assert len(hold_out(numbered(10, 4), count).test_images) == count


def test_import_brings_numpy_and_nothing_else():
    lazy = {"pooch", "tqdm", "requests", "scipy", "matplotlib", "PIL", "cupy"}
    code = f"import sys, tinycaps.data; print(*sorted({lazy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
