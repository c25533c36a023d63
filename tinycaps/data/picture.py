"""Your own drawing, from a PNG, made like the images that a network has learned from."""
import struct
import zlib
from pathlib import Path

import numpy as np

INK = 0.2
"""Above this fraction of its brightest pixel an image has ink; soft edges of strokes and shades of
the paper are below it."""


def load_image(path, shape, margin=0):
    """Read a PNG as one image like those that a network has learned from.

    In this order: transparent pixels become background, black; colours become grey (luma,
    Rec. 601) if c = 1, and grey is repeated over the channels if c = 3; a drawing that is dark on
    light, one whose outermost pixels are brighter than 0.5 on average, is inverted, since the
    training digits are light on dark. The smallest box around the ink, the pixels above 0.2 of the
    brightest, is cut out, scaled so that it just fits between the margins, and centred on black.
    Proportions are kept; each pixel of the result is the average of the area that it covers in the
    file, and the brightest is then made 1.

    Parameters
    ----------
    path : str or path
    shape : tuple (h, w, c)
        c is 1 or 3.
    margin : int
        Black pixels left at every side, as `ink_margin` finds them in the training images.

    Returns
    -------
    ndarray (h, w, c), float32
        Pixels in [0, 1].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If shape is not as above, margin is negative or leaves no pixel, the file is not a PNG or is
        damaged, or all its pixels are the same once transparency is gone.

    Notes
    -----
    MNIST puts the centre of mass of its digits into the middle, not that of the box: a drawing can
    lie a pixel or two from where such a digit would. Strokes become thinner or thicker with the
    drawing and are not made even. A speck outside the drawing counts as ink, and the box grows to
    hold it.
    """
    if len(shape) != 3 or min(shape) < 1 or shape[2] not in (1, 3):
        raise ValueError(f"shape: got {shape}, wanted (h, w, 1) or (h, w, 3)")
    room = min(shape[:2])
    if not 0 <= 2 * margin < room:
        raise ValueError(f"margin: got {margin}, wanted 0..{(room - 1) // 2} in an image of "
                         f"{shape[0]}x{shape[1]}")
    image = _light_on_dark(_read(path), shape[2], path)
    ink = _ink(image[None])[0]
    (top, bottom), (left, right) = (np.flatnonzero(ink.any(axis=axis))[[0, -1]] for axis in (1, 0))
    image = image[top:bottom + 1, left:right + 1]
    scale = min((new_size - 2 * margin) / size for new_size, size in zip(shape, image.shape[:2]))
    rows, columns = (_averaging(size, new_size, scale)
                     for new_size, size in zip(shape, image.shape[:2]))
    image = np.einsum("yr,rsf,xs->yxf", rows, image, columns, optimize=True).astype(np.float32)
    return np.broadcast_to(image / image.max(), shape).clip(0, 1)


def ink_margin(images):
    """Return the typical number of free pixels on either side of the ink, along its longer axis.

        margin = ⌊median_n min(h − height of the ink, w − width of the ink) / 2⌋

    Parameters
    ----------
    images : ndarray (n, h, w, c)
        Light on dark, pixels in [0, 1]: the training images. Black ones do not count.

    Returns
    -------
    int
        0 for the embedded digits; 4 for MNIST, whose digits fill 20 of 28 pixels.

    Raises
    ------
    ValueError
        If the images do not have four axes.

    Notes
    -----
    The smallest border on any side would be 3 for MNIST, whose digits lie off the middle; their
    boxes are 20 pixels long.
    """
    if images.ndim != 4:
        raise ValueError(f"images: got shape {images.shape}, wanted (n, h, w, c)")
    ink = _ink(images)
    ink = ink[ink.any(axis=(1, 2))]
    if not len(ink):
        return 0
    free = [lines.argmax(axis=1) + lines[:, ::-1].argmax(axis=1)
            for lines in (ink.any(axis=2), ink.any(axis=1))]
    return int(np.median(np.minimum(*free)) / 2)


def _read(path):
    """Return the pixels of a PNG, (height, width, 1, 3 or 4), in [0, 1]."""
    from matplotlib.image import imread
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: got no such file, wanted a PNG")
    try:
        return np.atleast_3d(imread(path, format="png"))
    except (SyntaxError, OSError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise ValueError(f"{path}: got a file that cannot be read ({error}), wanted a "
                         "PNG") from None


def _light_on_dark(image, channels, path):
    """Return an image without transparency, light on dark, grey if one channel is wanted."""
    if image.shape[2] == 4:
        image = image[..., :3] * image[..., 3:]
    if channels == 1 and image.shape[2] == 3:
        image = image @ np.array([[0.299], [0.587], [0.114]], image.dtype)
    if not np.ptp(image, axis=(0, 1)).any():
        raise ValueError(f"{path}: got one flat colour (transparent counts as black), wanted light "
                         "on dark or dark on light")
    edge = np.ones(image.shape[:2], bool)
    edge[1:-1, 1:-1] = False
    return 1 - image if image[edge].mean() > 0.5 else image


def _ink(images):
    """Return (n, h, w): where the brightest channel exceeds INK of its largest value."""
    brightest = images.max(axis=3)
    return brightest > INK * brightest.max(axis=(1, 2), keepdims=True)


def _averaging(size, new_size, scale):
    """Return the matrix (new_size, size) that averages over stretches of an axis.

    Row r averages over the r-th of new_size stretches, each 1 / scale long. Their middle is that of
    the axis; what they cover beyond its ends counts as 0.
    """
    ends = size / 2 + (np.arange(new_size + 1)[:, None] - new_size / 2) / scale
    starts = np.arange(size)
    overlap = np.minimum(ends[1:], starts + 1) - np.maximum(ends[:-1], starts)
    return overlap.clip(0) * scale
