"""A class that the student was never shown: its bias alone is wrong, and can be put right afterwards (D15 section 3)."""
import math

from ..checks import check_labels, check_shapes, named_xp


def choose_bias_shift(logits, labels, classes, shifts, counts=None):
    """Find what to add to the biases of some classes so that the fewest samples are misread.

    Parameters
    ----------
    logits : array (n, k)
    labels : integer array (n,)
    classes : sequence of int
        Whose biases are shifted, all by the same number.
    shifts : sequence of float
        To choose from.
    counts : integer array (n,), optional
        How many samples each stands for, where some classes are held out more thinly than others; default one.

    Returns
    -------
    shift : float
        The one with the fewest errors; of several, that nearest to the middle of them.
    errors : list of int
        For every shift, in samples stood for.

    Raises
    ------
    ValueError, TypeError
        If a class is out of range, there is nothing to choose from, or labels or counts do not fit.

    Notes
    -----
    The paper chose on its test images; whoever calls this with held-out training images does not.
    """
    check_shapes(logits=(logits, "n,k"))
    check_labels(labels, *logits.shape)
    xp = named_xp(logits=logits, labels=labels)
    counts = xp.ones_like(labels) if counts is None else counts
    named_xp(logits=logits, counts=counts)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"counts: got dtype {counts.dtype}, wanted an array of integers")
    if counts.shape != labels.shape or int(counts.min()) < 1:
        raise ValueError(f"counts: got shape {counts.shape} from {counts.min()}, wanted {labels.shape} from 1")
    classes, shifts = list(classes), list(shifts)
    if not classes or any(k not in range(logits.shape[1]) for k in classes):
        raise ValueError(f"classes: got {classes}, wanted some of 0..{logits.shape[1] - 1}")
    if not shifts or not all(math.isfinite(shift) for shift in shifts):
        raise ValueError(f"shifts: got {shifts or 'none'}, wanted finite numbers to choose from")
    chosen = (xp.arange(logits.shape[1])[:, None] == xp.asarray(classes)).any(axis=1)
    errors = [int((((logits + shift * chosen).argmax(axis=1) != labels) * counts).sum()) for shift in shifts]
    best = [shift for shift, error in zip(shifts, errors) if error == min(errors)]
    middle = (min(best) + max(best)) / 2
    return min(best, key=lambda shift: abs(shift - middle)), errors
