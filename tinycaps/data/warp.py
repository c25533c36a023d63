"""Images turned, stretched and moved: by given amounts, or by small random ones to augment."""
import numpy as np

from ..backend import get_xp, ndimage
from ..checks import check_shapes


def warp_images(images, degrees, stretch, shift):
    """Turn, stretch and move each image by amounts of its own.

        out[y, x] = image[A ((y, x) − centre − t) + centre],    A = diag(1/s) · rotation

    Parameters
    ----------
    images : array (n, h, w, c), floating point
        On the host or the device.
    degrees : ndarray (n,)
        Angles, clockwise; like all amounts on the host, where they are drawn.
    stretch : ndarray (n, 2)
        Factors s along rows and columns of the image before it is turned.
    shift : ndarray (n, 2)
        t in pixels, (down, right).

    Returns
    -------
    array (n, h, w, c)
        Interpolated linearly between pixels; black comes in from outside.

    Raises
    ------
    TypeError, ValueError
        If images are not floating-point arrays (n, h, w, c), or there are not n amounts.
    """
    check_shapes(images=(images, "n,h,w,c"))
    n, h, w, c = images.shape
    for name, amounts, wanted in (("degrees", degrees, (n,)), ("stretch", stretch, (n, 2)),
                                  ("shift", shift, (n, 2))):
        if amounts.shape != wanted:
            raise ValueError(f"{name}: got shape {amounts.shape}, wanted {wanted}")
    xp = get_xp(images)
    angle = np.deg2rad(degrees)
    centre = np.array([(h - 1) / 2, (w - 1) / 2])
    moved = np.stack(np.mgrid[:h, :w], axis=-1) - centre - shift[:, None, None]
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = np.einsum("abn,nhwb->anhw", rotation, moved) / stretch.T[:, :, None, None]
    source += centre[:, None, None, None]
    samples = np.broadcast_to(np.arange(n)[:, None, None], (1, n, h, w))
    places = xp.asarray(np.concatenate([samples, source]), dtype=images.dtype)
    channels = [ndimage(xp).map_coordinates(images[..., k], places, order=1, mode="grid-constant")
                for k in range(c)]
    return xp.stack(channels, axis=-1)


def random_warp(images, rng, shift=0.5, degrees=10.0, scale=0.1):
    """Turn, stretch and move each image a little, by amounts of its own.

    Parameters
    ----------
    images : array (n, h, w, c), floating point
    rng : numpy.random.Generator
    shift : float
        Pixels; the shift along each axis is uniform in ± this.
    degrees : float
        The angle is uniform in ± this.
    scale : float
        The stretch is exp of a uniform number in ± this, drawn for each axis.

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    TypeError, ValueError
        If images are not floating-point arrays (n, h, w, c).

    Notes
    -----
    Not in S17, which has 60,000 images to learn from and shifts by whole pixels only
    (`shift_images`).
    """
    check_shapes(images=(images, "n,h,w,c"))
    n = len(images)
    angle = rng.uniform(-degrees, degrees, n)
    stretch = np.exp(rng.uniform(-scale, scale, (n, 2)))
    return warp_images(images, angle, stretch, rng.uniform(-shift, shift, (n, 2)))
