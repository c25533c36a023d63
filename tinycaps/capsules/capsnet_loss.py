"""The training objective of CapsNet: margin loss plus a little reconstruction error (S17)."""
from typing import NamedTuple

from ..checks import check_labels, door, named_xp
from ..ops import (margin_loss_backward, margin_loss_forward, squared_error_backward,
                   squared_error_forward)
from .capsnet import PLAIN, Network, check_capsnet
from .config import CapsNetConfig
from .decoder import decoder_backward, decoder_forward
from .length import length_backward, length_forward
from .mask import mask_backward, mask_forward


class CapsNetLossCache(NamedTuple):
    """The two terms of the loss, for the log, and the caches of `capsnet_loss_forward`'s lines."""

    margin_loss: object
    reconstruction_error: object
    """Before it is weighted; None without a decoder."""
    weight: float
    network: Network
    capsnet: object
    length: tuple
    margin: tuple
    reconstruction: tuple | None


def check_capsnet_loss(params, x, labels, config, network=PLAIN):
    """Check all that the ops within rely on: images, parameters, and labels in range."""
    check_capsnet(params, x, config, decoder=config.reconstruction_weight > 0)
    check_labels(labels, len(x), config.classes)
    named_xp(x=x, labels=labels)


@door(check_capsnet_loss)
def capsnet_loss_forward(params: dict, x, labels, config: CapsNetConfig, network=PLAIN):
    """Classify and redraw labelled images, and score both.

        v = capsnet(x)                                  [a]
        length_k = ‖v_k‖                                [b]
        margin = margin_loss(length, label)             [c]
        masked_k = [k = label] v_k                      [d]
        image = decoder(masked)                         [e]
        error = ‖image − x‖²                            [f]
        loss = margin + w error,   w = 0.0005           [g]

    Parameters
    ----------
    params : dict
    x : array (n, h, w, c)
        Pixels in [0, 1].
    labels : integer array (n,)
        0..classes-1.
    config : CapsNetConfig
        With a reconstruction weight of 0 the loss is the margin loss alone.
    network : Network
        The plain one, or the fast one from `tinycaps.fast.choose_network`.

    Returns
    -------
    loss : 0-d array
        Mean over samples.

    Notes
    -----
    Same as the paper: line c is its Eq. 4; the decoder sees the capsule of the true class while
    training; the reconstruction error is a sum over pixels, not a mean. The cache is a
    `CapsNetLossCache`, in which the log finds the two terms.
    Loops: tests.reference.capsules.capsnet_loss
    """
    weight = config.reconstruction_weight
    v, capsnet = network.forward(params, x, config)                                 # [a]
    lengths, length = length_forward(v)                                             # [b]
    margin_loss, margin = margin_loss_forward(lengths, labels)                      # [c]
    loss, error, reconstruction = margin_loss, None, None
    if weight:
        masked, mask = mask_forward(v, labels)                                      # [d]
        image, decoder = decoder_forward(params, masked, config)                    # [e]
        error, squared_error = squared_error_forward(image, x)                      # [f]
        loss = margin_loss + weight * error                                         # [g]
        reconstruction = mask, decoder, squared_error
    return loss, CapsNetLossCache(margin_loss, error, weight, network, capsnet, length, margin,
                                  reconstruction)


@door(dloss="", cache=("",))
def capsnet_loss_backward(dloss, cache):
    """dloss () -> grads: the forward from bottom to top, keys as in params.

    v takes two paths to the loss, through its lengths and through the decoder; dv is the sum of
    what comes back along both.
    """
    grads, dv = {}, 0
    if cache.reconstruction:
        mask, decoder, squared_error = cache.reconstruction
        derror = cache.weight * dloss                           # [g] and dmargin = dloss
        dimage = squared_error_backward(derror, squared_error)  # [f] x is data: no gradient
        grads, dmasked = decoder_backward(dimage, decoder)      # [e]
        dv = mask_backward(dmasked, mask)                       # [d] the first path of v
    dlength = margin_loss_backward(dloss, cache.margin)         # [c]
    dv = dv + length_backward(dlength, cache.length)            # [b] the second path of v
    return cache.network.backward(dv, cache.capsnet) | grads    # [a]
