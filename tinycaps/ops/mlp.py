"""A multilayer perceptron: linear maps with relu between them, a pair over a flat dict."""
import numpy as np

from ..checks import check_count, check_shapes, door
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
        ``"0.W"`` (f, m), ``"0.bias"`` (m,), ``"1.W"``, … on the host. Weights are normal with
        variance 2/f (He et al. 2015), which keeps the size of the activities through relu layers;
        biases are zero.
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes: got {tuple(sizes)}, wanted at least an input and an output")
    check_count(**{f"sizes[{k}]": size for k, size in enumerate(sizes)})
    params = {}
    for k, (f, m) in enumerate(zip(sizes, sizes[1:])):
        params[f"{prefix}{k}.W"] = (rng.standard_normal((f, m)) * (2 / f) ** 0.5).astype(dtype)
        params[f"{prefix}{k}.bias"] = np.zeros(m, dtype)
    return params


def count_layers(params, prefix=""):
    """Return the number of layers of the mlp with this prefix.

    Raises
    ------
    ValueError
        If there is none, or one lacks its weights or its bias.
    """
    depth = sum(key.startswith(prefix) and key.endswith(".W") for key in params)
    wanted = [f"{prefix}{k}.{each}" for k in range(depth or 1) for each in ("W", "bias")]
    if not params.keys() >= set(wanted):
        raise ValueError(f"params: got {', '.join(params) or 'no arrays'}, "
                         f"wanted {', '.join(wanted)}")
    return depth


def check_mlp(params, x, prefix="", dropouts=()):
    """Check that the input fits the first layer, each layer the next, and each mask its input."""
    depth = count_layers(params, prefix)
    if dropouts and len(dropouts) != depth:
        raise ValueError(f"dropouts: got {len(dropouts)}, wanted one for each of the {depth} "
                         "layers, or none")
    arrays = {"x": (x, "n,m0")}
    for k in range(depth):
        arrays[f"{prefix}{k}.W"] = params[f"{prefix}{k}.W"], f"m{k},m{k + 1}"
        arrays[f"{prefix}{k}.bias"] = params[f"{prefix}{k}.bias"], f"m{k + 1}"
    for k, dropout in enumerate(dropouts):
        if dropout is not None:
            arrays[f"dropouts[{k}]"] = dropout[0], f"bool n,m{k}"
    check_shapes(**arrays)


@door(check_mlp)
def mlp_forward(params: dict, x, prefix: str = "", dropouts: tuple | list = ()):
    """Apply linear, relu, linear, …, linear; while training, with dropout before a linear map.

        for k = 0 … K                                [a]
            x ← dropout(x, mask_k, rate_k)           [b]
            x ← x W_k + bias_k                       [c]
            x ← max(x, 0)                            [d]

    Parameters
    ----------
    params : dict
        From `init_mlp`; of a larger dict, the keys that begin with the prefix.
    x : array (n, f)
    prefix : str
    dropouts : sequence of (mask, rate) or None, optional
        For the input of each linear map in turn, as `dropout_forward` takes them; None where there
        is no [b].

    Returns
    -------
    out : array (n, k)
        Of the last linear map: no [d] follows it.

    Notes
    -----
    The textbook network.
    Loops: tests.reference.ops.mlp
    """
    depth = count_layers(params, prefix)
    layers = []
    for k in range(depth):                                          # [a -]
        dropout = relu = None
        if dropouts and dropouts[k] is not None:
            x, dropout = dropout_forward(x, *dropouts[k])           # [b]
        W, bias = params[f"{prefix}{k}.W"], params[f"{prefix}{k}.bias"]
        x, linear = linear_forward(x, W, bias)                      # [c]
        if k < depth - 1:
            x, relu = relu_forward(x)                               # [d]
        layers.append((dropout, linear, relu))
    return x, (x, layers, prefix)


@door(dout="n,k", cache=("n,k",))
def mlp_backward(dout, cache, input_gradient: bool = False):
    """dout (n, k) -> grads, or grads, dx (n, f) with ``input_gradient``.

    The forward's lines from bottom to top, from the last layer to the first: what a line computed
    from x, its backward turns into the gradient of x. Without ``input_gradient`` the first layer's
    dx is left out, one of that layer's three products.
    """
    _, layers, prefix = cache
    grads, dx = {}, dout
    for k in reversed(range(len(layers))):                          # [a -]
        dropout, linear, relu = layers[k]
        if relu is not None:
            dx = relu_backward(dx, relu)                            # [d]
        dx, dW, dbias = linear_backward(dx, linear, input_gradient or k > 0)    # [c]
        if dropout is not None and dx is not None:
            dx = dropout_backward(dx, dropout)                      # [b]
        grads[f"{prefix}{k}.W"], grads[f"{prefix}{k}.bias"] = dW, dbias
    return (grads, dx) if input_gradient else grads
