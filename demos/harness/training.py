"""What the demos that train share: their arguments, their data, and where a run lies."""
import argparse
import contextlib
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np

from demos.command import positive_number, share, whole_number
from tinycaps.data import hold_out, load_digits, load_fashion_mnist, load_mnist, load_npz, random_shift, random_warp

LOADERS = {"digits": load_digits, "mnist": load_mnist, "fashion-mnist": load_fashion_mnist}
WATCHED = 1000
"""Training images, at most, on which a training is watched where none are held out."""
SMALL_IMAGE = 16
"""Pixels up to which a demo takes its defaults for small images."""
QUICK = dict(epochs=2, teacher_epochs=2, predictor_epochs=2, alone_epochs=1)
"""The defaults that --quick changes, where a demo has them."""


def add_arguments(parser, small, large, rate_of, data="digits"):
    """Give a parser the arguments of every training.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    small, large : dict
        The defaults for small and for large images, for `fill_in`.
    rate_of : str
        What the learning rate is that of.
    data : str
        The default of --data.
    """
    at_least_one, short = whole_number(1), partial(np.format_float_scientific, trim="-", exp_digits=1)
    p = parser
    p.add_argument("--data", default=data, metavar="NAME",
                   help=f"digits, mnist, fashion-mnist, or FILE.npz with images and labels (default {data})")
    p.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    p.add_argument("--epochs", type=at_least_one, metavar="N",
                   help=f"default {small['epochs']} for images up to {SMALL_IMAGE} pixels, else {large['epochs']}")
    p.add_argument("--batch", type=at_least_one, metavar="N", help=f"default {small['batch']}, or {large['batch']}")
    p.add_argument("--learning-rate", type=positive_number, metavar="X",
                   help=f"of {rate_of}; default {short(small['learning_rate'])}, or {short(large['learning_rate'])}")
    p.add_argument("--shift", type=whole_number(0), metavar="N",
                   help=f"move images by up to N pixels; default {small['shift']}, or {large['shift']}")
    p.add_argument("--warp", action=argparse.BooleanOptionalAction, help="turn, stretch and move images a little; default for small images")
    p.add_argument("--hold-out", type=at_least_one, metavar="N", help="judge on the last N training images, not on the test images")
    p.add_argument("--quick", action="store_true", help="256 images, and two epochs unless told: does it run at all?")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in runs/")
    p.add_argument("--min-accuracy", type=share, metavar="X", help="exit code 1 if less than this part, 0 to 1, is read rightly")


def load_data(arguments):
    """Return the Dataset that the arguments ask for."""
    if arguments.data in LOADERS:
        data = LOADERS[arguments.data]()
    elif arguments.data.endswith(".npz"):
        data = load_npz(arguments.data)
    else:
        raise ValueError(f"data: got {arguments.data!r}, wanted {', '.join(LOADERS)} or FILE.npz")
    if arguments.hold_out:
        if arguments.hold_out >= len(data.train_images):
            raise ValueError(f"hold-out: got {arguments.hold_out}, wanted fewer than the {len(data.train_images)} training images")
        data = hold_out(data, arguments.hold_out)
    if arguments.quick:
        data = type(data)(*(part[::len(part) // 256 or 1][:256] for part in data))
    return data


def is_small(data):
    """Tell whether the images are small."""
    return max(data.train_images.shape[1:3]) <= SMALL_IMAGE


def count_classes(data):
    """Return how many classes the labels tell of."""
    return 1 + int(max(data.train_labels.max(), data.test_labels.max()))


def fill_in(arguments, data, small, large):
    """Set the training arguments that were not given."""
    defaults = small if is_small(data) else large
    defaults = defaults | {"batch": min(defaults["batch"], len(data.train_images))}
    if arguments.quick:
        defaults |= {name: value for name, value in QUICK.items() if name in defaults}
    for name, value in defaults.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)


def augmentation(arguments):
    """Return the function that changes the images of a batch as the arguments say."""
    def augment(x, rng):
        x = random_shift(x, rng, arguments.shift) if arguments.shift else x
        return random_warp(x, rng) if arguments.warp else x
    return augment


def run_folder(name, arguments):
    """Return where the checkpoint and the log of a run lie."""
    return Path("runs") / f"{name}-{Path(arguments.data).name}-{arguments.seed}{'-quick' if arguments.quick else ''}"


def some(images, labels):
    """Return images and labels spread over all, few enough to be looked at often."""
    every = -(-len(images) // WATCHED)
    return images[::every], labels[::every]


def watched(arguments, data):
    """Return the images and labels on which a training is watched: those held out, or else training images spread over all."""
    return data[2:] if arguments.hold_out else some(data.train_images, data.train_labels)


@contextlib.contextmanager
def resumable(*folders):
    """Say, if a training is interrupted, how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        if any((folder / "checkpoint.npz").exists() for folder in folders):
            print("the same command with --resume goes on from the last checkpoint", file=sys.stderr)
        raise


def judged(arguments):
    """Return whose error is told, in a word and in full."""
    return ("held-out", "held-out training images") if arguments.hold_out else ("test", "test images")


def write_log(arguments, log):
    """Write metrics.jsonl: the log of a training."""
    (arguments.out / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log), encoding="utf-8")
