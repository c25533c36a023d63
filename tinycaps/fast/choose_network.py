"""Which form of CapsNet is the fastest one for some sizes: counted, not measured."""
from functools import partial

from ..capsules.capsnet import Network
from ..checks import check_count
from .capsnet import fast_capsnet_backward, fast_capsnet_forward
from .fourier_plan import fourier_plan
from .workspace import Workspace

WORTH = 0.5
"""The Fourier convolution is chosen if it takes at most this fraction of the multiplications: it
moves more numbers for each."""


def fast_network(fourier=True):
    """Return the fast Network with a workspace of its own.

    It allows one backward for each forward, and its gradients hold until the next.
    """
    forward = partial(fast_capsnet_forward, workspace=Workspace(), fourier=fourier)
    return Network(forward, fast_capsnet_backward)


def choose_network(config, batch):
    """Return the fast Network that suits a config and a number of samples, and the reason.

    Parameters
    ----------
    config : CapsNetConfig
    batch : int
        Samples at a time.

    Returns
    -------
    network : Network
        Its primary convolution by Fourier transform or direct.
    reason : str
        One line.
    """
    check_count(batch=batch)
    h, w, _ = config.image_shape
    size, k, stride = h - config.conv_kernel + 1, config.primary_kernel, config.primary_stride
    if h != w:
        return fast_network(False), f"direct convolution: images of {h} x {w} pixels are not square"
    if size % stride:
        return fast_network(False), (f"direct convolution: the stride {stride} does not divide the "
                                     f"{size} pixels of conv1")
    c, f, out = config.conv_channels, config.primary_types * config.primary_dims, config.grid[0]
    products = len(fourier_plan(size, k, stride).B_T)
    direct = batch * c * f * out ** 2 * k ** 2
    per_product = (batch * c * f * stride ** 2 + batch * c * size ** 2 + c * f * k ** 2
                   + batch * f * out ** 2)
    fraction = products * per_product / direct
    if fraction > WORTH:
        return fast_network(False), ("direct convolution: one by Fourier transform would take "
                                     f"{fraction:.0%} of its multiplications at batch {batch}")
    return fast_network(), (f"Fourier convolution: it takes {fraction:.0%} of the multiplications "
                            f"of a direct one at batch {batch}")
