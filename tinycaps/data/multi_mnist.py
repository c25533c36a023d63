"""MultiMNIST: two digits of different classes, one on top of the other (S17 section 6.1)."""
from typing import NamedTuple

import numpy as np

from ..checks import check_labels, check_shapes
from .shift import random_shift


class Pairs(NamedTuple):
    """Images that show two digits each, and the digits.

    Attributes
    ----------
    images : ndarray (n, h, w, c)
        The pixels of both digits added, at most 1.
    labels : ndarray (n, 2), int64
        Two different classes; the first is that of the base image.
    digits : ndarray (n, 2, h, w, c)
        Each digit where it is in the image, alone.
    """

    images: np.ndarray
    labels: np.ndarray
    digits: np.ndarray


def draw_pairs(base, labels, rng, others, pad=4, shift=4):
    """Lay over each base image another one, of another class, both moved at random.

        digit_e = padded image_e, moved by (dy_e, dx_e),    e = 1, 2
        image = overlay of both = min(digit_1 + digit_2, 1)

    Parameters
    ----------
    base : ndarray (n, h, w, c)
        Pixels in [0, 1].
    labels : integer ndarray (n,)
    rng : numpy.random.Generator
    others : tuple (images (m, h, w, c), labels (m,))
        Where the other digit is drawn from, uniformly among all of another class. For test pairs
        these are test images, like the base.
    pad : int
        Black pixels added on each side: 36x36 from the 28x28 of MNIST.
    shift : int
        Each offset is uniform in ± this many pixels. What leaves the image is lost, as can happen
        where shift is larger than pad.

    Returns
    -------
    Pairs

    Raises
    ------
    ValueError
        If a shape is wrong, pad or shift is negative, shift could move more than half of an image
        away, or a base image has no partner since all others are of its class.

    Notes
    -----
    Same as the paper: shifts of up to 4 pixels, on 36x36. The script that its authors published
    has pad=4 and shift=6. The paper draws 1000 partners for each base image beforehand, all of
    which see the base at one offset. Here each call draws partners and offsets anew, and nothing is
    stored.
    """
    other_images, other_labels = others
    check_shapes(base=(base, "n,h,w,c"), others=(other_images, "m,h,w,c"))
    for name, classes, images in (("labels", labels, base), ("others", *others[::-1])):
        check_labels(classes, len(images), 1 + int(np.max(classes, initial=0)), name)
    for name, pixels in (("pad", pad), ("shift", shift)):
        if not hasattr(pixels, "__index__") or pixels < 0:
            raise ValueError(f"{name}: got {pixels!r}, wanted an integer of at least 0")
    most = pad + min(base.shape[1:3]) // 2
    if shift > most:
        raise ValueError(f"shift: got {shift}, wanted at most {most}, which leaves half of an "
                         f"image of {base.shape[1]}x{base.shape[2]} pixels in a border of {pad}")
    partners = _draw_partners(labels, other_labels, rng)
    border = (0, 0), (pad, pad), (pad, pad), (0, 0)
    first, second = (random_shift(np.pad(images, border), rng, shift)
                     for images in (base, other_images[partners]))
    digits = np.stack([first, second], axis=1)
    return Pairs(overlay(digits), np.stack([labels, other_labels[partners]], axis=1).astype(int),
                 digits)


def overlay(digits):
    """Return images (n, h, w, c) of digits (n, d, h, w, c): their pixels added, at most 1."""
    return np.minimum(digits.sum(axis=1), 1)


def _draw_partners(labels, other_labels, rng):
    """Return for each label the index of another one that differs, all such equally likely.

    With the others sorted by label, those of one class are a block, which is skipped.
    """
    order = other_labels.argsort(kind="stable")
    start = np.searchsorted(other_labels, labels, "left", sorter=order)
    end = np.searchsorted(other_labels, labels, "right", sorter=order)
    free = len(other_labels) - (end - start)
    if not free.all():
        alone = labels[free == 0][0]
        raise ValueError(f"labels: got no class but {alone} to pair a {alone} with, wanted at "
                         "least two classes")
    drawn = rng.integers(0, free)
    return order[drawn + (drawn >= start) * (end - start)]
