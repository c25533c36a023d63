"""Negative data: what a layer learns to tell from the real thing (H22 sections 3.2, 3.3)."""
import numpy as np

from ..backend import get_xp, ndimage
from ..checks import check_count, check_labels, check_shapes, named_xp


LEAST = -1e30
"""Logits count as no less, −∞ neither: the true class is always the least."""


def wrong_labels(labels, classes, rng, logits=None):
    """Draw a label for each sample that is never the true one.

        P(l) ∝ exp(logits_l) for l ≠ label, or all l ≠ label alike

    Parameters
    ----------
    labels : integer array (n,)
        The true ones, 0..classes-1.
    classes : int
        At least 2.
    rng : numpy.random.Generator
    logits : array (n, classes), optional
        Of the network's own predictor: what it takes for likely is drawn often, which makes the negatives hard.

    Returns
    -------
    integer array (n,)
        In the memory of labels.

    Raises
    ------
    ValueError, TypeError
        If there is a single class, or labels and logits do not fit.

    Notes
    -----
    Same as the paper; some implementations draw from all classes, so that a tenth of the negatives is positive. The largest of
    logits plus Gumbel noise is distributed as their softmax; with −∞ for the true class it cannot win.
    """
    check_count(classes=classes)
    if classes < 2:
        raise ValueError(f"classes: got {classes}, wanted at least 2: with a single class no label is wrong")
    check_labels(labels, len(labels), classes)
    xp = get_xp(labels)
    if logits is None:
        logits = xp.zeros((len(labels), classes))
    check_shapes(logits=(logits, (len(labels), classes)))
    xp = named_xp(labels=labels, logits=logits)
    true = labels[:, None] == xp.arange(classes)
    noise = xp.asarray(rng.gumbel(size=logits.shape), dtype=logits.dtype)
    return xp.where(true, -xp.inf, xp.maximum(logits, LEAST) + noise).argmax(axis=1)


def hybrid_masks(rng, shape, blurs=10):
    """Draw masks with large regions of ones and zeros.

    Random bits are blurred over and over with ¼, ½, ¼ along rows and columns, and cut at one half.     H22 section 3.2

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (n, h, w)
    blurs : int

    Returns
    -------
    bool array (n, h, w, 1)
        On the host.

    Raises
    ------
    ValueError
        If the shape is not one of three axes, or blurs is not a positive integer.

    Notes
    -----
    The paper does not say how often. So many blurs are one with a binomial kernel, along each axis.
    """
    check_count(blurs=blurs)
    if len(shape) != 3:
        raise ValueError(f"shape: got {shape}, wanted (n, h, w)")
    filters = ndimage(np)
    kernel = np.ones(1)
    for _ in range(blurs):
        kernel = np.convolve(kernel, [0.25, 0.5, 0.25])
    mask = rng.integers(0, 2, shape).astype(np.float32)
    for axis in (1, 2):
        mask = filters.correlate1d(mask, kernel, axis)
    return (mask > 0.5)[..., None]


def hybrid_images(first, second, mask):
    """Put two digits together: the one where the mask is on, the other where it is off.

        x = m · first + (1 − m) · second                                                             H22 section 3.2

    Strokes stay strokes, so short-range statistics are right; shapes are not.

    Parameters
    ----------
    first, second : arrays (n, h, w, c)
    mask : bool array (n, h, w, 1)

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    ValueError, TypeError
        If the images or the mask do not fit.

    Notes
    -----
    Same as the paper.
    """
    check_shapes(first=(first, "n,h,w,c"), second=(second, "n,h,w,c"))
    xp = named_xp(first=first, second=second, mask=mask)
    wanted = (*first.shape[:3], 1)
    if mask.dtype != xp.bool_ or mask.shape != wanted:
        kind = TypeError if mask.dtype != xp.bool_ else ValueError
        raise kind(f"mask: got {mask.dtype} {mask.shape}, wanted bool {wanted}")
    return xp.where(mask, first, second)


def hybrid_negatives(images, rng):
    """Mix each image of a batch with its neighbour, by random masks.

    Parameters
    ----------
    images : array (n, h, w, c)
        At least two.
    rng : numpy.random.Generator

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    ValueError, TypeError
        If there is a single image, or they are no images.
    """
    check_shapes(images=(images, "n,h,w,c"))
    if len(images) < 2:
        raise ValueError("images: got a batch of one, wanted at least 2: an image mixed with itself is not negative")
    xp = get_xp(images)
    return hybrid_images(images, xp.roll(images, 1, axis=0), xp.asarray(hybrid_masks(rng, images.shape[:3])))
