"""The paper's baseline: a plain convolutional network for the other side of every comparison (S17 section 5)."""
from dataclasses import dataclass

import numpy as np

from ..checks import check_count, check_shapes
from ..ops import (conv2d_backward, conv2d_forward, cross_entropy_backward, cross_entropy_forward, dropout_backward,
                   dropout_forward, init_mlp, linear_backward, linear_forward, mlp_backward, mlp_forward, relu_backward, relu_forward)


@dataclass(frozen=True)
class CNNConfig:
    """Sizes of the baseline; the defaults are the paper's.

    Parameters
    ----------
    image_shape : tuple (h, w, c)
    channels : tuple of int
        Of the convolutions, each with relu, stride 1 and padding "same".
    kernel : int
        Pixels each way.
    hidden : tuple of int
        Fully connected layers; dropout follows the last.
    classes : int
    dropout : float
        Probability that a unit is silenced while training.
    """

    image_shape: tuple = (28, 28, 1)
    channels: tuple = (256, 256, 128)
    kernel: int = 5
    hidden: tuple = (328, 192)
    classes: int = 10
    dropout: float = 0.5

    def __post_init__(self):
        if len(self.image_shape) != 3:
            raise ValueError(f"image_shape: got {self.image_shape}, wanted (h, w, c)")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: got {self.dropout!r}, wanted a number in [0, 1)")
        sizes = dict(kernel=self.kernel, classes=self.classes)
        for name in ("image_shape", "channels", "hidden"):
            sizes |= {f"{name}[{k}]": size for k, size in enumerate(getattr(self, name))}
        check_count(**sizes)


CNN_PAPER = CNNConfig()
"""35,445,522 parameters."""

CNN_DIGITS = CNNConfig(image_shape=(8, 8, 1), channels=(32, 32, 16), kernel=3, hidden=(128, 64))
"""For the embedded 8x8 digits."""


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
        ``"conv1.W"`` (kh, kw, c, f), ``"conv1.bias"``, …, ``"hidden.0.W"``, …, ``"output.0.W"``, ``"output.0.bias"``. Weights are
        normal with variance 2/fan-in (He et al. 2015), biases zero. On the host.
    """
    h, w, c = config.image_shape
    params = {}
    for k, f in enumerate(config.channels, 1):
        scale = (2 / (config.kernel ** 2 * c)) ** 0.5
        params[f"conv{k}.W"] = (rng.standard_normal((config.kernel, config.kernel, c, f)) * scale).astype(dtype)
        params[f"conv{k}.bias"] = np.zeros(f, dtype)
        c = f
    params |= init_mlp(rng, (h * w * c, *config.hidden), "hidden.", dtype)
    return params | init_mlp(rng, (config.hidden[-1], config.classes), "output.", dtype)


def cnn_forward(params, x, config, mask=None):
    """Turn images into logits: convolutions, fully connected layers, dropout, one more linear map.

    Parameters
    ----------
    params : dict
        From `init_cnn`.
    x : array (n, h, w, c)
        Pixels in [0, 1].
    config : CNNConfig
    mask : bool array (n, hidden[-1]), optional
        Dropout mask; none at test time.

    Returns
    -------
    logits : array (n, k)
    cache : tuple

    Notes
    -----
    Same as the paper. It does not tell the padding; "same" gives the 35.4 million parameters that it states.
    """
    check_shapes(x=(x, (None, *config.image_shape)))
    convolutions = []
    for k in range(1, len(config.channels) + 1):
        x, conv_cache = conv2d_forward(x, params[f"conv{k}.W"], params[f"conv{k}.bias"], padding="same")
        x, relu_cache = relu_forward(x)
        convolutions.append((conv_cache, relu_cache))
    h, hidden = mlp_forward(params, x.reshape(len(x), -1), "hidden.")
    h, relu = relu_forward(h)
    dropout = None
    if mask is not None:
        h, dropout = dropout_forward(h, mask, config.dropout)
    logits, output = linear_forward(h, params["output.0.W"], params["output.0.bias"])
    return logits, (convolutions, x.shape, hidden, relu, dropout, output)


def cnn_backward(dlogits, cache, input_gradient=False):
    """Return the gradients by parameter name: the forward from bottom to top.

    Parameters
    ----------
    dlogits : array (n, k)
    cache : tuple
    input_gradient : bool
        Return (grads, dx) instead of grads.

    Returns
    -------
    grads : dict
        Same keys as params.
    dx : array (n, h, w, c), only with ``input_gradient``
    """
    convolutions, shape, hidden, relu, dropout, output = cache
    check_shapes(dlogits=(dlogits, (shape[0], output[1].shape[1])))
    dh, dW, dbias = linear_backward(dlogits, output)
    if dropout is not None:
        dh = dropout_backward(dh, dropout)
    dh = relu_backward(dh, relu)
    grads, dx = mlp_backward(dh, hidden, input_gradient=True)
    grads |= {"output.0.W": dW, "output.0.bias": dbias}
    dx = dx.reshape(shape)
    for k in range(len(convolutions), 0, -1):
        conv_cache, relu_cache = convolutions[k - 1]
        dx = relu_backward(dx, relu_cache)
        dx, grads[f"conv{k}.W"], grads[f"conv{k}.bias"] = conv2d_backward(dx, conv_cache, input_gradient or k > 1)
    return (grads, dx) if input_gradient else grads


def cnn_loss_forward(params, x, labels, config, mask=None):
    """Score the logits of labelled images by cross entropy.

    Parameters
    ----------
    params, x, config, mask
        As for `cnn_forward`.
    labels : integer array (n,)

    Returns
    -------
    loss : 0-d array
        Nats, mean over samples.
    cache : tuple
    """
    logits, cnn_cache = cnn_forward(params, x, config, mask)
    loss, cross_entropy_cache = cross_entropy_forward(logits, labels)
    return loss, (cnn_cache, cross_entropy_cache)


def cnn_loss_backward(dloss, cache):
    """Return the gradients by parameter name.

    Parameters
    ----------
    dloss : 0-d array or float
    cache : tuple

    Returns
    -------
    grads : dict
        Same keys as params.
    """
    cnn_cache, cross_entropy_cache = cache
    return cnn_backward(cross_entropy_backward(dloss, cross_entropy_cache), cnn_cache)
