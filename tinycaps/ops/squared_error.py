"""The squared error between a prediction and its target."""
from ..checks import check_dloss, check_shapes


def squared_error_forward(x, target):
    """Sum the squared differences of each sample.

        loss = 1/n Σ_n ‖x_n − target_n‖²

    Parameters
    ----------
    x, target : arrays (n, ...)
        Of one shape.

    Returns
    -------
    loss : 0-d array
        Mean over samples, sum over the rest: no half, no mean over pixels.
    cache : tuple

    Notes
    -----
    Same as the reconstruction loss of S17 (section 4.1), which weighs this sum with 0.0005.
    """
    check_shapes(x=(x, "...,f"), target=(target, x.shape))
    difference = x - target
    return (difference * difference).sum() / len(x), difference


def squared_error_backward(dloss, cache):
    """Return the gradient with respect to x: forward had (x − target)² / n, so dx = 2 (x − target) / n.

    Parameters
    ----------
    dloss : 0-d array or float
        A weight in a sum of losses goes in here.
    cache : array

    Returns
    -------
    dx : array (n, ...)
    """
    difference = cache
    check_dloss(dloss, difference)
    return 2 * dloss / len(difference) * difference
