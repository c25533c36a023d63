"""Crowding: two images of one class close to each other.

A capsule stands for at most one instance of its entity at a place. S17 names crowding in human
vision (Pelli, Palomares, Majaj, 2004) as what this assumption would explain. With two 3s side by
side a network can be right about the class and still draw but one of them, or a mixture.
"""
from typing import NamedTuple

import numpy as np

from ..backend import get_xp, to_numpy
from ..checks import check_like, check_not_negative
from .answers import accuracy, check_pixels
from .equivariance import move


def partners(labels):
    """Return for each image the index of the next one of its class, for the last the first.

    Parameters
    ----------
    labels : integer ndarray (n,)
        On the host; of each class that occurs at least two.
    """
    found = np.empty(len(labels), np.int64)
    for k in np.unique(labels):
        indices = np.flatnonzero(labels == k)
        if len(indices) < 2:
            raise ValueError(f"labels: got a single image of class {k}, wanted two of each class")
        found[indices] = np.roll(indices, -1)
    return found


def crowd(images, others, distance):
    """Put two images side by side, their centres a distance apart about the middle.

        both = min(left + right, 1)

    Parameters
    ----------
    images, others : array (n, h, w, c)
        Pixels in [0, 1]. What leaves the image is lost: pad it for a larger distance.
    distance : float
        Pixels, at least 0.

    Returns
    -------
    both, left, right : array (n, h, w, c)
        ``left`` are the images, ``right`` the others.
    """
    check_pixels(images)
    check_like(others=others, images=images)
    check_not_negative(distance=distance)
    half = np.full(len(images), float(distance) / 2)
    left, right = move(images, "right", -half), move(others, "right", half)
    return get_xp(images).minimum(left + right, 1), left, right


class Crowded(NamedTuple):
    """What is seen at one distance, all fractions of the images."""

    distance: float
    accuracy: float
    alone: float
    """The same without the right image: what the shift alone does."""
    one: float | None
    """Redrawn nearer to the left or the right image than to both; None without a decoder."""


def crowding(forward, images, labels, distances, reconstruct=None):
    """Return what is seen of two images of one class as the distance between them changes.

    Parameters
    ----------
    forward : callable
        images (n, h, w, c) -> scores (n, k).
    images : array (n, h, w, c)
    labels : integer array (n,)
    distances : iterable of float
        Pixels.
    reconstruct : callable, optional
        images (n, h, w, c) -> images (n, h, w, c).

    Returns
    -------
    list of Crowded
    """
    others, found = images[get_xp(images).asarray(partners(to_numpy(labels)))], []
    for distance in distances:
        both, left, right = crowd(images, others, distance)
        one = None if reconstruct is None else _nearer(reconstruct(both), both, left, right)
        found.append(Crowded(distance, accuracy(forward, both, labels),
                             accuracy(forward, left, labels), one))
    return found


def _nearer(redrawn, both, left, right):
    """Return the fraction of images nearer to the left or right image than to both."""
    to_both, to_left, to_right = (((redrawn - each) ** 2).sum(axis=(1, 2, 3))
                                  for each in (both, left, right))
    return float(((to_left < to_both) | (to_right < to_both)).mean())
