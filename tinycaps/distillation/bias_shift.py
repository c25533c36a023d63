"""A class that the student was never shown: only its bias is wrong, and can be corrected (D15).

A student whose transfer set lacks the 3s still learns from the soft targets of the other digits
what makes a 3, since the teacher gives every image that resembles one a little probability of it.
What the student learns wrongly is how frequent the 3s are. That is the business of the output's
bias: in section 3 of the paper, 3.5 added to it takes the errors on 3s from 133 to 14 of 1010, and
all errors from 206 to 109.
"""
import math

from ..backend import get_xp
from ..checks import door, named_xp


@door(logits="n,k", labels="n < k")
def choose_bias_shift(logits, labels, classes, shifts, counts=None):
    """Find what to add to the biases of some classes so that the fewest samples are misclassified.

        z_nk(s) = z_nk + s [k ∈ classes]                                [a]
        errors(s) = Σ_n count_n [argmax_k z_nk(s) ≠ label_n]            [b]
        shift = argmin_s errors(s)                                      [c]

    Parameters
    ----------
    logits : array (n, k)
    labels : integer array (n,)
    classes : sequence of int
        Whose biases are shifted, all by the same number.
    shifts : sequence of float
        The candidates s.
    counts : integer array (n,), optional
        How many samples each one stands for, where held-out samples of the classes were thinned
        out unequally; default one.

    Returns
    -------
    shift : float
        The one with the fewest errors; of several, that nearest to the middle of them.
    errors : list of int
        For every candidate, weighted by the counts.

    Notes
    -----
    The paper chose on its test images; a caller with held-out training images does not.
    Loops: tests.reference.distillation.errors_after_shift
    """
    xp = get_xp(logits)
    classes, shifts = list(classes), list(shifts)
    counts = xp.ones_like(labels) if counts is None else counts
    _check_choices(logits, labels, classes, shifts, counts)
    chosen = (xp.arange(logits.shape[1])[:, None] == xp.asarray(classes)).any(axis=1)   # [a]
    answers = [(logits + s * chosen).argmax(axis=1) for s in shifts]                    # [a]
    errors = [int(((answer != labels) * counts).sum()) for answer in answers]           # [b]
    best = [s for s, error in zip(shifts, errors) if error == min(errors)]              # [c]
    middle = (min(best) + max(best)) / 2
    return min(best, key=lambda s: abs(s - middle)), errors


def _check_choices(logits, labels, classes, shifts, counts):
    named_xp(logits=logits, counts=counts)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"counts: got dtype {counts.dtype}, wanted an array of integers")
    if counts.shape != labels.shape or int(counts.min()) < 1:
        raise ValueError(f"counts: got shape {counts.shape} from {counts.min()}, "
                         f"wanted {labels.shape} from 1")
    if not classes or any(k not in range(logits.shape[1]) for k in classes):
        raise ValueError(f"classes: got {classes}, wanted labels in 0..{logits.shape[1] - 1}")
    if not shifts or not all(math.isfinite(s) for s in shifts):
        raise ValueError(f"shifts: got {shifts or 'none'}, wanted finite numbers to choose from")
