"""Images sorted by class, a folder for each, in a folder or a zip file.

    train/cat/1.png   train/dog/1.png   test/cat/1.png   ...     the two sets as they are
    cat/1.png   cat/2.png   dog/1.png   ...                      every fifth image for the test
"""
import io
import os
import zipfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np

from ..archive import check_directory
from ..checks import check_memory
from .dataset import Dataset, split_every_fifth
from .pixels import decode_pixels

LARGEST = 2 ** 31
"""Bytes of all members of a zip file together, unpacked."""
LISTED = 20
"""Classes that are printed, at most."""
_SUFFIXES = (".png", ".jpg", ".jpeg")
_SETS = ("train", "test")
_WANTED = "CLASS/IMAGE, or train/CLASS/IMAGE and test/CLASS/IMAGE"


def load_folder(path, say=print):
    """Load PNGs or JPEGs from a folder or a zip file that holds a folder of them for each class.

    Parameters
    ----------
    path : str or path
        With folders ``train`` and ``test`` that hold those of the classes; or without, then every
        fifth image in the order of classes and names, starting with the first, is for the test. All
        of this may lie within one more folder.
    say : callable
        Called with one line on the classes, and one on files that are left out.

    Returns
    -------
    Dataset
        Images (n, h, w, 1) if all are grey, else (n, h, w, 3). Labels 0..k-1 are the classes in the
        order of their names. Each set is in an order of its own, drawn from a fixed seed.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If there are fewer than two classes, a class without training images, images outside of
        classes or of several sizes, one that cannot be read, or a zip file that is damaged, unpacks
        to more than 2 GiB or has an entry that points outside.
    MemoryError
        If the images cannot fit. They take 4 bytes a channel and are held once; only where the
        first is grey and a later one is not, they are copied to three channels.

    Notes
    -----
    One image that cannot be read refuses the set: it is named, and nothing is skipped. Hidden files
    and those not called .png, .jpg or .jpeg are left out, the latter with a line. Each image is
    read as by `read_pixels`: upright, without transparency, and smaller if a side has more than
    1,024 pixels. Pictures of one scene with neighbouring names would land in both sets where every
    fifth is taken: such images need ``train`` and ``test``.
    """
    path = Path(path)
    with _opened(path) as (names, read):
        sets = _sort(_images(names, path, say), path)
        classes = sorted({label for _, label in sets[0]})
        _check(sets, classes, path)
        more = "" if len(sets) == 2 else "; every fifth image is for the test"
        say(f"{path}: {_listed(classes)}{more}")
        names, labels = (np.array(each) for each in zip(*sum(sets, [])))
        labels = np.searchsorted(classes, labels)
        if len(sets) == 2:
            count = len(sets[0])
            parts = Dataset(names[:count], labels[:count], names[count:], labels[count:])
        else:
            parts = split_every_fifth(names, labels)
        count, rng = len(parts.train_labels), np.random.default_rng(0)
        rows = np.concatenate([rng.permutation(count),
                               count + rng.permutation(len(parts.test_labels))])
        labels = np.empty(len(rows), np.int64)
        labels[rows] = np.concatenate(parts[1::2])
        images = _read(np.concatenate(parts[::2]), rows, path, read)
    return Dataset(images[:count], labels[:count], images[count:], labels[count:])


@contextmanager
def _opened(path):
    """Give the names of all files, with slashes, and a function from a name to pixels (h, w, c)."""
    if path.is_dir():
        def fail(error):
            raise error
        names = [Path(folder, name).relative_to(path).as_posix()
                 for folder, _, files in os.walk(path, onerror=fail, followlinks=True)
                 for name in files]
        yield names, lambda name: decode_pixels(path / name, path / name)
        return
    if not path.is_file():
        raise FileNotFoundError(f"{path}: got no such folder or file, wanted images sorted by "
                                "class")
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
            check_directory(archive, LARGEST)
        except MemoryError:
            raise
        except Exception as error:          # of zipfile or its decompressors
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path}: got a file that is cut short, damaged or no zip ({reason}), "
                             "wanted a zip of images") from None
        yield ([name for name in archive.namelist() if not name.endswith("/")],
               lambda name: decode_pixels(io.BytesIO(archive.read(name)), f"{path}: {name}"))


def _images(names, path, say):
    """Return (parts of the path, name) of each image, sorted, the common folder of all left out."""
    images, others = [], []
    for name in sorted(names):
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts or not name.isprintable():
            raise ValueError(f"{path}: got the entry {name!r}, wanted names within it")
        if any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        (images if name.lower().endswith(_SUFFIXES) else others).append((parts, name))
    if others:
        say(f"{path}: left out {len(others)} files that are not called .png, .jpg or .jpeg, first "
            f"{others[0][1]}")
    while images and all(len(parts) > 2 and parts[0] == images[0][0][0] for parts, _ in images):
        images = [(parts[1:], name) for parts, name in images]
    return images


def _sort(images, path):
    """Return lists of (name, class): those of the training and the test set, or a single one."""
    divided = {parts[0] for parts, _ in images} == {*_SETS}
    for parts, name in images:
        if len(parts) != 2 + divided:
            raise ValueError(f"{path}: got an image {name}, wanted {_WANTED}")
    if not divided:
        return [[(name, parts[0]) for parts, name in images]]
    return [[(name, parts[1]) for parts, name in images if parts[0] == each] for each in _SETS]


def _check(sets, classes, path):
    """Check that there are classes, and that all have training images."""
    if len(classes) < 2:
        came = f"a single class, {classes[0]}" if classes else "no images"
        raise ValueError(f"{path}: got {came}, wanted at least two classes: {_WANTED}")
    labels = [label for _, label in sets[-1]]
    strange = sorted({*labels} - {*classes})
    if strange:
        raise ValueError(f"{path}: got test images of the class {strange[0]}, wanted training "
                         "images of it as well")
    rare = [label for label, count in Counter(labels).items() if count == 1]
    if rare and len(sets) == 1:
        raise ValueError(f"{path}: got one image of the class {rare[0]}, wanted at least two: "
                         "every fifth is for the test")


def _listed(classes):
    """Return the classes with their numbers, as far as they fit into a line."""
    shown = [f"{label} {name}" for label, name in enumerate(classes)]
    if len(shown) > LISTED:
        shown = [*shown[:LISTED - 1], "...", shown[-1]]
    return f"{len(classes)} classes, {', '.join(shown)}"


def _read(names, rows, path, read):
    """Return images (n, h, w, c), the k-th name's in the k-th of the rows."""
    images = None
    for name, row in zip(names, rows):
        pixels = read(name)
        if images is None:
            n, (h, w, c), first = len(names), pixels.shape, name
            check_memory(np, pixels.dtype, images=dict(n=n, h=h, w=w, c=c))
            images = np.empty((n, h, w, c), np.float32)
        if pixels.shape[:2] != (h, w):
            raise ValueError(f"{path}: {name}: got {pixels.shape[0]}x{pixels.shape[1]} pixels, "
                             f"wanted {h}x{w} as in {first}")
        if pixels.shape[2] > images.shape[3]:
            images = np.repeat(images, 3, axis=3)
        images[row] = pixels
    return images
