"""Dropout with the mask as an input, so that the op itself is a function."""
from ..checks import check_shapes, named_xp


def dropout_forward(x, mask, rate=0.5):
    """Silence units and scale up the rest, so that the expected output is the input.

        y = x mask / (1 − rate)

    Parameters
    ----------
    x : array (..., m)
    mask : bool array, shaped as x
        True where the unit stays; drawn by the caller: ``rng.random(x.shape) >= rate``.
    rate : float
        Probability that a unit is silenced, in [0, 1).

    Returns
    -------
    y : array (..., m)
    cache : tuple

    Raises
    ------
    ValueError
        If rate is outside [0, 1) or the mask has another shape.
    TypeError
        If the mask is not boolean.

    Notes
    -----
    "Inverted" dropout: common practice scales while training, the original papers (Hinton et al. 2012) halve the weights at test time.
    """
    check_shapes(x=(x, "...,m"))
    xp = named_xp(x=x, mask=mask)
    if mask.dtype != xp.bool_ or mask.shape != x.shape:
        kind = TypeError if mask.dtype != xp.bool_ else ValueError
        raise kind(f"mask: got {mask.dtype} {mask.shape}, wanted bool {x.shape}")
    if not 0 <= rate < 1:
        raise ValueError(f"rate: got {rate!r}, wanted a number in [0, 1)")
    return x * mask / (1 - rate), (mask, rate)


def dropout_backward(dy, cache):
    """Return the gradient with respect to x: forward was linear in x, so dx = dy mask / (1 − rate).

    Parameters
    ----------
    dy : array (..., m)
    cache : tuple

    Returns
    -------
    dx : array (..., m)
    """
    mask, rate = cache
    check_shapes(dy=(dy, mask.shape))
    named_xp(dy=dy, mask=mask)
    return dy * mask / (1 - rate)
