from importlib import resources

import numpy as np

from tinycaps.data import load_digits

# How often each digit occurs in the published test set, by UCI's own description, optdigits.names.
COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_sizes_and_types():
    digits = load_digits()
    assert digits.train_images.shape == (1437, 8, 8, 1)
    assert digits.test_images.shape == (360, 8, 8, 1)
    assert digits.train_labels.shape == (1437,) and digits.test_labels.shape == (360,)
    assert [array.dtype for array in digits] == [np.float32, np.int64, np.float32, np.int64]


def test_counts_per_class_are_those_of_the_source():
    digits = load_digits()
    assert np.bincount(np.concatenate([digits.train_labels, digits.test_labels])).tolist() == COUNTS


def test_pixels_are_sixteenths_and_use_the_whole_range():
    sixteenths = 16 * load_digits().train_images
    assert np.unique(sixteenths).tolist() == list(range(17))


def test_first_image_is_a_zero():
    # The first line of optdigits.tes.
    line = [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0,
            0, 3, 15, 2, 0, 11, 8, 0, 0, 4, 12, 0, 0, 8, 8, 0,
            0, 5, 8, 0, 0, 9, 8, 0, 0, 4, 11, 0, 1, 12, 7, 0,
            0, 2, 14, 5, 10, 12, 0, 0, 0, 0, 6, 13, 10, 0, 0, 0]
    digits = load_digits()
    assert (16 * digits.test_images[0]).ravel().tolist() == line
    assert digits.test_labels[0] == 0


def test_split_is_disjoint_and_exhaustive():
    digits = load_digits()
    train, test = ({image.tobytes() for image in images}
                   for images in (digits.train_images, digits.test_images))
    assert len(train) + len(test) == 1797, "no two images are equal"
    assert not train & test


def test_file_carries_its_source_and_licence():
    with np.load(resources.files("tinycaps.data") / "digits.npz") as archive:
        text = " ".join(archive["source"])
    assert "10.24432/C50P49" in text and "CC BY 4.0" in text
