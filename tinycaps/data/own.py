"""Your own images: an npz file to learn from, a PNG to recognise."""
import struct
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
        Holds either ``images`` and ``labels``, of which every fifth, starting with the first, becomes the test part, or
        ``train_images, train_labels, test_images, test_labels``. Images: (n, h, w) or (n, h, w, c), uint8 in 0..255 or
        floats in [0, 1]. Labels: (n,) integers 0..k-1, none of which is missing from the file.

    Returns
    -------
    Dataset
        Images of three axes get a fourth, c = 1; uint8 is divided by 255.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no npz or is damaged, or its arrays are not the above. Pickled objects are never loaded.
    """
    arrays = _read(_existing(path, "an npz file"))
    names, parts = list(arrays), []
    for images, labels in zip(names[::2], names[1::2]):
        parts.append(_pixels(arrays[images], f"{path}: {images}"))
        parts.append(_classes(arrays[labels], len(arrays[images]), f"{path}: {labels}"))
    _check_no_class_missing(np.concatenate(parts[1::2]), path)
    if len(parts) == 2:
        if len(parts[0]) < 2:
            raise ValueError(f"{path}: images: got 1, wanted at least 2, one to learn from and one for the test")
        return split_every_fifth(*parts)
    dataset = Dataset(*parts)
    if dataset.train_images.shape[1:] != dataset.test_images.shape[1:]:
        raise ValueError(f"{path}: test_images: got images of shape {dataset.test_images.shape[1:]}, "
                         f"wanted {dataset.train_images.shape[1:]} as in train_images")
    return dataset


def load_image(path, shape):
    """Read a PNG as one image like those that a network has learned from.

    In this order: transparent pixels become background, black; colours become grey (luma, Rec. 601) if c = 1, and grey is
    repeated over the channels if c = 3; a drawing that is dark on light, one whose outermost pixels are brighter than 0.5 on
    average, is inverted, since the training digits are light on dark; each pixel of the result is the average of the area
    that it covers in the file. Proportions are not kept, nor is the drawing centred: crop it as the training images are.

    Parameters
    ----------
    path : str or path
    shape : tuple (h, w, c)
        c is 1 or 3.

    Returns
    -------
    ndarray (h, w, c), float32
        Pixels in [0, 1].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If shape is not as above, the file is no PNG or is damaged, or all its pixels are the same once transparency is gone.
    """
    if len(shape) != 3 or min(shape) < 1 or shape[2] not in (1, 3):
        raise ValueError(f"shape: got {shape}, wanted (h, w, 1) or (h, w, 3)")
    from matplotlib.image import imread
    path = _existing(path, "a PNG")
    try:
        image = imread(path, format="png")
    except (SyntaxError, OSError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise ValueError(f"{path}: got a file that cannot be read ({error}), wanted a PNG") from None
    image = np.atleast_3d(image)
    if image.shape[2] == 4:
        image = image[..., :3] * image[..., 3:]
    if shape[2] == 1 and image.shape[2] == 3:
        image = image @ np.array([[0.299], [0.587], [0.114]], image.dtype)
    if not np.ptp(image, axis=(0, 1)).any():
        raise ValueError(f"{path}: got one flat colour (transparent counts as black), wanted light on dark or dark on light")
    edge = np.ones(image.shape[:2], bool)
    edge[1:-1, 1:-1] = False
    if image[edge].mean() > 0.5:
        image = 1 - image
    rows, columns = _averaging(image.shape[0], shape[0]), _averaging(image.shape[1], shape[1])
    image = np.einsum("yr,rsf,xs->yxf", rows, image, columns, optimize=True).astype(np.float32)
    return np.broadcast_to(image, shape).clip(0, 1)


def _averaging(size, new_size):
    """Return the matrix (new_size, size) whose row r averages over the r-th of new_size equal stretches of an axis."""
    ends = np.linspace(0, size, new_size + 1)[:, None]
    starts = np.arange(size)
    overlap = np.minimum(ends[1:], starts + 1) - np.maximum(ends[:-1], starts)
    return overlap.clip(0) * (new_size / size)


def _existing(path, wanted):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: got no such file, wanted {wanted}")
    return path


def _read(path):
    """Return the arrays of either set of names, in order."""
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: got a file that is not npz or is cut short, wanted one written by numpy.savez")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = archive.files
            wanted = _WHOLE if set(_WHOLE) <= set(names) else Dataset._fields
            arrays = {name: np.asarray(archive[name]) for name in wanted if name in names}
    except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: got an array that cannot be read ({error}), wanted numbers written by numpy.savez") from None
    if len(arrays) < len(wanted):
        raise ValueError(f"{path}: got {', '.join(names) or 'nothing'}, "
                         f"wanted {', '.join(_WHOLE)} or {', '.join(Dataset._fields)}")
    return arrays


def _pixels(images, name):
    """Return checked images as float32 (n, h, w, c) in [0, 1]."""
    if images.ndim not in (3, 4) or images.size == 0:
        raise ValueError(f"{name}: got shape {images.shape}, wanted (n, h, w) or (n, h, w, c), no axis empty")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(f"{name}: got dtype {images.dtype}, wanted uint8 in 0..255 or floats in [0, 1]")
    if images.dtype.kind == "f":
        if np.isnan(images).any():
            raise ValueError(f"{name}: got NaN, wanted pixels in [0, 1]")
        if images.min() < 0 or images.max() > 1:
            raise ValueError(f"{name}: got values {images.min():g}..{images.max():g}, wanted [0, 1], or uint8 in 0..255")
    pixels = images.astype(np.float32) / (255 if images.dtype == np.uint8 else 1)
    return pixels[..., None] if images.ndim == 3 else pixels


def _classes(labels, samples, name):
    """Return checked labels as int64 (n,)."""
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{name}: got dtype {labels.dtype}, wanted integers")
    if labels.shape != (samples,):
        raise ValueError(f"{name}: got shape {labels.shape}, wanted ({samples},), one for each image")
    return labels.astype(np.int64)


def _check_no_class_missing(labels, path):
    """Hold all labels of a file against 0..k-1: labels that start with 1, or are codes of another kind, are found here."""
    present = np.unique(labels)
    if not np.array_equal(present, np.arange(len(present))):
        raise ValueError(f"{path}: labels: got {len(present)} classes in {present[0]}..{present[-1]}, "
                         f"wanted every one of 0..{len(present) - 1}")
