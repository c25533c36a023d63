"""Balanced subsets of a training set, for learning curves: accuracy against images a class."""
import numpy as np

from ..checks import check_count, check_labels


def balanced_subsets(labels, counts, rng):
    """Draw training sets with the same number of images of every class.

    Parameters
    ----------
    labels : integer ndarray (n,)
        On the host, classes 0..k-1.
    counts : iterable of int
        Images a class, such as 10, 20, 50, 100.
    rng : numpy.random.Generator
        The same seed draws the same sets.

    Returns
    -------
    dict
        Each count to the indices of its images, ascending, (count · k,). A larger set holds the
        smaller ones, so that a curve over the counts differs by what was added alone.

    Raises
    ------
    ValueError
        If a class has too few images.
    """
    check_labels(labels, len(labels), len(labels))
    sizes = np.bincount(labels)
    order = [rng.permutation(np.flatnonzero(labels == k)) for k in range(len(sizes))]
    drawn = {}
    for count in counts:
        check_count(counts=count)
        if count > sizes.min():
            raise ValueError(f"counts: got {count} images a class, wanted at most the "
                             f"{sizes.min()} of class {sizes.argmin()}")
        drawn[count] = np.sort(np.concatenate([indices[:count] for indices in order]))
    return drawn
