"""Your own images and labels, from an npz file."""
from pathlib import Path

import numpy as np

from ..archive import read_arrays
from ..checks import check_file
from .dataset import Dataset, split_every_class, split_every_fifth
from .multi_hot import multi_hot

_WHOLE = ("images", "labels")


def load_npz(path, say=print):
    """Load images and labels from an npz file, as ``numpy.savez`` writes it.

    Parameters
    ----------
    path : str or path
        Holds either ``images`` and ``labels``, of which every fifth of each class, starting with
        the first, goes into the test set, or ``train_images, train_labels, test_images,
        test_labels``; a class of the test set occurs in the training set. Images:
        (n, h, w) or (n, h, w, c), without transparency, uint8 in 0..255 or floats in [0, 1]; other
        integers in 0..255 are taken as bytes, and booleans or integers in 0..1 as 0 and 1. Labels:
        (n,) integers 0..k-1, k > 1, each of which occurs in the file. Or, where an image shows any
        number of classes, (n, k) of 0 and 1, as for `multi_hot`.
    say : callable
        Called with one line, what images are taken as, unless they are floats or bytes of which one
        is at least 128.

    Returns
    -------
    Dataset
        Images of three axes get a fourth, c = 1; bytes are divided by 255. Labels (n, k) are bool.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not an npz file, is damaged, or holds other arrays. Pickled objects are never
        loaded.
    """
    path = Path(path)
    check_file(path, "an npz file")
    arrays = _read(path)
    names, parts = list(arrays), []
    for images, labels in zip(names[::2], names[1::2]):
        parts.append(_pixels(arrays[images], f"{path}: {images}", say))
        parts.append(_one_each(arrays[labels], len(arrays[images]), f"{path}: {labels}"))
    parts[1::2] = _classes(parts[1::2], path)
    several = parts[1].ndim == 2
    if len(parts) == 4:
        dataset = Dataset(*parts)
    else:
        dataset = (split_every_fifth if several else split_every_class)(*parts)
    for k in () if several else np.setdiff1d(dataset.test_labels, dataset.train_labels):
        raise ValueError(f"{path}: " + (
            f"labels: got one image of class {k}, wanted at least two, one to learn from"
            if len(parts) == 2 else
            f"test_labels: got class {k}, wanted only classes that occur in train_labels"))
    came, wanted = dataset.test_images.shape[1:], dataset.train_images.shape[1:]
    if came != wanted:
        raise ValueError(f"{path}: test_images: got images of shape {came}, wanted {wanted} as in "
                         "train_images")
    return dataset


def _read(path):
    """Return the arrays of either set of names, in order."""
    arrays = read_arrays(path)
    found = [names for names in (_WHOLE, Dataset._fields) if {*names} & {*arrays}]
    if len(found) != 1 or not {*found[0]} <= {*arrays}:
        raise ValueError(f"{path}: got {', '.join(arrays) or 'nothing'}, wanted either "
                         f"{', '.join(_WHOLE)} or {', '.join(Dataset._fields)}")
    return {name: arrays[name] for name in found[0]}


def _pixels(images, name, say):
    """Return checked images as float32 (n, h, w, c) in [0, 1]."""
    if images.ndim not in (3, 4) or images.size == 0:
        raise ValueError(f"{name}: got shape {images.shape}, wanted (n, h, w) or (n, h, w, c), no "
                         "axis empty")
    images = images[..., None] if images.ndim == 3 else images
    if images.shape[3] == 4:
        raise ValueError(f"{name}: got shape {images.shape}, wanted no transparency: "
                         "images[..., :3]")
    if images.shape[1] in (1, 3) and images.shape[3] > 3:
        raise ValueError(f"{name}: got shape {images.shape}, wanted channels last, (n, h, w, c): "
                         "images.transpose(0, 2, 3, 1)")
    if images.dtype.kind not in "biuf":
        raise ValueError(f"{name}: got dtype {images.dtype}, wanted uint8 in 0..255 or floats in "
                         "[0, 1]")
    if images.dtype.kind == "f" and np.isnan(images).any():
        raise ValueError(f"{name}: got NaN, wanted pixels in [0, 1]")
    low, high = images.min(), images.max()
    most = 1 if images.dtype.kind in "bf" or high <= 1 else 255
    if low < 0 or high > most:
        ends = "..".join(str(end).removesuffix(".0") for end in (low, high))
        raise ValueError(f"{name}: got values {ends}, wanted [0, 1], or uint8 in 0..255")
    if images.dtype.kind != "f" and (images.dtype != np.uint8 or high < 128):
        say(f"{name}: {images.dtype} in {int(low)}..{int(high)} taken as "
            + ("0 and 1" if most == 1 else "bytes, divided by 255"))
    return images.astype(np.float32) / most


def _one_each(labels, samples, name):
    """Return labels of images: integers (n,), or numbers (n, k) of any kind."""
    several = labels.ndim == 2
    if labels.dtype.kind not in ("biuf" if several else "iu"):
        raise ValueError(f"{name}: got dtype {labels.dtype}, wanted integers")
    if labels.ndim not in (1, 2) or len(labels) != samples or labels.shape[1:] == (1,):
        raise ValueError(f"{name}: got shape {labels.shape}, wanted ({samples},), one for each "
                         f"image, or ({samples}, k) of 0 and 1 for images of several classes")
    return labels


def _classes(sets, path):
    """Return the labels of all sets as int64 (n,) or bool (n, k), checked over the whole file."""
    first, last = sets[0].shape[1:], sets[-1].shape[1:]
    if first != last:
        raise ValueError(f"{path}: test_labels: got shape {sets[-1].shape}, wanted "
                         f"{(len(sets[-1]), *first)} as in train_labels")
    labels = np.concatenate(sets)
    if first:
        labels = multi_hot(labels, f"{path}: labels")
    else:
        _check_all_classes(labels, path)
    return np.split(labels if first else labels.astype(np.int64), [len(sets[0])])[:len(sets)]


def _check_all_classes(labels, path):
    """Check that the labels of a file are 0..k-1 with k > 1: not from 1, nor codes of any kind."""
    present = np.unique(labels)
    if len(present) == 1:
        raise ValueError(f"{path}: labels: got a single class, {present[0]}, wanted at least two")
    if not np.array_equal(present, np.arange(len(present))):
        raise ValueError(f"{path}: labels: got {len(present)} classes in "
                         f"{present[0]}..{present[-1]}, wanted every one of 0..{len(present) - 1}")
