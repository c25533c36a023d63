"""Your own images and labels, from an npz file."""
import zipfile
import zlib
from pathlib import Path

import numpy as np

from .dataset import Dataset, split_every_fifth

_WHOLE = ("images", "labels")


def load_npz(path):
    """Load images and labels from an npz file, as ``numpy.savez`` writes it.

    Parameters
    ----------
    path : str or path
        Holds either ``images`` and ``labels``, of which every fifth, starting with the first, goes
        into the test set, or ``train_images, train_labels, test_images, test_labels``. Images:
        (n, h, w) or (n, h, w, c), uint8 in 0..255 or floats in [0, 1]. Labels: (n,) integers
        0..k-1, each of which occurs in the file.

    Returns
    -------
    Dataset
        Images of three axes get a fourth, c = 1; uint8 is divided by 255.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not an npz file, is damaged, or holds other arrays. Pickled objects are never
        loaded.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: got no such file, wanted an npz file")
    arrays = _read(path)
    names, parts = list(arrays), []
    for images, labels in zip(names[::2], names[1::2]):
        parts.append(_pixels(arrays[images], f"{path}: {images}"))
        parts.append(_classes(arrays[labels], len(arrays[images]), f"{path}: {labels}"))
    _check_no_class_missing(np.concatenate(parts[1::2]), path)
    if len(parts) == 2:
        if len(parts[0]) < 2:
            raise ValueError(f"{path}: images: got 1, wanted at least 2, one to learn from and one "
                             "for the test")
        return split_every_fifth(*parts)
    dataset = Dataset(*parts)
    came, wanted = dataset.test_images.shape[1:], dataset.train_images.shape[1:]
    if came != wanted:
        raise ValueError(f"{path}: test_images: got images of shape {came}, wanted {wanted} as in "
                         "train_images")
    return dataset


def _read(path):
    """Return the arrays of either set of names, in order."""
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: got a file that is not npz or is cut short, wanted one written "
                         "by numpy.savez")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = archive.files
            wanted = _WHOLE if set(_WHOLE) <= set(names) else Dataset._fields
            arrays = {name: np.asarray(archive[name]) for name in wanted if name in names}
    except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: got an array that cannot be read ({error}), wanted numbers "
                         "written by numpy.savez") from None
    if len(arrays) < len(wanted):
        raise ValueError(f"{path}: got {', '.join(names) or 'nothing'}, "
                         f"wanted {', '.join(_WHOLE)} or {', '.join(Dataset._fields)}")
    return arrays


def _pixels(images, name):
    """Return checked images as float32 (n, h, w, c) in [0, 1]."""
    if images.ndim not in (3, 4) or images.size == 0:
        raise ValueError(f"{name}: got shape {images.shape}, wanted (n, h, w) or (n, h, w, c), no "
                         "axis empty")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(f"{name}: got dtype {images.dtype}, wanted uint8 in 0..255 or floats in "
                         "[0, 1]")
    if images.dtype.kind == "f":
        if np.isnan(images).any():
            raise ValueError(f"{name}: got NaN, wanted pixels in [0, 1]")
        if images.min() < 0 or images.max() > 1:
            raise ValueError(f"{name}: got values {images.min():g}..{images.max():g}, wanted "
                             "[0, 1], or uint8 in 0..255")
    pixels = images.astype(np.float32) / (255 if images.dtype == np.uint8 else 1)
    return pixels[..., None] if images.ndim == 3 else pixels


def _classes(labels, samples, name):
    """Return checked labels as int64 (n,)."""
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{name}: got dtype {labels.dtype}, wanted integers")
    if labels.shape != (samples,):
        raise ValueError(f"{name}: got shape {labels.shape}, wanted ({samples},), one for each "
                         "image")
    return labels.astype(np.int64)


def _check_no_class_missing(labels, path):
    """Check that the labels of a file are 0..k-1: not from 1, for example, nor codes of any kind.
    """
    present = np.unique(labels)
    if not np.array_equal(present, np.arange(len(present))):
        raise ValueError(f"{path}: labels: got {len(present)} classes in "
                         f"{present[0]}..{present[-1]}, wanted every one of 0..{len(present) - 1}")
