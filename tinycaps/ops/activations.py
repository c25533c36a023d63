"""Elementwise nonlinearities: relu and the logistic sigmoid."""
from ..backend import get_xp
from ..checks import door


@door(x="...,m")
def relu_forward(x):
    """Set negative numbers to zero.

        y = max(x, 0)        [a]

    Parameters
    ----------
    x : array (..., m)

    Returns
    -------
    y : array (..., m)

    Notes
    -----
    The textbook function; at its kink, x = 0, the backward takes the slope of the left side, 0.
    Loops: tests.reference.ops.relu
    """
    y = get_xp(x).maximum(x, 0)                                     # [a]
    return y, y


@door(dy="...,m", cache="...,m")
def relu_backward(dy, cache):
    """dy (..., m) -> dx (..., m).

    Forward had slope 1 where it passed x on and slope 0 where it gave zero; y > 0 says which.
    """
    y = cache
    return dy * (y > 0)                                             # [a] dx = dy where y > 0, or 0


@door(x="...,m")
def sigmoid_forward(x):
    """Squeeze numbers into (0, 1).

        y = 1 / (1 + exp(−x)) = (1 + tanh(x / 2)) / 2        [a]

    Parameters
    ----------
    x : array (..., m)

    Returns
    -------
    y : array (..., m)

    Notes
    -----
    The textbook function, computed in its second form: exp would overflow, tanh does not.
    Loops: tests.reference.ops.sigmoid
    """
    y = 0.5 * (1 + get_xp(x).tanh(0.5 * x))                         # [a]
    return y, y


@door(dy="...,m", cache="...,m")
def sigmoid_backward(dy, cache):
    """dy (..., m) -> dx (..., m).

    Forward had y = 1 / (1 + e) with e = exp(−x), whose slope is −e, so y has the slope
    e / (1 + e)² = y (1 − y).
    """
    y = cache
    return dy * y * (1 - y)                                         # [a] slope y (1 − y)
