"""The pairs of digits that a network learns from, is watched on and is judged on; its errors."""
import numpy as np

from tinycaps.data import Pairs, draw_pairs, overlay, random_warp

JUDGED = 3600
"""Test pairs, at least: each test image is the base of equally many."""
PAIRS_SEED = 2017
"""Of the test pairs and of those on which a training is watched: the same for every --seed."""


def is_multi_label(data):
    """Return whether the images of a Dataset show several classes already: bool labels (n, k)."""
    return data.train_labels.ndim == 2


def pair_up(arguments, data):
    """Return the function (batch, rng) -> batch that makes pairs of training images.

    Images that show several classes already are left as they are: there is no function.
    """
    if is_multi_label(data):
        return None
    others = data.train_images, data.train_labels

    def augment(batch, rng):
        pairs = draw_pairs(*batch, rng, others, arguments.pad, arguments.shift)
        if not arguments.warp:
            return tuple(pairs)
        digits = random_warp(pairs.digits.reshape(-1, *pairs.images.shape[1:]), rng)
        digits = digits.reshape(pairs.digits.shape)
        return overlay(digits), pairs.labels, digits
    return augment


def fixed_pairs(images, labels, arguments, count=1):
    """Return pairs, each image with count others of the same set: the same in every run.

    Images that show several classes already come back as they are, without digits.
    """
    if labels.ndim == 2:
        return Pairs(images, labels, None)
    rng = np.random.default_rng(PAIRS_SEED)
    return draw_pairs(np.concatenate([images] * count), np.tile(labels, count), rng,
                      (images, labels), arguments.pad, arguments.shift)


def test_pairs(arguments, data):
    """Return the pairs that a network is judged on: test images, or held-out ones."""
    count = 1 if arguments.quick else -(-JUDGED // len(data.test_images))
    return fixed_pairs(data.test_images, data.test_labels, arguments, count)


def errors(found, labels):
    """Return the fraction of images not exactly right, and of digits not found.

    Parameters
    ----------
    found, labels : integer arrays (n, 2), or bool arrays (n, k)
        Two different classes each, in any order. Or whether each class is there: then the second
        fraction is that of the wrong ones of n k answers.
    """
    if labels.dtype == bool:
        right = found == labels
        return float(1 - right.all(axis=1).mean()), float(1 - right.mean())
    there = (labels[:, :, None] == found[:, None]).any(axis=2)
    return float(1 - there.all(axis=1).mean()), float(1 - there.mean())
