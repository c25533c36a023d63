"""Masking: the decoder sees the capsule of one class and nothing of the others (S17)."""
from ..backend import get_xp
from ..checks import door


@door(v="n,j,q", labels="n < j")
def mask_forward(v, labels):
    """Set all capsules but the labelled one to zero.

        masked_nj = [j = label_n] v_nj        [§4.1]

    Parameters
    ----------
    v : array (n, j, q)
        Outputs of the class capsules.
    labels : integer array (n,)
        The true classes while training; at test time the predicted ones, of the longest capsules.

    Returns
    -------
    masked : array (n, j, q)

    Notes
    -----
    Same as the paper. The choice of the capsule is itself information: at test time, a mask made
    from the true labels would leak the answer to the decoder.
    Loops: tests.reference.capsules.mask
    """
    xp = get_xp(v)
    true = labels[:, None] == xp.arange(v.shape[1])                 # [§4.1 -] j = label_n
    kept = xp.broadcast_to(true[:, :, None], v.shape)               # [§4.1 -] the same for all q
    return v * kept, kept                                           # [§4.1]


@door(dmasked="n,j,q", cache="bool n,j,q")
def mask_backward(dmasked, cache):
    """dmasked (n, j, q) -> dv (n, j, q), zero for the capsules that were masked.

    Forward multiplied each number by 0 or 1, a constant, so backward does the same.
    """
    kept = cache
    return dmasked * kept                                           # [§4.1] the same factor
