"""1,797 handwritten digits of 8x8 pixels, small enough to travel with the package."""
from importlib import resources

import numpy as np

from .dataset import split_every_fifth


def load_digits():
    """Load the embedded digits.

    Returns
    -------
    Dataset
        1,437 training and 360 test images, (n, 8, 8, 1), light on dark, ten classes.

    Notes
    -----
    These are the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
    Digits", UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, licensed CC BY 4.0. A pixel
    counts the inked points, 0..16, in a 4x4 block of the scan; here it is divided by 16.

    Departure from the source: its training set comes from other writers than its test set. Here the
    published test set is split in two, every fifth image for the test, so the same writers appear
    in both sets and accuracies are higher than they would be on strangers' handwriting.
    """
    path = resources.files(__package__).joinpath("digits.npz")
    with path.open("rb") as file, np.load(file) as archive:
        images, labels = archive["images"], archive["labels"]
    return split_every_fifth(images[..., None].astype(np.float32) / 16, labels.astype(np.int64))
