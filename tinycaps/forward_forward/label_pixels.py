"""The label as part of the image: its first pixels say which class it is claimed to be (H22)."""
import math

from ..backend import get_xp
from ..checks import check_count, check_labels, check_shapes, door, named_xp


def check_room(images, classes=10, strength=1.0):
    """Raise unless images, flat or not, have a pixel for every class."""
    check_shapes(images=(images, "n,f" if getattr(images, "ndim", 4) == 2 else "n,h,w,c"))
    check_count(classes=classes)
    pixels = math.prod(images.shape[1:])
    if classes > pixels:
        raise ValueError(f"classes: got {classes}, wanted at most the {pixels} pixels of an image: "
                         "each class needs one")


def check_written(images, labels, classes=10, strength=1.0):
    """Raise unless images have a pixel for every class, and one label each."""
    check_room(images, classes)
    check_labels(labels, len(images), classes)
    named_xp(images=images, labels=labels)


@door(check_written)
def write_labels(images, labels, classes=10, strength=1.0):
    """Replace the first pixels by a one-hot label.

        x_nk = strength [k = label_n]    for the first pixels k, one for each class        [§3.3]

    Parameters
    ----------
    images : array (n, f) or (n, h, w, c)
    labels : integer array (n,)
        0..classes-1.
    classes : int
        Number of pixels used.
    strength : float
        Value of the pixel that is on; the others are 0.

    Returns
    -------
    array (n, f)
        A flat copy.

    Notes
    -----
    Same as the paper, with a strength of 1.
    """
    xp = get_xp(images)
    x = images.reshape(len(images), -1).copy()
    # By comparison and not by x[range, labels] = strength: no scatter, which CuPy leaves undefined
    # where an index comes twice, and no index that CuPy would wrap silently.
    x[:, :classes] = strength * (labels[:, None] == xp.arange(classes))     # [§3.3]
    return x


@door(check_room)
def write_neutral(images, classes=10, strength=1.0):
    """Replace the first pixels by the label that says nothing: all classes alike.

        x_nk = strength / classes        [§3.3]

    Parameters
    ----------
    images : array (n, f) or (n, h, w, c)
    classes : int
    strength : float
        Sum of the label's pixels.

    Returns
    -------
    array (n, f)
        A flat copy.

    Notes
    -----
    Same as the paper: ten times 0.1. It is the mean of all labels.
    """
    x = images.reshape(len(images), -1).copy()
    x[:, :classes] = strength / classes                                     # [§3.3]
    return x


def check_image_sets(*image_sets, classes=10):
    """Raise unless all are images of one size."""
    check_count(classes=classes)
    for k, images in enumerate(image_sets):
        check_shapes(**{f"images {k}": (images, "n,h,w,c")})
        check_shapes(**{f"images {k}": (images, (None, *image_sets[0].shape[1:]))})


@door(check_image_sets)
def make_room(*image_sets, classes=10):
    """Add black rows at the top of all images, if any of them has ink where the label goes.

    Parameters
    ----------
    image_sets : arrays (n, h, w, c)
        Training and test images, for instance: all get the same rows.
    classes : int

    Returns
    -------
    list of arrays (n, h + rows, w, c)
        The same arrays if the first pixels are black in all of them.
    """
    if not any(images.reshape(len(images), -1)[:, :classes].any() for images in image_sets):
        return list(image_sets)
    _, _, w, c = image_sets[0].shape
    rows = -(-classes // (w * c))
    return [get_xp(images).pad(images, ((0, 0), (rows, 0), (0, 0), (0, 0)))
            for images in image_sets]
