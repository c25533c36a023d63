"""What a student is asked: to agree with its teacher, to be right, or some of both (D15 sections 2, 2.1)."""
from ..checks import check_dloss, check_shapes, check_fraction
from ..ops.softmax import cross_entropy_backward, cross_entropy_forward
from ..ops.squared_error import squared_error_backward, squared_error_forward
from ..ops.soft_cross_entropy import check_temperature, soft_cross_entropy_backward, soft_cross_entropy_forward


def distillation_loss_forward(logits, labels, soft_targets, temperature=20.0, hard_weight=0.1):
    """Mix the cross entropy with the true labels and that with the teacher's soft targets.

        loss = w · CE(labels, softmax(z)) + (1 − w) · T² · CE(p, softmax(z / T))                     D15 section 2

    Parameters
    ----------
    logits : array (n, k)
        The student's.
    labels : integer array (n,)
        0..k-1.
    soft_targets : array (n, k)
        The teacher's p at the same temperature.
    temperature : float
        T, above 0.
    hard_weight : float
        w in [0, 1]: 0 asks the teacher alone, 1 the labels alone.

    Returns
    -------
    loss : 0-d array
        Mean over samples, sum over classes.
    cache : tuple

    Raises
    ------
    ValueError, TypeError
        If the weight is outside [0, 1], the temperature not a finite number above 0, or labels or targets do not fit.

    Notes
    -----
    Same as the paper, which says of the weights that a "considerably lower" one for the labels works best. Without the T² the soft
    gradients shrink as 1/T², and the weights would mean something else at every temperature.
    """
    temperature = check_temperature(temperature)
    check_fraction(hard_weight=hard_weight)
    hard_weight = float(hard_weight)
    hard, hard_cache = cross_entropy_forward(logits, labels)
    soft, soft_cache = soft_cross_entropy_forward(logits, soft_targets, temperature)
    soft_weight = (1 - hard_weight) * temperature ** 2
    return hard_weight * hard + soft_weight * soft, (hard_cache, soft_cache, hard_weight, soft_weight)


def distillation_loss_backward(dloss, cache):
    """Return the gradient with respect to the student's logits: the sum of both parts', by their weights.

    Parameters
    ----------
    dloss : 0-d array or float
    cache : tuple

    Returns
    -------
    dlogits : array (n, k)
    """
    hard_cache, soft_cache, hard_weight, soft_weight = cache
    check_dloss(dloss, hard_cache[0])
    return cross_entropy_backward(dloss * hard_weight, hard_cache) + soft_cross_entropy_backward(dloss * soft_weight, soft_cache)


def logit_matching_forward(logits, teacher_logits):
    """Score logits by their squared distance to the teacher's.

        loss = ½ · 1/n Σ_n Σ_k (z_nk − v_nk)²                                                        D15 section 2.1

    Parameters
    ----------
    logits, teacher_logits : array (n, k)

    Returns
    -------
    loss : 0-d array
        Mean over samples, sum over classes.
    cache : tuple

    Raises
    ------
    ValueError, TypeError
        If the shapes differ.

    Notes
    -----
    Same as the paper: what distillation comes to at high temperature. For logits of zero mean in each sample, the gradient
    (q − p)/T of the soft cross entropy tends to (z − v)/(k T²), this one's divided by k T².
    """
    check_shapes(logits=(logits, "n,k"), teacher_logits=(teacher_logits, "n,k"))
    loss, cache = squared_error_forward(logits, teacher_logits)
    return 0.5 * loss, cache


def logit_matching_backward(dloss, cache):
    """Return the gradient with respect to the student's logits: forward had ½ (z − v)²/n, so dz = (z − v)/n.

    Parameters
    ----------
    dloss : 0-d array or float
    cache : tuple

    Returns
    -------
    dlogits : array (n, k)
    """
    check_dloss(dloss, cache)
    return squared_error_backward(0.5 * dloss, cache)
