"""CapsNet: two convolutions, primary capsules, a vote for every class capsule, routing (S17).

The first convolution finds features. The second one's channels are cut, at every pixel of its grid,
into short vectors: the primary capsules. Each of them casts one vote for every class capsule, and
routing decides how much each vote counts. The length of v_j is the probability that digit j is
there; its direction says how the digit is written.
"""
from typing import NamedTuple

from ..backend import get_xp
from ..checks import check_count, check_images, check_shapes, door
from ..ops import conv2d_backward, conv2d_forward, relu_backward, relu_forward
from .config import CapsNetConfig
from .decoder import init_decoder
from .length import length_forward
from .predictions import predictions_backward, predictions_forward
from .routing import RoutingCache, routing_backward, routing_forward
from .squash import squash_backward, squash_forward


class CapsNetCache(NamedTuple):
    """The output, and one entry for each line of `capsnet_forward`."""

    v: object
    conv1: tuple
    relu: object
    primary: tuple
    maps: tuple
    """Shape of the primary convolution's output."""
    squash: tuple
    predictions: tuple
    routing: RoutingCache
    """``routing.coupling`` is what demos draw."""


class Network(NamedTuple):
    """A pair from images to class capsules: the plain one below, or its fast twin."""

    forward: object
    """(params, x, config) -> v, cache."""
    backward: object
    """(dv, cache) -> grads."""


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
        As in ``config.shapes``, and the decoder's unless the reconstruction weight is 0. On the
        host.

    Notes
    -----
    The paper does not state its initialisation. Here weights are normal, with variance 1/fan-in for
    convolutions, and 3/i for the transformation matrices, so that the totals s_j of 1152 capsules
    start at the same size as those of 100; biases are zero.
    """
    variance = {
        "conv1.W": 1 / (config.conv_kernel ** 2 * config.image_shape[2]),
        "primary.W": 1 / (config.primary_kernel ** 2 * config.conv_channels),
        "digit.W": 3 / config.primary_capsules,
    }
    params = {key: (rng.standard_normal(shape) * variance.get(key, 0) ** 0.5).astype(dtype)
              for key, shape in config.shapes.items()}
    return params | (init_decoder(rng, config, dtype) if config.reconstruction_weight else {})


def check_capsnet(params, x, config, decoder=False):
    """Check the images and parameters, the decoder's included if asked for, against the config."""
    shapes = config.shapes | (config.decoder_shapes if decoder else {})
    check_shapes(x=(x, (None, *config.image_shape)),
                 **{key: (params.get(key), shape) for key, shape in shapes.items()})


@door(check_capsnet)
def capsnet_forward(params: dict, x, config: CapsNetConfig):
    """Turn images into class capsules.

        h = conv(x, W_conv1) + bias_conv1           (n, 20, 20, 256)      [a]
        h ← max(h, 0)                               (n, 20, 20, 256)      [b]
        h ← conv(h, W_primary) + bias_primary       (n, 6, 6, 32·8)       [c]
        u_i = squash(h_i)                           (n, 1152, 8)          [d]
        û_j|i = W_ij u_i                            (n, 1152, 10, 16)     [e]
        v_j = routing(û_j|i)                        (n, 10, 16)           [f]

    The shapes are those of the published network; h_i is a piece of 8 channels of one pixel.

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

    Notes
    -----
    Same as the paper; the primary convolution has a bias, as in the authors' code. The cache is a
    `CapsNetCache`.
    Loops: tests.reference.capsules.capsnet
    """
    h, conv1 = conv2d_forward(x, params["conv1.W"], params["conv1.bias"])           # [a]
    h, relu = relu_forward(h)                                                       # [b]
    h, primary = conv2d_forward(h, params["primary.W"], params["primary.bias"],
                                stride=config.primary_stride)                       # [c]
    s = h.reshape(len(x), -1, config.primary_dims)                                  # [d]
    u, squash = squash_forward(s)                                                   # [d]
    u_hat, predictions = predictions_forward(u, params["digit.W"])                  # [e]
    v, routing = routing_forward(u_hat, config.iterations, config.stop_gradient)    # [f]
    return v, CapsNetCache(v, conv1, relu, primary, h.shape, squash, predictions, routing)


@door(dv="n,j,q", cache=("n,j,q",))
def capsnet_backward(dv, cache, input_gradient: bool = False):
    """dv (n, j, q) -> grads: the forward from bottom to top.

    The keys are those of ``config.shapes``. With ``input_gradient`` the result is (grads, dx);
    training needs no dx, so line [a] skips it.
    """
    grads = {}
    du_hat = routing_backward(dv, cache.routing)                                    # [f]
    du, grads["digit.W"] = predictions_backward(du_hat, cache.predictions)          # [e]
    ds = squash_backward(du, cache.squash)                                          # [d]
    dh = ds.reshape(cache.maps)                                                     # [d] as maps
    dh, grads["primary.W"], grads["primary.bias"] = conv2d_backward(dh, cache.primary)  # [c]
    dh = relu_backward(dh, cache.relu)                                              # [b]
    dx, grads["conv1.W"], grads["conv1.bias"] = conv2d_backward(
        dh, cache.conv1, input_gradient)                                            # [a]
    return (grads, dx) if input_gradient else grads


PLAIN = Network(capsnet_forward, capsnet_backward)


def class_lengths(params, images, config, batch=128, network=PLAIN):
    """Return the lengths of the class capsules for each image.

    Parameters
    ----------
    params : dict
    images : array (n, h, w, c)
        Finite pixels in [0, 1].
    config : CapsNetConfig
    batch : int
        Images in one forward pass; bounds the memory.
    network : Network

    Returns
    -------
    length : array (n, j)
        On the device of the images.

    Raises
    ------
    ValueError
        If there are no images, or a pixel is NaN or infinite.
    """
    check_images(images)
    check_count(batch=batch)
    lengths = []
    for k in range(0, len(images), batch):
        v, _ = network.forward(params, images[k:k + batch], config)
        lengths.append(length_forward(v)[0])
    return get_xp(images).concatenate(lengths)


def predict(params, images, config, batch=128, network=PLAIN):
    """Return the class of the longest capsule for each image, as an integer array (n,).

    All is as in `class_lengths`.
    """
    return class_lengths(params, images, config, batch, network).argmax(axis=1)
