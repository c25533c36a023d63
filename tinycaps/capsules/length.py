"""The length of a capsule's output: the probability that its entity is there (S17)."""
from ..backend import get_xp
from ..checks import door


@door(v="square ...,q")
def length_forward(v):
    """Return the Euclidean norm of each capsule's output.

        length_j = ‖v_j‖        [§2]

    Parameters
    ----------
    v : array (..., q)
        Outputs, (n, j, q) in a network.

    Returns
    -------
    length : array (...)
        In [0, 1) if v comes from squash.

    Notes
    -----
    Same as the paper. There is no epsilon under the root: a capsule of zeros has length zero.
    Loops: tests.reference.capsules.length
    """
    xp = get_xp(v)
    length = xp.sqrt((v * v).sum(axis=-1))                          # [§2]
    return length, (v, length)


@door(dlength="...", cache=("...,q", "..."))
def length_backward(dlength, cache):
    """dlength (...) -> dv (..., q), zero where v = 0.

    The gradient of a norm is the unit vector v/‖v‖. The norm is a cone with its tip at v = 0: a
    kink, where it has no gradient. The backward returns 0 there, the mean of all unit vectors.
    """
    v, length = cache
    slope = dlength / (length + (length == 0))                      # [§2] ‖v‖ = 0 is divided by 1
    return slope[..., None] * v                                     # [§2] ∂‖v‖/∂v = v/‖v‖
