"""A layer with an objective of its own (H22 section 2): the gradient that its backward does not return is the algorithm.

A layer of a network trained by backpropagation hands ``dx`` down to the layer below. Here there is none to hand: each layer
compares the same numbers, its goodness on positive and on negative data, and whatever lies below it is its input and no more.
"""
from typing import NamedTuple

from ..backend import get_xp
from ..checks import check_shapes
from ..ops.activations import relu_forward
from ..ops.linear import linear_forward
from .goodness import goodness_backward, goodness_forward, goodness_loss_backward, goodness_loss_forward
from .peer_normalisation import peer_normalisation_backward, peer_normalisation_forward


class FFLayerCache(NamedTuple):
    """What the backward and the next layer need of one layer; positive samples first, then as many negative ones."""

    x: object               # (2n, f)
    y: object               # (2n, m)
    goodness: object        # (2n,)
    mean_activity: object   # (m,) after this batch, or None
    loss: tuple
    peer: tuple
    exact: bool


def ff_layer_loss_forward(W, bias, x_pos, x_neg, mean_activity=None, theta=None, goal="maximise", peer_weight=0.03, exact=False):
    """Apply a relu layer to positive and negative samples, and score it by its goodness.

        y = max(x W + bias, 0),   G = Σ_m y_m²
        loss = − 1/n Σ_n [log σ(G⁺_n − θ) + log σ(θ − G⁻_n)]                                         H22 Eq. 1
               (both signs turned where goodness is minimised)
               + peer normalisation of y⁺, if mean_activity is given

    Parameters
    ----------
    W : array (f, m)
    bias : array (m,)
    x_pos, x_neg : array (n, f)
        Inputs, normalised in length. They go through one matrix product, and come back as one gradient product.
    mean_activity : array (m,), optional
        Running mean of each unit's activity, for peer normalisation.
    theta : float, optional
        Threshold, above 0; by default m, the number of units, as in Hinton's Matlab.
    goal : "maximise" or "minimise"
        The goodness of positive data.
    peer_weight : float
        λ of peer normalisation.
    exact : bool
        Let peer normalisation act on active units only, as its gradient says.

    Returns
    -------
    loss : 0-d array
        Nats, mean over the pairs.
    cache : FFLayerCache
        Its y, goodness and mean_activity are for the next layer, for the reader and for the next batch.

    Raises
    ------
    ValueError, TypeError
        If theta is not above 0, there is no such goal, or the arrays do not fit.

    Notes
    -----
    Same as the paper, with the Matlab's peer normalisation. That acts on the total input of every unit, also where the relu is off and
    the true gradient is zero: this is its purpose, for it wakes units that are never active, and it is all that distinguishes it
    from the exact gradient (``exact=True``).
    """
    check_shapes(W=(W, "f,m"), bias=(bias, "m"), x_pos=(x_pos, "n,f"), x_neg=(x_neg, "n,f"))
    n = len(x_pos)
    x = get_xp(W, x_pos, x_neg).concatenate([x_pos, x_neg])
    y = relu_forward(linear_forward(x, W, bias)[0])[0]
    goodness, _ = goodness_forward(y)
    loss, loss_cache = goodness_loss_forward(goodness[:n], goodness[n:], W.shape[1] if theta is None else theta, goal)
    peer = None
    if mean_activity is not None:
        peer_loss, peer = peer_normalisation_forward(y[:n], mean_activity, peer_weight)
        loss, mean_activity = loss + peer_loss, peer[0]
    return loss, FFLayerCache(x, y, goodness, mean_activity, loss_cache, peer, exact)


def ff_layer_loss_backward(dloss, cache):
    """Return the gradients with respect to W and bias. There is no third.

    Forward had loss(G), G = Σ y², y = max(z, 0), z = x W + bias, so dz = 2 y dG (where the relu is off, y = 0 says so itself),
    dW = xᵀ dz, dbias = Σ_n dz_n. A dx = dz Wᵀ would be for the layer below, which has an objective of its own.

    Parameters
    ----------
    dloss : 0-d array or float
    cache : FFLayerCache

    Returns
    -------
    dW, dbias : arrays, shaped as W, bias
    """
    x, y, _, _, loss, peer, exact = cache
    n = len(x) // 2
    dz = goodness_backward(get_xp(y).concatenate(goodness_loss_backward(dloss, loss)), y)
    if peer is not None:
        dy = peer_normalisation_backward(dloss, peer)
        dz[:n] += dy * (y[:n] > 0) if exact else dy
    return x.T @ dz, dz.sum(axis=0)
