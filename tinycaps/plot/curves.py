"""Figures of any training."""
import numpy as np

from .base import COLOURS, CORRECT, empty_figure, tidy


def learning_curves(log, error_of, errors=("error",)):
    """Draw the loss of the training batches and the error after each epoch.

    Parameters
    ----------
    log : list of dict
        From `tinycaps.train.train`; lines with a "loss" and lines with errors, fractions.
    error_of : str
        Whose error it is, for the label.
    errors : tuple of str
        Which ones of the lines to draw; several get a legend.
    """
    losses = [line for line in log if "loss" in line]
    figure = empty_figure(9, 3.5)
    left, right = figure.subplots(1, 2)
    left.plot([line["epoch"] for line in losses], [line["loss"] for line in losses], color=CORRECT, linewidth=1)
    left.set(xlabel="epoch", ylabel="training loss", yscale="log")
    for name, colour, style in zip(errors, COLOURS, (".-", ".--", ".:")):
        points = [(line["epoch"], 100 * line[name]) for line in log if name in line]
        right.plot(*np.reshape(points, (-1, 2)).T, style, color=colour, label=name.removeprefix("error "))
    right.set(xlabel="epoch", ylabel=f"error on the {error_of} (%)", ylim=(0, None))
    if errors[1:]:
        right.legend(fontsize=8, loc="upper right")
    tidy(left, right)
    return figure
