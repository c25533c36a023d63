"""Adversarial images betray themselves: the winning capsule redraws the class, not the image.

F18  Frosst, Sabour, Hinton, "DARCCC: Detecting Adversaries by Reconstruction from Class Conditional
     Capsules", 2018, arXiv 1811.06969.
"""
import math
from typing import NamedTuple

from ..backend import to_numpy
from ..checks import check_below_one, check_finite, check_images, check_like


def reconstruction_errors(reconstruct, images):
    """Return the squared distance of each image from its reconstruction, summed over its pixels.

    Parameters
    ----------
    reconstruct : callable
        images (n, h, w, c) -> images (n, h, w, c), from the capsule of the class that wins.
    images : array (n, h, w, c)

    Returns
    -------
    array (n,)

    Notes
    -----
    F18 takes the root, which changes no order and so no alarm.
    """
    check_images(images)
    redrawn = reconstruct(images)
    check_like(reconstruct=redrawn, images=images)
    return ((redrawn - images) ** 2).reshape(len(images), -1).sum(axis=1)


def alarm_threshold(errors, false_alarms=0.05):
    """Return the error beyond which there is alarm, for the given fraction of clean images.

    Parameters
    ----------
    errors : array (n,)
        Reconstruction errors of clean images, finite.
    false_alarms : float
        At least 0, below 1.

    Returns
    -------
    float
        Of n different errors exactly ⌊false_alarms · n⌋ are larger.

    Notes
    -----
    Same as F18: the 95th percentile on a validation set.
    Loops: tests.reference.probes.alarm_threshold
    """
    check_below_one(false_alarms=false_alarms)
    check_finite(errors=errors)
    alarms = math.floor(false_alarms * len(errors) + 1e-9)      # 0.29 · 100 is 28.999999999999996
    return float(sorted(to_numpy(errors).tolist())[len(errors) - 1 - alarms])


class Detection(NamedTuple):
    """How well a threshold tells adversarial from clean images, both fractions of 1."""

    threshold: float
    true_positives: float
    """Adversarial images that raise an alarm."""
    false_alarms: float
    """Clean images that do, others than those that set the threshold."""


def detection(reconstruct, calibration, clean, adversarial, false_alarms=0.05):
    """Return how many adversarial images are detected by their reconstruction error.

    Parameters
    ----------
    reconstruct : callable
        As for `reconstruction_errors`.
    calibration, clean, adversarial : array (n, h, w, c)
        Clean images that set the threshold, others that test it, and images to be detected. None
        should have been trained on: what the decoder has seen it redraws better.
    false_alarms : float
        Of the calibration images.

    Returns
    -------
    Detection
    """
    threshold = alarm_threshold(reconstruction_errors(reconstruct, calibration), false_alarms)
    rates = [float((reconstruction_errors(reconstruct, images) > threshold).mean())
             for images in (adversarial, clean)]
    return Detection(threshold, *rates)
