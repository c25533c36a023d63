"""Masking: only the capsule of one class is shown to the decoder (S17 section 4.1)."""
from ..checks import check_labels, check_shapes, named_xp


def mask_forward(v, labels):
    """Set all capsules but the labelled one to zero.

        masked_nj = [j = label_n] v_nj                                                         S17 section 4.1

    Parameters
    ----------
    v : array (n, j, q)
        Outputs of the class capsules.
    labels : integer array (n,)
        The true classes while training; the predicted ones, those of the longest capsules, at test time.

    Returns
    -------
    masked : array (n, j, q)
    cache : array

    Raises
    ------
    ValueError, TypeError
        If a label is not an integer in 0..j-1 or there is not one for each sample.

    Notes
    -----
    Same as the paper. A mask of the true class at test time would tell the decoder the answer.
    """
    check_shapes(v=(v, "n,j,q"))
    check_labels(labels, *v.shape[:2])
    xp = named_xp(v=v, labels=labels)
    kept = (labels[:, None] == xp.arange(v.shape[1]))[:, :, None]
    return v * kept, (kept, v.shape)


def mask_backward(dmasked, cache):
    """Return the gradient with respect to v: forward multiplied by 0 or 1, so dv is dmasked times the same.

    Parameters
    ----------
    dmasked : array (n, j, q)
    cache : tuple

    Returns
    -------
    dv : array (n, j, q)
    """
    kept, shape = cache
    check_shapes(dmasked=(dmasked, shape))
    named_xp(dmasked=dmasked, mask=kept)
    return dmasked * kept
