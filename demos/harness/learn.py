"""One way to train: in a folder of its own under runs/, watched, and resumed to the bit."""
import json
import zlib
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from demos.harness.arguments import is_small
from demos.harness.data import LOADERS, content_crc, watched_on
from tinycaps.backend import asarray
from tinycaps.fast import in_blocks, parallel
from tinycaps.optim import flat_then_linear
from tinycaps.resume import where_earlier
from tinycaps.train import train

EVALUATIONS = 10
"""In a training, unless a demo wants more."""


class Training(NamedTuple):
    """What is to be trained."""

    name: str
    """In a few words, for the folder and for the lines printed."""
    folder: Path
    settings: dict
    """All that decides what comes out; another setting is another folder."""

    @property
    def begun(self):
        """Whether there is a checkpoint to go on from."""
        return (self.folder / "checkpoint.npz").exists()


class Trained(NamedTuple):
    """What came out."""

    params: dict
    log: list
    """Lines of `tinycaps.train.train`, each with the name of the training as ``"network"``."""
    seconds: float


def describe_training(name, arguments, *, epochs, learning_rate, seed=None, **settings):
    """Return a Training, its folder named after what is trained, data, seed and a crc of settings.

    Parameters
    ----------
    name : str
    arguments : argparse.Namespace
    epochs : int
    learning_rate : float
        At the start.
    seed : int, optional
        Of the order of the images; by default that of the arguments.
    **settings
        Whatever else decides what comes out: JSON values.
    """
    seed = arguments.seed if seed is None else seed
    settings = settings | dict(data=data_named(arguments), held_out=arguments.hold_out, seed=seed,
                               epochs=epochs, learning_rate=learning_rate, batch=arguments.batch)
    crc32 = zlib.crc32(json.dumps(settings, sort_keys=True).encode())
    return Training(name, Path(f"{runs_named(name, arguments, seed)}-{crc32:08x}"), settings)


def runs_named(name, arguments, seed):
    """Return the beginning that the folders of a training have in common, whatever its settings."""
    quick = "-quick" if arguments.quick else ""
    return Path("runs") / f"{name.replace(' ', '-')}-{data_named(arguments)}-{seed}{quick}"


def data_named(arguments):
    """Return the name of the data; that of a file or folder has a crc of its content."""
    if arguments.data in LOADERS:
        return arguments.data
    path = Path(arguments.data)
    return f"{path.absolute().name}-{content_crc(path):08x}"


def check_begun(arguments, *trainings):
    """Raise unless --resume, if given, finds one of the trainings begun."""
    if arguments.resume and not any(training.begun for training in trainings):
        folders = [training.folder for training in trainings]
        hints = [*filter(None, map(where_earlier, folders)), "give all settings of the run that "
                 "was stopped, or leave out --resume"]
        raise FileNotFoundError(f"resume: got no checkpoint in {' or '.join(map(str, folders))}, "
                                f"wanted one to go on from: {hints[0]}")


def learn(training, params, gradients, arrays, arguments, *, evaluate, update,
          schedule=flat_then_linear, augment=None, evaluate_every=None, show=None, resume=None,
          shares_work=False):
    """Train a network in its folder; --resume goes on from its checkpoint where there is one.

    With small images the BLAS is held to one thread: in small matrix products its threads spin more
    than they work. With large ones it keeps them, unless the network has threads of its own.

    Parameters
    ----------
    training : Training
    params : dict
        What it begins with, on the host.
    gradients : function (params, batch, now) -> loss, grads
        For `tinycaps.train.train`.
    arrays : tuple of arrays
        What is learned from, images first.
    arguments : argparse.Namespace
    evaluate : function params -> dict
        Errors for the log.
    update : function
        From `optimiser`.
    schedule : function (learning_rate, step, steps) -> float
        By default flat through the first half, then linear to zero.
    augment : function (batch, rng) -> batch, optional
    evaluate_every : int, optional
        Epochs; by default such that there are `EVALUATIONS`.
    show : function dict -> None, optional
        Called with the log's line of each evaluation; by default the errors are printed.
    resume : bool, optional
        By default as the arguments say.
    shares_work : bool
        Whether the network has threads of its own, as those of `tinycaps.fast` have.

    Returns
    -------
    Trained
    """
    settings = training.settings
    epochs, batch = settings["epochs"], min(settings["batch"], len(arrays[0]))
    rate, steps = settings["learning_rate"], count_steps(len(arrays[0]), batch, epochs)
    params = {key: asarray(p, arguments.device) for key, p in params.items()}
    resume = arguments.resume if resume is None else resume
    one_thread = is_small(arrays[0]) or shares_work and not arguments.plain
    with parallel(np) if one_thread else nullcontext():
        log, seconds = train(
            gradients, params, arrays, epochs=epochs, batch=batch, folder=training.folder,
            about=settings, seed=settings["seed"], update=update, augment=augment,
            learning_rate=lambda step: schedule(rate, step, steps), evaluate=evaluate,
            evaluate_every=evaluate_every or -(-epochs // EVALUATIONS),
            show=show or partial(print_errors, training, arguments),
            resume=resume and training.begun)
    return Trained(params, [{"network": training.name, **line} for line in log], seconds)


def optimiser(update, arguments):
    """Return an update of `tinycaps.optim`: as it is with --plain, else its fast twin."""
    return update if arguments.plain else in_blocks(update)


def count_steps(samples, batch, epochs):
    """Return how many steps a training takes; the last batch of an epoch may be smaller."""
    return epochs * -(-samples // min(batch, samples))


def print_errors(training, arguments, line):
    """Print the errors that an evaluation has found, some `EVALUATIONS` times in a training."""
    epoch, epochs = line["epoch"], training.settings["epochs"]
    if epoch % -(-epochs // EVALUATIONS) == 0 or epoch == epochs:
        errors = ", ".join(f"{key} {100 * value:.2f} %" for key, value in line.items()
                           if key.startswith("error"))
        print_line(f"{training.name}: epoch {epoch}, {errors} on {watched_on(arguments)}")


def print_line(text):
    """Print a line without breaking the progress bar."""
    from tqdm import tqdm
    with tqdm.external_write_mode():
        print(text, flush=True)
