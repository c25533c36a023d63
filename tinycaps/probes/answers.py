"""What every probe asks a network: its answers, in batches, and how many are right."""
from ..backend import get_xp
from ..checks import check_count, check_finite, check_images, check_labels, check_shapes


def in_batches(function, batch=128):
    """Return the function (images, ...) -> array that calls another one for a few images at a time.

    Parameters
    ----------
    function : callable
        Of arrays (n, ...), sample by sample, to an array (n, ...).
    batch : int
        Samples in one call; bounds the memory.

    Returns
    -------
    callable
    """
    check_count(batch=batch)

    def batched(*arrays):
        parts = [function(*(array[k:k + batch] for array in arrays))
                 for k in range(0, len(arrays[0]), batch)]
        return get_xp(*parts).concatenate(parts)
    return batched


def accuracy(forward, images, labels):
    """Return the fraction of images whose largest score is that of their label.

    Parameters
    ----------
    forward : callable
        images (n, h, w, c) -> scores (n, k).
    images : array (n, h, w, c)
    labels : integer array (n,)
        0..k-1.

    Returns
    -------
    float
    """
    check_images(images)
    scores = forward(images)
    check_shapes(scores=(scores, (len(images), None)))
    check_finite(scores=scores)
    check_labels(labels, *scores.shape)
    return float((scores.argmax(axis=1) == labels).mean())


def check_pixels(images):
    """Check that images are floating-point (n, h, w, c) of pixels in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If they are not. Standardised images (mean 0, deviation 1) are refused: a limit of [0, 1]
        would cut them.
    """
    check_images(images)
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise ValueError(f"images: got values {low:.3g}..{high:.3g}, wanted pixels in [0, 1]")
