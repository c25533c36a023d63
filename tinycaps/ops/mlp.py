"""A multilayer perceptron: linear maps with relu between them, as a pair over a flat dict of parameters."""
import numpy as np

from ..checks import check_count, check_shapes
from .activations import relu_backward, relu_forward
from .dropout import dropout_backward, dropout_forward
from .linear import linear_backward, linear_forward


def init_mlp(rng, sizes, prefix="", dtype="float32"):
    """Draw the parameters of an mlp with layers of the given sizes.

    Parameters
    ----------
    rng : numpy.random.Generator
    sizes : sequence of int
        Input, hidden layers, output.
    prefix : str
        Put before every key, for an mlp that is part of a larger network.
    dtype : str

    Returns
    -------
    params : dict
        ``"0.W"`` (f, m), ``"0.bias"`` (m,), ``"1.W"``, … on the host. Weights are normal with variance 2/f (He et al. 2015), which
        keeps the size of the activities through relu layers; biases are zero.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or one is not a positive integer.
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes: got {tuple(sizes)}, wanted at least an input and an output")
    check_count(**{f"sizes[{k}]": size for k, size in enumerate(sizes)})
    params = {}
    for k, (f, m) in enumerate(zip(sizes, sizes[1:])):
        params[f"{prefix}{k}.W"] = (rng.standard_normal((f, m)) * (2 / f) ** 0.5).astype(dtype)
        params[f"{prefix}{k}.bias"] = np.zeros(m, dtype)
    return params


def mlp_forward(params, x, prefix="", dropouts=()):
    """Apply linear, relu, linear, relu, …, linear; while training, with dropout before any of the linear maps.

    Parameters
    ----------
    params : dict
        From `init_mlp`; of a larger dict, the keys that begin with the prefix.
    x : array (n, f)
    prefix : str
    dropouts : sequence of (mask, rate) or None, optional
        For the input of each linear map in turn, as `dropout_forward` takes them.

    Returns
    -------
    out : array (n, k)
        Of the last linear map: no nonlinearity follows it.
    cache : tuple

    Raises
    ------
    ValueError
        If there is no such layer in params, or one lacks its bias, or there are dropouts for another number of layers.
    """
    depth = count_layers(params, prefix)
    if dropouts and len(dropouts) != depth:
        raise ValueError(f"dropouts: got {len(dropouts)}, wanted one for each of the {depth} layers, or none")
    layers = []
    for k in range(depth):
        dropout_cache = None
        if dropouts and dropouts[k] is not None:
            x, dropout_cache = dropout_forward(x, *dropouts[k])
        x, linear_cache = linear_forward(x, params[f"{prefix}{k}.W"], params[f"{prefix}{k}.bias"])
        relu_cache = None
        if k < depth - 1:
            x, relu_cache = relu_forward(x)
        layers.append((dropout_cache, linear_cache, relu_cache))
    return x, (layers, x.shape, prefix)


def count_layers(params, prefix=""):
    """Return how many layers the mlp with such a prefix has; raise a ValueError if it has none, or if one lacks a part."""
    depth = sum(key.startswith(prefix) and key.endswith(".W") for key in params)
    wanted = [f"{prefix}{k}.{part}" for k in range(depth or 1) for part in ("W", "bias")]
    if not params.keys() >= set(wanted):
        raise ValueError(f"params: got {', '.join(params) or 'no arrays'}, wanted {', '.join(wanted)}")
    return depth


def mlp_backward(dout, cache, input_gradient=False):
    """Return the gradients by parameter name: the forward, top to bottom.

    Parameters
    ----------
    dout : array (n, k)
    cache : tuple
    input_gradient : bool
        Return (grads, dx) instead of grads.

    Returns
    -------
    grads : dict
        Keys and shapes of the parameters used.
    dx : array (n, f), only with ``input_gradient``
    """
    layers, shape, prefix = cache
    check_shapes(dout=(dout, shape))
    grads = {}
    for k in range(len(layers) - 1, -1, -1):
        dropout_cache, linear_cache, relu_cache = layers[k]
        if relu_cache is not None:
            dout = relu_backward(dout, relu_cache)
        dout, grads[f"{prefix}{k}.W"], grads[f"{prefix}{k}.bias"] = linear_backward(dout, linear_cache, input_gradient or k > 0)
        if dropout_cache is not None and dout is not None:
            dout = dropout_backward(dout, dropout_cache)
    return (grads, dout) if input_gradient else grads
