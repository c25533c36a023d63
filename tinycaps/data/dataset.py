"""What every loader returns, and three ways to divide it."""
from typing import NamedTuple

import numpy as np


class Dataset(NamedTuple):
    """A training set and a test set of images with labels.

    Attributes
    ----------
    train_images, test_images : ndarray (n, h, w, c), float32
        Pixels in [0, 1]; n differs between the two.
    train_labels, test_labels : ndarray (n,), int64
        Classes 0..k-1. Or bool (n, k), True where an image shows class k.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def split_every_fifth(images, labels):
    """Return a Dataset whose test set is every fifth image, starting with the first.

    Parameters
    ----------
    images : ndarray (n, ...)
        At least two, so that neither set is empty.
    labels : ndarray (n, ...)

    Returns
    -------
    Dataset
        Test set: images 0, 5, 10, ...; training set: all others, in their order.
    """
    return _split(images, labels, np.arange(len(images)) % 5 == 0)


def split_every_class(images, labels):
    """Return a Dataset whose test set is every fifth image of each class, starting with the first.

    Parameters
    ----------
    images : ndarray (n, ...)
    labels : ndarray (n,)
        Of a class that occurs once, the training set gets no image.

    Returns
    -------
    Dataset
        Both sets are in the order of the images.
    """
    place = labels.argsort(kind="stable").argsort()             # in the order of the classes
    return _split(images, labels, (place - np.sort(labels).searchsorted(labels)) % 5 == 0)


def _split(images, labels, test):
    return Dataset(images[~test], labels[~test], images[test], labels[test])


def hold_out(dataset, count):
    """Hold out the last training images as a validation set, in place of the test set.

    It serves to choose settings without looking at the test set.

    Parameters
    ----------
    dataset : Dataset
    count : int
        Size of the validation set, 1..n-1 of n training images.

    Returns
    -------
    Dataset
        Both of its sets are views of the training set.

    Raises
    ------
    ValueError
        If either set would be empty, or count is not an integer.
    """
    images, labels = dataset.train_images, dataset.train_labels
    if isinstance(count, bool) or not hasattr(count, "__index__") or not 1 <= count < len(images):
        raise ValueError(f"count: got {count!r}, wanted an integer in 1..{len(images) - 1}")
    return Dataset(images[:-count], labels[:-count], images[-count:], labels[-count:])
