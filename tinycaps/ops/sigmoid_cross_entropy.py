"""The cross entropy of sigmoids: every class is there or not, whatever the others are."""
from ..backend import get_xp
from ..checks import door
from .activations import sigmoid_forward


@door(logits="n,k", labels="bool n,k")
def sigmoid_cross_entropy_forward(logits, labels):
    """Score logits by the negative log probability of what is there and of what is not.

        y_nk = 1 / (1 + exp(−logits_nk))                                            [a]
        loss = −1/n Σ_n Σ_k (T_nk log y_nk + (1 − T_nk) log(1 − y_nk))              [b]

    Parameters
    ----------
    logits : array (n, k)
    labels : bool array (n, k)
        T, True where class k is there: any number of classes in a sample.

    Returns
    -------
    loss : 0-d array
        Nats; mean over samples, sum over classes.

    Notes
    -----
    The textbook loss. Each logarithm is −log(1 + exp(s)), with s = −logit where the class is there
    and s = logit where it is not. With m = max(s, 0) that is −m − log(1 + exp(s − 2 m)), which
    neither overflows nor, unlike logaddexp, refuses the complex numbers of a gradient check.
    Loops: tests.reference.ops.sigmoid_cross_entropy
    """
    xp = get_xp(logits, labels)
    y = sigmoid_forward(logits)[0]                                  # [a]
    s = xp.where(labels, -logits, logits)                           # [b]
    m = xp.maximum(s, 0)                                            # [b -] cancels
    costs = m + xp.log1p(xp.exp(s - 2 * m))                         # [b]
    return costs.sum() / len(s), (y, labels)                        # [b]


@door(dloss="", cache=("n,k", "bool n,k"))
def sigmoid_cross_entropy_backward(dloss, cache):
    """dloss () -> dlogits (n, k): what the network said less what is true.

    Forward had log(1 + exp(s)), with slope 1 / (1 + exp(−s)) along s. Where the class is absent,
    s = logit, and this is y. Where it is there, s = −logit: the slope along the logit is −(1 − y).
    """
    y, labels = cache
    return dloss / len(y) * (y - labels)                            # [a, b] dlogits = (y − T)/n
