"""Goodness, the one number by which a layer judges its input, and the loss that goes with it (H22).

Sum or mean? Here G is the sum of the squares of m activities. Public code often takes their mean,
G/m, against a threshold θ' of its own. With θ = m θ' both draw the line at the same G, but

    sum      p = σ(G − θ)                         dy = 2 y dG
    mean     p = σ(G/m − θ') = σ((G − θ) / m)     dy = 2 y/m dG'

so the mean is the sum at temperature m. The logistic function sees a spread of G that is m times
smaller: for p = 0.99 the sum needs G = θ + 4.6, the mean G = θ + 4.6 m. Both are wrong with
probability 1/2 at the threshold, |dG| = |dG'| = 1/2, so there the gradient of every activity is
exactly m times smaller with the mean.
"""
from ..backend import get_xp
from ..checks import check_choice, check_positive, door
from ..ops.activations import sigmoid_forward

GOALS = {"maximise": 1.0, "minimise": -1.0}
"""What is done with the goodness of positive data, and its sign; negative data get the opposite."""


@door(y="n,m")
def goodness_forward(y):
    """Sum the squares of a layer's activities.

        G_n = Σ_m y_nm²        [§2]

    Parameters
    ----------
    y : array (n, m)
        Activities.

    Returns
    -------
    goodness : array (n,)

    Notes
    -----
    Same as the paper.
    Loops: tests.reference.forward_forward.goodness
    """
    return (y * y).sum(axis=1), y                   # [§2]


@door(dgoodness="n", cache="n,m")
def goodness_backward(dgoodness, cache):
    """dgoodness (n,) -> dy (n, m), zero wherever y is."""
    y = cache
    return 2 * y * dgoodness[:, None]               # [§2] G = Σ y², so dy = 2 y dG


@door(goodness="n")
def positive_probability(goodness, theta, goal="maximise"):
    """Return the probability, by one layer's judgement, that its input is positive.

        p = σ(s (G − θ)),    s = 1, or −1 where goodness is minimised        [Eq. 1]

    Parameters
    ----------
    goodness : array (n,)
    theta : float
        Threshold above 0, where p = 1/2.
    goal : "maximise" or "minimise"

    Returns
    -------
    p : array (n,)

    Notes
    -----
    Same as the paper.
    """
    check_positive(theta=theta)
    check_choice(GOALS, goal=goal)
    return sigmoid_forward(GOALS[goal] * (goodness - theta))[0]     # [Eq. 1]


@door(goodness_pos="n", goodness_neg="n")
def goodness_loss_forward(goodness_pos, goodness_neg, theta, goal="maximise"):
    """Score a layer by how well its goodness separates positive from negative data.

        margin⁺_n = s (G⁺_n − θ),    margin⁻_n = s (θ − G⁻_n)           [Eq. 1]
        loss = − 1/n Σ_n (log σ(margin⁺_n) + log σ(margin⁻_n))          [a]

    with s = 1, or −1 where goodness is minimised: σ(margin) is the probability of being right.

    Parameters
    ----------
    goodness_pos, goodness_neg : array (n,)
        Of positive and of negative samples.
    theta : float
        Threshold above 0.
    goal : "maximise" or "minimise"
        The goodness of positive data.

    Returns
    -------
    loss : 0-d array
        Nats, mean over the n pairs: 2 log 2 for a layer that knows nothing.

    Notes
    -----
    Same as the paper, which maximises by default and says that minimising works too.
    Loops: tests.reference.forward_forward.goodness_loss
    """
    check_positive(theta=theta)
    check_choice(GOALS, goal=goal)
    xp, sign = get_xp(goodness_pos), GOALS[goal]
    margin_pos = sign * (goodness_pos - theta)                              # [Eq. 1]
    margin_neg = sign * (theta - goodness_neg)                              # [Eq. 1]
    # −log σ(margin) as log(exp(0) + exp(−margin)): finite for a goodness of any size.
    costs = xp.logaddexp(0, -margin_pos) + xp.logaddexp(0, -margin_neg)     # [a]
    return costs.sum() / len(costs), (margin_pos, margin_neg, sign)         # [a]


@door(dloss="", cache=("n", "n"))
def goodness_loss_backward(dloss, cache):
    """dloss () -> dgoodness_pos (n,), dgoodness_neg (n,).

    Forward had −log σ(margin), whose slope is −σ(−margin): minus the probability of being wrong. So
    samples that are judged rightly with certainty ask for nothing, and maximising gives

        dG⁺ = −σ(θ − G⁺)/n,    dG⁻ = σ(G⁻ − θ)/n
    """
    margin_pos, margin_neg, sign = cache
    wrong_pos, _ = sigmoid_forward(-margin_pos)     # [a] −log σ(margin) has slope −σ(−margin)
    wrong_neg, _ = sigmoid_forward(-margin_neg)     # [a]
    scale = dloss * sign / len(margin_pos)          # [a, Eq. 1] mean over the pairs; margin ∝ s
    return -scale * wrong_pos, scale * wrong_neg    # [Eq. 1] G⁺ raises its margin, G⁻ lowers it
