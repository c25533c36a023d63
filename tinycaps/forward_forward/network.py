"""A stack of layers that each learn alone, and a linear softmax that looks on (H22 sections 2, 3; Hinton's Matlab)."""
import numpy as np

from ..backend import get_xp
from ..checks import check_shapes
from ..ops.activations import relu_forward
from ..ops.linear import linear_forward
from .layer import ff_layer_loss_backward, ff_layer_loss_forward
from .length_normalisation import length_normalise_forward

FIRST_HEARD = 1
"""The first layer that decides: layer 0 knows the label pixels too directly, its goodness and its activities are left out."""


def init_ff(rng, config, dtype="float32"):
    """Draw the parameters of a forward-forward network.

    Parameters
    ----------
    rng : numpy.random.Generator
    config : FFConfig
    dtype : str

    Returns
    -------
    params : dict
        For each layer ``"0.W"`` (f, m), ``"0.bias"`` (m,) and ``"0.mean_activity"`` (m,), the running means that peer normalisation
        keeps; ``"softmax.W"`` and ``"softmax.bias"`` of the predictor. On the host. Weights are normal with variance 1/f, biases and
        the predictor zero, means 0.5.

    Notes
    -----
    Same as Hinton's Matlab, for inputs with a mean square of one.
    """
    params = {}
    for k, (f, m) in enumerate(zip((config.pixels, *config.hidden), config.hidden)):
        params |= {f"{k}.W": (f ** -0.5 * rng.standard_normal((f, m))).astype(dtype), f"{k}.bias": np.zeros(m, dtype),
                   f"{k}.mean_activity": np.full(m, 0.5, dtype)}
    features = sum(config.hidden[FIRST_HEARD:])
    return params | {"softmax.W": np.zeros((features, config.classes), dtype), "softmax.bias": np.zeros(config.classes, dtype)}


def check_batch(params, images, config):
    """Hold a batch of images and the layers' parameters against the config.

    Raises
    ------
    ValueError, TypeError
        If a shape is another, or they have no common precision and memory.
    """
    check_shapes(images=(images, (None, *config.image_shape)), **{key: (params.get(key), shape) for key, shape in config.shapes.items()})


def ff_forward(params, x_pos, x_neg, config):
    """Show all layers positive and negative samples; each scores itself.

    Parameters
    ----------
    params : dict
        From `init_ff`.
    x_pos, x_neg : array (n, f)
        Flat images, not normalised.
    config : FFConfig

    Returns
    -------
    losses : list of 0-d arrays
        One for each layer, bottom first.
    caches : list of FFLayerCache

    Notes
    -----
    Same as the paper. The sum of the losses is nothing that is minimised: see `ff_backward`.
    """
    n = len(x_pos)
    losses, caches = [], []
    for k in range(len(config.hidden)):
        x_pos, x_neg = (length_normalise_forward(x)[0] for x in (x_pos, x_neg))
        loss, cache = ff_layer_loss_forward(
            params[f"{k}.W"], params[f"{k}.bias"], x_pos, x_neg, params[f"{k}.mean_activity"] if config.peer_weight else None,
            config.theta, config.goal, config.peer_weight)
        losses.append(loss)
        caches.append(cache)
        x_pos, x_neg = cache.y[:n], cache.y[n:]
    return losses, caches


def ff_backward(caches):
    """Return the gradients by parameter name, each layer's of its own loss: in any order, for no layer waits for another.

    Parameters
    ----------
    caches : list of FFLayerCache

    Returns
    -------
    grads : dict
        ``"0.W"``, ``"0.bias"``, ``"1.W"``, …

    Notes
    -----
    Not the gradient of the sum of the losses: that would also ask of a layer what it can do for those above.
    """
    grads = {}
    for k, cache in enumerate(caches):
        grads[f"{k}.W"], grads[f"{k}.bias"] = ff_layer_loss_backward(1.0, cache)
    return grads


def ff_activities(params, x, config):
    """Return the activities of every layer.

    Parameters
    ----------
    params : dict
    x : array (n, f)
        Flat images, not normalised.
    config : FFConfig

    Returns
    -------
    list of arrays (n, m), bottom first

    Raises
    ------
    ValueError, TypeError
        If the images do not fit the config.
    """
    check_shapes(x=(x, (None, config.pixels)))
    activities = []
    for k in range(len(config.hidden)):
        x, _ = length_normalise_forward(x)
        x = relu_forward(linear_forward(x, params[f"{k}.W"], params[f"{k}.bias"])[0])[0]
        activities.append(x)
    return activities


def ff_features(params, x, config):
    """Return what the predictor sees: the normalised activities of all layers but the first, side by side.

    Parameters
    ----------
    params : dict
    x : array (n, f)
    config : FFConfig

    Returns
    -------
    array (n, sum of the units)
    """
    heard = ff_activities(params, x, config)[FIRST_HEARD:]
    return get_xp(x).concatenate([length_normalise_forward(y)[0] for y in heard], axis=1)
