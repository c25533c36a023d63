"""Which of the two CapsNets is the faster one for some sizes: counted, not measured."""
from functools import partial

import numpy as np

from ..checks import check_count
from .fourier_plan import fourier_plan
from .parallel import parallel
from .workspace import Workspace
from ..capsules.capsnet import PLAIN, Network
from .capsnet import fast_capsnet_backward, fast_capsnet_forward

WORTH = 0.5
"""The fast network is chosen if its convolution takes at most this part of the multiplications: it moves more numbers for each."""


def fast_network():
    """Return the fast Network, with a workspace of its own: one backward for each forward, and gradients that hold until the next."""
    return Network(partial(fast_capsnet_forward, workspace=Workspace()), fast_capsnet_backward, partial(parallel, np))


def choose_network(config, batch):
    """Return the faster Network for a config and a number of samples at a time, and the reason in one line.

    Parameters
    ----------
    config : CapsNetConfig
    batch : int

    Raises
    ------
    ValueError
        If batch is not a positive integer.

    Returns
    -------
    network : Network
        `fast_network` or the plain one.
    reason : str
    """
    check_count(batch=batch)
    h, w, _ = config.image_shape
    size, k, stride = h - config.conv_kernel + 1, config.primary_kernel, config.primary_stride
    if h != w:
        return PLAIN, f"plain network: images of {h} x {w} pixels are not square"
    if size % stride:
        return PLAIN, f"plain network: the stride {stride} does not divide conv1's {size} pixels"
    c, f, out = config.conv_channels, config.primary_types * config.primary_dims, config.grid[0]
    plan = fourier_plan(size, k, stride)
    products = len(plan.B_T)
    direct = batch * c * f * out ** 2 * k ** 2
    fourier = products * (batch * c * f * stride ** 2 + batch * c * size ** 2 + c * f * k ** 2 + batch * f * out ** 2)
    share = f"{fourier / direct:.0%} of the multiplications by Fourier convolution at batch {batch}"
    if fourier > WORTH * direct:
        return PLAIN, f"plain network: it would be {share}"
    return fast_network(), f"fast network: {share}"
