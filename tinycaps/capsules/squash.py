"""Squash: keep a vector's direction and press its length into [0, 1), so that the length can be a probability (S17 Eq. 1)."""
from ..backend import get_xp
from ..checks import check_shapes


def squash_forward(s):
    """Shrink short vectors to almost nothing and long ones to just under length one.

        v = ‖s‖² / (1 + ‖s‖²) · s / ‖s‖ = g s,    g = ‖s‖ / (1 + ‖s‖²)        S17 Eq. 1

    Parameters
    ----------
    s : array (..., q)
        Total input of each capsule, a vector along the last axis.

    Returns
    -------
    v : array (..., q)
        Same direction, length ‖s‖² / (1 + ‖s‖²) < 1; zero for s = 0.
    cache : tuple
        For `squash_backward`.

    Notes
    -----
    Same as the paper. Written as g s there is nothing to divide by at s = 0, so no epsilon is needed.
    """
    check_shapes(s=(s, "...,q"))
    xp = get_xp(s)
    squared = (s * s).sum(axis=-1, keepdims=True)
    norm = xp.sqrt(squared)
    g = norm / (1 + squared)
    return g * s, (s, g, norm, squared)


def squash_backward(dv, cache):
    """Return the gradient with respect to s.

    Forward had v_q = g s_q with g a function of the norm alone, so
        ds = g dv + (dv · s) ∂g/∂s,    ∂g/∂s = g'(‖s‖) s/‖s‖,    g' = (1 − ‖s‖²) / (1 + ‖s‖²)²
    The second term is of the size of ‖s‖ dv; at s = 0 it is 0, which dividing by 1 instead of by ‖s‖ = 0 gives.

    Parameters
    ----------
    dv : array (..., q)
    cache : tuple
        From `squash_forward`.

    Returns
    -------
    ds : array (..., q)
        Zero for s = 0: a capsule with no input learns nothing, and short ones learn slowly.

    Notes
    -----
    Same as the paper's formula differentiated; exact at zero, where common code needs an epsilon or returns NaN.
    """
    s, g, norm, squared = cache
    check_shapes(dv=(dv, s.shape), s=(s, s.shape))
    dg = (dv * s).sum(axis=-1, keepdims=True)
    dnorm = dg / (1 + squared) * ((1 - squared) / (1 + squared))
    return g * dv + dnorm / (norm + (norm == 0)) * s
