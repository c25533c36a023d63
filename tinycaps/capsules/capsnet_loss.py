"""The whole training objective of CapsNet: margin loss plus a little reconstruction error (S17 sections 3 and 4.1)."""
from typing import NamedTuple

from ..ops import squared_error_backward, squared_error_forward
from .capsnet import PLAIN, Network
from .decoder import decoder_backward, decoder_forward
from .length import length_backward, length_forward
from ..ops.margin_loss import margin_loss_backward, margin_loss_forward
from .mask import mask_backward, mask_forward


class CapsNetLossCache(NamedTuple):
    """Caches of the lines of `capsnet_loss_forward`, and the two parts of the loss for the log."""

    network: Network
    capsnet: object
    length: tuple
    margin: tuple
    reconstruction: tuple | None
    weight: float
    margin_loss: object
    reconstruction_error: object


def capsnet_loss_forward(params, x, labels, config, network=PLAIN):
    """Classify and redraw labelled images, and score both.

        loss = margin loss + 0.0005 ‖decoder(mask(v, label)) − x‖²,   mean over samples

    Parameters
    ----------
    params : dict
    x : array (n, h, w, c)
    labels : integer array (n,)
        0..classes-1.
    config : CapsNetConfig
        With a reconstruction weight of 0 the loss is the margin loss alone.
    network : Network
        The plain one, or from `choose_network` the fast one.

    Returns
    -------
    loss : 0-d array
    cache : CapsNetLossCache

    Notes
    -----
    Same as the paper: the decoder sees the capsule of the true class while training, and the reconstruction error is a sum over pixels.
    """
    with network.during():
        v, capsnet = network.forward(params, x, config)
        lengths, length = length_forward(v)
        margin_loss, margin = margin_loss_forward(lengths, labels)
        if not config.reconstruction_weight:
            return margin_loss, CapsNetLossCache(network, capsnet, length, margin, None, 0.0, margin_loss, None)
        masked, mask = mask_forward(v, labels)
        image, decoder = decoder_forward(params, masked, config)
        error, squared_error = squared_error_forward(image, x)
        loss = margin_loss + config.reconstruction_weight * error
        reconstruction = mask, decoder, squared_error
        return loss, CapsNetLossCache(network, capsnet, length, margin, reconstruction, config.reconstruction_weight, margin_loss, error)


def capsnet_loss_backward(dloss, cache):
    """Return the gradients by parameter name: the forward from bottom to top.

    v fans out into the lengths and the decoder, so its gradient is the sum of what comes back from both.

    Parameters
    ----------
    dloss : 0-d array or float
    cache : CapsNetLossCache

    Returns
    -------
    grads : dict
        Same keys as params.
    """
    with cache.network.during():
        grads = {}
        dv = length_backward(margin_loss_backward(dloss, cache.margin), cache.length)
        if cache.reconstruction:
            mask, decoder, squared_error = cache.reconstruction
            dimage = squared_error_backward(cache.weight * dloss, squared_error)
            grads, dmasked = decoder_backward(dimage, decoder)
            dv = dv + mask_backward(dmasked, mask)
        return cache.network.backward(dv, cache.capsnet) | grads
