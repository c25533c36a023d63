"""A trained CapsNet as a small file, and the one that comes with the package."""
from importlib import resources
from typing import NamedTuple

import numpy as np

from ..checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ..checks import check_finite, check_shapes
from .config import CapsNetConfig


class TrainedCapsNet(NamedTuple):
    """A CapsNet that has learned."""

    params: dict
    config: CapsNetConfig
    about: dict
    """How it was trained; among others ``"images"``, the shape of its training images, and
    ``"margin"``, which `tinycaps.data.load_image` needs."""


def save_capsnet(path, params, about):
    """Write a trained CapsNet in half precision and without optimiser state.

    The file is a sixth of the size of a checkpoint from its training.

    Parameters
    ----------
    path : str or path
        Replaced atomically.
    params : dict
    about : dict
        JSON values, among them ``"config"``, ``"images"`` (the shape of the training images) and
        ``"margin"``.
    """
    half = {key: p.astype("float16") for key, p in params.items()}
    save_checkpoint(path, Checkpoint(half, {}, about, 0, 0.0))


def load_capsnet(path=None):
    """Load a trained CapsNet from a file of `save_capsnet` or a checkpoint of its training.

    Parameters
    ----------
    path : str or path, optional
        By default the network that comes with the package. It classifies the embedded 8x8 digits
        and was trained by ``python -m demos capsnet``.

    Returns
    -------
    TrainedCapsNet
        Its params are float32, on the host.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or holds another network or one that does not fit its config.
    """
    if path is None:
        shipped = resources.files(__package__).joinpath("digits.npz")
        with resources.as_file(shipped) as file:
            return load_capsnet(file)
    found = load_checkpoint(path)
    try:
        config, *_ = (CapsNetConfig(**found.about["config"]), found.about["images"],
                      found.about["margin"])
        shapes = config.shapes | (config.decoder_shapes if config.reconstruction_weight else {})
        check_shapes(**{key: (found.params.get(key), shape) for key, shape in shapes.items()})
        if found.params.keys() != shapes.keys():
            raise ValueError(f"params: got {', '.join(found.params.keys() - shapes.keys())} too")
        with np.errstate(over="ignore"):            # of float64; infinity is refused
            params = {key: p.astype(np.float32) for key, p in found.params.items()}
        check_finite(**params)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"checkpoint: got {path} of another network ({error}), "
                         "wanted a trained CapsNet") from None
    return TrainedCapsNet(params, config, found.about)
