"""CapsNet: two convolutions, primary capsules, one vote each for every class capsule, dynamic routing (S17 section 4, Figure 1).

    28×28×1 ── conv1 9×9, relu ──▸ 20×20×256 ── primary 9×9, stride 2 ──▸ 6×6×(32·8) = 1152 capsules u of 8 numbers
            ── û_j|i = W_ij u_i ──▸ 1152 votes for each of 10 classes ── routing, 3 rounds ──▸ v: 10 capsules of 16 numbers

The length of v_j says whether digit j is there, its direction how it is written.
"""
from contextlib import nullcontext
from typing import NamedTuple

from ..backend import get_xp
from ..checks import check_count, check_images, check_shapes
from ..ops import conv2d_backward, conv2d_forward, relu_backward, relu_forward
from .decoder import init_decoder
from .length import length_forward
from .predictions import predictions_backward, predictions_forward
from .routing import RoutingCache, routing_backward, routing_forward
from .squash import squash_backward, squash_forward


class CapsNetCache(NamedTuple):
    """One cache for each line of `capsnet_forward`; ``cache.routing.coupling`` is what demos draw."""

    conv1: tuple
    relu: object
    primary: tuple
    squash: tuple
    predictions: tuple
    routing: RoutingCache


class Network(NamedTuple):
    """A forward and backward pair from images to class capsules: the plain one below, or its fast twin."""

    forward: object
    """(params, x, config) -> v, cache."""
    backward: object
    """(dv, cache) -> grads."""
    during: object = nullcontext
    """() -> a context to run a whole step in, decoder and losses included."""


def init_capsnet(rng, config, dtype="float32"):
    """Draw the parameters of a CapsNet.

    Parameters
    ----------
    rng : numpy.random.Generator
    config : CapsNetConfig
    dtype : str

    Returns
    -------
    params : dict
        ``"conv1.W"`` (kh, kw, c, f), ``"conv1.bias"``, ``"primary.W"``, ``"primary.bias"``, ``"digit.W"`` (i, j, q, p), and the
        decoder's, unless the reconstruction weight is 0. On the host.

    Notes
    -----
    The paper does not tell its initialisation. Weights are normal here, with variance 1/fan-in for convolutions, and 3/i for the
    transformation matrices, so that the totals s_j of 1152 or of 100 capsules start at the same size; biases are zero.
    """
    variance = {
        "conv1.W": 1 / (config.conv_kernel ** 2 * config.image_shape[2]),
        "primary.W": 1 / (config.primary_kernel ** 2 * config.conv_channels),
        "digit.W": 3 / config.primary_capsules,
    }
    params = {key: (rng.standard_normal(shape) * variance.get(key, 0) ** 0.5).astype(dtype) for key, shape in config.shapes.items()}
    return params | (init_decoder(rng, config, dtype) if config.reconstruction_weight else {})


def capsnet_forward(params, x, config):
    """Turn images into class capsules.

    Parameters
    ----------
    params : dict
        From `init_capsnet`.
    x : array (n, h, w, c)
        Pixels in [0, 1].
    config : CapsNetConfig

    Returns
    -------
    v : array (n, j, q)
        Class capsules.
    cache : CapsNetCache

    Raises
    ------
    ValueError, TypeError
        If the images or parameters do not fit the config, or are of different precision.

    Notes
    -----
    Same as the paper; the primary capsules' convolution has a bias, as the authors' code has.
    """
    check_shapes(x=(x, (None, *config.image_shape)), **{key: (params.get(key), shape) for key, shape in config.shapes.items()})
    h, conv1 = conv2d_forward(x, params["conv1.W"], params["conv1.bias"])
    h, relu = relu_forward(h)
    h, primary = conv2d_forward(h, params["primary.W"], params["primary.bias"], stride=config.primary_stride)
    u, squash = squash_forward(h.reshape(len(x), -1, config.primary_dims))
    u_hat, predictions = predictions_forward(u, params["digit.W"])
    v, routing = routing_forward(u_hat, config.iterations, config.stop_gradient)
    return v, CapsNetCache(conv1, relu, primary, squash, predictions, routing)


def capsnet_backward(dv, cache, input_gradient=False):
    """Return the gradients by parameter name: the forward from bottom to top.

    Parameters
    ----------
    dv : array (n, j, q)
    cache : CapsNetCache
    input_gradient : bool
        Return (grads, dx) instead of grads.

    Returns
    -------
    grads : dict
        All keys of params but the decoder's.
    dx : array (n, h, w, c), only with ``input_gradient``
    """
    grads = {}
    du_hat = routing_backward(dv, cache.routing)
    du, grads["digit.W"] = predictions_backward(du_hat, cache.predictions)
    dh = squash_backward(du, cache.squash).reshape(cache.primary[2])
    dh, grads["primary.W"], grads["primary.bias"] = conv2d_backward(dh, cache.primary)
    dh = relu_backward(dh, cache.relu)
    dx, grads["conv1.W"], grads["conv1.bias"] = conv2d_backward(dh, cache.conv1, input_gradient)
    return (grads, dx) if input_gradient else grads


PLAIN = Network(capsnet_forward, capsnet_backward)


def predict(params, images, config, batch=128, network=PLAIN):
    """Return the class of the longest capsule for each image.

    Parameters
    ----------
    params : dict
    images : array (n, h, w, c)
        Finite pixels in [0, 1].
    config : CapsNetConfig
    batch : int
        Images looked at together; bounds the memory.
    network : Network

    Returns
    -------
    labels : integer array (n,)
        On the device of the images.

    Raises
    ------
    ValueError
        If there are no images, or a pixel is NaN or infinite.
    """
    check_images(images)
    check_count(batch=batch)
    lengths = [length_forward(network.forward(params, images[k:k + batch], config)[0])[0] for k in range(0, len(images), batch)]
    return get_xp(images).concatenate(lengths).argmax(axis=1)
