"""Adversarial images: a small change of every pixel, chosen by the network's own gradient.

G15  Goodfellow, Shlens, Szegedy, "Explaining and Harnessing Adversarial Examples", 2015,
     arXiv 1412.6572: the fast gradient sign method (FGSM).
K17  Kurakin, Goodfellow, Bengio, "Adversarial Examples in the Physical World", 2017,
     arXiv 1607.02533: the basic iterative method (BIM), and its least likely class.
K17b The same, "Adversarial Machine Learning at Scale", 2017, arXiv 1611.01236: FGSM with a target.
A18  Athalye, Carlini, Wagner, "Obfuscated Gradients Give a False Sense of Security", 2018,
     arXiv 1802.00420.

An attack knows a network by its gradient alone, (images, labels) -> d loss / d images. Only the
sign of each pixel counts, so any positive factor will do. But a gradient of zero moves nothing, and
a network that gives none looks robust and is not (A18). The margin loss of S17 gives none for an
image that is classified with room to spare: compare `unmoved`, and attack such a network through
the cross entropy of its lengths.
"""
import math
from typing import NamedTuple

from ..backend import get_xp
from ..checks import (check_choice, check_count, check_finite, check_labels, check_like,
                      check_not_negative)
from .answers import accuracy, check_pixels


def fgsm(input_gradient, images, labels, epsilon, targeted=False):
    """Move every pixel by ε, in the direction that raises the loss (FGSM).

        x' = clip(x + ε sign ∂loss(x, label)/∂x,  0, 1)         G15
        x' = clip(x − ε sign ∂loss(x, target)/∂x, 0, 1)         targeted, K17b

    Parameters
    ----------
    input_gradient : callable
        images, labels -> the gradient (n, h, w, c) of each image's loss.
    images : array (n, h, w, c)
        Pixels in [0, 1].
    labels : integer array (n,)
        The true classes; with ``targeted`` the wanted ones.
    epsilon : float
        ε, in units of a pixel's range, at least 0.
    targeted : bool
        Lower the loss of the labels.

    Returns
    -------
    array (n, h, w, c)
        Pixels in [0, 1], each changed by ε, by less at the limits, or not at all where its gradient
        is zero.

    Notes
    -----
    Same as the papers, with pixels in [0, 1] for 0..255.
    Loops: tests.reference.probes.fgsm
    """
    check_pixels(images)
    check_not_negative(epsilon=epsilon)
    step = (-1 if targeted else 1) * float(epsilon)
    return get_xp(images).clip(images + step * _sign(input_gradient, images, labels), 0, 1)


def bim(input_gradient, images, labels, epsilon, step=1 / 255, iterations=None, targeted=False):
    """Take small steps of FGSM, never farther than ε from the image (BIM).

        x_0 = x
        x_t+1 = clip(x_t ± α sign ∂loss(x_t, label)/∂x, max(x − ε, 0), min(x + ε, 1))       K17

    Parameters
    ----------
    input_gradient, images, labels, epsilon, targeted
        As for `fgsm`; − with a target.
    step : float
        α, in units of a pixel's range, at least 0.
    iterations : int, optional
        By default that of `published_iterations`.

    Returns
    -------
    array (n, h, w, c)
        Pixels in [0, 1], at most ε from those of the images.

    Notes
    -----
    Same as the paper: steps of one grey value of 255.
    Loops: tests.reference.probes.bim
    """
    check_pixels(images)
    check_not_negative(epsilon=epsilon, step=step)
    if iterations is None:
        iterations = published_iterations(epsilon, step)
    else:
        check_count(iterations=iterations)
    epsilon, step = float(epsilon), (-1 if targeted else 1) * float(step)
    xp, moved = get_xp(images), images
    low, high = xp.maximum(images - epsilon, 0), xp.minimum(images + epsilon, 1)
    for _ in range(iterations):
        moved = moved + step * _sign(input_gradient, moved, labels)
        moved = xp.minimum(xp.maximum(moved, low), high)
    return moved


def published_iterations(epsilon, step):
    """Return min(ε/α + 4, 1.25 ε/α), the iterations of K17; we round up, the paper says nothing."""
    steps = epsilon / step if step else 0
    return math.ceil(min(steps + 4, 1.25 * steps) - 1e-6)


def _sign(input_gradient, images, labels):
    """Return the sign of a gradient that has been checked."""
    gradient = input_gradient(images, labels)
    xp = check_like(input_gradient=gradient, images=images)
    check_finite(input_gradient=gradient)
    return xp.sign(gradient)


def unmoved(input_gradient, images, labels):
    """Return the fraction of images whose gradient is zero: no attack by it changes them (A18)."""
    moves = _sign(input_gradient, images, labels).reshape(len(images), -1).any(axis=1)
    return float((~moves).mean())


def draw_targets(labels, classes, rng):
    """Draw a wrong class for each image, all equally likely.

    Parameters
    ----------
    labels : integer ndarray (n,)
        On the host, 0..classes-1.
    classes : int
        At least 2.
    rng : numpy.random.Generator

    Returns
    -------
    integer ndarray (n,)
    """
    check_labels(labels, len(labels), classes)
    if classes < 2:
        raise ValueError(f"classes: got {classes}, wanted at least 2: no other class to aim at")
    return (labels + rng.integers(1, classes, len(labels))) % classes


def least_likely(forward, images):
    """Return the class of the smallest score for each image, the target of K17."""
    return forward(images).argmin(axis=1)


class Robustness(NamedTuple):
    """What an attack with one ε achieves, both fractions of all images."""

    epsilon: float
    accuracy: float
    hit: float | None
    """Read as the target; None without targets."""


ATTACKS = {"fgsm": fgsm, "bim": bim}


def robustness(forward, input_gradient, images, labels, epsilons, attack="fgsm", targets=None,
               **settings):
    """Return how a network withstands an attack, for each ε.

    Parameters
    ----------
    forward : callable
        images (n, h, w, c) -> scores (n, k).
    input_gradient, images, labels
        As for `fgsm`.
    epsilons : iterable of float
    attack : str
        "fgsm" or "bim".
    targets : integer array (n,), optional
        From `draw_targets` or `least_likely`; without them the attack leads away from the labels.
    **settings
        For the attack: ``iterations``, ``step``.

    Returns
    -------
    list of Robustness
    """
    check_choice(ATTACKS, attack=attack)
    found, aim = [], labels if targets is None else targets
    for epsilon in epsilons:
        moved = ATTACKS[attack](input_gradient, images, aim, epsilon,
                                targeted=targets is not None, **settings)
        hit = None if targets is None else accuracy(forward, moved, targets)
        found.append(Robustness(epsilon, accuracy(forward, moved, labels), hit))
    return found
