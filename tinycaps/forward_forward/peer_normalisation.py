"""Peer normalisation: no unit may stay far more, or far less, active than its peers (H22's Matlab code)."""
from ..backend import get_xp
from ..checks import check_dloss, check_shapes


def peer_normalisation_forward(y, mean_activity, weight=0.03, decay=0.9):
    """Score how unevenly a layer's units are active, on the running mean of each.

        a_m   = decay · mean_activity_m + (1 − decay) · 1/n Σ_n y_nm
        loss  = weight / (1 − decay) · Σ_m (a_m − ā)²,    ā the mean of a over the units

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
    cache : tuple
        Its first entry is a, the running means after this batch.

    Raises
    ------
    ValueError, TypeError
        If decay is outside [0, 1) or a shape is wrong.

    Notes
    -----
    Hinton's Matlab has no such loss: to what would make each unit's total input better it adds λ (ā − a_m), which is 2 λ (ā − a_m)
    here, for it leaves out the 2 of ∂y²/∂y = 2 y. This is the loss that has this gradient with respect to y; the Matlab then lets it
    through the relu as if that were not there: see `ff_layer_loss_forward`.
    """
    check_shapes(y=(y, "n,m"), mean_activity=(mean_activity, "m"))
    if not 0 <= decay < 1:
        raise ValueError(f"decay: got {decay!r}, wanted a number in [0, 1)")
    running = decay * mean_activity + (1 - decay) * y.mean(axis=0)
    apart = running - running.mean()
    return weight / (1 - decay) * (apart * apart).sum(), (running, apart, y.shape, weight)


def peer_normalisation_backward(dloss, cache):
    """Return the gradient with respect to the activities.

    Forward had ∂a_m/∂y_nm = (1 − decay)/n, and Σ_m (a_m − ā) = 0, so ā adds nothing: dy_nm = 2 weight (a_m − ā)/n, the same for
    every sample.

    Parameters
    ----------
    dloss : 0-d array or float
    cache : tuple

    Returns
    -------
    dy : array (n, m)
    """
    _, apart, shape, weight = cache
    check_dloss(dloss, apart)
    return get_xp(apart).broadcast_to(2 * dloss * weight / shape[0] * apart, shape)
