"""Squash: keep a vector's direction, press its length into [0, 1): a probability (S17)."""
from ..backend import get_xp
from ..checks import door


@door(s="square ...,q")
def squash_forward(s):
    """Shrink short vectors to almost nothing and long ones to just under length one.

        v = ‖s‖² / (1 + ‖s‖²) · s / ‖s‖ = g s,    g = ‖s‖ / (1 + ‖s‖²)        [Eq. 1]

    Parameters
    ----------
    s : array (..., q)
        Total input of each capsule, a vector along the last axis.

    Returns
    -------
    v : array (..., q)
        Of the same direction and of length ‖s‖² / (1 + ‖s‖²) < 1; zero for s = 0.

    Notes
    -----
    Same as the paper. Written as g s, nothing is divided by ‖s‖, so no epsilon is needed.
    Loops: tests.reference.capsules.squash
    """
    xp = get_xp(s)
    squared = (s * s).sum(axis=-1, keepdims=True)                   # [Eq. 1]
    norm = xp.sqrt(squared)                                         # [Eq. 1]
    g = norm / (1 + squared)                                        # [Eq. 1]
    return g * s, (s, g, norm, squared)                             # [Eq. 1]


@door(dv="...,q", cache=("...,q",))
def squash_backward(dv, cache):
    """dv (..., q) -> ds (..., q), zero where s = 0.

    Forward had v = g s, where g depends on the norm alone, so by the product and the chain rule

        ds = g dv + (dv · s) g'(‖s‖) s/‖s‖,    g' = (1 − ‖s‖²) / (1 + ‖s‖²)²

    Near s = 0 both terms are of the order of ‖s‖ dv: short capsules learn slowly, and a capsule
    without input learns nothing. At s = 0 the second term is 0, which the code gets by dividing by
    1 instead of by ‖s‖ = 0.
    """
    s, g, norm, squared = cache
    dg = (dv * s).sum(axis=-1, keepdims=True)                       # [Eq. 1] v = g s, so dg = dv·s
    # Two quotients, not one: (1 + ‖s‖²)² would overflow first.
    dnorm = dg / (1 + squared) * ((1 - squared) / (1 + squared))    # [Eq. 1] g'(‖s‖) dg
    return g * dv + dnorm / (norm + (norm == 0)) * s                # [Eq. 1] ∂‖s‖/∂s = s/‖s‖
