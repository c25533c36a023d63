"""MNIST and Fashion-MNIST: found on disk or downloaded, and checked by the published hashes.

Both are four IDX files under the same four names: they differ only in their content.
"""
import hashlib
import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .dataset import Dataset
from .download import download
from .idx import gunzip, is_gzipped, read_idx


LARGEST = 2 ** 26
"""Bytes of a file, packed or unpacked, at most: the largest has 47,040,016."""


class Family(NamedTuple):
    """Where a member of the MNIST family is found, and what its files are."""

    title: str
    folder: str
    mirrors: tuple
    gzipped: dict
    """Name of a file to the SHA-256 of what the mirrors serve, in the order of Dataset."""
    unpacked: dict
    """The same of the uncompressed files, where it is published."""


FAMILIES = {
    "mnist": Family(
        "MNIST", "mnist",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/",
         "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        {"train-images-idx3-ubyte":
         "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
         "train-labels-idx1-ubyte":
         "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
         "t10k-images-idx3-ubyte":
         "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
         "t10k-labels-idx1-ubyte":
         "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
        {"train-images-idx3-ubyte":
         "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
         "train-labels-idx1-ubyte":
         "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
         "t10k-images-idx3-ubyte":
         "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
         "t10k-labels-idx1-ubyte":
         "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}),
    "fashion_mnist": Family(
        "Fashion-MNIST", "fashion-mnist",
        ("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",),
        {"train-images-idx3-ubyte":
         "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
         "train-labels-idx1-ubyte":
         "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
         "t10k-images-idx3-ubyte":
         "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
         "t10k-labels-idx1-ubyte":
         "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
        {}),
}


def load_mnist(folder=None):
    """Load MNIST, 70,000 handwritten digits.

    Parameters
    ----------
    folder : str or path, optional
        Holds the four files, plain or with .gz, or a subfolder ``mnist`` that does. Without it: the
        subfolder ``mnist`` of the environment variable TINYCAPS_DATA if there is one, else the
        user's cache, else a download into the cache.

    Returns
    -------
    Dataset
        60,000 training and 10,000 test images, (n, 28, 28, 1), light on dark, ten classes.

    Raises
    ------
    FileNotFoundError
        If the folder lacks one of the files.
    ValueError
        If a file in the folder is not the published one.
    OSError
        If a download fails on every mirror: the line names each, the reason, and where the files
        can be put by hand.

    Notes
    -----
    Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits". The SHA-256 of
    every file is checked, wherever it comes from: as the mirrors serve it, or, if somebody else has
    packed it, of its uncompressed content. A cached file that fails is downloaded again.
    """
    return _load(FAMILIES["mnist"], folder)


def load_fashion_mnist(folder=None):
    """Load Fashion-MNIST, 70,000 articles of clothing in the format of MNIST.

    Parameters, Returns and Raises are those of `load_mnist`; the subfolder is ``fashion-mnist``.

    Notes
    -----
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", 2017. The SHA-256s known here are of the gzipped files. An unpacked file
    cannot be verified by them: in a folder that you name it is accepted if it has the right shape
    and is not known to belong to MNIST, in the cache it is not. Where both are present the gzipped
    one is read.
    """
    return _load(FAMILIES["fashion_mnist"], folder)


def _load(family, folder):
    folder = _user_folder(family, folder)
    paths = [_cached(family, name) if folder is None else _find(family, name, folder, _check_given)
             for name in family.gzipped]
    return Dataset(*_read(*paths[:2]), *_read(*paths[2:]))


def _read(images_path, labels_path):
    """Return the pixels and labels of two files that fit together."""
    images, labels = read_idx(images_path), read_idx(labels_path)
    largest = labels.max(initial=0)
    if labels.ndim != 1 or images.shape != (len(labels), 28, 28) or largest > 9:
        raise ValueError(f"{images_path}: got shape {images.shape} with labels {labels.shape} up "
                         f"to {largest}, wanted (n, 28, 28) with (n,) up to 9")
    return images[..., None].astype(np.float32) / 255, labels.astype(np.int64)


def _user_folder(family, folder):
    """Return the folder that the user has named, by argument or by environment, or None."""
    named = folder or os.environ.get("TINYCAPS_DATA")
    if not named:
        return None
    inner = Path(named) / family.folder
    if inner.is_dir():
        return inner
    return Path(folder) if folder else None


def _find(family, name, folder, check):
    """Return the path of a file in the folder that passes check."""
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            if path.stat().st_size > LARGEST:
                raise ValueError(f"{path}: got {path.stat().st_size:,} bytes, wanted at most "
                                 f"{LARGEST:,}")
            check(family, name, path.read_bytes(), path)
            return path
    raise FileNotFoundError(f"{folder}: got no {name}.gz or {name}, wanted the four files of "
                            f"{family.title}")


def _cached(family, name):
    """Return the path of a verified file in the user's cache, downloaded if there is none."""
    import pooch
    folder = pooch.os_cache("tinycaps") / family.folder
    try:
        return _find(family, name, folder, _check_found)
    except (FileNotFoundError, ValueError):
        path = folder / f"{name}.gz"
    try:
        download([f"{mirror}{name}.gz" for mirror in family.mirrors], path,
                 partial(_check, family, name), LARGEST)
    except OSError as error:
        raise OSError(f"{error}; the four files of {family.title} can be put by hand into {folder},"
                      " or into any folder that is named by folder= or, with a subfolder "
                      f"{family.folder}, by TINYCAPS_DATA") from None
    return path


def _check(family, name, content, source):
    """Check a file's content, as stored, by the published hashes."""
    got, wanted = hashlib.sha256(content).hexdigest(), _hashes(family, name)
    if got not in wanted:
        raise ValueError(f"{source}: got SHA-256 {got}, wanted "
                         f"{' or '.join(f'{each} ({kind})' for each, kind in wanted.items())} of "
                         f"{name} of {family.title}")


def _hashes(family, name):
    """Return each published hash of a file, and what it is of."""
    return {family.gzipped[name]: "gzipped"} | (
        {family.unpacked[name]: "unpacked"} if family.unpacked else {})


def _check_found(family, name, content, source):
    """Check a file on the disk, which somebody else may have packed."""
    if family.unpacked and hashlib.sha256(content).hexdigest() not in _hashes(family, name):
        content = gunzip(content, source, LARGEST)
    _check(family, name, content, source)


def _check_given(family, name, content, source):
    """Check a file that the user names; if no hash can be known, refuse those of other families."""
    if is_gzipped(content) or family.unpacked:
        _check_found(family, name, content, source)
        return
    got = hashlib.sha256(content).hexdigest()
    for other in FAMILIES.values():
        if got in other.unpacked.values():
            raise ValueError(f"{source}: got a file of {other.title}, wanted {family.title}")
