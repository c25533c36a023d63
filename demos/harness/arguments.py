"""What can be asked of a demo: the arguments of all of them, and those of every training."""
import argparse
import math
from pathlib import Path

import numpy as np

from tinycaps.checks import check_memory

SMALL_IMAGE = 16
"""Pixels along a side up to which a demo takes its defaults for small images."""

COPIES = 3
"""Arrays, at least, that a training holds for every weight: it, its gradient, a running average."""


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def make_parser(name, doc, seed=0):
    """Return a parser with the demo's docstring as its help, and --seed and --out."""
    parser = Parser(prog=f"python -m demos {name}", description=doc,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=whole_number(0), default=seed, metavar="N",
                        help="of everything random (default %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("out") / name, metavar="DIR",
                        help=f"where figures and run.json go (default out/{name})")
    return parser


def add_training_arguments(parser, small, large, rate_of):
    """Add the arguments of every training to a parser.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    small, large : dict
        The defaults for small and for large images, for `fill_in`.
    rate_of : str
        What the learning rate belongs to, for the help.
    """
    add, at_least_one = parser.add_argument, whole_number(1)
    add("--data", default="digits", metavar="NAME",
        help="digits (default), mnist, fashion-mnist, cifar-10, FILE.npz with images and labels, "
             "FOLDER or FILE.zip with one folder of images for each class")
    add("--device", choices=("cpu", "gpu"), default="cpu")
    add("--epochs", type=at_least_one, metavar="N",
        help=f"default {small['epochs']} for images up to {SMALL_IMAGE} pixels, "
             f"else {large['epochs']}")
    add("--batch", type=at_least_one, metavar="N",
        help=f"images in a step; {describe_defaults(small, large, 'batch')}")
    add("--learning-rate", type=positive_number, metavar="X",
        help=f"of {rate_of}; {describe_defaults(small, large, 'learning_rate')}")
    add("--shift", type=whole_number(0), metavar="N",
        help=f"move images by up to N pixels; {describe_defaults(small, large, 'shift')}")
    add("--warp", action=argparse.BooleanOptionalAction,
        help="turn, stretch and move images a little; default for small images")
    add("--hold-out", type=at_least_one, metavar="N",
        help="evaluate on the last N training images, not on the test images")
    add("--plain", action="store_true",
        help="use no fast twin of a network or optimiser, and the BLAS's own threads")
    add("--quick", action="store_true",
        help="256 images and, unless --epochs is given, two epochs: does it run at all?")
    add("--resume", action="store_true", help="go on from the checkpoint in runs/")
    add("--min-accuracy", type=fraction, metavar="X",
        help="exit code 1 if the accuracy is below this, from 0 to 1")


def fill_in(arguments, data, small, large, quick=None):
    """Set the training arguments that were not given.

    Parameters
    ----------
    arguments : argparse.Namespace
    data : Dataset
    small, large : dict
        The defaults for small and for large images.
    quick : dict, optional
        What --quick changes in them, by default ``{"epochs": 2}``.

    Raises
    ------
    ValueError
        If a batch is larger than the data, or a shift could push all of an image out.
    MemoryError
        If networks with these hidden layers cannot fit.
    """
    count = len(data.train_images)
    if arguments.batch and arguments.batch > count:
        raise ValueError(f"batch: got {arguments.batch}, wanted at most the {count} training "
                         "images")
    defaults = small if is_small(data.train_images) else large
    defaults = defaults | {"batch": min(defaults["batch"], count)}
    if arguments.quick:
        defaults |= quick or {"epochs": 2}
    for name, value in defaults.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    most = min(data.train_images.shape[1:3]) - 1
    if arguments.shift > most:
        raise ValueError(f"shift: got {arguments.shift}, wanted at most {most}: a larger one can "
                         "push all of the image out")
    for name in "hidden", "teacher_hidden":
        sizes = [data.train_images[0].size, *getattr(arguments, name, [])]
        weights = sum(f * m for f, m in zip(sizes, sizes[1:])) * getattr(arguments, "networks", 1)
        check_memory(np, np.dtype("float32"), **{name: dict(weights=weights, copies=COPIES)})


def is_small(images):
    """Return whether images (n, h, w, c) are small."""
    return max(images.shape[1:3]) <= SMALL_IMAGE


def describe_defaults(small, large, name):
    """Return the default of an argument for small and for large images, in words."""
    values = dict.fromkeys(" ".join(f"{each:g}" for each in value) if isinstance(value, list)
                           else f"{value:g}" for value in (small[name], large[name]))
    return f"default {' or '.join(values)}"


def whole_number(least):
    """Return an argument type: an integer, not below the given one."""
    return _number(int, lambda number: number >= least, f"an integer of at least {least}")


def _number(convert, is_good, wanted):
    """Return an argument type that refuses, in one line, what is no such number."""
    def read(text):
        try:
            number = convert(text)
        except ValueError:
            number = math.nan
        if not is_good(number):
            raise argparse.ArgumentTypeError(f"got {text!r}, wanted {wanted}")
        return number
    return read


positive_number = _number(float, lambda number: 0 < number < math.inf, "a number above 0")
"""Argument type of a learning rate and the like."""
not_negative = _number(float, lambda number: 0 <= number < math.inf, "a number of at least 0")
"""Argument type of a weight decay and the like."""
fraction = _number(float, lambda number: 0 <= number <= 1, "a number from 0 to 1")
"""Argument type of a fraction of a whole."""
fraction_below_one = _number(float, lambda number: 0 <= number < 1, "a number from 0 to below 1")
"""Argument type of a fraction that must leave something."""
deviation = _number(float, lambda number: 0 <= number <= 3, "a number from 0 to 3")
"""Argument type of a standard deviation, of a logarithm or of noise: beyond 3 no signal is left."""
temperature = _number(float, lambda number: 0.01 <= number <= 1e5, "a number from 0.01 to 100,000")
"""Argument type of a softmax's temperature: outside, single precision makes probabilities equal."""
