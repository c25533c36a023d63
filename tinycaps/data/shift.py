"""Translations by whole pixels, the one augmentation that S17 trains with."""
import numpy as np

from ..backend import get_xp
from ..checks import check_shapes


def shift_images(images, offsets):
    """Move each image by its own number of pixels; what leaves is lost, what enters is black.

        out[n, y, x] = images[n, y − dy_n, x − dx_n], or 0 outside

    Parameters
    ----------
    images : array (n, h, w, c), floating point
        On the host or the device.
    offsets : ndarray (n, 2), integers
        Rows (dy, dx) in pixels, positive down and to the right; always on the host, where they are
        drawn.

    Returns
    -------
    array (n, h, w, c)
        In the memory and dtype of images.

    Raises
    ------
    TypeError
        If images are not floating-point arrays, or offsets not a NumPy array of integers.
    ValueError
        If a shape is wrong.

    Notes
    -----
    Each pixel is fetched from where it was. The images get one more row and column, of zeros, and
    every coordinate outside the image points there, so an offset may be larger than the image.
    """
    check_shapes(images=(images, "n,h,w,c"))
    if not isinstance(offsets, np.ndarray) or offsets.dtype.kind not in "iu":
        came = f"dtype {offsets.dtype}" if hasattr(offsets, "dtype") else type(offsets).__name__
        raise TypeError(f"offsets: got {came}, wanted a NumPy array of integers")
    n, h, w, c = images.shape
    if offsets.shape != (n, 2):
        raise ValueError(f"offsets: got shape {offsets.shape}, wanted ({n}, 2), one (dy, dx) for "
                         "each image")
    xp = get_xp(images)
    dy, dx = offsets.astype(np.int64).T[:, :, None]
    y, x = xp.asarray(_origin(dy, h)), xp.asarray(_origin(dx, w))
    padded = xp.zeros((n, h + 1, w + 1, c), images.dtype)
    padded[:, :h, :w] = images
    return padded[xp.arange(n)[:, None, None], y[:, :, None], x[:, None, :]]


def random_shift(images, rng, pixels):
    """Move each image by whole pixels along each axis, all offsets equally likely (S17 section 5).

    Parameters
    ----------
    images : array (n, h, w, c), floating point
    rng : numpy.random.Generator
    pixels : int
        The largest offset, at least 0; 2 in S17.

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    ValueError
        If pixels is not an integer from 0 to below the size of the image.

    Notes
    -----
    Same as the paper.
    """
    check_shapes(images=(images, "n,h,w,c"))
    smaller = min(images.shape[1:3])
    if not hasattr(pixels, "__index__") or not 0 <= pixels < smaller:
        raise ValueError(f"pixels: got {pixels!r}, wanted an integer in 0..{smaller - 1}: a larger "
                         "shift can push all of the image out")
    return shift_images(images, rng.integers(-pixels, pixels, (len(images), 2), endpoint=True))


def _origin(offset, size):
    """Return where along an axis each pixel comes from, (n, size); size stands for outside."""
    origin = np.arange(size) - offset
    return np.where((origin < 0) | (origin >= size), size, origin)
