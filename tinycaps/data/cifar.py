"""CIFAR-10, 60,000 small photographs, from the published file of the binary version.

    byte 0       1 ... 1024          1025 ... 2048      2049 ... 3072
    class 0..9   red, row by row     green              blue               one image, 3,073 bytes
"""
import hashlib
import io
import tarfile

import numpy as np

from .dataset import Dataset
from .idx import gunzip
from .published import read_published

URLS = ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz")
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
"""Of the file, as its authors' page gives it."""
LARGEST = 2 ** 28
"""Bytes of the file, packed or unpacked, at most: it has 170,052,171, and unpacked 184 million."""
TRAIN = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
TEST = ("test_batch.bin",)
SIZE = 32
RECORD = 1 + 3 * SIZE * SIZE


def load_cifar_10(path=None):
    """Load CIFAR-10.

    Parameters
    ----------
    path : str or path, optional
        The file ``cifar-10-binary.tar.gz``, or a folder that holds it. Without it: the subfolder
        ``cifar-10`` of the environment variable TINYCAPS_DATA if the file is there, else the user's
        cache, else a download of 170 MB into the cache.

    Returns
    -------
    Dataset
        50,000 training and 10,000 test images, (n, 32, 32, 3), ten classes: airplane, automobile,
        bird, cat, deer, dog, frog, horse, ship, truck. They take 740 MB, and 1.3 GB while they are
        read.

    Raises
    ------
    FileNotFoundError
        If path is given and there is no such file.
    ValueError
        If the file is not the published one.
    OSError
        If a download fails on every mirror.

    Notes
    -----
    A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The MD5 of the
    file is compared, wherever it comes from. Nothing is unpacked to the disk.
    """
    return unpack(*read_published(URLS, "cifar-10", check_md5, LARGEST, path))


def check_md5(content, source):
    """Check that a file's content is the published one."""
    got = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if got != MD5:
        raise ValueError(f"{source}: got MD5 {got}, wanted {MD5} of cifar-10-binary.tar.gz")


def unpack(content, source):
    """Return the Dataset in a tar file, which may be gzipped; source is named in errors.

    Members are found by the last part of their name, and read in memory.
    """
    content = gunzip(content, source, LARGEST)
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            batches = {name: archive.extractfile(member).read() for member in archive
                       for name in [member.name.rpartition("/")[2]]
                       if member.isfile() and name in TRAIN + TEST}
    except (tarfile.TarError, ValueError, OverflowError, EOFError, OSError) as error:
        raise ValueError(f"{source}: got a file that is no whole tar "
                         f"({' '.join(str(error).split())}), wanted cifar-10-binary.tar.gz"
                         ) from None
    del content
    for name in TRAIN + TEST:
        size = len(batches.get(name, b""))
        if not size or size % RECORD:
            raise ValueError(f"{source}: {name}: got {size:,} bytes, wanted whole images of "
                             f"{RECORD:,} bytes")
    return Dataset(*_read(batches, TRAIN, source), *_read(batches, TEST, source))


def _read(batches, names, source):
    """Return the images (n, 32, 32, 3) and labels (n,) of some members, in their order."""
    records = [np.frombuffer(batches[name], np.uint8).reshape(-1, RECORD) for name in names]
    images = np.empty((sum(map(len, records)), SIZE, SIZE, 3), np.float32)
    start = 0
    for name, batch in zip(names, records):
        if batch[:, 0].max() > 9:
            raise ValueError(f"{source}: {name}: got label {batch[:, 0].max()}, wanted 0..9")
        planes = batch[:, 1:].reshape(-1, 3, SIZE, SIZE)
        np.divide(planes.transpose(0, 2, 3, 1), 255, out=images[start:start + len(batch)],
                  dtype=np.float32)
        start += len(batch)
    return images, np.concatenate([batch[:, 0] for batch in records]).astype(np.int64)
