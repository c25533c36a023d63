"""Length normalisation: a layer shows the next its direction, and hides its goodness (H22).

The goodness of a layer is the square of its length. Were that passed on, the next layer could tell
positive from negative data by the length of its input alone, and would learn nothing new.

Two scales. The paper divides by the length, ‖ŷ‖ = 1. Hinton's Matlab makes the mean square one,
‖ŷ‖ = √m, the default here. With a length of one, inputs are √m times smaller: weights that are √m
times larger give the same goodness under the same θ, and learn the same when their learning rate
(not that of the biases) is m times larger and their weight decay m times smaller. A layer with the
settings of one scale and the inputs of the other has a goodness that is wrong by a factor m, and
hardly learns.
"""
from ..backend import get_xp
from ..checks import check_choice, door

SCALES = ("mean square", "length")


@door(y="square n,m")
def length_normalise_forward(y, scale="mean square"):
    """Divide activities by their length, without subtracting their mean.

        length_n = ‖y_n‖                        [a]
        ŷ_n = s y_n / length_n                  [§2.1]

    with s = √m for a mean square of one, s = 1 for a length of one.

    Parameters
    ----------
    y : array (n, m)
        Activities.
    scale : "mean square" or "length"

    Returns
    -------
    normalised : array (n, m)
        Zeros where y is all zeros.

    Notes
    -----
    The paper's scale is "length".
    Loops: tests.reference.forward_forward.length_normalise
    """
    check_choice(SCALES, scale=scale)
    length = get_xp(y).sqrt((y * y).sum(axis=1, keepdims=True))             # [a]
    s = y.shape[1] ** 0.5 if scale == "mean square" else 1.0                # [§2.1 -]
    factor = s / (length + (length == 0))                                   # [§2.1] never 0/0
    normalised = factor * y                                                 # [§2.1]
    return normalised, (normalised, factor, s)


@door(dnormalised="n,m", cache=("n,m",))
def length_normalise_backward(dnormalised, cache):
    """dnormalised (n, m) -> dy (n, m): what points along y is lost.

    Forward had ŷ = s y/‖y‖ and ∂‖y‖/∂y = y/‖y‖ = ŷ/s, so

        dy = s/‖y‖ (dŷ − ŷ (ŷ · dŷ)/s²)

    At y = 0, where there is no derivative, it is s dŷ: finite. Forward-forward never calls this,
    for nothing flows back through a layer; it is here for comparisons with backpropagation.
    """
    normalised, factor, s = cache
    along = (normalised * dnormalised).sum(axis=1, keepdims=True)           # [§2.1] ŷ · dŷ
    dlength = -factor / s * along           # [§2.1] ŷ = s y/length, so dlength = −ŷ · dŷ/length
    dy = factor * dnormalised               # [§2.1] and dy = s/length dŷ
    return dy + dlength / s * normalised    # [a] ∂length/∂y = y/length = ŷ/s
