"""D15 and T21 as plain Python: one sample, one number at a time."""
from tests.reference.ops import (cross_entropy, linear, relu, soft_cross_entropy, soften,
                                 squared_error)


def distillation_loss(logits, label, soft_targets, temperature=20, hard_weight=0.1):
    """w · hard + (1 − w) · T² · soft, D15 section 2"""
    soft = temperature ** 2 * soft_cross_entropy(logits, soft_targets, temperature)
    return hard_weight * cross_entropy(logits, label) + (1 - hard_weight) * soft


def logit_matching(logits, teacher_logits):
    """½ Σ_k (z_k − v_k)², D15 section 2.1"""
    return squared_error(logits, teacher_logits) / 2


def errors_after_shift(logits, labels, counts, classes, shift):
    """What is misclassified once the classes have the shift on top; sample n counts counts[n]"""
    errors = 0
    for z, label, count in zip(logits, labels, counts, strict=True):
        z = [a + shift if k in classes else a for k, a in enumerate(z)]
        errors += count if z.index(max(z)) != label else 0
    return errors


def others_answers(answers):
    """For each network the mean of what all others answer to one sample"""
    means = []
    for a in range(len(answers)):
        others = [q for b, q in enumerate(answers) if b != a]
        means.append([sum(each) / len(others) for each in zip(*others)])
    return means


def co_distillation_losses(logits, labels, labelled, temperature=2, agreement=1):
    """Of each network CE with its labels + agreement · T² · CE with the others' mean

    logits[a][n] and labelled[a][n] are those of network a and sample n.
    """
    answers = [others_answers([soften(z[n], temperature) for z in logits])
               for n in range(len(labels))]
    losses = []
    for a, z in enumerate(logits):
        hard = [cross_entropy(z[n], label) for n, label in enumerate(labels) if labelled[a][n]]
        soft = [soft_cross_entropy(z[n], answers[n][a], temperature) for n in range(len(labels))]
        weighted = agreement * temperature ** 2 * sum(soft) / len(soft)
        losses.append(sum(hard) / max(len(hard), 1) + weighted)
    return losses


def hardware_mlp(params, x, hardware, noise=None):
    """z = gain (x W + bias) + offset + noise, relu, z = …; noise[l] is that of this sample"""
    l = 0
    while f"{l}.W" in params:
        total = linear(relu(x) if l else x, params[f"{l}.W"], params[f"{l}.bias"])
        gains, offsets = hardware[f"{l}.gain"], hardware[f"{l}.offset"]
        x = [gain * a + offset for gain, a, offset in zip(gains, total, offsets, strict=True)]
        if noise is not None:
            x = [a + b for a, b in zip(x, noise[l], strict=True)]
        l += 1
    return x
