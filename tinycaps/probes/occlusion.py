"""Occlusion: a region of every image is hidden; is the class still found, and the region redrawn?

Z14  Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", 2014, arXiv 1311.2901,
     section 4.2: a square slid over the image.

Regions are boolean arrays (h, w) on the host, True where the image is hidden.
"""
from typing import NamedTuple

import numpy as np

from ..backend import get_xp
from ..checks import check_count, check_fraction, check_images, check_like
from .answers import accuracy


def patches(height, width, size, stride=1):
    """Return a region for every place of a square.

    Parameters
    ----------
    height, width : int
        Of the images.
    size : int
        Side of the square, at most that of the image.
    stride : int
        Pixels between neighbouring places.

    Returns
    -------
    bool ndarray (rows, columns, h, w)
        A square that would reach over the edge is left out.
    """
    check_count(size=size, stride=stride)
    if size > min(height, width):
        raise ValueError(f"size: got {size}, wanted at most {min(height, width)}, the shorter side "
                         f"of the {height}x{width} image")
    top = np.arange(0, height - size + 1, stride)[:, None]
    left = np.arange(0, width - size + 1, stride)[:, None]
    rows = (np.arange(height) >= top) & (np.arange(height) < top + size)
    columns = (np.arange(width) >= left) & (np.arange(width) < left + size)
    return rows[:, None, :, None] & columns[None, :, None, :]


def border(height, width, pixels):
    """Return the region (h, w) of the outermost rows and columns, the given number on each side."""
    check_count(pixels=pixels)
    if 2 * pixels >= min(height, width):
        raise ValueError(f"pixels: got {pixels}, wanted less than half of {min(height, width)}, "
                         f"the shorter side of the {height}x{width} image")
    region = np.ones((height, width), bool)
    region[pixels:-pixels, pixels:-pixels] = False
    return region


def halves(height, width):
    """Return the four halves of an image by name; of an odd size the middle stays visible."""
    rows, columns = np.mgrid[:height, :width]
    return {"top": rows < height // 2, "bottom": rows >= height - height // 2,
            "left": columns < width // 2, "right": columns >= width - width // 2}


def hide(images, region, fill=0.0):
    """Return the images with a region (h, w) of each filled with one value, black by default."""
    check_images(images)
    check_fraction(fill=fill)
    if region.shape != images.shape[1:3] or region.dtype != bool:
        raise ValueError(f"region: got {region.dtype} of shape {region.shape}, wanted bool of "
                         f"{images.shape[1:3]}")
    hidden = get_xp(images).asarray(region[:, :, None], dtype=images.dtype)
    return images * (1 - hidden) + float(fill) * hidden


def occlusion(forward, images, labels, regions, fill=0.0):
    """Return the accuracy with each of the regions hidden.

    Parameters
    ----------
    forward : callable
        images (n, h, w, c) -> scores (n, k).
    images : array (n, h, w, c)
    labels : integer array (n,)
    regions : bool ndarray (..., h, w)
    fill : float
        Value of the hidden pixels, from 0 to 1.

    Returns
    -------
    ndarray (...)
        For the regions of `patches` a map (rows, columns) of what matters.

    Notes
    -----
    Z14 hides with grey, and draws the score of the true class; here black, which for digits is
    background, and the accuracy over all images.
    """
    flat = regions.reshape(-1, *regions.shape[-2:])
    found = [accuracy(forward, hide(images, region, fill), labels) for region in flat]
    return np.array(found).reshape(regions.shape[:-2])


class Restoration(NamedTuple):
    """How much of a region is redrawn: 1 all of it, 0 no better than what hid it, or below."""

    hidden: float
    """By the reconstruction of the images in which it is hidden."""
    seen: float
    """By that of the whole images: what the decoder can do at best."""


def restoration(reconstruct, images, region, fill=0.0):
    """Return whether a reconstruction restores what was hidden.

        restored = 1 − Σ (redrawn − x)² / Σ (fill − x)²,    sums over the region of all images

    Parameters
    ----------
    reconstruct : callable
        images (n, h, w, c) -> images (n, h, w, c).
    images : array (n, h, w, c)
    region : bool ndarray (h, w)
    fill : float

    Returns
    -------
    Restoration
        NaN if there is nothing to restore: all images have the fill there.

    Notes
    -----
    Our measure.
    Loops: tests.reference.probes.restored
    """
    occluded = hide(images, region, fill)
    inside = get_xp(images).asarray(region[:, :, None], dtype=images.dtype)
    missing = float((((occluded - images) * inside) ** 2).sum())
    found = []
    for each in (occluded, images):
        redrawn = reconstruct(each)
        check_like(reconstruct=redrawn, images=images)
        error = float((((redrawn - images) * inside) ** 2).sum())
        found.append(1 - error / missing if missing else float("nan"))
    return Restoration(*found)
