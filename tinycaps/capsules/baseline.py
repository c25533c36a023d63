"""The paper's baseline: the plain convolutional network that CapsNet is compared with (S17)."""
import math

import numpy as np

from ..checks import check_labels, check_shapes, door, named_xp
from ..ops import (conv2d_backward, conv2d_forward, cross_entropy_backward, cross_entropy_forward,
                   dropout_backward, dropout_forward, linear_backward, linear_forward,
                   max_pool_backward, max_pool_forward, mlp_backward, mlp_forward, relu_backward,
                   relu_forward)
from .config import CNNConfig


def init_cnn(rng, config, dtype="float32"):
    """Draw the parameters of the baseline.

    Parameters
    ----------
    rng : numpy.random.Generator
    config : CNNConfig
    dtype : str

    Returns
    -------
    params : dict
        As in ``config.shapes``. Weights are normal with variance 2/fan-in (He et al. 2015), biases
        zero. On the host.
    """
    params = {}
    for key, shape in config.shapes.items():
        if key.endswith("bias"):
            params[key] = np.zeros(shape, dtype)
        else:
            scale = (2 / math.prod(shape[:-1])) ** 0.5
            params[key] = (rng.standard_normal(shape) * scale).astype(dtype)
    return params


def check_cnn(params, x, config, mask=None):
    """Check images, parameters and a dropout mask against the config."""
    check_shapes(x=(x, (None, *config.image_shape)),
                 **{key: (params.get(key), shape) for key, shape in config.shapes.items()})
    if mask is not None:
        output = {"output.0.W": (params["output.0.W"], "m,k")}
        check_shapes(x=(x, "n,h,w,c"), **output, mask=(mask, "bool n,m"))


@door(check_cnn)
def cnn_forward(params: dict, x, config: CNNConfig, mask=None):
    """Turn images into logits: convolutions, fully connected layers, dropout, a last linear map.

        for k = 1 … 3                                                     [a]
            x ← conv(x, W_conv,k) + bias_conv,k     (n, 28, 28, f_k)      [b]
            x ← max(x, 0)                           (n, 28, 28, f_k)      [c]
            x ← max_pool(x)                         (n, 28, 28, f_k)      [d]
        h = mlp(x)                                  (n, 192)              [e]
        h ← max(h, 0)                               (n, 192)              [f]
        h ← h mask / (1 − rate)                     (n, 192)              [g]
        logits = h W_output + bias_output           (n, 10)               [h]

    The shapes are those of the published network for MNIST, which does not pool.

    Parameters
    ----------
    params : dict
        From `init_cnn`.
    x : array (n, h, w, c)
        Pixels in [0, 1].
    config : CNNConfig
    mask : bool array (n, hidden[-1]), optional
        Dropout mask, True where a unit stays; none at test time.

    Returns
    -------
    logits : array (n, k)

    Notes
    -----
    Same as the paper, which does not state the padding: "same" gives the 35.4 million parameters
    that it reports.
    Loops: tests.reference.capsules.cnn
    """
    convolutions = []
    for k in range(1, len(config.channels) + 1):                                # [a -]
        W, bias = params[f"conv{k}.W"], params[f"conv{k}.bias"]
        x, conv = conv2d_forward(x, W, bias, padding="same")                    # [b]
        x, relu = relu_forward(x)                                               # [c]
        pool = None
        if config.pool > 1:
            x, pool = max_pool_forward(x, config.pool)                          # [d]
        convolutions.append((k, conv, relu, pool))
    h, hidden = mlp_forward(params, x.reshape(len(x), -1), "hidden.")           # [e]
    h, relu = relu_forward(h)                                                   # [f]
    dropout = None
    if mask is not None:
        h, dropout = dropout_forward(h, mask, config.dropout)                   # [g]
    W, bias = params["output.0.W"], params["output.0.bias"]
    logits, output = linear_forward(h, W, bias)                                 # [h]
    return logits, (logits, convolutions, x.shape, hidden, relu, dropout, output)


@door(dlogits="n,k", cache=("n,k",))
def cnn_backward(dlogits, cache, input_gradient: bool = False):
    """dlogits (n, k) -> grads: the forward from bottom to top.

    The keys are those of params. With ``input_gradient`` the result is (grads, dx).
    """
    _, convolutions, shape, hidden, relu, dropout, output = cache
    dh, dW, dbias = linear_backward(dlogits, output)                            # [h]
    if dropout is not None:
        dh = dropout_backward(dh, dropout)                                      # [g]
    dh = relu_backward(dh, relu)                                                # [f]
    grads, dx = mlp_backward(dh, hidden, input_gradient=True)                   # [e]
    grads["output.0.W"], grads["output.0.bias"] = dW, dbias
    dx = dx.reshape(shape)                                                      # [e] as maps
    for k, conv, relu, pool in reversed(convolutions):                          # [a -]
        if pool is not None:
            dx = max_pool_backward(dx, pool)                                    # [d]
        dx = relu_backward(dx, relu)                                            # [c]
        dx, grads[f"conv{k}.W"], grads[f"conv{k}.bias"] = conv2d_backward(
            dx, conv, input_gradient or k > 1)                                  # [b]
    return (grads, dx) if input_gradient else grads


def check_cnn_loss(params, x, labels, config, mask=None):
    """Check all that the ops within rely on: images, parameters, mask, and labels in range."""
    check_cnn(params, x, config, mask)
    check_labels(labels, len(x), config.classes)
    named_xp(x=x, labels=labels)


@door(check_cnn_loss)
def cnn_loss_forward(params: dict, x, labels, config: CNNConfig, mask=None):
    """Score the logits of labelled images by cross entropy.

        logits = cnn(x)                                         [a]
        loss = − 1/n Σ_n log softmax(logits_n)[label_n]         [b]

    Parameters
    ----------
    params, x, config, mask
        As for `cnn_forward`.
    labels : integer array (n,)
        0..classes-1.

    Returns
    -------
    loss : 0-d array
        Nats, mean over samples.

    Notes
    -----
    Same as the paper.
    Loops: tests.reference.capsules.cnn_loss
    """
    logits, cnn = cnn_forward(params, x, config, mask)                          # [a]
    loss, cross_entropy = cross_entropy_forward(logits, labels)                 # [b]
    return loss, (loss, cnn, cross_entropy)


@door(dloss="", cache=("",))
def cnn_loss_backward(dloss, cache):
    """dloss () -> grads: the forward from bottom to top, keys as in params."""
    _, cnn, cross_entropy = cache
    dlogits = cross_entropy_backward(dloss, cross_entropy)                      # [b]
    return cnn_backward(dlogits, cnn)                                           # [a]
