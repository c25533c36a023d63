"""The margin loss: long capsules for digits that are there, short ones for those that are not (S17 Eq. 4)."""
from ..checks import check_dloss, check_labels, check_shapes, named_xp


def margin_loss_forward(length, labels, present=0.9, absent=0.1, down_weight=0.5):
    """Punish a true class shorter than 0.9 and wrong classes longer than 0.1.

        L_k = T_k max(0, m⁺ − ‖v_k‖)² + λ (1 − T_k) max(0, ‖v_k‖ − m⁻)²                       S17 Eq. 4
        loss = 1/n Σ_n Σ_k L_k

    Parameters
    ----------
    length : array (n, k)
        Lengths of the class capsules.
    labels : integer array (n,)
        0..k-1; T_k = 1 for the label's class.
    present, absent : float
        The margins m⁺ and m⁻.
    down_weight : float
        λ, so that the many absent classes do not shrink all capsules at the start.

    Returns
    -------
    loss : 0-d array
        Mean over samples, sum over classes.
    cache : tuple

    Raises
    ------
    ValueError, TypeError
        If a label is not an integer in 0..k-1 or there is not one for each sample.

    Notes
    -----
    Same as the paper. The authors' published code halves it, which doubles the relative weight of the reconstruction.
    """
    check_shapes(length=(length, "n,k"))
    check_labels(labels, *length.shape)
    xp = named_xp(length=length, labels=labels)
    n, k = length.shape
    true = labels[:, None] == xp.arange(k)
    short = xp.maximum(present - length, 0) * true
    long = xp.maximum(length - absent, 0) * ~true
    return (short * short + down_weight * (long * long)).sum() / n, (short, long, down_weight)


def margin_loss_backward(dloss, cache):
    """Return the gradient with respect to the lengths.

    Forward had short² + λ long² with short falling and long rising in ‖v_k‖, so dlength = (−2 short + 2 λ long) / n.

    Parameters
    ----------
    dloss : 0-d array or float
    cache : tuple

    Returns
    -------
    dlength : array (n, k)
    """
    short, long, down_weight = cache
    check_dloss(dloss, short)
    return dloss / len(short) * (2 * down_weight * long - 2 * short)
