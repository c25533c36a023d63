"""Ink lifted off its paper: light ink on black, whatever was drawn or photographed.

A frame around the paper is cut off, dark ink on light paper is inverted, its brightest pixel being
white, and the brightness of the paper, a surface of the second degree where it is uneven, is
subtracted.
"""
import numpy as np

from ..backend import ndimage
from .pixels import luma

COARSE = 64
"""Pixels along the longer side, about, of the averages in which frame and paper are sought."""
UNEVEN = 0.03
"""Paper is even if half of it, neither the darkest nor the brightest, differs by less than this
fraction of white."""
FLAT = 0.002
"""Nor was it photographed if the darkest quarter differs by less than this."""
FEW = 64
"""Pixels; fewer say nothing about a surface of six numbers."""


def lift_ink(image):
    """Return the ink of an image, light on black, and what was done to the image.

    Parameters
    ----------
    image : ndarray (h, w, c), float32
        c is 1 or 3.

    Returns
    -------
    ink : ndarray (h', w', c), float32
        About 0 where there is none, at most 1; smaller than the image if a frame was cut off.
    frame : bool
        Whether it was.
    uneven : bool
        Whether the paper was of uneven brightness.
    """
    factor = coarseness(image)
    box = _find_paper(luma(coarse(image, factor))[..., 0])
    if box:
        image = image[tuple(slice(side.start * factor, side.stop * factor) for side in box)]
        factor = coarseness(image)
    small = coarse(image, factor)
    grey = luma(small)[..., 0]
    if grey[_edge(grey)].mean() > _threshold(grey):             # dark on light
        white = image.max()                                     # far below 1 if paper is dim
        image, small = 1 - image / white, 1 - small / white
    surface, uneven = _fit_paper(small)
    paper = (_powers(image.shape) @ surface).reshape(image.shape).clip(0, 0.95)
    return (image - paper) / (1 - paper), bool(box), uneven


def coarseness(image):
    """Return the side of the squares over which `coarse` averages."""
    height, width = image.shape[:2]
    return max(1, min(max(height, width) // COARSE, height, width))


def coarse(image, factor):
    """Average an image (h, w, c) over squares; what is left over at its ends is left out."""
    height, width = (size // factor for size in image.shape[:2])
    image = image[:height * factor, :width * factor]
    return image.reshape(height, factor, width, factor, -1).mean(axis=(1, 3))


def _threshold(grey):
    """Return the number that divides values into two classes whose means differ most (Otsu)."""
    values = np.sort(grey, axis=None).astype(float)
    below = np.arange(1, len(values))
    left = np.cumsum(values)[:-1]
    difference = left / below - (values.sum() - left) / (len(values) - below)
    best = (below * (len(values) - below) * difference ** 2).argmax()
    return (values[best] + values[best + 1]) / 2


def _edge(grey):
    """Return a mask of the outermost pixels."""
    edge = np.ones(grey.shape, bool)
    edge[1:-1, 1:-1] = False
    return edge


def _find_paper(grey):
    """Return the slices of light paper, with ink, that a dark frame surrounds, or None.

    A light digit on black is no such paper: its box is small, its outermost pixels are not light
    all around, or nothing dark lies inside that does not reach them, or much.
    """
    light = grey > _threshold(grey)
    if min(grey.shape) < 8 or light[_edge(light)].mean() > 0.2:
        return None
    box = []
    for axis in 1, 0:
        lines = light.mean(axis=axis)
        first, *_, last = np.flatnonzero(lines >= 0.9 * lines.max())[[0, -1]]
        box.append(slice(first + 1, last))
    paper = light[tuple(box)]
    if paper.size < 0.4 * light.size or paper[_edge(paper)].mean() < 0.9:
        return None
    pieces, _ = ndimage(np).label(~paper, np.ones((3, 3)))
    inside = ~np.isin(pieces, pieces[_edge(paper)]) & ~paper
    return tuple(box) if 0.002 < inside.mean() < 0.4 else None


def _powers(shape):
    """Return 1, x, y, x², xy, y² at every pixel, both from -1 to 1: (h w, 6)."""
    y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in shape[:2])
    y, x = (each.ravel() for each in np.meshgrid(y, x, indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _fit_paper(image):
    """Return the brightness of the paper under light ink as factors of `_powers` (6, c).

    A surface of which 1 % of the weight lies above the pixels and 99 % below finds the paper; what
    is near it is paper, and fitted once more.
    """
    powers, channels = _powers(image.shape), image.reshape(-1, image.shape[2])
    grey = luma(channels)[:, 0]
    above = np.zeros(grey.shape, bool)
    for _ in range(20):
        weights = np.where(above, 0.1, 1)[:, None]              # squared: one hundredth
        surface = np.linalg.lstsq(weights * powers, weights[:, 0] * grey)[0]
        before, above = above, grey > powers @ surface
        if (before == above).all():
            break
    paper = grey < powers @ surface + 0.1
    least, low, high = np.quantile(grey[paper], [0, 0.25, 0.75])
    if len(grey) < FEW or high - low < UNEVEN or low - least < FLAT:
        surface = np.zeros((6, channels.shape[1]), np.float32)
        surface[0] = np.quantile(channels[paper], 0.25, axis=0)
        return surface, False
    return np.linalg.lstsq(powers[paper], channels[paper])[0], True
