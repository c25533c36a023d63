"""Figures of distillation."""
import numpy as np

from .base import COLOURS, CORRECT, WRONG, empty_figure, show, tidy


def soft_targets(images, probabilities, temperatures, labels, title):
    """Draw images, and beside each one what a teacher thinks of it at several temperatures, each to a scale of its own.

    Parameters
    ----------
    images : array (n, h, w, c)
    probabilities : array (t, n, k)
        For every temperature.
    temperatures : sequence of float
    labels : integer array (n,)
        Their bars are blue.
    title : str
    """
    n, k = len(images), probabilities.shape[2]
    figure = empty_figure(1.9 * len(temperatures) + 1.2, 0.85 * n + 0.6)
    axes = figure.subplots(n, 1 + len(temperatures), squeeze=False, sharex="col", width_ratios=[0.5] + [1] * len(temperatures))
    for row, image, answers, label in zip(axes, images, probabilities.swapaxes(0, 1), labels):
        show(row[0], image)
        for ax, p, top in zip(row[1:], answers, probabilities.max(axis=(1, 2))):
            ax.bar(range(k), p, color=[CORRECT if j == label else "0.5" for j in range(k)])
            ax.set(ylim=(0, top), yticks=[0, top], yticklabels=["0", f"{top:.2f}"], axisbelow=True)
            ax.tick_params(axis="both", labelsize=7, length=0)
            tidy(ax)
    for ax, temperature in zip(axes[0, 1:], temperatures):
        ax.set_title(f"T = {temperature:g}", fontsize=10)
    for ax in axes[-1, 1:]:
        ax.set_xticks(range(k), map(str, range(k)))
    figure.suptitle(title, fontsize=10)
    return figure


def image_rows(rows, captions):
    """Draw rows of images, a caption over each image.

    Parameters
    ----------
    rows : dict
        What a row shows to its images, array (n, h, w, c).
    captions : list of lists of str
    """
    most = max(map(len, rows.values()))
    figure = empty_figure(0.95 * most + 0.6, 1.45 * len(rows) + 0.1)
    for part, (title, images), above in zip(figure.subfigures(len(rows), 1, squeeze=False)[:, 0], rows.items(), captions):
        part.suptitle(title, fontsize=10)
        for k, ax in enumerate(part.subplots(1, most, squeeze=False)[0]):
            if k < len(images):
                show(ax, images[k])
                ax.set_title(above[k], fontsize=8)
            else:
                ax.set_axis_off()
    return figure


def error_curves(panels, xlabel, xscale="linear"):
    """Draw errors against something, a panel for each part of an experiment.

    Parameters
    ----------
    panels : dict
        Title to a dict of "curves", label to points (x, fraction); of "levels", label to a fraction to compare the curve of that label
        with; and of "places", label to an x. The last two may be missing.
    xlabel : str
    xscale : str
    """
    figure = empty_figure(4.6 * len(panels) + 0.4, 4.4)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, (title, panel) in zip(axes, panels.items()):
        colours = dict(zip(panel["curves"], COLOURS * len(panel["curves"])))
        for label, points in panel["curves"].items():
            x, y = np.reshape(points, (-1, 2)).T
            ax.plot(x, 100 * y, ".-" if len(x) < 30 else "-", color=colours[label], label=label)
        for label, level in panel.get("levels", {}).items():
            ax.axhline(100 * level, color=colours[label], linestyle="--", linewidth=1)
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


def spread(groups, error_of, crowd="mean"):
    """Draw the errors of several networks, a dot for each, under several conditions; lines join what belongs together.

    Parameters
    ----------
    groups : dict
        Condition to (fractions, fraction of the crowd or None).
    error_of : str
        Whose error it is, for the label.
    crowd : str
        What the fraction of the crowd is that of, for the legend.
    """
    figure = empty_figure(1.9 * len(groups) + 1.2, 3.8)
    ax = figure.subplots()
    errors = [100 * np.asarray(each) for each, _ in groups.values()]
    places = [k + 0.24 * (np.arange(len(each)) - (len(each) - 1) / 2) / len(each) for k, each in enumerate(errors)]
    for k in range(1, len(errors)):
        if len(errors[k]) == len(errors[k - 1]) > 1:
            ax.plot([places[k - 1], places[k]], [errors[k - 1], errors[k]], color="0.85", linewidth=1, zorder=1)
    ax.scatter(np.concatenate(places), np.concatenate(errors), color=CORRECT, s=25, zorder=2, label="one network")
    shared = [(k, 100 * error) for k, (_, error) in enumerate(groups.values()) if error is not None]
    if shared:
        ax.scatter(*np.transpose(shared), color=WRONG, marker="D", s=50, zorder=3, label=crowd)
        ax.legend(fontsize=8)
    ax.set_xticks(range(len(groups)), list(groups))
    ax.set(ylabel=f"error on the {error_of} (%)", ylim=(0, None), xlim=(-0.5, len(groups) - 0.5))
    tidy(ax)
    return figure
