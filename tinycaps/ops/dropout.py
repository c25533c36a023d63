"""Dropout with the mask as an input, so that the op itself is a function."""
from ..checks import check_below_one, door


@door(x="...,m", mask="bool ...,m")
def dropout_forward(x, mask, rate=0.5):
    """Silence units and scale up the rest, so that the expected output is the input.

        y = x mask / (1 − rate)        [a]

    Parameters
    ----------
    x : array (..., m)
    mask : bool array (..., m)
        True where the unit stays; drawn by the caller: ``rng.random(x.shape) >= rate``.
    rate : float
        Probability that a unit is silenced, in [0, 1).

    Returns
    -------
    y : array (..., m)

    Notes
    -----
    Departs from the original (Hinton et al. 2012), which halves the weights at test time; scaling
    while training, the common practice, leaves nothing to do at test time.
    Loops: tests.reference.ops.dropout
    """
    check_below_one(rate=rate)
    return x * mask / (1 - rate), (mask, rate)                      # [a]


@door(dy="...,m", cache=("bool ...,m",))
def dropout_backward(dy, cache):
    """dy (..., m) -> dx (..., m).

    Forward was linear in x: each unit times a constant, so its gradient is times that constant.
    """
    mask, rate = cache
    return dy * mask / (1 - rate)                                   # [a] dx = dy mask / (1 − rate)
