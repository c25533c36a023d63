"""Digits turned, stretched, sheared and put somewhere on a larger black field, from a seed.

A stand-in for affNIST (`aff_nist.py`) where the published file cannot be had. It is another set:
errors on the one are not errors on the other, and a record must say which was read.
"""
import numpy as np

from ..backend import ndimage
from ..checks import check_shapes
from .dataset import Dataset

DEGREES = 20.0
SHEAR = 0.2
STRETCH = (0.8, 1.2)


def pad_images(images, pixels):
    """Put images into the middle of a larger black field.

    Parameters
    ----------
    images : ndarray (n, h, w, c), floating point
    pixels : int
        Width of the border, at least 0; 6 in S17, which makes 40x40 of MNIST.

    Returns
    -------
    ndarray (n, h + 2 pixels, w + 2 pixels, c)

    Raises
    ------
    ValueError
        If pixels is not an integer of at least 0.

    Notes
    -----
    With ``random_shift(batch, rng, pixels)`` as the augmentation, these are the training images of
    S17's affNIST experiment: digits placed at random, and no other change.
    """
    check_shapes(images=(images, "n,h,w,c"))
    if isinstance(pixels, bool) or not hasattr(pixels, "__index__") or pixels < 0:
        raise ValueError(f"pixels: got {pixels!r}, wanted an integer of at least 0")
    return np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))


def synthetic_aff_nist(dataset, seed=0, pad=6):
    """Return a Dataset whose test images are transformed at random and whose training ones are not.

        out[A (y, x) + t] = image[y, x],    A = rotation · [[1, 0], [shear, 1]] · diag(stretch)

    Parameters
    ----------
    dataset : Dataset
        MNIST, or other images, light on dark.
    seed : int
        Of the angle, uniform in ±20°, the shear, uniform in ±0.2, the stretch of each axis, uniform
        in 0.8..1.2, and the place t, uniform where all inked pixels stay within the field.
    pad : int
        The field is larger than the images by this on each side: 6 for MNIST (40x40), 3 for the
        embedded digits (14x14).

    Returns
    -------
    Dataset
        Training images: in the middle of the field, for `random_shift` to move by up to pad pixels.
        Test images: every one transformed once, interpolated linearly.

    Raises
    ------
    ValueError
        If a transformed image is larger than the field, or pad is not an integer of at least 0.

    Notes
    -----
    The ranges are those of affNIST as it is known from secondary sources; they and the rule for the
    place have not been compared with its page. The order of the three maps and the interpolation
    are ours.
    """
    rng = np.random.default_rng(seed)
    images = pad_images(dataset.test_images, pad)
    return Dataset(pad_images(dataset.train_images, pad), dataset.train_labels,
                   np.stack([_transform(image, rng, pad) for image in images]), dataset.test_labels)


def _transform(image, rng, pad):
    """Return an image (h, w, c), transformed at random within its own size."""
    angle = np.deg2rad(rng.uniform(-DEGREES, DEGREES))
    shear, stretch, place = rng.uniform(-SHEAR, SHEAR), rng.uniform(*STRETCH, 2), rng.random(2)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.array([[1, 0], [shear, 1]]) @ np.diag(stretch)
    ink = np.argwhere(image.any(axis=2)) @ matrix.T
    if not len(ink):
        return image
    low, high = -ink.min(axis=0), np.array(image.shape[:2]) - 1 - ink.max(axis=0)
    if (low > high).any():
        raise ValueError(f"pad: got {pad}, wanted more: a transformed digit is larger than a field "
                         f"of {image.shape[0]}x{image.shape[1]}")
    inverse = np.linalg.inv(matrix)
    offset = -inverse @ (low + place * (high - low))
    return np.stack([ndimage(np).affine_transform(channel, inverse, offset, order=1,
                                                  mode="grid-constant")
                     for channel in np.moveaxis(image, 2, 0)], axis=2)
