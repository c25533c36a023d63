"""Mortal computation: weights that mean something only on the hardware they were learned on.

Every unit of a piece of analog hardware has a gain, an offset and a noise of its own, which nobody
has measured. A network learns to live with those that it has; copied to another piece, its weights
are worth little. Its knowledge need not die with the hardware: a network on another piece can learn
from its answers, as a student from a teacher (talk of 2021, T21; H22 section 9).

Learning without knowing the gains (``known=False``). The backward needs the derivative of what the
hardware did, and whoever has not measured the gains has to take them for 1. What that makes of each
line, from the output down:

    h_{l+1} = max(z_l, 0)            [d]    right: that a unit is on is observed
    z_l = gain_l total_l + …         [c]    wrong: dtotal = dz where gain dz is right;
                                            offset and noise are added, so nobody needs them
    total_l = h_l W_l + bias_l       [b]    dW = hᵀ dtotal with h as observed, dh = dtotal Wᵀ:
                                            right but for what is wrong in dtotal

In the last layer dz comes straight from the loss. There dtotal lacks one positive factor for each
unit, and so do its column of dW and its bias: each unit moves in the right direction, by a step of
the wrong length. In a layer below, dh sums over the units above, every term with a wrong factor of
its own, and the sum can have the wrong sign: two units above are enough for that. With 30 units a
layer the errors of many terms average out, and the cosine between the gradient and the right one
was at least 0.6 in twenty draws. Nothing ensures it.
"""
import numpy as np

from ..checks import check_count, check_not_negative, check_shapes, door
from ..ops.activations import relu_backward, relu_forward
from ..ops.linear import linear_backward, linear_forward
from ..ops.mlp import check_mlp, count_layers


def draw_hardware(rng, sizes, gain_spread=0.5, offset_spread=0.5, dtype="float32"):
    """Draw the gain and offset of every unit of one piece of hardware.

        gain = exp(gain_spread ε),    offset = offset_spread ε',    ε, ε' ~ N(0, 1)        [a]

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
        ``"0.gain"`` (m,), ``"0.offset"`` (m,), ``"1.gain"``, … on the host. All gains are positive.
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes: got {tuple(sizes)}, wanted at least an input and an output")
    check_count(**{f"sizes[{k}]": size for k, size in enumerate(sizes)})
    check_not_negative(gain_spread=gain_spread, offset_spread=offset_spread)
    hardware = {}
    for l, m in enumerate(sizes[1:]):
        gain = np.exp(gain_spread * rng.standard_normal(m))         # [a]
        offset = offset_spread * rng.standard_normal(m)             # [a]
        hardware |= {f"{l}.gain": gain.astype(dtype), f"{l}.offset": offset.astype(dtype)}
    return hardware


def _check_hardware(params, x, hardware, noise=()):
    check_mlp(params, x)
    depth = count_layers(params)
    wanted = [f"{l}.{each}" for l in range(depth) for each in ("gain", "offset")]
    if hardware.keys() != set(wanted):
        raise ValueError(f"hardware: got {', '.join(hardware) or 'no arrays'}, "
                         f"wanted {', '.join(wanted)}")
    if len(noise) not in (0, depth):
        raise ValueError(f"noise: got {len(noise)}, wanted one for each of the {depth} layers, "
                         "or none")
    arrays = {"x": (x, "n,f")}
    for l in range(depth):
        arrays[f"{l}.bias"] = params[f"{l}.bias"], f"m{l}"
        arrays |= {f"{l}.{each}": (hardware[f"{l}.{each}"], f"m{l}") for each in ("gain", "offset")}
    arrays |= {f"noise[{l}]": (each, f"n,m{l}") for l, each in enumerate(noise)}
    check_shapes(**arrays)


@door(_check_hardware)
def hardware_mlp_forward(params: dict, x, hardware: dict, noise: tuple | list = ()):
    """Run an mlp on a piece of hardware.

        for l = 0 … L                                       [a]
            total_l = h_l W_l + bias_l,    h_0 = x          [b]
            z_l = gain_l total_l + offset_l + noise_l       [c]
            h_{l+1} = max(z_l, 0),    h_{L+1} = z_L         [d]

    Parameters
    ----------
    params : dict
        From `tinycaps.ops.init_mlp`.
    x : array (n, f)
    hardware : dict
        From `draw_hardware`, for the same sizes.
    noise : sequence of arrays (n, m), optional
        One for every layer, drawn by the caller.

    Returns
    -------
    out : array (n, k)
        z_L, the logits.

    Notes
    -----
    The talk gives no formula; this package's choice is a gain, an offset and a noise for each unit.
    Loops: tests.reference.distillation.hardware_mlp
    """
    h, layers, depth = x, [], count_layers(params)
    for l in range(depth):                                                      # [a -]
        total, linear = linear_forward(h, params[f"{l}.W"], params[f"{l}.bias"])    # [b]
        gain, offset = hardware[f"{l}.gain"], hardware[f"{l}.offset"]
        z = gain * total + offset + (noise[l] if len(noise) else 0)             # [c]
        h, relu = relu_forward(z) if l < depth - 1 else (z, None)               # [d]
        layers.append((linear, gain, relu))
    return h, (h, layers)


@door(dout="n,k", cache=("n,k",))
def hardware_mlp_backward(dout, cache, known: bool = True):
    """dout (n, k) -> grads, the forward in reverse order.

    With ``known=False`` the gains are taken for 1. Only the line [c] changes; the module's
    docstring says what follows for the others.
    """
    _, layers = cache
    grads, dh = {}, dout
    for l in reversed(range(len(layers))):                                      # [a -]
        linear, gain, relu = layers[l]
        dz = dh if relu is None else relu_backward(dh, relu)                    # [d]
        dtotal = gain * dz if known else dz             # [c] z = gain total + …: dtotal = gain dz
        # dh = dtotal Wᵀ, dW = hᵀ dtotal, dbias = Σ_n dtotal
        dh, dW, dbias = linear_backward(dtotal, linear, input_gradient=l > 0)   # [b]
        grads[f"{l}.W"], grads[f"{l}.bias"] = dW, dbias
    return grads
