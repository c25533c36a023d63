"""The label as part of the image: the first pixels say, one-hot, which class the image is claimed to be (H22 section 3.3)."""
from ..backend import get_xp
from ..checks import check_count, check_labels, check_shapes, named_xp


def write_labels(images, labels, classes=10, strength=1.0):
    """Replace the first pixels by a one-hot label.

    Parameters
    ----------
    images : array (n, f) or (n, h, w, c)
    labels : integer array (n,)
        0..classes-1.
    classes : int
        Pixels used.
    strength : float
        Value of the pixel that is on; the others are 0.

    Returns
    -------
    array (n, f)
        A copy, flat.

    Raises
    ------
    ValueError, TypeError
        If there are more classes than pixels, or a label is out of range.

    Notes
    -----
    Same as the paper.
    """
    x = _flat(images, classes)
    check_labels(labels, len(x), classes)
    xp = named_xp(images=images, labels=labels)
    x[:, :classes] = strength * (labels[:, None] == xp.arange(classes))
    return x


def write_neutral(images, classes=10, strength=1.0):
    """Replace the first pixels by the label that says nothing: every class as much as any other.

    Parameters
    ----------
    images : array (n, f) or (n, h, w, c)
    classes : int
    strength : float
        Their sum.

    Returns
    -------
    array (n, f)
        A copy, flat.

    Raises
    ------
    ValueError, TypeError
        If there are more classes than pixels.

    Notes
    -----
    Same as the paper: ten times 0.1.
    """
    x = _flat(images, classes)
    x[:, :classes] = strength / classes
    return x


def make_room(*image_sets, classes=10):
    """Give images rows of black on top, if there is ink where the label is to stand.

    Parameters
    ----------
    image_sets : arrays (n, h, w, c)
        Training and test images, for instance: all get the same.
    classes : int

    Returns
    -------
    list of arrays (n, h + rows, w, c)
        The same arrays if the first pixels are black in all of them.

    Raises
    ------
    ValueError, TypeError
        If they are no images, or those of one set have another size than those of the first.
    """
    check_count(classes=classes)
    for k, images in enumerate(image_sets):
        check_shapes(**{f"images {k}": (images, "n,h,w,c")})
        check_shapes(**{f"images {k}": (images, (None, *image_sets[0].shape[1:]))})
    if not any(images.reshape(len(images), -1)[:, :classes].any() for images in image_sets):
        return list(image_sets)
    _, _, w, c = image_sets[0].shape
    rows = -(-classes // (w * c))
    return [get_xp(images).pad(images, ((0, 0), (rows, 0), (0, 0), (0, 0))) for images in image_sets]


def _flat(images, classes):
    """Return a flat copy with room for so many label pixels."""
    check_shapes(images=(images, "n,f" if getattr(images, "ndim", 4) == 2 else "n,h,w,c"))
    check_count(classes=classes)
    x = images.reshape(len(images), -1)
    if classes > x.shape[1]:
        raise ValueError(f"classes: got {classes}, wanted at most the {x.shape[1]} pixels of an image: each class needs one")
    return x.copy()
