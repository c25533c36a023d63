"""An op's forward by its loops: a loop takes one sample, a forward a batch.

The loops stand in tests/reference, which nothing here imports: the caller loads the one that the
forward's docstring links.
"""
import inspect

import numpy as np

WHOLE = {"W", "bias", "mean_activity"}
"""Arrays that all samples share; the others hold a sample in each row."""


def by_loops(op, forward, loop, inputs, keywords):
    """Return what a loop makes of a forward's arguments: its outputs, or the mean of its losses.

    Parameters
    ----------
    op : str
    forward : function
    loop : function
        From tests/reference.
    inputs, keywords
        The arguments of the forward.

    Returns
    -------
    array, flat
    """
    bound = inspect.signature(forward).bind(*inputs, **keywords)
    bound.apply_defaults()
    values = bound.arguments
    if op in IN_OTHER_WORDS:
        return np.ravel(IN_OTHER_WORDS[op](loop, **values))
    arrays = {name: value for name, value in values.items()
              if isinstance(value, np.ndarray) and name not in WHOLE}
    if any("..." in axes for axes in getattr(forward, "axes", {}).values()):
        arrays = {name: array.reshape(-1, array.shape[-1]) for name, array in arrays.items()}
    taken = [*values][:len(inspect.signature(loop).parameters)]
    outputs = [loop(*[arrays[name][n] if name in arrays else values[name] for name in taken])
               for n in range(len(next(iter(arrays.values()))))]
    is_loss = np.ndim(forward(*inputs, **keywords)[0]) == 0
    return np.ravel(np.mean(outputs) if is_loss else outputs)


def _mean(values):
    return sum(values) / len(values)


def _several(labels):
    """Return the classes of each sample, of bool labels (n, k)."""
    return [np.flatnonzero(there).tolist() for there in labels]


IN_OTHER_WORDS = {
    "squared_error": lambda loop, x, target: _mean(
        [loop(a.ravel(), b.ravel()) for a, b in zip(x, target)]),
    "routing": lambda loop, u_hat, iterations, stop_gradient: [
        loop(each, iterations)[0] for each in u_hat],
    "margin_loss": lambda loop, length, labels, present, absent, down_weight: _mean(
        [loop(*sample, present, absent, down_weight) for sample in zip(length, _several(labels))]),
    "sigmoid_cross_entropy": lambda loop, logits, labels: _mean(
        [loop(*sample) for sample in zip(logits, _several(labels))]),
    "capsnet_loss": lambda loop, params, x, labels, config, network: _mean(
        [loop(params, *sample, config)[0] for sample in zip(x, labels)]),
    "capsnet_multi_label_loss": lambda loop, params, x, labels, digits, config, network: _mean(
        [loop(params, *sample, config)[0] for sample in zip(x, labels, digits)]),
    "hardware_mlp": lambda loop, params, x, hardware, noise: [
        loop(params, each, hardware, [layer[n] for layer in noise]) for n, each in enumerate(x)],
    "goodness_loss": lambda loop, goodness_pos, goodness_neg, theta, goal: _mean(
        [loop(*pair, theta, 1 if goal == "maximise" else -1)
         for pair in zip(goodness_pos, goodness_neg)]),
    "ff_layer_loss": lambda loop, W, bias, x_pos, x_neg, theta, goal, **others: loop(
        W, bias, x_pos, x_neg, theta or len(bias), 1 if goal == "maximise" else -1),
    "length_normalise": lambda loop, y, scale: [
        loop(each, len(each) ** 0.5 if scale == "mean square" else 1) for each in y],
    "peer_normalisation": lambda loop, y, mean_activity, weight, decay: loop(
        y, mean_activity, weight, decay),
}
"""Ops whose loops take or return something else than their forwards."""
