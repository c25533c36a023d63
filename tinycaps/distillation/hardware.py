"""Mortal computation: a network whose weights mean something only on the hardware that they were learned on.

Every unit of a piece of analog hardware has a gain, an offset and a noise of its own, that nobody has measured. A network learns to
live with those that it has; copied to another piece, its weights are worth little. What it knows can still be told: another
network, on other hardware, learns from its answers (T21; H22 section 9).
"""
import numpy as np

from ..checks import check_count, check_not_negative, check_shapes
from ..ops.activations import relu_backward, relu_forward
from ..ops.linear import linear_backward, linear_forward
from ..ops.mlp import count_layers


def draw_hardware(rng, sizes, gain_spread=0.5, offset_spread=0.5, dtype="float32"):
    """Draw the gain and offset of every unit of one piece of hardware.

    Parameters
    ----------
    rng : numpy.random.Generator
    sizes : sequence of int
        Input, layers of units, output, as for `tinycaps.ops.init_mlp`.
    gain_spread : float
        Standard deviation of the logarithm of the gain.
    offset_spread : float
        Standard deviation of the offset.
    dtype : str

    Returns
    -------
    hardware : dict
        ``"0.gain"`` (m,), ``"0.offset"`` (m,), ``"1.gain"``, … on the host.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, one is not a positive integer, or a spread is negative.
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes: got {tuple(sizes)}, wanted at least an input and an output")
    check_count(**{f"sizes[{k}]": size for k, size in enumerate(sizes)})
    check_not_negative(gain_spread=gain_spread, offset_spread=offset_spread)
    hardware = {}
    for k, m in enumerate(sizes[1:]):
        hardware[f"{k}.gain"] = np.exp(gain_spread * rng.standard_normal(m)).astype(dtype)
        hardware[f"{k}.offset"] = (offset_spread * rng.standard_normal(m)).astype(dtype)
    return hardware


def hardware_mlp_forward(params, x, hardware, noise=()):
    """Run an mlp on a piece of hardware.

        z_l = gain_l (h_{l-1} W_l + bias_l) + offset_l + noise_l,    h_l = max(z_l, 0); the last z is the output

    Parameters
    ----------
    params : dict
        From `tinycaps.ops.init_mlp`.
    x : array (n, f)
    hardware : dict
        From `draw_hardware`, for the same sizes.
    noise : sequence of arrays (n, m), optional
        For every layer, drawn by the caller.

    Returns
    -------
    out : array (n, k)
    cache : tuple

    Raises
    ------
    ValueError, TypeError
        If hardware or noise are for other sizes.

    Notes
    -----
    The talk gives no formula; gain, offset and noise for each unit are this package's reading of it.
    """
    layers = []
    depth = _count_layers(params, hardware, noise)
    for k in range(depth):
        gain, offset = hardware[f"{k}.gain"], hardware[f"{k}.offset"]
        x, linear_cache = linear_forward(x, params[f"{k}.W"], params[f"{k}.bias"])
        check_shapes(totals=(x, "n,m"), **{f"{k}.gain": (gain, "m"), f"{k}.offset": (offset, "m")})
        x = gain * x + offset
        if len(noise):
            check_shapes(totals=(x, x.shape), **{f"noise[{k}]": (noise[k], x.shape)})
            x = x + noise[k]
        relu_cache = None
        if k < depth - 1:
            x, relu_cache = relu_forward(x)
        layers.append((linear_cache, gain, relu_cache))
    return x, (layers, x.shape)


def hardware_mlp_backward(dout, cache, known=True):
    """Return the gradients by parameter name.

    Forward had z = gain (h W + bias) + offset + noise, so what reaches the linear map is gain · dz.

    Parameters
    ----------
    dout : array (n, k)
    cache : tuple
    known : bool
        With False the gains are taken for one, as they must be by whoever has not measured them: activities are what the hardware
        makes them, but the gradient is right only up to a positive factor for each unit of the last layer; below, where several
        units share what is wrong, it leans the right way in wide networks, but nothing makes sure of it.

    Returns
    -------
    grads : dict
        Keys and shapes of the parameters.
    """
    layers, shape = cache
    check_shapes(dout=(dout, shape))
    grads = {}
    for k in range(len(layers) - 1, -1, -1):
        linear_cache, gain, relu_cache = layers[k]
        if relu_cache is not None:
            dout = relu_backward(dout, relu_cache)
        dz = gain * dout if known else dout
        dout, grads[f"{k}.W"], grads[f"{k}.bias"] = linear_backward(dz, linear_cache, k > 0)
    return grads


def _count_layers(params, hardware, noise):
    """Return how many layers the network has, if the hardware has as many, and the noise too."""
    depth = count_layers(params)
    wanted = [f"{k}.{part}" for k in range(depth) for part in ("gain", "offset")]
    if hardware.keys() != set(wanted):
        raise ValueError(f"hardware: got {', '.join(hardware) or 'no arrays'}, wanted {', '.join(wanted)}")
    if len(noise) not in (0, depth):
        raise ValueError(f"noise: got {len(noise)}, wanted one for each of the {depth} layers, or none")
    return depth
