"""Soft targets: what a network thinks of all the wrong answers, and how another one learns it (D15 section 2)."""
from ..backend import get_xp
from ..checks import check_dloss, check_positive, check_shapes, named_xp
from .softmax import softmax_forward

SUM_TO_ONE = 1e-3
"""How far the sum of probabilities may be from one; rounding, in half precision too, stays below."""


def soften(logits, temperature=1.0):
    """Turn logits into probabilities at a temperature.

        p_k = exp(z_k / T) / Σ_l exp(z_l / T)                                                        D15 Eq. 1

    Parameters
    ----------
    logits : array (n, k)
    temperature : float
        T above 0. 1 is the ordinary softmax; the higher, the more the wrong answers tell.

    Returns
    -------
    array (n, k)

    Raises
    ------
    ValueError
        If the temperature is not a finite number above 0.

    Notes
    -----
    Same as the paper.
    """
    temperature = check_temperature(temperature)
    check_shapes(logits=(logits, "n,k"))
    return softmax_forward(logits / temperature)[0]


def soft_cross_entropy_forward(logits, soft_targets, temperature=1.0):
    """Score logits by the cross entropy with soft targets, both at one temperature.

        q = softmax(z / T),    loss = − 1/n Σ_n Σ_k p_nk log q_nk                                    D15 section 2

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
    cache : tuple

    Raises
    ------
    ValueError, TypeError
        If the temperature is not a finite number above 0, the targets are no probabilities, or the shapes differ.

    Notes
    -----
    Same as the paper, with the mean over samples told. Computed through log Σ exp: finite wherever z/T is.
    """
    temperature = check_temperature(temperature)
    check_soft_targets(logits, soft_targets)
    xp, n = get_xp(logits), len(logits)
    z = logits / temperature
    z = z - z.max(axis=1, keepdims=True)
    exps = xp.exp(z)
    sums = exps.sum(axis=1, keepdims=True)
    loss = (soft_targets * (xp.log(sums) - z)).sum() / n
    return loss, (exps / sums, soft_targets, temperature)


def soft_cross_entropy_backward(dloss, cache):
    """Return the gradient with respect to the student's logits.

    Forward had −Σ p log softmax(z/T), so ∂/∂(z/T) = q Σp − p = q − p, and dz = (q − p) / (T n): D15 Eq. 2. One 1/T is seen here;
    at high T the difference q − p falls as 1/T as well, which is why the soft loss is multiplied by T² where it is mixed with another.

    Parameters
    ----------
    dloss : 0-d array or float
    cache : tuple

    Returns
    -------
    dlogits : array (n, k)
    """
    q, p, temperature = cache
    check_dloss(dloss, q)
    return dloss / (temperature * len(q)) * (q * p.sum(axis=1, keepdims=True) - p)


def kl_divergence_forward(logits, soft_targets, temperature=1.0):
    """Score logits by the Kullback-Leibler divergence of their softmax from soft targets.

        loss = 1/n Σ_n Σ_k p_nk log(p_nk / q_nk)

    Parameters
    ----------
    logits, soft_targets, temperature
        As for `soft_cross_entropy_forward`.

    Returns
    -------
    loss : 0-d array
        Nats; mean over samples, sum over classes; 0 where the student agrees, as exactly as the rows of the targets sum to one.
    cache : tuple

    Raises
    ------
    ValueError, TypeError
        As `soft_cross_entropy_forward`.

    Notes
    -----
    The cross entropy less the entropy of the targets, which no student can change: the gradients are the same.
    """
    loss, cache = soft_cross_entropy_forward(logits, soft_targets, temperature)
    p = soft_targets
    return loss + (p * get_xp(p).log(p + (p == 0))).sum() / len(p), cache


kl_divergence_backward = soft_cross_entropy_backward


def check_temperature(temperature):
    """Return a temperature as a Python float, which leaves arrays their precision; raise a ValueError unless it is finite and above 0."""
    check_positive(temperature=temperature)
    return float(temperature)


def check_soft_targets(logits, soft_targets):
    """Hold soft targets against probabilities of the same samples and classes as the logits.

    Raises
    ------
    ValueError, TypeError
        If teacher and student have other class counts, or a row is negative or does not sum to one.
    """
    check_shapes(logits=(logits, "n,k"), soft_targets=(soft_targets, "n,k"))
    xp = named_xp(logits=logits, soft_targets=soft_targets)
    if bool((soft_targets < 0).any()):
        raise ValueError(f"soft_targets: got {float(soft_targets.min()):.3g}, wanted probabilities, at least 0")
    off = xp.abs(soft_targets.sum(axis=1) - 1)
    if not bool((off <= SUM_TO_ONE).all()):
        row = int(off.argmax())
        raise ValueError(f"soft_targets: got a sum of {float(soft_targets[row].sum()):.6g} in row {row}, wanted 1 in every row")
