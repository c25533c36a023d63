"""Soft targets: what a teacher thinks of all the answers, and how a student learns it (D15).

A softmax at a temperature T above one shows more than the best answer: that this 2 could be a 3,
but hardly a 7. The student learns these probabilities, with its own softmax at the same T. Let z
be its logits and v the teacher's, for K classes:

    q_k = exp(z_k/T) / Σ_l exp(z_l/T),    p_k the same of v        [Eq. 1]
    loss = −Σ_k p_k log q_k                                        [§2]
    ∂loss/∂z_k = (q_k − p_k) / T                                   [Eq. 2]

Where the T² comes from. One 1/T is plain to see: it is that of z/T inside the softmax. The other
hides in q − p, for at a high T both are nearly uniform. With exp(z/T) ≈ 1 + z/T, and logits shifted
to zero mean, Σ_l z_l = Σ_l v_l = 0, which leaves the softmax as it is,

    q_k ≈ (1 + z_k/T) / (K + Σ_l z_l/T) = (1 + z_k/T) / K          [Eq. 3]
    q_k − p_k ≈ (z_k − v_k) / (K T)
    ∂loss/∂z_k ≈ (z_k − v_k) / (K T²)                              [Eq. 4]

So the soft gradient falls as 1/T². Multiplied by T² where it is mixed with the loss of the labels,
it keeps its size, and the balance of the two does not move when T is changed.

Why small students want a low T. By Eq. 4 a high T asks for every logit to be matched, those far
below the largest as hard as the others, and a small network cannot afford all of them. At a low T
their p and q are both almost zero, and the student may ignore them. (D15 on MNIST: 300 units a
layer or more learn equally well from all T above 8, 30 units best at 2.5 to 4.)
"""
from ..backend import get_xp
from ..checks import check_positive, check_shapes, door
from .softmax import softmax_forward

SUM_TO_ONE = 1e-3
"""How far a sum of probabilities may be from one; rounding, in half precision too, stays below."""


def check_soft_targets(logits, soft_targets, temperature=1.0):
    """Check that soft targets are probabilities, for the samples and classes of the logits.

    Raises
    ------
    ValueError, TypeError
        If teacher and student have other class counts, a probability is negative, a row does not
        sum to one, or the temperature is not a finite number above 0.
    """
    check_positive(temperature=temperature)
    xp = check_shapes(logits=(logits, "n,k"), soft_targets=(soft_targets, "n,k"))
    if bool((soft_targets < 0).any()):
        raise ValueError(f"soft_targets: got {float(soft_targets.min()):.3g}, wanted "
                         "probabilities, at least 0")
    off = xp.abs(soft_targets.sum(axis=1) - 1)
    if not bool((off <= SUM_TO_ONE).all()):
        row = int(off.argmax())
        raise ValueError(f"soft_targets: got a sum of {float(soft_targets[row].sum()):.6g} in row "
                         f"{row}, wanted 1 in every row")


@door(logits="n,k")
def soften(logits, temperature=1.0):
    """Turn logits into probabilities at a temperature.

        q_k = exp(z_k / T) / Σ_l exp(z_l / T)        [Eq. 1]

    Parameters
    ----------
    logits : array (n, k)
    temperature : float
        T, above 0. 1 is the ordinary softmax; a higher one shows more of the wrong answers.

    Returns
    -------
    array (n, k)

    Notes
    -----
    Same as the paper.
    Loops: tests.reference.ops.soften
    """
    check_positive(temperature=temperature)
    return softmax_forward(logits / temperature)[0]                 # [Eq. 1]


@door(check_soft_targets)
def soft_cross_entropy_forward(logits, soft_targets, temperature=1.0):
    """Score logits by the cross entropy with soft targets, both at one temperature.

        q_nk = exp(z_nk / T) / Σ_l exp(z_nl / T)        [Eq. 1]
        loss = −1/n Σ_n Σ_k p_nk log q_nk               [§2]

    Parameters
    ----------
    logits : array (n, k)
        The student's z.
    soft_targets : array (n, k)
        p of the teacher at the same temperature: not negative, each row summing to one.
    temperature : float
        T, above 0.

    Returns
    -------
    loss : 0-d array
        Nats; mean over samples, sum over classes.

    Notes
    -----
    Same as the paper, with a mean over samples. With log q = z/T − log Σ exp(z/T) the loss is
    finite wherever z/T is.
    Loops: tests.reference.ops.soft_cross_entropy
    """
    xp, n = get_xp(logits), len(logits)
    scaled = logits / temperature                                   # [Eq. 1]
    scaled = scaled - scaled.max(axis=1, keepdims=True)             # [Eq. 1] leaves q unchanged
    exps = xp.exp(scaled)                                           # [Eq. 1]
    sums = exps.sum(axis=1, keepdims=True)                          # [Eq. 1]
    loss = (soft_targets * (xp.log(sums) - scaled)).sum() / n       # [§2]
    return loss, (exps / sums, soft_targets, temperature)           # [Eq. 1]


@door(dloss="", cache=("n,k", "n,k"))
def soft_cross_entropy_backward(dloss, cache):
    """dloss () -> dlogits (n, k): (q − p) / (T n), Eq. 2 and a mean over samples.

    Forward had Σ_k p_k (log Σ_l exp(s_l) − s_k) with s = z/T. The slope of log Σ exp along s_k is
    q_k, so ds = q Σp − p, where Σp = 1 but for rounding.
    """
    q, p, temperature = cache
    dscaled = dloss / len(q) * (q * p.sum(axis=1, keepdims=True) - p)   # [§2] ds = (q Σp − p)/n
    return dscaled / temperature                                    # [Eq. 1] s = z/T: dz = ds/T


@door(check_soft_targets)
def kl_divergence_forward(logits, soft_targets, temperature=1.0):
    """Score logits by the Kullback-Leibler divergence of their softmax from soft targets.

        H = −1/n Σ_n Σ_k p_nk log p_nk                                              [a]
        loss = 1/n Σ_n Σ_k p_nk log(p_nk / q_nk) = soft_cross_entropy(z, p) − H     [b]

    Parameters
    ----------
    logits, soft_targets, temperature
        As for `soft_cross_entropy_forward`.

    Returns
    -------
    loss : 0-d array
        Nats; 0 where the student agrees, as exactly as the rows of the targets sum to one.

    Notes
    -----
    The cross entropy less the entropy H of the targets, which no student can change: another
    value, the same gradient. p log p is 0 where p is 0.
    Loops: tests.reference.ops.kl_divergence
    """
    xp, p = get_xp(logits), soft_targets
    H = -(p * xp.log(p + (p == 0))).sum() / len(p)                  # [a -]
    loss, cache = soft_cross_entropy_forward(logits, p, temperature)    # [b]
    return loss - H, cache                                          # [b]


@door(dloss="", cache=("n,k", "n,k"))
def kl_divergence_backward(dloss, cache):
    """dloss () -> dlogits (n, k), that of the soft cross entropy.

    Forward had the soft cross entropy less H, in which there are no logits.
    """
    return soft_cross_entropy_backward(dloss, cache)                # [b] H is constant
