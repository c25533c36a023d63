"""Softmax, and the cross entropy of integer labels under it."""
from ..backend import get_xp
from ..checks import door


@door(x="...,k")
def softmax_forward(x, axis=-1):
    """Turn logits into probabilities along an axis.

        y_k = exp(x_k) / Σ_l exp(x_l)        [a]

    Parameters
    ----------
    x : array (..., k)
        Logits.
    axis : int

    Returns
    -------
    y : array (..., k)
        Positive, summing to one along the axis.

    Notes
    -----
    The textbook softmax. The largest logit is subtracted first: numerator and denominator lose
    the same factor, and exp cannot overflow.
    Loops: tests.reference.ops.softmax
    """
    xp = get_xp(x)
    y = xp.exp(x - x.max(axis=axis, keepdims=True))                 # [a]
    y = y / y.sum(axis=axis, keepdims=True)                         # [a]
    return y, (y, axis)


@door(dy="...,k", cache=("...,k",))
def softmax_backward(dy, cache):
    """dy (..., k) -> dx (..., k), which sums to zero: a constant added to all logits is lost.

    Forward had log y_k = x_k − log Σ_l exp(x_l), and the slope of the second term along x_l is y_l.
    So ∂y_k/∂x_l = y_k (δ_kl − y_l), and

        dx_l = Σ_k dy_k ∂y_k/∂x_l = y_l (dy_l − Σ_k dy_k y_k)
    """
    y, axis = cache
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))        # [a] dx = y (dy − Σ dy y)


@door(logits="n,k", labels="n < k")
def cross_entropy_forward(logits, labels):
    """Score logits by the negative log probability of the true class.

        T_nk = δ(k, labels_n)                                   [a]
        y_nk = exp(logits_nk) / Σ_l exp(logits_nl)              [b]
        loss = −1/n Σ_n Σ_k T_nk log y_nk                       [c]

    Parameters
    ----------
    logits : array (n, k)
    labels : integer array (n,)
        0..k-1.

    Returns
    -------
    loss : 0-d array
        Nats, mean over samples.

    Notes
    -----
    The textbook loss. With log y = logit − log Σ exp no logarithm of a tiny y is taken: the loss is
    finite for logits of any size.
    Loops: tests.reference.ops.cross_entropy
    """
    xp = get_xp(logits, labels)
    n, k = logits.shape
    # A comparison, not logits[xp.arange(n), labels]: CuPy silently wraps an index that is out of
    # range (so the door checks labels), and adding to equal indices is undefined there.
    true = labels[:, None] == xp.arange(k)                          # [a -]
    shifted = logits - logits.max(axis=1, keepdims=True)            # [b]
    exps = xp.exp(shifted)                                          # [b]
    sums = exps.sum(axis=1, keepdims=True)                          # [b]
    loss = ((xp.log(sums) - shifted) * true).sum() / n              # [c]
    return loss, (exps / sums, true)                                # [b]


@door(dloss="", cache=("n,k",))
def cross_entropy_backward(dloss, cache):
    """dloss () -> dlogits (n, k): what the network said less what is true.

    Forward had −log y_label = log Σ_l exp(x_l) − x_label for a sample's logits x. The first term
    has the slope y_k along x_k, the second −1 along the label's logit and else 0.
    """
    y, true = cache
    return dloss / len(y) * (y - true)                              # [b, c] dlogits = (y − T)/n
