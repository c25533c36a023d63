"""Goodness, the one number that a layer judges its input by, and the loss that each layer has of its own (H22 section 2)."""
from ..backend import get_xp
from ..checks import check_dloss, check_positive, check_shapes
from ..ops.activations import sigmoid_forward

GOALS = {"maximise": 1.0, "minimise": -1.0}
"""What is done with the goodness of positive data, and its sign; the opposite is done with that of negative data."""


def goodness_forward(y):
    """Sum the squares of a layer's activities.

        G_n = Σ_m y_nm²                                                                              H22 section 2

    Parameters
    ----------
    y : array (n, m)

    Returns
    -------
    goodness : array (n,)
    cache : array

    Notes
    -----
    Same as the paper. Some implementations take the mean and another θ: a far flatter objective, by a factor m.
    """
    check_shapes(y=(y, "n,m"))
    return get_xp(y).einsum("nm,nm->n", y, y), y


def goodness_backward(dgoodness, cache):
    """Return the gradient with respect to the activities: forward had G = Σ y², so dy_nm = 2 y_nm dG_n.

    Parameters
    ----------
    dgoodness : array (n,)
    cache : array

    Returns
    -------
    dy : array (n, m)
    """
    y = cache
    check_shapes(y=(y, "n,m"), dgoodness=(dgoodness, "n"))
    return y * (2 * dgoodness)[:, None]


def positive_probability(goodness, theta, goal="maximise"):
    """Tell how surely a layer takes its input for positive.

        p(positive) = σ(G − θ), or σ(θ − G) where goodness is minimised                              H22 Eq. 1

    Parameters
    ----------
    goodness : array (n,)
    theta : float
        Above 0; p = 1/2 there.
    goal : "maximise" or "minimise"

    Returns
    -------
    p : array (n,)

    Raises
    ------
    ValueError, TypeError
        If theta is not above 0, or there is no such goal.

    Notes
    -----
    Same as the paper.
    """
    check_shapes(goodness=(goodness, "n"))
    _check(theta, goal)
    return sigmoid_forward(GOALS[goal] * (goodness - theta))[0]


def goodness_loss_forward(goodness_pos, goodness_neg, theta, goal="maximise"):
    """Score a layer by how well its goodness tells positive from negative data.

        loss = − 1/n Σ_n [log p(positive | G⁺_n) + log(1 − p(positive | G⁻_n))]                     H22 Eq. 1

    Parameters
    ----------
    goodness_pos, goodness_neg : array (n,)
        Of real and of negative samples.
    theta : float
        The threshold, above 0.
    goal : "maximise" or "minimise"
        The goodness of positive data.

    Returns
    -------
    loss : 0-d array
        Nats, mean over the n pairs: 2 log 2 for a layer that knows nothing.
    cache : tuple

    Raises
    ------
    ValueError, TypeError
        If theta is not above 0, or there is no such goal.

    Notes
    -----
    Same as the paper, which maximises by default and says that minimising works too.
    Computed as log(1 + exp(−margin)), finite for goodness of any size.
    """
    check_shapes(goodness_pos=(goodness_pos, "n"), goodness_neg=(goodness_neg, "n"))
    _check(theta, goal)
    sign = GOALS[goal]
    right_pos, right_neg = sign * (goodness_pos - theta), sign * (theta - goodness_neg)
    xp = get_xp(goodness_pos)
    loss = (xp.logaddexp(0, -right_pos) + xp.logaddexp(0, -right_neg)).sum() / len(goodness_pos)
    return loss, (right_pos, right_neg, sign)


def goodness_loss_backward(dloss, cache):
    """Return the gradients with respect to the goodness of positive and of negative samples.

    Forward had −log σ(±(G − θ)), whose slope is ∓(1 − σ): the probability of being wrong, so
    dG⁺ = −σ(θ − G⁺)/n and dG⁻ = σ(G⁻ − θ)/n; minimising turns the signs round.

    Parameters
    ----------
    dloss : 0-d array or float
    cache : tuple

    Returns
    -------
    dgoodness_pos, dgoodness_neg : arrays (n,)
    """
    right_pos, right_neg, sign = cache
    check_dloss(dloss, right_pos)
    scale = dloss * sign / len(right_pos)
    return -scale * sigmoid_forward(-right_pos)[0], scale * sigmoid_forward(-right_neg)[0]


def _check(theta, goal):
    check_positive(theta=theta)
    if goal not in GOALS:
        raise ValueError(f"goal: got {goal!r}, wanted {' or '.join(GOALS)}")
