"""Drawings of the embedded digits, and photographs of them, as the tests want them."""
import numpy as np
from scipy import ndimage

RNG = np.random.default_rng(0)


def drawing(digit, scale=14, margin=24):
    """Return a digit (8, 8) as even strokes: 1 where is ink, 0 around it."""
    smooth = ndimage.zoom(digit, scale, order=1)
    return np.pad(((smooth - 0.3) * 4).clip(0, 1), margin)


def photograph(ink, dark, light, ink_is=0.15, noise=0.02):
    """Return ink on paper whose brightness rises from one corner to the other, with noise.

    Ink is as bright as this fraction of the paper, or, if that is darker, of white.
    """
    y, x = np.mgrid[0:1:ink.shape[0] * 1j, 0:1:ink.shape[1] * 1j]
    paper = dark + (light - dark) * (x + y * y) / 2
    inked = ink_is * (paper if ink_is < dark else 1)
    return paper + (inked - paper) * ink + RNG.normal(0, noise, ink.shape)


def frame(image, width=12, grey=0.08):
    """Return an image with a dark frame around it."""
    return np.pad(image, width, constant_values=grey)
