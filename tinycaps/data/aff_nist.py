"""affNIST, MNIST's test images under random affine maps, from the published file.

The file is a zip of 32 MATLAB files, each with 10,000 images in a struct ``affNISTdata``:

    image      (1600, 10000) uint8    an image a column, 40x40, row by row
    label_int  (1, 10000)             the digit
"""
import io
import zipfile

import numpy as np

from ..archive import check_directory
from .affine import pad_images
from .dataset import Dataset
from .mnist import load_mnist
from .published import read_published

URLS = ("https://www.cs.toronto.edu/~tijmen/affNIST/32x/transformed/test_batches.zip",)
LARGEST = 2 ** 29
"""Bytes of the file, at most."""
UNPACKED = 2 ** 31
"""Bytes of all its members together, at most: the images have 512,000,000."""
BATCHES, IMAGES, SIZE = 32, 10_000, 40
COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
"""Of each digit among MNIST's test images: in all of affNIST there are 32 times as many."""


def load_aff_nist(path=None, mnist=None, batches=1):
    """Load MNIST's training images on a field of 40x40, and affNIST's test images.

    Parameters
    ----------
    path : str or path, optional
        The file ``test_batches.zip``, or a folder that holds it. Without it: the subfolder
        ``aff-nist`` of the environment variable TINYCAPS_DATA if the file is there, else the user's
        cache, else a download into the cache.
    mnist : str or path, optional
        The folder for `load_mnist`.
    batches : int
        Read the first of the 32 batches: 10,000 images each, which take 64 MB.

    Returns
    -------
    Dataset
        60,000 training images, (n, 40, 40, 1), in the middle of the field, for `random_shift` to
        move by up to 6 pixels (S17 section 5); test images of the same size.

    Raises
    ------
    FileNotFoundError
        If path is given and there is no such file.
    ValueError
        If batches is not in 1..32, or the file has another structure.
    OSError
        If the download fails, as it often does: the line names `synthetic_aff_nist`, which is never
        taken in its place.

    Notes
    -----
    T. Tieleman, "affNIST", 2013. No checksum of it is published. What is checked: the checksums in
    the zip, shapes and types, labels 0..9, and, where all 32 batches are read, the number of images
    of each digit. The structure is what public readers of the file show; the real file could not be
    had when this was written.
    """
    if isinstance(batches, bool) or batches not in range(1, BATCHES + 1):
        raise ValueError(f"batches: got {batches!r}, wanted an integer in 1..{BATCHES}")
    try:
        content, source = read_published(URLS, "aff-nist", check_zip, LARGEST, path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OSError(f"{error}; tinycaps.data.synthetic_aff_nist makes another set of this kind "
                      "from MNIST") from None
    images, labels = zip(*[_read(content, source, number) for number in range(1, batches + 1)])
    labels = np.concatenate(labels)
    counts = np.bincount(labels, minlength=10)
    if batches == BATCHES and not np.array_equal(counts, BATCHES * np.array(COUNTS)):
        raise ValueError(f"{source}: got {counts.tolist()} images of the ten digits, wanted "
                         f"{BATCHES} times {list(COUNTS)}")
    train = load_mnist(mnist)
    return Dataset(pad_images(train.train_images, 6), train.train_labels, np.concatenate(images),
                   labels)


def check_zip(content, source):
    """Check that a file's content is a zip of 32 MATLAB files."""
    names = [*_members(content, source)]
    if names != list(range(1, BATCHES + 1)):
        raise ValueError(f"{source}: got {len(names)} MATLAB files, wanted 1.mat to {BATCHES}.mat")


def _members(content, source):
    """Return number -> member of a zip, sorted; every member's checksum is compared."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_directory(archive, UNPACKED)
            names = {member.filename.rpartition("/")[2]: member for member in archive.infolist()}
    except MemoryError:
        raise
    except Exception as error:          # of zipfile or its decompressors
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{source}: got a file that is cut short, damaged or no zip ({reason}), "
                         "wanted test_batches.zip of affNIST") from None
    numbered = {int(name.removesuffix(".mat")): member for name, member in names.items()
                if name.endswith(".mat") and name.removesuffix(".mat").isdecimal()}
    return dict(sorted(numbered.items()))


def _read(content, source, number):
    """Return the images (n, 40, 40, 1) and labels (n,) of a batch."""
    from scipy.io import loadmat
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = next(name for name in archive.namelist()
                      if name.rpartition("/")[2] == f"{number}.mat")
        file = io.BytesIO(archive.read(member))
    try:
        fields = loadmat(file, variable_names=["affNISTdata"])["affNISTdata"][0, 0]
        images, labels = fields["image"], np.ravel(fields["label_int"])
    except MemoryError:
        raise
    except Exception as error:          # of scipy's parser, or a name that is not there
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{source}: {member}: got a file that cannot be read ({reason}), wanted "
                         "a MATLAB struct affNISTdata with image and label_int") from None
    if images.dtype != np.uint8 or images.shape != (SIZE * SIZE, IMAGES):
        raise ValueError(f"{source}: {member}: image: got {images.dtype} of shape {images.shape}, "
                         f"wanted uint8 of ({SIZE * SIZE}, {IMAGES})")
    if len(labels) != IMAGES or not np.isin(labels, range(10)).all():
        raise ValueError(f"{source}: {member}: label_int: got {len(labels)} numbers, wanted "
                         f"{IMAGES} digits 0..9")
    return images.T.reshape(-1, SIZE, SIZE, 1).astype(np.float32) / 255, labels.astype(np.int64)
