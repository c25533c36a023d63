"""Length normalisation: the next layer is shown the direction of the activities, and never the goodness that their length tells."""
from ..backend import get_xp
from ..checks import check_shapes

SCALES = ("mean square", "length")


def length_normalise_forward(y, scale="mean square"):
    """Divide activities by their length, without subtracting their mean.

        ŷ_n = s y_n / ‖y_n‖,    s = √m for a mean square of one, s = 1 for a length of one         H22 section 2.1

    Parameters
    ----------
    y : array (n, m)
    scale : "mean square" or "length"

    Returns
    -------
    normalised : array (n, m)
        Zeros where y is all zeros.
    cache : tuple

    Raises
    ------
    ValueError, TypeError
        If there is no such scale.

    Notes
    -----
    The paper divides by the length; Hinton's Matlab makes the mean square one, the default here. With a length of one, inputs are √m
    times smaller: weights that are √m times larger give the same goodness under the same θ, and learn the same when their learning
    rate (not that of the biases) is m times larger and their weight decay m times smaller. A layer with the settings of one and the
    inputs of the other sees a goodness that is m times off, and hardly learns. The networks here have a mean square of one.
    """
    check_shapes(y=(y, "n,m"))
    if scale not in SCALES:
        raise ValueError(f"scale: got {scale!r}, wanted {' or '.join(SCALES)}")
    xp = get_xp(y)
    length = xp.sqrt(xp.einsum("nm,nm->n", y, y))[:, None]
    size = y.shape[1] ** 0.5 if scale == "mean square" else 1.0
    factor = size / (length + (length == 0))
    normalised = y * factor
    return normalised, (normalised, factor, size)


def length_normalise_backward(dnormalised, cache):
    """Return the gradient with respect to the activities.

    Forward had ŷ = s y/‖y‖, and ∂‖y‖/∂y = y/‖y‖ = ŷ/s, so dy = s/‖y‖ (dŷ − ŷ (ŷ·dŷ)/s²): what points along y is lost. At
    y = 0, where there is no derivative, it is dŷ s: finite.

    Parameters
    ----------
    dnormalised : array (n, m)
    cache : tuple

    Returns
    -------
    dy : array (n, m)

    Notes
    -----
    Forward-forward never calls it: nothing flows back through a layer. It is here for those who compare with backpropagation.
    """
    normalised, factor, size = cache
    check_shapes(dnormalised=(dnormalised, normalised.shape), y=(normalised, normalised.shape))
    along = (normalised * dnormalised).sum(axis=1, keepdims=True) / size ** 2
    return factor * (dnormalised - normalised * along)
