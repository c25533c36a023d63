"""Numbers that go bad in training: not finite, which stops it, or finite and far from learning."""
import logging
import math

from .backend import get_xp

LEAST_ERROR, STUCK = 0.4, 0.8
"""A network has learned nothing if its error rate is above the first, as by chance with two classes
it is, and above this fraction of what it was at the first evaluation."""


class TrainingError(RuntimeError):
    """The numbers went bad; the last good checkpoint, if there was one, is on the disk."""


def finite_mean(losses, step, saved):
    """Return the mean of the losses up to a step; raise TrainingError if one is not finite.

    The error names the last step of which there is a checkpoint; 0: there is none.
    """
    values = [float(loss) for loss in losses]
    for k, value in enumerate(values, step - len(values) + 1):
        if not math.isfinite(value):
            raise TrainingError(f"loss: got {value} at step {k}, wanted a finite number; "
                                f"{_left(saved)}. A smaller learning rate may help")
    return sum(values) / len(values)


def check_params(params, step, saved):
    """Raise TrainingError unless all parameters are finite after a step; see `finite_mean`."""
    for key, p in params.items():
        if not bool(get_xp(p).isfinite(p).all()):
            raise TrainingError(f"params: got NaN or infinity in {key} after step {step}, wanted "
                                f"finite numbers; {_left(saved)}. A smaller learning rate may "
                                "help")


def _left(saved):
    return f"the checkpoint of step {saved} stays" if saved else "there is no checkpoint yet"


def warn_of_divergence(folder, lines, first):
    """Say if the loss stayed finite but rose to twice its start, and nothing was learned.

    Without error rates in the log, the loss at its end counts, else the highest.

    Parameters
    ----------
    folder : path
        Named in the warning.
    lines : list of dict
        The log of a training, at its end.
    first : float
        Loss of the first step; those in the log are means over several steps.
    """
    losses = [line["loss"] for line in lines if "loss" in line]
    errors = [[value for key, value in line.items() if key.startswith("error")] for line in lines]
    errors = [min(each) for each in errors if each]
    start, high = min(first, losses[0]), max(losses) if errors else losses[-1]
    learned = errors and errors[-1] <= max(LEAST_ERROR, STUCK * errors[0])
    if high - start > abs(start) and not learned:
        last = f", and the error is {100 * errors[-1]:.0f} % in the end" if errors else ""
        logging.getLogger(__name__).warning(
            f"loss: rose from {start:.3g} to {high:.3g} in {folder}{last}: the training has "
            "diverged. A smaller learning rate may help")
