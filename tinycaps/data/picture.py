"""Your own drawing, from a PNG or JPEG, made like the images that a network has learned from."""
import numpy as np

from ..backend import ndimage
from .paper import coarse, coarseness, lift_ink
from .pixels import luma, read_pixels

INK = 0.2
"""Above this fraction of its brightest pixel an image has ink; soft edges of strokes and shades of
the paper are below it."""
FAINT = 0.08
"""Of the way from the paper to white, or to black, ink is beyond this fraction, or is none."""
SPECK = 0.02
"""Of ink, a piece smaller than this fraction of the largest is a speck."""
SIDE = 0.9
"""A piece of ink that fills more than this fraction of a side of the image is its frame."""


def load_image(path, shape, margin=0, say=print):
    """Read a drawing as one image like those that a network has learned from.

    In this order: what is transparent becomes black, or white under dark ink; colours become grey
    (luma, Rec. 601) if c = 1, and grey is repeated over the channels if c = 3; a dark frame around
    the paper is left out; a drawing that is dark on light is inverted, since the training digits
    are light on dark; the paper is subtracted, so that it is black. The smallest box around the
    ink, the pixels above 0.2 of the brightest, without specks, is cut out, scaled so that it just
    fits between the margins, and centred on black. Proportions are kept; each pixel of the result
    is the average of the area that it covers in the file, and the brightest is then made 1.

    Parameters
    ----------
    path : str or path
        A PNG or a JPEG, drawn or photographed.
    shape : tuple (h, w, c)
        c is 1 or 3.
    margin : int
        Black pixels left at every side, as `ink_margin` finds them in the training images.
    say : callable
        Called with a line for each of these: a frame, uneven paper, several drawings.

    Returns
    -------
    ndarray (h, w, c), float32
        Pixels in [0, 1].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If shape is not as above, margin is negative or leaves no pixel, the file is no PNG or JPEG,
        is damaged or has more than 67 million pixels, or nothing is drawn on it.

    Notes
    -----
    MNIST puts the centre of mass of its digits into the middle, not that of the box: a drawing can
    lie a pixel or two from where such a digit would. Strokes become thinner or thicker with the
    drawing and are not made even. The brightness of paper may change slowly, as in the light of one
    lamp; the edge of a shadow counts as ink. A frame may be on one side or on all four, tilted by
    up to about 6 degrees.
    """
    if len(shape) != 3 or min(shape) < 1 or shape[2] not in (1, 3):
        raise ValueError(f"shape: got {shape}, wanted (h, w, 1) or (h, w, 3)")
    room = min(shape[:2])
    if not 0 <= 2 * margin < room:
        raise ValueError(f"margin: got {margin}, wanted 0..{(room - 1) // 2} in an image of "
                         f"{shape[0]}x{shape[1]}")
    image = read_pixels(path)
    image = luma(image) if shape[2] == 1 else image
    if not np.ptp(image, axis=(0, 1)).any():
        raise ValueError(f"{path}: got one flat colour, wanted light on dark or dark on light")
    image, frame, uneven = lift_ink(image)
    if coarse(image, coarseness(image)).max() < FAINT:
        raise ValueError(f"{path}: got nothing but paper, wanted ink beyond {FAINT:.0%} of the "
                         "way from the paper to white or black")
    box, drawings, rest = _box(image, 0 if frame else SIDE)
    if frame or rest:
        say(f"{path}: got a frame, which was left out")
    if uneven:
        edge = ", and ink that reaches its edge: maybe a shadow" if _reaches(image, box) else ""
        say(f"{path}: got paper of uneven brightness, which was subtracted{edge}")
    if drawings > 1:
        say(f"{path}: got {drawings} drawings side by side, which are read as one")
    image = _cut(image, box)
    image = _cut(image, _box(image, 1)[0])          # once more, in finer squares
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


def _box(image, reach):
    """Return the rows and columns with ink, how many drawings stand side by side, and a frame.

    Pieces of ink count that are no specks and, unless there are no others, no frame: one that fills
    more than the given fraction of a side is taken for one. The last result says whether any was.
    """
    factor = coarseness(image)
    ink = _ink(coarse(image, factor)[None])[0]
    pieces, _ = ndimage(np).label(ink, np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    inner = sizes.copy()
    for side in pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]:
        inner[np.bincount(side, minlength=len(sizes)) > reach * len(side)] = 0
    framed = inner.any() and (inner < sizes).any()
    sizes = inner if framed else sizes
    ink = (sizes >= max(1, SPECK * sizes.max()))[pieces]
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    gaps = np.flatnonzero(np.diff(columns) > 1)
    tall = [np.ptp(np.flatnonzero(ink[:, part].any(axis=1))) + 1 > (np.ptp(rows) + 1) / 2
            for part in np.split(columns, gaps + 1)]
    box = [(lines[0] * factor, (lines[-1] + 1) * factor) for lines in (rows, columns)]
    return box, sum(tall), framed


def _reaches(image, box):
    """Return whether a box reaches the edge of an image; squares at its end may be incomplete."""
    return any(start == 0 or stop + coarseness(image) > size
               for (start, stop), size in zip(box, image.shape))


def _cut(image, box):
    (top, bottom), (left, right) = box
    return image[top:bottom, left:right]


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
