"""Errors of several networks, under several conditions."""
import numpy as np

from .base import CORRECT, WRONG, empty_figure, tidy


def error_bars(groups, error_of, title=None):
    """Draw a bar for the mean error of each condition, and a dot for each network.

    Parameters
    ----------
    groups : dict
        Condition to fractions, one for each seed.
    error_of : str
        The images that the error is of, for the label.
    title : str, optional
    """
    figure = empty_figure(1.7 * len(groups) + 1.4, 3.8)
    ax = figure.subplots()
    for k, errors in enumerate(groups.values()):
        errors = 100 * np.asarray(errors)
        ax.bar(k, errors.mean(), width=0.6, color=CORRECT, alpha=0.35, zorder=1)
        ax.scatter(k + _apart(len(errors)), errors, color=CORRECT, s=22, zorder=2)
        ax.annotate(f"{errors.mean():.2f} %", (k, errors.max()), (0, 6), ha="center", fontsize=9,
                    textcoords="offset points")
    ax.set_xticks(range(len(groups)), list(groups))
    ax.set(ylabel=f"error on the {error_of} (%)", xlim=(-0.5, len(groups) - 0.5))
    ax.set_axisbelow(True)
    ax.margins(y=0.15)
    ax.set_ylim(0, None)
    if title:
        ax.set_title(title, fontsize=10)
    tidy(ax)
    return figure


def spread(groups, error_of, crowd="mean"):
    """Draw a dot for each of several networks, under several conditions.

    Lines join what belongs together.

    Parameters
    ----------
    groups : dict
        Condition to (fractions, fraction of the crowd or None).
    error_of : str
        The images that the error is of, for the label.
    crowd : str
        What the fraction of the crowd is that of, for the legend.
    """
    figure = empty_figure(1.9 * len(groups) + 1.2, 3.8)
    ax = figure.subplots()
    errors = [100 * np.asarray(each) for each, _ in groups.values()]
    places = [k + _apart(len(each)) for k, each in enumerate(errors)]
    for k in range(1, len(errors)):
        if len(errors[k]) == len(errors[k - 1]) > 1:
            ax.plot([places[k - 1], places[k]], [errors[k - 1], errors[k]], color="0.85",
                    linewidth=1, zorder=1)
    ax.scatter(np.concatenate(places), np.concatenate(errors), color=CORRECT, s=25, zorder=2,
               label="one network")
    shared = [(k, 100 * each) for k, (_, each) in enumerate(groups.values()) if each is not None]
    if shared:
        ax.scatter(*np.transpose(shared), color=WRONG, marker="D", s=50, zorder=3, label=crowd)
        ax.legend(fontsize=8)
    ax.set_xticks(range(len(groups)), list(groups))
    ax.set(ylabel=f"error on the {error_of} (%)", ylim=(0, None), xlim=(-0.5, len(groups) - 0.5))
    tidy(ax)
    return figure


def _apart(count):
    """Return offsets that keep the dots of one condition apart."""
    return 0.24 * (np.arange(count) - (count - 1) / 2) / count
