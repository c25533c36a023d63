"""Labels of images that show any number of classes each."""
import numpy as np


def multi_hot(labels, name="labels"):
    """Return checked labels of several classes as bool (n, k).

    Parameters
    ----------
    labels : ndarray (n, k)
        1 or True where the image shows class k, else 0. Every class occurs, and is absent, in some
        image.
    name : str
        For the messages.

    Raises
    ------
    ValueError
        If a number is not 0 or 1, there are fewer than two classes, or a class is in no image or in
        all of them: then there is nothing to learn about it.
    """
    if labels.ndim != 2 or labels.shape[1] < 2:
        raise ValueError(f"{name}: got shape {labels.shape}, wanted (n, k) with k of at least 2")
    others = labels[~np.isin(labels, (0, 1))]
    if others.size:
        raise ValueError(f"{name}: got {others[0]!r}, wanted 0 or 1 for each class")
    labels = labels.astype(bool)
    for said, found in ("no", ~labels.any(axis=0)), ("every", labels.all(axis=0)):
        if found.any():
            raise ValueError(f"{name}: got class {found.argmax()} in {said} image, wanted each in "
                             "some and not in others")
    return labels
