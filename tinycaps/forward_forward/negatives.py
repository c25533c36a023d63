"""Negative data: what a layer learns to distinguish from the real thing (H22).

Contaminated negatives. Public code often draws the label of a negative from all classes, the true
one included, so that a fraction f = 1/classes of the negatives is positive. At a true pair of image
and label the expected loss is then −log p − f log(1 − p), for 1 positive and f negatives:

    its slope  −1/p + f/(1 − p)  is zero at        p = 1/(1 + f)
    and as p = σ(G − θ), the goodness stops at     G = θ + log(p/(1 − p)) = θ − log f

With ten classes that is p = 0.91 and G = θ + 2.3 for the best layer that there is. Here the true
label is never drawn: f = 0, and no pull back.
"""
import numpy as np

from ..backend import get_xp, ndimage
from ..checks import check_count, check_labels, check_shapes, door, named_xp

LEAST = -1e30
"""Smaller logits, also −∞, are raised to this, so that only the true class has −∞."""


def check_classes(classes):
    """Raise unless there are at least two classes."""
    check_count(classes=classes)
    if classes < 2:
        raise ValueError(f"classes: got {classes}, wanted at least 2: with a single class no label "
                         "is wrong")


def check_drawn(labels, classes, rng, logits=None):
    """Raise unless labels, classes and logits fit."""
    check_classes(classes)
    check_labels(labels, len(labels), classes)
    if logits is not None:
        check_shapes(logits=(logits, (len(labels), classes)))
        named_xp(labels=labels, logits=logits)


@door(check_drawn)
def wrong_labels(labels, classes, rng, logits=None):
    """Draw a label for each sample that is never the true one.

        P(l) = exp(logits_l) / Σ_k exp(logits_k)    over the classes k ≠ label        [§3.3]

    Parameters
    ----------
    labels : integer array (n,)
        The true ones, 0..classes-1.
    classes : int
        At least 2.
    rng : numpy.random.Generator
    logits : array (n, classes), optional
        Of the network's own predictor: what it thinks likely is drawn often, which makes the
        negatives hard. Without them all wrong labels are alike.

    Returns
    -------
    integer array (n,)
        In the memory of labels.

    Notes
    -----
    Same as the paper. The largest of logits plus Gumbel noise is distributed as their softmax.
    """
    xp = get_xp(labels)
    if logits is None:
        logits = xp.zeros((len(labels), classes))
    # Drawn on the host and moved: NumPy and CuPy start from the same bits.
    noise = xp.asarray(rng.gumbel(size=logits.shape), dtype=logits.dtype)   # [§3.3]
    noisy = xp.maximum(logits, LEAST) + noise                               # [§3.3]
    # −∞ for the true class, so that it never wins: by comparison and `where`, for a scatter by
    # labels, noisy[range, labels] = −∞, would wrap a label out of range silently on CuPy.
    true = labels[:, None] == xp.arange(classes)                            # [§3.3]
    return xp.where(true, -xp.inf, noisy).argmax(axis=1)                    # [§3.3] k ≠ label


def hybrid_masks(rng, shape, blurs=10):
    """Draw masks with large regions of ones and zeros.

        mask ← random bits                                                      [§3.2]
        for t = 1 … blurs
            mask ← mask * (¼, ½, ¼) along rows, and along columns               [§3.2]
        mask ← mask > ½                                                         [§3.2]

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (n, h, w)
    blurs : int

    Returns
    -------
    bool array (n, h, w, 1)
        On the host.

    Notes
    -----
    The paper does not say how many blurs. They are done in one, with a binomial kernel.
    """
    check_count(blurs=blurs)
    if len(shape) != 3:
        raise ValueError(f"shape: got {shape}, wanted (n, h, w)")
    kernel = np.ones(1)
    for _ in range(blurs):
        kernel = np.convolve(kernel, [0.25, 0.5, 0.25])                     # [§3.2]
    mask = rng.integers(0, 2, shape).astype(np.float32)                     # [§3.2]
    for axis in (1, 2):
        mask = ndimage(np).correlate1d(mask, kernel, axis)                  # [§3.2]
    return (mask > 0.5)[..., None]                                          # [§3.2]


def check_mixed(first, second, mask):
    """Raise unless two batches of images and their masks fit."""
    check_shapes(first=(first, "n,h,w,c"), second=(second, "n,h,w,c"), mask=(mask, "bool n,h,w,1"))
    if mask.shape[3] != 1:
        raise ValueError(f"mask: got shape {mask.shape}, wanted (n, h, w, 1)")


@door(check_mixed)
def hybrid_images(first, second, mask):
    """Mix two digits: one where the mask is on, the other where it is off.

        x = mask · first + (1 − mask) · second        [§3.2]

    Strokes stay strokes, so short-range statistics are those of digits; the shapes are not.

    Parameters
    ----------
    first, second : arrays (n, h, w, c)
    mask : bool array (n, h, w, 1)

    Returns
    -------
    array (n, h, w, c)

    Notes
    -----
    Same as the paper.
    """
    return get_xp(first).where(mask, first, second)                         # [§3.2]


@door(images="n,h,w,c")
def hybrid_negatives(images, rng):
    """Mix each image of a batch with the one before it, by random masks.

    Parameters
    ----------
    images : array (n, h, w, c)
        At least two.
    rng : numpy.random.Generator

    Returns
    -------
    array (n, h, w, c)
    """
    if len(images) < 2:
        raise ValueError("images: got a batch of one, wanted at least 2: an image mixed with "
                         "itself is not negative")
    xp = get_xp(images)
    mask = xp.asarray(hybrid_masks(rng, images.shape[:3]))
    return hybrid_images(images, xp.roll(images, 1, axis=0), mask)
