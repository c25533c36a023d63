"""Peer normalisation: no unit far more, or far less, active than its peers (Matlab code of H22)."""
from typing import NamedTuple

from ..backend import get_xp
from ..checks import check_below_one, check_not_negative, door


class PeerCache(NamedTuple):
    """What the backward needs, and the next batch."""

    mean_activity: object
    """Running mean a_m of each unit (m,) after this batch."""
    apart: object
    shape: tuple
    weight: float
    decay: float


@door(y="n,m", mean_activity="m")
def peer_normalisation_forward(y, mean_activity, weight=0.03, decay=0.9):
    """Score how unevenly a layer's units are active, by the running mean of each.

        a_m = decay · mean_activity_m + (1 − decay) · 1/n Σ_n y_nm          [a]
        apart_m = a_m − ā,    ā = 1/m Σ_m a_m                               [b]
        loss = weight / (1 − decay) · Σ_m apart_m²                          [c]

    Parameters
    ----------
    y : array (n, m)
        Activities on positive data.
    mean_activity : array (m,)
        The running means before this batch; 0.5 at first.
    weight : float
        λ.
    decay : float
        Of the running means, in [0, 1).

    Returns
    -------
    loss : 0-d array

    Notes
    -----
    Hinton's Matlab has no such loss: to what would improve each unit's total input it adds
    λ (ā − a_m), which is 2 λ (ā − a_m) here, because it leaves out the 2 of ∂y²/∂y = 2 y. This is
    the loss with that gradient in y. The Matlab then lets it pass the relu as if that were not
    there: see `tinycaps.forward_forward.layer`. Of the cache, ``mean_activity`` is for the next
    batch.
    Loops: tests.reference.forward_forward.peer_normalisation
    """
    check_not_negative(weight=weight)
    check_below_one(decay=decay)
    a = decay * mean_activity + (1 - decay) * y.mean(axis=0)                # [a]
    apart = a - a.mean()                                                    # [b]
    loss = weight / (1 - decay) * (apart * apart).sum()                     # [c]
    return loss, PeerCache(a, apart, y.shape, weight, decay)


@door(dloss="", cache=("m", "m"))
def peer_normalisation_backward(dloss, cache):
    """dloss () -> dy (n, m), the same for every sample: 2 λ (a_m − ā)/n.

    The 1 − decay cancels: however slowly the means run, the push is the same. The means before this
    batch are constants.
    """
    xp, (n, _) = get_xp(cache.apart), cache.shape
    scale = dloss * cache.weight / (1 - cache.decay)                        # [c]
    da = 2 * scale * cache.apart        # [c, b] 2 apart; ā adds nothing, for Σ_m apart_m = 0
    dy = (1 - cache.decay) / n * da                                         # [a] a mean over n
    return xp.broadcast_to(dy, cache.shape)                                 # [a] for every sample
