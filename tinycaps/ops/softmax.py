"""Softmax and the cross entropy of integer labels under it."""
from ..backend import get_xp
from ..checks import check_dloss, check_labels, check_shapes, named_xp


def softmax_forward(x, axis=-1):
    """Turn logits into probabilities along an axis.

        y_k = exp(x_k) / Σ_l exp(x_l)

    Parameters
    ----------
    x : array (..., k)
        Logits. The largest is subtracted first, which changes nothing but keeps exp finite.
    axis : int

    Returns
    -------
    y : array (..., k)
        Positive, summing to one along the axis.
    cache : tuple

    Notes
    -----
    The textbook softmax, at temperature one.
    """
    check_shapes(x=(x, "...,k"))
    xp = get_xp(x)
    y = xp.exp(x - x.max(axis=axis, keepdims=True))
    y = y / y.sum(axis=axis, keepdims=True)
    return y, (y, axis)


def softmax_backward(dy, cache):
    """Return the gradient with respect to the logits.

    Forward had ∂y_k/∂x_l = y_k (δ_kl − y_l), so dx_l = y_l (dy_l − Σ_k dy_k y_k).

    Parameters
    ----------
    dy : array (..., k)
    cache : tuple

    Returns
    -------
    dx : array (..., k)
        Sums to zero along the axis: a constant added to all logits changes nothing.
    """
    y, axis = cache
    check_shapes(dy=(dy, y.shape), y=(y, y.shape))
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def cross_entropy_forward(logits, labels):
    """Score logits by the negative log probability of the true class.

        loss = − 1/n Σ_n log softmax(logits_n)[label_n]

    Parameters
    ----------
    logits : array (n, k)
    labels : integer array (n,)
        0..k-1.

    Returns
    -------
    loss : 0-d array
        Nats, mean over samples.
    cache : tuple

    Raises
    ------
    ValueError, TypeError
        If a label is not an integer in 0..k-1 or there is not one for each sample.

    Notes
    -----
    Computed as log Σ exp − logit, finite for logits of any size.
    """
    check_shapes(logits=(logits, "n,k"))
    check_labels(labels, *logits.shape)
    xp = named_xp(logits=logits, labels=labels)
    n, k = logits.shape
    true = labels[:, None] == xp.arange(k)
    shifted = logits - logits.max(axis=1, keepdims=True)
    exps = xp.exp(shifted)
    sums = exps.sum(axis=1, keepdims=True)
    loss = (xp.log(sums)[:, 0] - (shifted * true).sum(axis=1)).sum() / n
    return loss, (exps / sums, true)


def cross_entropy_backward(dloss, cache):
    """Return the gradient with respect to the logits.

    Forward had log Σ_l exp(x_l) − x_label, so dx = (softmax(x) − one-hot(label)) / n.

    Parameters
    ----------
    dloss : 0-d array or float
    cache : tuple

    Returns
    -------
    dlogits : array (n, k)
    """
    y, true = cache
    check_dloss(dloss, y)
    return dloss / len(y) * (y - true)
