"""Planted faults: what learners get wrong in a backward, each refused by the gradient check.

Every fault changes one piece of the source of a pair. Those of `FAULTS` are in the backward, and
the table says WRONG at the point of the pair (`demos.gradcheck.points`), or at one given here.
Those of `demos.gradcheck.wrong_forwards` are in the forward, and the table sees nothing.
"""
import functools
import inspect
import sys
from typing import NamedTuple

import numpy as np

from demos.gradcheck.points import find_points


class Fault(NamedTuple):
    """One change of a pair's source."""

    why: str
    """In the words of a learner."""
    piece: str
    """Occurs once in the source, docstring and comments included."""
    by: str
    """What the piece is changed to."""
    keywords: dict = {}
    """Of the forward, where the fault does not show with those of the pair's point."""
    shapes: tuple = ()
    """Of the inputs, where it does not show with those of the pair's point."""


FAULTS = {
    "linear": [
        Fault("a transpose", "dy @ W.T", "dy @ W", shapes=((4, 3), (3, 3), (3,))),
        Fault("a mean for a sum", "dy.sum(axis=0)", "dy.mean(axis=0)"),
        Fault("a forgotten sign of the loss", "x.T @ dy", "-x.T @ dy"),
    ],
    "relu": [
        Fault("the kink taken for part of the slope", "(y > 0)", "(y >= 0)"),
        Fault("the output for its slope", "dy * (y > 0)", "dy * y"),
    ],
    "sigmoid": [
        Fault("a forgotten chain", "* (1 - y)", ""),
        Fault("a sign within", "(1 - y)", "(1 + y)"),
    ],
    "softmax": [
        Fault("a forgotten term", " - (dy * y).sum(axis=axis, keepdims=True)", ""),
        Fault("a sum over the wrong axis", "axis=axis", "axis=0"),
        Fault("the last axis, whichever was asked for", "axis=axis", "axis=-1", dict(axis=0)),
        Fault("a sum left out", ".sum(axis=axis, keepdims=True)", ""),
    ],
    "dropout": [
        Fault("a forgotten scale", " / (1 - rate)", ""),
        Fault("the mask turned round", "dy * mask", "dy * ~mask"),
    ],
    "max_pool": [
        Fault("every entry of a window taken for its winner", "dy * wins", "dy"),
        Fault("the last window only", "dx[pixels] +=", "dx[pixels] ="),
    ],
    "squared_error": [
        Fault("a forgotten factor", "2 * dloss", "dloss"),
        Fault("a mean over all numbers", "len(difference)", "difference.size"),
    ],
    "cross_entropy": [
        Fault("a sum for a mean", "dloss / len(y)", "dloss"),
        Fault("a forgotten target", "(y - true)", "y"),
    ],
    "sigmoid_cross_entropy": [
        Fault("classes that are there taken for absent", "y - labels", "y"),
        Fault("a sum for a mean", "dloss / len(y)", "dloss"),
    ],
    "soft_cross_entropy": [
        Fault("a forgotten 1/T", "dscaled / temperature", "dscaled"),
        Fault("a sum for a mean", "dloss / len(q)", "dloss"),
    ],
    "kl_divergence": [
        Fault("a sign", "return soft", "return -soft"),
        Fault("a gradient for each logarithm", "(dloss, cache)    ", "(2 * dloss, cache)    "),
    ],
    "margin_loss": [
        Fault("a sign", "- 2 * short", "+ 2 * short"),
        Fault("a forgotten λ", "* down_weight * long", "* long"),
    ],
    "mlp": [
        Fault("a forgotten relu", "relu_backward(dx, relu)", "dx"),
        Fault("a bias that does not learn", "= dW, dbias", "= dW, 0 * dbias"),
    ],
    "conv2d": [
        Fault("a shift by one pixel", "top:x.shape[1] - bottom",
              "top + 1:x.shape[1] - bottom + 1"),
        Fault("a mean for a sum", "dout.sum(axis=nhw)", "dout.mean(axis=nhw)"),
    ],
    "length": [
        Fault("a vector for a unit vector", "(length + (length == 0))", "(1 + 0 * length)"),
        Fault("the 2 of the square, without the root's ½", "dlength / (", "2 * dlength / ("),
    ],
    "squash": [
        Fault("a sign within", "(1 - squared)", "(1 + squared)"),
        Fault("a factor taken for constant", " + dnorm / (norm + (norm == 0)) * s", ""),
        Fault("a forgotten term", "return g * dv +", "return"),
    ],
    "mask": [
        Fault("a gradient for what was masked", "dmasked * kept", "dmasked"),
        Fault("the mask turned round", "dmasked * kept", "dmasked * ~kept"),
    ],
    "predictions": [
        Fault("a mean over the samples for their sum", "return du, dW", "return du, dW / len(u)"),
        Fault("a child that hears its first parent only", "du_hat, W, optimize",
              "du_hat[:, :, :1], W[:, :1], optimize"),
    ],
    "routing": [
        Fault("the straight path of the logits forgotten", "db = db + softmax_backward",
              "db = softmax_backward"),
        Fault("a round too few", "reversed(range(len(cache.v)))",
              "reversed(range(1, len(cache.v)))"),
        Fault("a coupling taken for constant", "if cache.stop_gradient:", "if True:"),
        Fault("an earlier round taken for an output", "dv = 0 ", "dv = dv "),
    ],
    "decoder": [
        Fault("a forgotten sigmoid", "sigmoid_backward(dpixels, sigmoid)", "dpixels"),
        Fault("the rows of the image upside down", "dimage.reshape(", "dimage[:, ::-1].reshape("),
    ],
    "capsnet": [
        Fault("a forgotten relu", "relu_backward(dh, cache.relu)", "dh"),
        Fault("a forgotten squash", "squash_backward(du, cache.squash)", "du"),
    ],
    "capsnet_loss": [
        Fault("one of two paths of v", "dv + length_backward(", "length_backward("),
        Fault("a forgotten weight", "cache.weight * dloss", "dloss"),
    ],
    "cnn": [
        Fault("a forgotten dropout", "dropout_backward(dh, dropout)", "dh"),
        Fault("a forgotten relu", "relu_backward(dx, relu)", "dx"),
    ],
    "cnn_loss": [
        Fault("a mean taken twice", "(dlogits, cnn)", "(dlogits / len(dlogits), cnn)"),
        Fault("an upstream gradient ignored", "(dloss, cross_entropy)", "(1.0, cross_entropy)"),
    ],
    "capsnet_multi_label_loss": [
        Fault("the first of two digits alone", "*dshown.shape[1:]).sum(axis=1)",
              "*dshown.shape[1:])[:, 0]"),
        Fault("a mean over the digits for a sum", "d * derror", "derror"),
    ],
    "cnn_multi_label_loss": [
        Fault("a mean over the classes for a sum", "(dlogits, cnn)",
              "(dlogits / dlogits.shape[1], cnn)"),
        Fault("an upstream gradient ignored", "(dloss, cross_entropy)", "(1.0, cross_entropy)"),
    ],
    "goodness": [
        Fault("a forgotten factor", "2 * y", "y"),
        Fault("a square that stays a square", "2 * y", "2 * y * y"),
    ],
    "goodness_loss": [
        Fault("goodness maximised where it is to be minimised", "dloss * sign", "dloss",
              dict(goal="minimise")),
        Fault("σ(margin) for σ(−margin)", "sigmoid_forward(-margin_pos)",
              "sigmoid_forward(margin_pos)"),
    ],
    "ff_layer_loss": [
        Fault("a push that no relu stops", "dy_pos * (y[:n] > 0)", "dy_pos"),
        Fault("a push on the wrong samples", "dz[:n] +=", "dz[n:] +="),
        Fault("a bias that hears positive samples only", "dz.sum(axis=0)", "dz[:n].sum(axis=0)"),
    ],
    "length_normalise": [
        Fault("a length taken for constant", "return dy + dlength / s * normalised", "return dy"),
        Fault("a forgotten 1/s", "-factor / s * along", "-factor * along"),
    ],
    "peer_normalisation": [
        Fault("a forgotten factor", "2 * scale", "scale"),
        Fault("a sum for a mean", "(1 - cache.decay) / n", "(1 - cache.decay)"),
    ],
    "distillation_loss": [
        Fault("a forgotten T²", "dloss * soft_weight", "dloss * (1 - hard_weight)"),
        Fault("a forgotten term", " + cross_entropy_backward(dhard, hard_cache)", ""),
    ],
    "logit_matching": [
        Fault("a 2 that the ½ cancels", "return dloss", "return 2 * dloss"),
        Fault("a sum for a mean", "dloss / len(difference)", "dloss"),
    ],
    "hardware_mlp": [
        Fault("gains taken for 1", "gain * dz if known else dz", "dz"),
        Fault("a forgotten relu", "relu_backward(dh, relu)", "dh"),
    ],
}
"""The faults of every op's backward."""


def planted(function, piece, replacement):
    """Return a function of a module made anew, with one piece of its source changed.

    Raises
    ------
    ValueError
        If the piece does not occur once.
    """
    if isinstance(function, functools.partial):
        changed = planted(function.func, piece, replacement)
        return functools.partial(changed, *function.args, **function.keywords)
    return remade(function, change(function, piece, replacement))


def change(function, piece, replacement):
    """Return the source of a function with one piece changed; raises as `planted` does."""
    function = inspect.unwrap(function)
    source = inspect.getsource(function)
    if source.count(piece) != 1:
        raise ValueError(f"piece: got {piece!r}, {source.count(piece)} times in the source of "
                         f"{function.__name__}, wanted it once, docstring and comments included")
    return source.replace(piece, replacement)


def remade(function, source):
    """Return the function that a source makes in the module of a function."""
    names = dict(vars(sys.modules[inspect.unwrap(function).__module__]))
    exec(source, names)
    return names[function.__name__]


@functools.cache
def _points(seed):
    return {op: point for op, *point in find_points(seed)}


def find_point(op, fault=None, seed=0):
    """Return forward, backward, inputs and keywords: where a pair is checked, or where it fails."""
    forward, backward, inputs, keywords = _points(seed)[op]
    if fault and fault.shapes:
        rng = np.random.default_rng(seed)
        inputs = [rng.standard_normal(shape) for shape in fault.shapes]
    return forward, backward, inputs, keywords | (fault.keywords if fault else {})
