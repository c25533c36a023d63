"""A layer with an objective of its own (H22). Its backward leaves out dx: that is the algorithm.

    forward                              backward, read upwards
    ---------------------------------    -----------------------------------------------------
    z = x W + bias            [a]        dW = xᵀ dz,   dbias = Σ dz;   dx = dz Wᵀ is left out
    y = max(z, 0)             [b]        dz = dy [y > 0]
    G = Σ_m y_m²              [§2]       dy = 2 y dG
    loss(G⁺, G⁻)              [Eq. 1]    dG⁺ = −dloss σ(θ − G⁺)/n,   dG⁻ = dloss σ(G⁻ − θ)/n
    loss += peer(y⁺)          [c]        dy⁺ = peer_normalisation_backward(dloss)

There are n positive samples and n negative ones, σ is the logistic function, θ the threshold, and
[y > 0] is 1 where the relu is on and else 0. The signs are those of goodness that is maximised.

Lines [b] and [§2] together are dz = 2 y dG: where the relu is off, y = 0 is a factor already. So
dW = 2 Σ dG x y, over all 2n samples: what comes in times what goes out, Hebb's product, times one
number for the whole layer, which says how wrong the layer was about this sample.

What leaving out dx saves. Under backpropagation a layer costs three matrix products, x W, xᵀ dz and
dz Wᵀ; here the third is not needed. Nor does a layer keep its activities until a backward pass
comes down from the top: it can learn as soon as it has seen its input, so layers can work as a
pipeline, each on a different batch.

What it costs. A layer cannot be told what the layers above it need. To a layer, whatever lies below
is its input and no more; a feature that helps only further up is learned by chance or not at all.

Peer normalisation bypasses the relu. Its dy⁺ is meant to raise units that are rarely on. But the
true gradient is dy⁺ [y > 0], zero for every sample on which the unit is off: a unit that is off on
all positive samples would get no pull at all. Hinton's Matlab adds dy⁺ to dz as if the relu were
not there, and so does this page; ``exact=True`` multiplies by [y > 0] and gives the true gradient.

A step to a wanted goodness (H22, "Learning fast and slow"). For one sample with ‖x‖ = 1, and no
bias, let every unit take the step ΔW_m = ε y_m x, Hebb's product again. Then

    y_m   becomes   y_m + ε y_m ‖x‖² = (1 + ε) y_m,    and a unit that is off stays off
    S     becomes   Σ_m (1 + ε)² y_m² = (1 + ε)² S,    S being the goodness

and ε = √(S*/S) − 1 makes it a wanted S* in a single step, exactly, unless S = 0. If x is scaled to
a mean square of one instead, ‖x‖² is the number of inputs, and ε is that many times smaller. All
activities grow by one factor, so their direction, which is all that the next layer is shown, stays
the same: all layers can take such a step at once. The package does not train by it; a test does.
"""
from typing import NamedTuple

from ..backend import get_xp
from ..checks import door
from ..ops.activations import relu_forward
from ..ops.linear import linear_forward
from .goodness import (goodness_backward, goodness_forward, goodness_loss_backward,
                       goodness_loss_forward)
from .peer_normalisation import peer_normalisation_backward, peer_normalisation_forward


class FFLayerCache(NamedTuple):
    """What the backward and the next layer need; n positive samples first, then n negative ones."""

    x: object
    """Inputs (2n, f)."""
    y: object
    """Activities (2n, m)."""
    goodness: object
    """Goodness (2n,)."""
    mean_activity: object
    """Running mean of each unit (m,) after this batch, or None without peer normalisation."""
    loss: tuple
    """Cache of `goodness_loss_forward`, which knows θ and the goal."""
    peer: object
    """Cache of `peer_normalisation_forward`, or None."""
    exact: bool


@door(W="f,m", bias="m", x_pos="n,f", x_neg="n,f", mean_activity="m")
def ff_layer_loss_forward(W, bias, x_pos, x_neg, mean_activity=None, theta=None, goal="maximise",
                          peer_weight=0.03, exact: bool = False):
    """Apply a relu layer to positive and negative samples, and score it by its goodness.

        z = x W + bias                                                      [a]
        y = max(z, 0)                                                       [b]
        G_n = Σ_m y_nm²                                                     [§2]
        loss = − 1/n Σ_n (log σ(G⁺_n − θ) + log σ(θ − G⁻_n))                [Eq. 1]
        loss ← loss + peer_normalisation(y⁺, mean_activity)                 [c]

    where both arguments of σ change their signs if goodness is minimised.

    Parameters
    ----------
    W : array (f, m)
    bias : array (m,)
    x_pos, x_neg : array (n, f)
        Inputs, normalised in length.
    mean_activity : array (m,), optional
        Running mean of each unit's activity; without it there is no peer normalisation.
    theta : float, optional
        Threshold above 0; by default m, the number of units, as in Hinton's Matlab.
    goal : "maximise" or "minimise"
        What to do with the goodness of positive data; the opposite is done with that of negative.
    peer_weight : float
        Weight of peer normalisation.
    exact : bool
        Let peer normalisation act on active units only, as the true gradient does.

    Returns
    -------
    loss : 0-d array
        Nats, mean over the n pairs.

    Notes
    -----
    Same as the paper, with the peer normalisation of Hinton's Matlab. Of the cache, ``y`` is for
    the next layer and ``mean_activity`` for the next batch.
    Loops: tests.reference.forward_forward.ff_layer_loss
    """
    xp, n = get_xp(W), len(x_pos)
    if theta is None:
        theta = W.shape[1]
    x = xp.concatenate([x_pos, x_neg])                                      # [a -] in one product
    z, _ = linear_forward(x, W, bias)                                       # [a]
    y, _ = relu_forward(z)                                                  # [b]
    goodness, _ = goodness_forward(y)                                       # [§2]
    loss, loss_cache = goodness_loss_forward(goodness[:n], goodness[n:], theta, goal)    # [Eq. 1]
    peer = None
    if mean_activity is not None:
        peer_loss, peer = peer_normalisation_forward(y[:n], mean_activity, peer_weight)  # [c]
        loss, mean_activity = loss + peer_loss, peer.mean_activity          # [c]
    return loss, FFLayerCache(x, y, goodness, mean_activity, loss_cache, peer, exact)


@door(dloss="", cache=("2n,f", "2n,m", "2n"))
def ff_layer_loss_backward(dloss, cache):
    """dloss () -> dW (f, m), dbias (m,), and no dx for the layer below.

    The derivation is the right column of the module's docstring. Unless ``exact``, this is the
    gradient but for one term: dy⁺ of peer normalisation is added to dz without the factor [y > 0]
    of the relu, as in Hinton's Matlab, so that units that are off are pulled too.
    """
    x, y = cache.x, cache.y
    dgoodness_pos, dgoodness_neg = goodness_loss_backward(dloss, cache.loss)    # [Eq. 1]
    dgoodness = get_xp(y).concatenate([dgoodness_pos, dgoodness_neg])   # [§2] of all 2n samples
    dz = goodness_backward(dgoodness, y)        # [§2, b] 2 y dG, zero where the relu is off
    if cache.peer is not None:
        n = len(dgoodness_pos)
        dy_pos = peer_normalisation_backward(dloss, cache.peer)     # [c] of positive samples alone
        if cache.exact:
            dy_pos = dy_pos * (y[:n] > 0)       # [b] the true gradient: dz = dy [y > 0]
        dz[:n] += dy_pos                        # [b] unless exact, units that are off move too
    return x.T @ dz, dz.sum(axis=0)         # [a] z = x W + bias: dW = xᵀ dz, dbias = Σ dz, no dx
