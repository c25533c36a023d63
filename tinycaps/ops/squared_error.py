"""The squared error between a prediction and its target (S17)."""
from ..checks import door


@door(x="...,f", target="...,f")
def squared_error_forward(x, target):
    """Sum the squared differences of each sample.

        loss = 1/n Σ_n ‖x_n − target_n‖²        [§4.1]

    Parameters
    ----------
    x, target : arrays (n, ...)
        Of one shape.

    Returns
    -------
    loss : 0-d array
        Mean over samples, sum over the rest: no half, no mean over pixels.

    Notes
    -----
    Same as the reconstruction loss of the paper, which weighs this sum with 0.0005. The target is
    taken as given: it gets no gradient.
    Loops: tests.reference.ops.squared_error
    """
    difference = x - target                                         # [§4.1]
    return (difference * difference).sum() / len(x), difference     # [§4.1]


@door(dloss="", cache="...,f")
def squared_error_backward(dloss, cache):
    """dloss () -> dx (n, ...).

    Forward had (x − target)² / n for every number. A weight in a sum of losses goes into dloss.
    """
    difference = cache
    return 2 * dloss / len(difference) * difference                 # [§4.1] dx = 2 (x − target)/n
