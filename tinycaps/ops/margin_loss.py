"""The margin loss: long capsules for digits that are there, short ones for the others (S17)."""
from ..backend import get_xp
from ..checks import check_fraction, check_not_negative, check_shapes, door


def check_margin_loss(length, labels, present=None, absent=None, down_weight=None):
    """Check lengths, and labels in either of their forms."""
    several = getattr(labels, "ndim", 1) == 2 and labels.dtype.kind == "b"
    check_shapes(length=(length, "n,k"), labels=(labels, "bool n,k" if several else "n < k"))


@door(check_margin_loss)
def margin_loss_forward(length, labels, present=0.9, absent=0.1, down_weight=0.5):
    """Punish a true class shorter than 0.9 and wrong classes longer than 0.1.

        L_k = T_k max(0, m⁺ − ‖v_k‖)² + λ (1 − T_k) max(0, ‖v_k‖ − m⁻)²        [Eq. 4]
        loss = 1/n Σ_n Σ_k L_k                                                 [a]

    Parameters
    ----------
    length : array (n, k)
        Lengths ‖v_k‖ of the class capsules.
    labels : integer array (n,), or bool array (n, k)
        0..k-1, where an image shows one class: T_k is 1 for it and else 0. Or T itself, True where
        class k is there, for images that show several classes or none.
    present, absent : float
        The margins m⁺ and m⁻.
    down_weight : float
        λ, so that the many absent classes do not shrink all capsules at the start.

    Returns
    -------
    loss : 0-d array
        Mean over samples, sum over classes.

    Notes
    -----
    Same as the paper. The authors' code halves it, which doubles the relative weight of the
    reconstruction.
    Loops: tests.reference.ops.margin_loss
    """
    check_fraction(present=present, absent=absent)
    check_not_negative(down_weight=down_weight)
    xp = get_xp(length, labels)
    n, k = length.shape
    true = labels if labels.ndim == 2 else labels[:, None] == xp.arange(k)  # [Eq. 4 -] T_k
    short = xp.maximum(present - length, 0) * true                  # [Eq. 4]
    long = xp.maximum(length - absent, 0) * ~true                   # [Eq. 4]
    L = short * short + down_weight * (long * long)                 # [Eq. 4]
    return L.sum() / n, (short, long, down_weight)                  # [a]


@door(dloss="", cache=("n,k", "n,k"))
def margin_loss_backward(dloss, cache):
    """dloss () -> dlength (n, k).

    Forward had L = short² + λ long². Where they are not zero, short falls and long rises as fast as
    the length, so their slopes enter with − and with +; within the margins both are zero.
    """
    short, long, down_weight = cache
    dL = dloss / len(short)                                         # [a] a mean over n samples
    return dL * (2 * down_weight * long - 2 * short)                # [Eq. 4] 2 λ long − 2 short
