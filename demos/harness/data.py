"""Which images a demo learns from, on which a training is watched, and how images are moved."""
import os
import zlib
from pathlib import Path

from tinycaps.checks import check_file
from tinycaps.data import (hold_out, load_cifar_10, load_digits, load_fashion_mnist, load_folder,
                           load_mnist, load_npz, random_shift, random_warp)

LOADERS = {"digits": load_digits, "mnist": load_mnist, "fashion-mnist": load_fashion_mnist,
           "cifar-10": load_cifar_10}
QUICK = 256
"""Images of each set with --quick."""
WATCHED = 1000
"""Training images, at most, on which a training is watched where none are held out."""


def load_data(arguments, several=False):
    """Return the Dataset that the arguments ask for; with --hold-out its test set is held out.

    Labels (n, k) of several classes are refused unless a demo says that it takes them.
    """
    if arguments.data in LOADERS:
        data = LOADERS[arguments.data]()
    elif arguments.data.endswith(".npz"):
        data = load_npz(arguments.data)
    elif arguments.data.endswith(".zip") or Path(arguments.data).is_dir():
        data = load_folder(arguments.data)
    else:
        raise ValueError(f"data: got {arguments.data!r}, wanted {', '.join(LOADERS)}, FOLDER, "
                         "FILE.zip or FILE.npz")
    if data.train_labels.ndim == 2 and not several:
        raise ValueError(f"data: got {arguments.data} with labels (n, k) of several classes, "
                         "wanted labels (n,), or the demo multi_mnist")
    if arguments.hold_out:
        if arguments.hold_out >= len(data.train_images):
            raise ValueError(f"hold-out: got {arguments.hold_out}, wanted fewer than the "
                             f"{len(data.train_images)} training images")
        data = hold_out(data, arguments.hold_out)
    if arguments.quick:
        data = type(data)(*(array[::len(array) // QUICK or 1][:QUICK] for array in data))
    return data


def content_crc(path):
    """Return the CRC-32 of a file, or of the names and contents of all files in a folder."""
    if not path.is_dir():
        check_file(path, f"{', '.join(LOADERS)}, FOLDER, FILE.zip or FILE.npz")
        return zlib.crc32(path.read_bytes())
    crc = 0
    for file in sorted(Path(folder, name) for folder, _, names in os.walk(path, followlinks=True)
                       for name in names):
        crc = zlib.crc32(os.fsencode(file.relative_to(path)), crc)
        crc = zlib.crc32(file.read_bytes(), crc)
    return crc


def count_classes(data):
    """Return the number of classes: one more than the largest label."""
    return 1 + int(max(data.train_labels.max(), data.test_labels.max()))


def subsample(images, labels):
    """Return at most `WATCHED` images with their labels, spread evenly over all of them."""
    every = -(-len(images) // WATCHED)
    return images[::every], labels[::every]


def watched(arguments, data):
    """Return the images and labels on which a training is watched: never the test images."""
    return data[2:] if arguments.hold_out else subsample(data.train_images, data.train_labels)


def watched_on(arguments):
    """Return in words what a training is watched on."""
    return "held-out training images" if arguments.hold_out else "training images, not moved"


def judged(arguments):
    """Return whose error is reported, in a word and in full."""
    return (("held-out", "held-out training images") if arguments.hold_out
            else ("test", "test images"))


def augmentation(arguments):
    """Return the function (batch, rng) -> batch that moves images as the arguments say."""
    def augment(batch, rng):
        images, *rest = batch
        images = random_shift(images, rng, arguments.shift) if arguments.shift else images
        return random_warp(images, rng) if arguments.warp else images, *rest
    return augment
