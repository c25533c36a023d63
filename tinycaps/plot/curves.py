"""Curves: losses and errors against epochs, or against a setting."""
import numpy as np

from .base import COLOURS, CORRECT, MARKERS, empty_figure, tidy


def learning_curves(log, error_of, errors=("error",)):
    """Draw the loss of the training batches and the error after each epoch.

    Parameters
    ----------
    log : list of dict
        From `tinycaps.train.train`; lines with a "loss" and lines with errors, fractions.
    error_of : str
        The images that the error is of, for the label.
    errors : tuple of str
        Which ones of the lines to draw; several get a legend.
    """
    losses = [line for line in log if "loss" in line]
    figure = empty_figure(9, 3.5)
    left, right = figure.subplots(1, 2)
    left.plot([line["epoch"] for line in losses], [line["loss"] for line in losses], color=CORRECT,
              linewidth=1)
    left.set(xlabel="epoch", ylabel="training loss", yscale="log")
    for k, name in enumerate(errors):
        points = [(line["epoch"], 100 * line[name]) for line in log if name in line]
        _curve(right, points, k, name.removeprefix("error "))
    right.set(xlabel="epoch", ylabel=f"error on the\n{error_of} (%)", ylim=(0, None))
    if errors[1:]:
        right.legend(fontsize=8, loc="upper right")
    tidy(left, right)
    return figure


def error_curves(panels, xlabel, xscale="linear"):
    """Draw errors against a setting, a panel for each group of curves.

    Parameters
    ----------
    panels : dict
        Title to a dict of "curves", label to points (x, fraction); of "levels", label to a fraction
        to compare the curve of that label with; and of "places", label to an x. The last two may be
        missing.
    xlabel : str
    xscale : str
    """
    figure = empty_figure(4.6 * len(panels) + 0.4, 4.4)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, (title, panel) in zip(axes, panels.items()):
        lines = {label: _curve(ax, [(x, 100 * y) for x, y in points], k, label)
                 for k, (label, points) in enumerate(panel["curves"].items())}
        for label, level in panel.get("levels", {}).items():
            ax.axhline(100 * level, color=lines[label].get_color(), linestyle="--", linewidth=1)
        for (label, place), style in zip(panel.get("places", {}).items(), ("-", "--", ":")):
            ax.axvline(place, color="0.3", linestyle=style, linewidth=1, label=label)
        ax.set(xlabel=xlabel, ylabel="error (%)", xscale=xscale, ylim=(0, None))
        ax.set_title(title, fontsize=10)
        if xscale == "log":
            points = sorted({x for line in panel["curves"].values() for x, _ in line})
            ax.set_xticks(points, [f"{x:g}" for x in points])
            ax.set_xticks([], minor=True)
        if ax.lines:
            ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    tidy(*axes)
    return figure


def _curve(ax, points, k, label):
    """Draw the k-th of several curves: later ones are thinner, so that none is hidden."""
    x, y = np.reshape(points, (-1, 2)).T
    style = MARKERS[k % len(MARKERS)] + "-" if len(x) < 30 else "-"
    line, = ax.plot(x, y, style, color=COLOURS[k % len(COLOURS)], label=label, markersize=4,
                    linewidth=max(2.5 - 0.5 * k, 1), clip_on=False)
    return line
