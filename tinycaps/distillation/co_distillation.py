"""Co-distillation: several networks learn together, each from the labels and from what the others think (T21)."""
from ..checks import check_labels, check_not_negative, check_shapes, named_xp
from ..ops.mlp import mlp_backward, mlp_forward
from ..ops.softmax import cross_entropy_backward, cross_entropy_forward
from ..ops.soft_cross_entropy import check_temperature, soft_cross_entropy_backward, soft_cross_entropy_forward, soften


def others_answers(answers):
    """Average for each network what all others answer.

        p_a = 1/(A − 1) Σ_{b≠a} q_b

    Parameters
    ----------
    answers : array (A, n, k)
        Probabilities of A networks.

    Returns
    -------
    array (A, n, k)

    Raises
    ------
    ValueError
        If there is a single network.
    """
    check_shapes(answers=(answers, "a,n,k"))
    if len(answers) < 2:
        raise ValueError(f"answers: got those of {len(answers)} network, wanted at least 2: a single one has nobody to agree with")
    return (answers.sum(axis=0) - answers) / (len(answers) - 1)


def co_distillation_gradients(params, x, labels, prefixes, temperature=2.0, agreement=1.0, told=None):
    """Teach several mlps one batch: the labels, and to agree with the softened answers of the others.

        loss_a = CE(labels, softmax(z_a)) + agreement · T² · CE(p_a, softmax(z_a / T)),    p_a the mean of the others' softmax(z_b / T)

    Parameters
    ----------
    params : dict
        Of all networks, from `tinycaps.ops.init_mlp` with a prefix for each.
    x : array (n, f)
    labels : integer array (n,)
    prefixes : sequence of str
        One for each network, at least two, all different.
    temperature : float
        T, above 0.
    agreement : float
        Weight of the others' answers; 0 while the networks learn alone.
    told : bool array (A, n), optional
        Which network is told which label; by default all. The answers of the others it always sees.

    Returns
    -------
    loss : 0-d array
        Mean over the networks; of each, the mean over the samples whose label it is told, and over all samples for agreement.
    grads : dict
        Of each network's own loss: the others' answers count as given.

    Raises
    ------
    ValueError, TypeError
        If there is a single network, a setting is out of range, or the arrays do not fit.

    Notes
    -----
    The talk gives no formula. This is deep mutual learning (Zhang et al. 2017, arXiv 1706.00384) with the mean of the others in place
    of the mean of A − 1 divergences, which has the same gradient, and D15's temperature and T². All answers are of this batch, before
    anybody has learned from it.
    """
    if len(prefixes) < 2:
        raise ValueError(f"prefixes: got {len(prefixes)} network, wanted at least 2: a single one has nobody to agree with")
    if len(set(prefixes)) < len(prefixes):
        raise ValueError(f"prefixes: got {', '.join(prefixes)}, wanted each once")
    temperature = check_temperature(temperature)
    check_not_negative(agreement=agreement)
    agreement = float(agreement)
    logits, caches = zip(*(mlp_forward(params, x, prefix) for prefix in prefixes))
    check_shapes(**{f"logits of {prefix}": (z, "n,k") for prefix, z in zip(prefixes, logits)})
    check_labels(labels, *logits[0].shape)
    xp = named_xp(x=x, labels=labels)
    if told is None:
        told = xp.ones((len(prefixes), len(x)), dtype=bool)
    named_xp(x=x, told=told)
    if told.shape != (len(prefixes), len(x)) or told.dtype != xp.bool_:
        raise ValueError(f"told: got {told.dtype} {told.shape}, wanted bool ({len(prefixes)}, {len(x)})")
    targets = others_answers(xp.stack([soften(z, temperature) for z in logits])) if agreement else None
    total, grads = 0, {}
    for a, z in enumerate(logits):
        loss, dz = xp.zeros((), dtype=z.dtype), xp.zeros_like(z)
        if bool(told[a].any()):
            loss, cache = cross_entropy_forward(z[told[a]], labels[told[a]])
            dz[told[a]] = cross_entropy_backward(1.0, cache)
        if agreement:
            soft, soft_cache = soft_cross_entropy_forward(z, targets[a], temperature)
            weight = agreement * temperature ** 2
            loss, dz = loss + weight * soft, dz + soft_cross_entropy_backward(weight, soft_cache)
        grads |= mlp_backward(dz, caches[a])
        total = total + loss
    return total / len(prefixes), grads
