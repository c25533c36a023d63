"""Figures of distillation: what a teacher answers."""
from tinycaps.plot import CORRECT, empty_figure, show, tidy


def soft_targets(images, probabilities, temperatures, labels, title):
    """Draw images, and alongside each the answers of a teacher at several temperatures.

    Each temperature has a scale of its own.

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
    axes = figure.subplots(n, 1 + len(temperatures), squeeze=False, sharex="col",
                           width_ratios=[0.5] + [1] * len(temperatures))
    for row, image, answers, label in zip(axes, images, probabilities.swapaxes(0, 1), labels):
        show(row[0], image)
        for ax, p, top in zip(row[1:], answers, probabilities.max(axis=(1, 2))):
            ax.bar(range(k), p, color=[CORRECT if j == label else "0.5" for j in range(k)])
            ax.set(ylim=(0, top), yticks=[0, top], yticklabels=["0", f"{top:.2f}"],
                   axisbelow=True)
            ax.tick_params(axis="both", labelsize=7, length=0)
            tidy(ax)
    for ax, temperature in zip(axes[0, 1:], temperatures):
        ax.set_title(f"T = {temperature:g}", fontsize=10)
    for ax in axes[-1, 1:]:
        ax.set_xticks(range(k), map(str, range(k)))
    figure.suptitle(title, fontsize=10)
    return figure
