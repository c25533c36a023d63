"""Elementwise nonlinearities: relu and the logistic sigmoid."""
from ..backend import get_xp
from ..checks import check_shapes


def relu_forward(x):
    """Clip negative inputs, y = max(x, 0).

    Parameters
    ----------
    x : array (..., m)

    Returns
    -------
    y : array (..., m)
    cache : array

    Notes
    -----
    The textbook function; at its kink, x = 0, the backward uses the slope of the left side, 0.
    """
    check_shapes(x=(x, "...,m"))
    y = get_xp(x).maximum(x, 0)
    return y, y


def relu_backward(dy, cache):
    """Return the gradient with respect to x: forward had slope 1 where y > 0 and else 0, so dx = dy [y > 0].

    Parameters
    ----------
    dy : array (..., m)
    cache : array

    Returns
    -------
    dx : array (..., m)
    """
    y = cache
    check_shapes(dy=(dy, y.shape), y=(y, y.shape))
    return dy * (y > 0)


def sigmoid_forward(x):
    """Press numbers into (0, 1), y = 1 / (1 + exp(−x)).

    Parameters
    ----------
    x : array (..., m)

    Returns
    -------
    y : array (..., m)
    cache : array

    Notes
    -----
    Computed as (1 + tanh(x/2)) / 2, the same function without an overflow at either end.
    """
    check_shapes(x=(x, "...,m"))
    y = 0.5 * (1 + get_xp(x).tanh(0.5 * x))
    return y, y


def sigmoid_backward(dy, cache):
    """Return the gradient with respect to x: forward had y' = y (1 − y), so dx = dy y (1 − y).

    Parameters
    ----------
    dy : array (..., m)
    cache : array

    Returns
    -------
    dx : array (..., m)
    """
    y = cache
    check_shapes(dy=(dy, y.shape), y=(y, y.shape))
    return dy * y * (1 - y)
