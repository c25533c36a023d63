"""Equivariance: when the image moves, does the pose move with it, and by a rule?

L15  Lenc, Vedaldi, "Understanding Image Representations by Measuring Their Equivariance and
     Equivalence", 2015, arXiv 1411.5908: a linear map from the features of an image to those of the
     moved image, fitted to data.

An image is moved by a drawn amount t: degrees, pixels, or the logarithm of a factor. If its pose φ
is linear in the amount, then

    φ(moved) − φ = t g

with one direction g, which is fitted by least squares, for each class its own: the capsules of two
classes have frames of their own. Two numbers come out, each an R² on test images. ``pose``: how
much of the pose's movement this rule foretells. ``amount``: how well t can be read off the movement
of the pose, by a linear fit the other way. A representation that ignores the movement scores about
0 in both and keeps the class; an equivariant one scores high in both and keeps the class.
"""
from typing import NamedTuple

import numpy as np

from ..backend import to_numpy
from ..checks import check_choice, check_count, check_images, check_positive, check_shapes
from ..data import warp_images

MOVEMENTS = ("rotation", "right", "down", "scale")
"""Degrees clockwise; pixels; pixels; the natural logarithm of the factor."""


def move(images, movement, amounts):
    """Move each image by its own amount.

    Parameters
    ----------
    images : array (n, h, w, c)
    movement : str
        One of `MOVEMENTS`.
    amounts : ndarray (n,)
        On the host.

    Returns
    -------
    array (n, h, w, c)
        As of `tinycaps.data.warp_images`.
    """
    check_choice(MOVEMENTS, movement=movement)
    still = np.zeros(len(amounts))
    by = {name: amounts if name == movement else still for name in MOVEMENTS}
    return warp_images(images, by["rotation"], np.exp([by["scale"]] * 2).T,
                       np.stack([by["down"], by["right"]], axis=1))


def linear_fit(x, y):
    """Return A (d, e) of the least squares ‖x A − y‖², for x (n, d) and y (n, e)."""
    return np.linalg.lstsq(x, y, rcond=None)[0]


def r_squared(y, fitted):
    """Return 1 − Σ ‖y − fitted‖² / Σ ‖y − mean y‖², for arrays (n, d); NaN if y is constant.

    Loops: tests.reference.probes.r_squared
    """
    spread = ((y - y.mean(axis=0)) ** 2).sum()
    return float(1 - ((y - fitted) ** 2).sum() / spread) if spread else float("nan")


class Equivariance(NamedTuple):
    """How a representation answers a movement of the image."""

    pose: float
    """R² of the movement of the pose."""
    amount: float
    """R² of the amount, read off that movement."""
    kept: float
    """Fraction of the test images whose class stays."""


def equivariance(forward, pose, train_images, test_images, movement, extent, rng):
    """Measure how the pose of the winning class moves when the image is moved.

    Parameters
    ----------
    forward : callable
        images (n, h, w, c) -> scores (n, k).
    pose : callable
        images, classes (n,) -> poses (n, d): of the capsules of these classes, the winners for the
        images before they were moved. A network without capsules ignores the classes.
    train_images, test_images : array (n, h, w, c)
        What is fitted, and what is judged. A class that wins for no training image is foretold not
        to move.
    movement : str
        One of `MOVEMENTS`.
    extent : float
        Amounts are uniform in ± this, above 0.
    rng : numpy.random.Generator

    Returns
    -------
    Equivariance

    Notes
    -----
    A departure from L15, which fits a matrix M_t for each fixed t, φ(moved) = M_t φ. With t drawn
    that would be φ(moved) − φ = t (G φ + g). Its G has more coefficients than small training sets
    can determine: for the packaged network and a rotation it foretells 0.60 of the movement on the
    training images and 0.22 on the test images, g alone 0.28 and 0.26. Fitted in float64 on the
    host.
    """
    check_positive(extent=extent)
    train = _observe(forward, pose, train_images, movement, extent, rng)
    test = _observe(forward, pose, test_images, movement, extent, rng)
    moves, amounts = np.zeros(test.move.shape), np.zeros(test.amount.shape)
    for k in np.unique(test.winner):
        of, at = train.winner == k, test.winner == k
        moves[at] = test.amount[at] @ linear_fit(train.amount[of], train.move[of])
        amounts[at] = test.move[at] @ linear_fit(train.move[of], train.amount[of])
    return Equivariance(r_squared(test.move, moves), r_squared(test.amount, amounts),
                        float(test.kept.mean()))


class _Observed(NamedTuple):
    amount: np.ndarray
    """t, (n, 1)."""
    move: np.ndarray
    """φ(moved) − φ, (n, d)."""
    winner: np.ndarray
    kept: np.ndarray


def _observe(forward, pose, images, movement, extent, rng):
    """Return what happens to the poses of images that are moved by drawn amounts."""
    check_images(images)
    amount = rng.uniform(-extent, extent, len(images))
    moved = move(images, movement, amount)
    winners, later = forward(images).argmax(axis=1), forward(moved).argmax(axis=1)
    poses = pose(images, winners), pose(moved, winners)
    check_shapes(pose=(poses[0], (len(images), None)))
    before, after = (to_numpy(each).astype(np.float64) for each in poses)
    return _Observed(amount[:, None], after - before, to_numpy(winners),
                     to_numpy(winners == later))


def principal_components(features, size):
    """Return the function (n, f) -> (n, size) that projects features on their widest directions.

    It makes a pose of a capsule's size from a layer of a network without capsules.

    Parameters
    ----------
    features : ndarray (n, f)
        Of training images, on the host.
    size : int
        Directions, at most n and f.
    """
    check_count(size=size)
    if size > min(features.shape):
        raise ValueError(f"size: got {size}, wanted at most {min(features.shape)} for features of "
                         f"shape {features.shape}")
    mean = features.mean(axis=0)
    directions = np.linalg.svd(features - mean, full_matrices=False)[2][:size]
    return lambda new: (new - mean) @ directions.T
