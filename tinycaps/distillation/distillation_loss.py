"""What a student minimises: soft targets and labels mixed, or the distance of the logits (D15).

The mixture. Of the two gradients the hard one does not depend on T, and the soft one, (q − p)/T,
falls as 1/T²: one 1/T is that of z/T, the other that of q − p, which approaches (z − v)/(K T). The
page ops.soft_cross_entropy derives that, for logits z of the student and v of the teacher that have
zero mean over the K classes. So the soft loss is multiplied by T²; of one sample,

    ∂loss/∂z_k = w (softmax(z)_k − [k = label]) + (1 − w) T² (q_k − p_k)/T          [§2]
               → w (softmax(z)_k − [k = label]) + (1 − w) (z_k − v_k)/K    as T → ∞

The second line has no T: a weight w means the same at all high temperatures. Without the T² the
soft gradient at T = 40 is a quarter of that at T = 20, and at T = 80 a sixteenth; the labels would
dominate, and w would have to be chosen anew for each T.

Logit matching. The last term is that limit again: z − v is the gradient of ½ ‖z − v‖², so
distillation without labels becomes, as T grows, the matching of logits with 1/K of its strength
[§2.1]. The zero mean matters here. A constant added to all logits of a sample changes neither q nor
p, so distillation leaves it free; the squared distance does not.
"""
from ..checks import check_fraction, door
from ..ops.soft_cross_entropy import (check_soft_targets, check_temperature,
                                      soft_cross_entropy_backward, soft_cross_entropy_forward)
from ..ops.softmax import cross_entropy_backward, cross_entropy_forward


def _check_targets(logits, labels, soft_targets, *settings, **named_settings):
    check_soft_targets(logits, soft_targets)


@door(_check_targets, logits="n,k", labels="n < k", soft_targets="n,k")
def distillation_loss_forward(logits, labels, soft_targets, temperature=20.0, hard_weight=0.1):
    """Mix the cross entropy with the true labels and that with the teacher's soft targets.

        hard = CE(label, softmax(z))                [a]
        soft = CE(p, softmax(z / T))                [b]
        loss = w hard + (1 − w) T² soft             [§2]

    Parameters
    ----------
    logits : array (n, k)
        The student's z.
    labels : integer array (n,)
    soft_targets : array (n, k)
        The teacher's p at the same temperature.
    temperature : float
        T, above 0; the labels are compared at 1.
    hard_weight : float
        w in [0, 1]: with 0 the teacher alone counts, with 1 the labels alone.

    Returns
    -------
    loss : 0-d array
        Nats; mean over samples, sum over classes.

    Notes
    -----
    Same as the paper, which says of the weights that a "considerably lower" one for the labels
    works best.
    Loops: tests.reference.distillation.distillation_loss
    """
    temperature = check_temperature(temperature)
    check_fraction(hard_weight=hard_weight)
    soft_weight = (1 - hard_weight) * temperature * temperature                     # [§2 -]
    hard, hard_cache = cross_entropy_forward(logits, labels)                        # [a]
    soft, soft_cache = soft_cross_entropy_forward(logits, soft_targets, temperature)  # [b]
    loss = hard_weight * hard + soft_weight * soft                                  # [§2]
    return loss, (logits, hard_cache, soft_cache, hard_weight, soft_weight)


@door(dloss="", cache=("n,k",))
def distillation_loss_backward(dloss, cache):
    """dloss () -> dlogits (n, k).

    The logits act through both terms, so dlogits is the sum of two gradients. Each term has its
    weight in the loss as its upstream gradient.
    """
    _, hard_cache, soft_cache, hard_weight, soft_weight = cache
    dsoft = dloss * soft_weight                             # [§2] loss = … + (1 − w) T² soft
    dhard = dloss * hard_weight                             # [§2] and w hard + …
    dlogits = soft_cross_entropy_backward(dsoft, soft_cache)        # [b] 1/T (q − p)
    return dlogits + cross_entropy_backward(dhard, hard_cache)      # [a] softmax(z) − label


@door(logits="n,k", teacher_logits="n,k")
def logit_matching_forward(logits, teacher_logits):
    """Score logits by their squared distance to the teacher's.

        loss = ½ 1/n Σ_n Σ_k (z_nk − v_nk)²         [§2.1]

    Parameters
    ----------
    logits, teacher_logits : array (n, k)
        The student's z and the teacher's v.

    Returns
    -------
    loss : 0-d array
        Squared logits; mean over samples, sum over classes.

    Notes
    -----
    Same as the paper. K times what distillation tends to at high temperature.
    Loops: tests.reference.distillation.logit_matching
    """
    difference = logits - teacher_logits                            # [§2.1]
    return (difference * difference).sum() / (2 * len(logits)), difference  # [§2.1]


@door(dloss="", cache="n,k")
def logit_matching_backward(dloss, cache):
    """dloss () -> dlogits (n, k).

    Forward had ½ (z − v)²/n; the ½ cancels the 2 of the square, so dz = (z − v)/n.
    """
    difference = cache
    return dloss / len(difference) * difference                     # [§2.1] dz = (z − v)/n
