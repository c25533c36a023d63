"""A stack of layers that learn alone, and the features that a linear softmax sees (H22)."""
import numpy as np

from ..backend import get_xp
from ..checks import check_shapes, door
from ..ops.activations import relu_forward
from ..ops.linear import linear_forward
from .config import FIRST_HEARD, FFConfig
from .layer import ff_layer_loss_backward, ff_layer_loss_forward
from .length_normalisation import length_normalise_forward


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
        On the host. For each layer ``"0.W"`` (f, m), normal with variance 1/f; ``"0.bias"`` (m,),
        zero; ``"0.mean_activity"`` (m,), 0.5, the running means that peer normalisation keeps. For
        the predictor ``"softmax.W"`` and ``"softmax.bias"``, zero.

    Notes
    -----
    Same as Hinton's Matlab, for inputs with a mean square of one.
    """
    params = {}
    for k, (f, m) in enumerate(zip((config.pixels, *config.hidden), config.hidden)):
        params[f"{k}.W"] = (f ** -0.5 * rng.standard_normal((f, m))).astype(dtype)
        params[f"{k}.bias"] = np.zeros(m, dtype)
        params[f"{k}.mean_activity"] = np.full(m, 0.5, dtype)
    for key, shape in config.predictor_shapes.items():
        params[key] = np.zeros(shape, dtype)
    return params


def check_params(params, shapes, **arrays):
    """Check arrays as `check_shapes` does, and along with them parameters by name and shape."""
    check_shapes(**arrays, **{key: (params.get(key), shape) for key, shape in shapes.items()})


def check_batch(params, images, config, more=()):
    """Raise unless images, the layers' parameters and more of given shapes fit the config."""
    shapes = config.shapes | dict(more)
    check_params(params, shapes, images=(images, (None, *config.image_shape)))


def check_flat(params, x, config):
    """Raise unless flat images and the layers' parameters fit the config."""
    check_params(params, config.shapes, x=(x, (None, config.pixels)))


def check_pairs(params, x_pos, x_neg, config):
    """Raise unless positive samples, as many negative ones and the parameters fit the config."""
    check_shapes(x_pos=(x_pos, "n,f"), x_neg=(x_neg, "n,f"))
    shapes = config.shapes | (config.mean_shapes if config.peer_weight else {})
    check_params(params, shapes, x_pos=(x_pos, (None, config.pixels)))


@door(check_pairs)
def ff_forward(params: dict, x_pos, x_neg, config: FFConfig):
    """Show positive and negative samples to all layers; each scores itself.

        y = x                                                               [a]
        for k = 0 … layers − 1                                              [b]
            ŷ = length_normalise(y)                                         [§2.1]
            loss_k, y = ff_layer_loss(W_k, bias_k, ŷ⁺, ŷ⁻)                  [Eq. 1]

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
        One for each layer, bottom first. Their sum is not what is minimised: see `ff_backward`.
    caches : list of FFLayerCache

    Notes
    -----
    Same as the paper.
    Loops: tests.reference.forward_forward.ff_network
    """
    n, losses, caches = len(x_pos), [], []
    y_pos, y_neg = x_pos, x_neg                                             # [a -]
    for k in range(len(config.hidden)):                                     # [b -]
        x_pos, _ = length_normalise_forward(y_pos)                          # [§2.1 -] nothing comes
        x_neg, _ = length_normalise_forward(y_neg)                          # [§2.1 -] back this way
        loss, cache = ff_layer_loss_forward(                                # [Eq. 1]
            params[f"{k}.W"], params[f"{k}.bias"], x_pos, x_neg,
            params[f"{k}.mean_activity"] if config.peer_weight else None,
            config.theta, config.goal, config.peer_weight)
        losses.append(loss)
        caches.append(cache)
        y_pos, y_neg = cache.y[:n], cache.y[n:]
    return losses, caches


def ff_backward(caches):
    """caches -> grads, {"0.W": …, "0.bias": …, "1.W": …}, each layer's of its own loss.

    The one backward here that is no derivative. The gradient of the sum of the losses would also
    ask of a layer what it can do for those above; here each dloss_k is 1 for its own layer and goes
    no further, so the layers can be taken in any order. Only the last layer's are the same in both.
    """
    grads = {}
    for k, cache in enumerate(caches):                                      # [b -] in any order
        grads[f"{k}.W"], grads[f"{k}.bias"] = ff_layer_loss_backward(1.0, cache)    # [Eq. 1]
    return grads


@door(check_flat)
def ff_activities(params: dict, x, config: FFConfig):
    """Return the activities of every layer.

        ŷ = length_normalise(y),    y ← max(ŷ W_k + bias_k, 0)        [§2.1]

    Parameters
    ----------
    params : dict
    x : array (n, f)
        Flat images, not normalised.
    config : FFConfig

    Returns
    -------
    list of arrays (n, m), bottom first
    """
    activities, y = [], x
    for k in range(len(config.hidden)):
        x, _ = length_normalise_forward(y)                                  # [§2.1]
        z, _ = linear_forward(x, params[f"{k}.W"], params[f"{k}.bias"])     # [§2.1]
        y, _ = relu_forward(z)                                              # [§2.1]
        activities.append(y)
    return activities


@door(check_flat)
def ff_features(params: dict, x, config: FFConfig):
    """Return what the predictor sees: the normalised activities of all layers but the first.

    Parameters
    ----------
    params : dict
    x : array (n, f)
        Flat images, not normalised.
    config : FFConfig

    Returns
    -------
    array (n, sum of the units)
    """
    decisive = ff_activities(params, x, config)[FIRST_HEARD:]
    return get_xp(x).concatenate([length_normalise_forward(y)[0] for y in decisive], axis=1)
