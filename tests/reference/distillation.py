"""D15 and T21 as plain Python: one sample, one number at a time."""
from tests.reference.ops import cross_entropy, linear, relu, soft_cross_entropy, soften, squared_error


def distillation_loss(logits, label, soft_targets, temperature=20, hard_weight=0.1):
    """w · hard + (1 − w) · T² · soft, D15 section 2"""
    soft = temperature ** 2 * soft_cross_entropy(logits, soft_targets, temperature)
    return hard_weight * cross_entropy(logits, label) + (1 - hard_weight) * soft


def logit_matching(logits, teacher_logits):
    """½ Σ_k (z_k − v_k)², D15 section 2.1"""
    return squared_error(logits, teacher_logits) / 2


def others_answers(answers):
    """For each network the mean of what all others answer to one sample"""
    return [[sum(each) / len(each) for each in zip(*(q for l, q in enumerate(answers) if l != k))] for k in range(len(answers))]


def co_distillation_losses(logits, labels, told, temperature=2, agreement=1):
    """Of each network: CE over the labels that it is told + agreement · T² · CE with the others' mean; logits[k][n], told[k][n]"""
    answers = [others_answers([soften(z[n], temperature) for z in logits]) for n in range(len(labels))]
    losses = []
    for k, z in enumerate(logits):
        hard = [cross_entropy(z[n], label) for n, label in enumerate(labels) if told[k][n]]
        soft = [soft_cross_entropy(z[n], answers[n][k], temperature) for n in range(len(labels))]
        losses.append(sum(hard) / max(len(hard), 1) + agreement * temperature ** 2 * sum(soft) / len(soft))
    return losses


def hardware_mlp(params, x, hardware, noise=None):
    """z = gain (x W + bias) + offset + noise, relu, z = …; noise[k] belongs to this sample"""
    k = 0
    while f"{k}.W" in params:
        total = linear(relu(x) if k else x, params[f"{k}.W"], params[f"{k}.bias"])
        x = [gain * a + offset for gain, a, offset in zip(hardware[f"{k}.gain"], total, hardware[f"{k}.offset"], strict=True)]
        if noise is not None:
            x = [a + b for a, b in zip(x, noise[k], strict=True)]
        k += 1
    return x
