"""The length of a capsule's output: the probability that its entity is there."""
from ..backend import get_xp
from ..checks import check_shapes


def length_forward(v):
    """Return the Euclidean norm of each capsule's output.

        length_j = ‖v_j‖                                                                       S17 section 2

    Parameters
    ----------
    v : array (..., q)
        Outputs, (n, j, q) in a network.

    Returns
    -------
    length : array (...)
        In [0, 1) when v comes from squash.
    cache : tuple

    Notes
    -----
    Same as the paper, without an epsilon.
    """
    check_shapes(v=(v, "...,q"))
    length = get_xp(v).sqrt((v * v).sum(axis=-1))
    return length, (v, length)


def length_backward(dlength, cache):
    """Return the gradient with respect to v.

    Forward had a norm, whose gradient is the unit vector v/‖v‖. At v = 0, the tip of a cone, where it has none, 0 is returned: the
    mean of all directions.

    Parameters
    ----------
    dlength : array (...)
    cache : tuple

    Returns
    -------
    dv : array (..., q)
    """
    v, length = cache
    check_shapes(dlength=(dlength, length.shape), v=(v, v.shape))
    return (dlength / (length + (length == 0)))[..., None] * v
