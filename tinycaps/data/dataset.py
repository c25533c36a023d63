"""What every loader returns, and the two ways to divide it."""
from typing import NamedTuple

import numpy as np


class Dataset(NamedTuple):
    """Images to learn from and images to be judged by.

    Attributes
    ----------
    train_images, test_images : ndarray (n, h, w, c), float32
        Pixels in [0, 1]; n differs between the two.
    train_labels, test_labels : ndarray (n,), int64
        Classes 0..k-1.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def split_every_fifth(images, labels):
    """Return a Dataset whose test part is every fifth image, starting with the first.

    Parameters
    ----------
    images : ndarray (n, ...)
        Two at least, so that neither part is empty.
    labels : ndarray (n,)

    Returns
    -------
    Dataset
        Test: index 0, 5, 10, ...; train: all the others, in their order.
    """
    test = np.arange(len(images)) % 5 == 0
    return Dataset(images[~test], labels[~test], images[test], labels[test])


def hold_out(dataset, count):
    """Set the last training images aside as the test part, to choose settings without a look at the real test set.

    Parameters
    ----------
    dataset : Dataset
    count : int
        How many, in 1..n-1 of the n training images.

    Returns
    -------
    Dataset
        Both parts are views of the training part; the real test part is not among them.

    Raises
    ------
    ValueError
        If either part would be empty, or count is no integer.
    """
    images, labels = dataset.train_images, dataset.train_labels
    if isinstance(count, bool) or not hasattr(count, "__index__") or not 1 <= count < len(images):
        raise ValueError(f"count: got {count!r}, wanted an integer in 1..{len(images) - 1}")
    return Dataset(images[:-count], labels[:-count], images[-count:], labels[-count:])
