"""Co-distillation: several networks learn from the labels and from each other (talk of 2021, T21).

There is no teacher. Each network's soft targets are the mean answer of all the others, on the same
batch, before any of them has learned from it. In the backward those targets are constants: a
network is moved towards the others' answers, and no network is moved so that it is easier to agree
with. The gradients are therefore not those of the sum of all losses.
"""
from ..backend import get_xp
from ..checks import check_not_negative, check_positive, check_shapes, door
from ..ops.mlp import check_mlp, count_layers, mlp_backward, mlp_forward
from ..ops.soft_cross_entropy import (soft_cross_entropy_backward, soft_cross_entropy_forward,
                                      soften)
from ..ops.softmax import cross_entropy_backward, cross_entropy_forward


@door(answers="a,n,k")
def others_answers(answers):
    """Average for each network the answers of all others.

        p_a = 1/(A − 1) Σ_{b≠a} q_b        [a]

    Parameters
    ----------
    answers : array (A, n, k)
        Probabilities q of A networks, at least two.

    Returns
    -------
    array (A, n, k)

    Notes
    -----
    Computed as the sum of all less the network's own.
    Loops: tests.reference.distillation.others_answers
    """
    if len(answers) < 2:
        raise ValueError(f"answers: got {len(answers)} network, wanted at least 2")
    return (answers.sum(axis=0) - answers) / (len(answers) - 1)     # [a]


def _check_networks(params, x, labels, prefixes, temperature=2.0, agreement=1.0, labelled=None):
    if len(prefixes) < 2:
        raise ValueError(f"prefixes: got {len(prefixes)} network, wanted at least 2")
    if len(set(prefixes)) < len(prefixes):
        raise ValueError(f"prefixes: got {', '.join(prefixes)}, wanted each once")
    arrays = {"x": (x, "n,f")}
    for prefix in prefixes:
        check_mlp(params, x, prefix)
        last = f"{prefix}{count_layers(params, prefix) - 1}.bias"
        arrays[last] = params[last], "k"
    arrays["labels"] = labels, "n < k"
    if labelled is not None:
        arrays["labelled"] = labelled, "bool a,n"
    check_shapes(**arrays)
    if labelled is not None and len(labelled) != len(prefixes):
        raise ValueError(f"labelled: got {len(labelled)} rows, wanted one for each of the "
                         f"{len(prefixes)} networks")


@door(_check_networks)
def co_distillation_gradients(params: dict, x, labels, prefixes: tuple | list, temperature=2.0,
                              agreement=1.0, labelled=None):
    """Return the gradients of several mlps that learn labels and each other's softened answers.

        q_a = softmax(z_a / T)                                      [a]
        p_a = 1/(A − 1) Σ_{b≠a} q_b                                 [b]
        hard_a = CE(label, softmax(z_a))                            [c]
        soft_a = CE(p_a, softmax(z_a / T))                          [d]
        loss_a = hard_a + agreement T² soft_a                       [e]

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
    labelled : bool array (A, n), optional
        Which network learns which label; by default all. Every network learns the answers of the
        others to all samples.

    Returns
    -------
    loss : 0-d array
        Mean over the networks. Of each, hard is the mean over its labelled samples, 0 if there are
        none, and soft the mean over all samples.
    grads : dict
        Of each network's own loss: p is a constant.

    Notes
    -----
    The talk gives no formula. This is deep mutual learning (Zhang et al. 2017, arXiv 1706.00384),
    with the mean of the others in place of the mean of A − 1 divergences, which has the same
    gradient, and with D15's temperature and T².
    Loops: tests.reference.distillation.co_distillation_losses
    """
    check_positive(temperature=temperature)
    check_not_negative(agreement=agreement)
    soft_weight = agreement * temperature * temperature                             # [e]
    logits, caches = zip(*(mlp_forward(params, x, prefix) for prefix in prefixes))
    xp = get_xp(x)
    if labelled is None:
        labelled = xp.ones((len(prefixes), len(x)), dtype=bool)
    answers = xp.stack([soften(z, temperature) for z in logits])                    # [a]
    targets = others_answers(answers)                                               # [b]
    total, grads = 0, {}
    for a, z in enumerate(logits):
        hard, dz = xp.zeros((), z.dtype), xp.zeros_like(z)
        if bool(labelled[a].any()):
            hard, cache = cross_entropy_forward(z[labelled[a]], labels[labelled[a]])    # [c]
            dz[labelled[a]] = cross_entropy_backward(1.0, cache)                    # [c]
        soft, cache = soft_cross_entropy_forward(z, targets[a], temperature)        # [d]
        dz = dz + soft_cross_entropy_backward(soft_weight, cache)                   # [d, e]
        total = total + hard + soft_weight * soft                                   # [e]
        grads |= mlp_backward(dz, caches[a])
    return total / len(prefixes), grads
