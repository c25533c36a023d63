"""A trained CapsNet reads the user's own images, and shows what it makes of them."""
import sys

import numpy as np

from tinycaps import plot
from tinycaps.backend import asarray, to_numpy
from tinycaps.capsules import (capsnet_forward, decoder_forward, length_forward, load_capsnet,
                               mask_forward)
from tinycaps.data import load_image

SHOWN = 14
"""Letters of a file's name over its image."""
SURE = 0.5
"""A shorter capsule is an uncertain answer: its class is more likely absent than present."""


def read_images(arguments, trained):
    """Classify images with a trained network, and draw them with their reconstructions.

    A file that cannot be read is named, and the others are read.

    Parameters
    ----------
    arguments : argparse.Namespace
        ``predict``, the files of the images, ``out`` and ``device``.
    trained : Path or None
        The file of the network; None: the one that comes with the package.

    Returns
    -------
    int
        The exit code: 2 if a file could not be read.
    """
    params, config, about = load_capsnet(trained)
    print(f"read by {trained or 'the network that comes with the package'}", flush=True)
    paths, images = [], []
    for path in arguments.predict:
        try:
            images.append(load_image(path, config.image_shape, about["margin"]))
            paths.append(path)
        except (OSError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
    if images:
        params = {key: asarray(p, arguments.device) for key, p in params.items()}
        show_answers(params, config, paths, np.stack(images), arguments)
    return 0 if len(images) == len(arguments.predict) else 2


def show_answers(params, config, paths, images, arguments):
    """Print the likeliest classes of each image, and draw what the capsule of the first holds."""
    v, _ = capsnet_forward(params, asarray(images, arguments.device), config)
    lengths = to_numpy(length_forward(v)[0])
    order = lengths.argsort(axis=1)[:, ::-1]
    captions = []
    for path, length, classes in zip(paths, lengths, order):
        found = [f"{k} ({length[k]:.2f})" for k in classes[:3]]
        doubt = ["uncertain"] if length.max() < SURE else []
        print(": ".join([str(path), ", ".join(found), *doubt]))
        captions.append("\n".join([shorten(path.name), found[0], *doubt]))
    rows = {"image": images}
    if config.reconstruction_weight:
        rows["redrawn"] = redraw(params, v, asarray(order[:, 0], arguments.device), config)
    path = arguments.out / "predicted.png"
    plot.save(plot.image_table(rows, captions, np.ones(len(images), bool)), path)
    without = "" if "redrawn" in rows else ", without reconstructions: this network has no decoder"
    print(f"drawn in {path}{without}")


def shorten(name):
    """Return the name of a file, its middle left out if it is long."""
    return name if len(name) <= SHOWN else f"{name[:SHOWN // 2]}…{name[1 - SHOWN // 2:]}"


def redraw(params, v, labels, config):
    """Return the decoder's images of the labelled capsules, on the host."""
    return to_numpy(decoder_forward(params, mask_forward(v, labels)[0], config)[0])
