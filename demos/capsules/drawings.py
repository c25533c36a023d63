"""Figures of capsules: what pose dimensions mean, and how routing divides the children."""
import numpy as np

from tinycaps.plot import CORRECT, WRONG, empty_figure, show, tidy

FIRST, SECOND = (1.0, 0.45, 0.0), (0.0, 0.55, 1.0)
"""Red, green and blue of two digits, orange and blue; where both have ink they add up to white."""


def pose_sweep(images, offsets, dimensions, title):
    """Draw what pose dimensions mean: one row each, moved from left to right (S17 Figure 4).

    Parameters
    ----------
    images : array (d, m, h, w, c)
        Reconstructions with dimension d moved by offsets[m].
    offsets : array (m,)
    dimensions : sequence of int
        Numbers of the dimensions, for the labels.
    title : str
    """
    d, m, h, w, c = images.shape
    larger = -(-56 // h)
    framed = np.pad(images.repeat(larger, axis=2).repeat(larger, axis=3),
                    ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)), constant_values=0.4)
    h, w = framed.shape[2:4]
    figure = empty_figure(0.5 * m + 1, 0.5 * d + 0.9)
    ax = figure.subplots()
    show(ax, framed.transpose(0, 2, 1, 3, 4).reshape(d * h, m * w, c))
    ax.set_xticks((np.arange(m) + 0.5) * w - 0.5, [f"{offset:+.2f}" for offset in offsets],
                  fontsize=7)
    ax.set_yticks((np.arange(d) + 0.5) * h - 0.5, [str(each) for each in dimensions], fontsize=7)
    ax.tick_params(length=0)
    ax.set(xlabel="added to the dimension", ylabel="dimension of the capsule")
    ax.set_title(title, fontsize=10)
    return figure


def two_colours(digits):
    """Lay two digits over each other, the first in orange, the second in blue (S17 Figure 5).

    Parameters
    ----------
    digits : array (n, 2, h, w, c)

    Returns
    -------
    array (n, h, w, 3)
    """
    return np.einsum("ndhwc,dk->nhwk", digits / digits.shape[-1], (FIRST, SECOND)).clip(0, 1)


def coupling_rounds(image, coupling, lengths):
    """Draw how the primary capsules divide themselves among the classes, round by round.

    Every primary capsule is a dot in each class, on a scale from 0 to 1 on which the even share 1/J
    is marked; below are the lengths of the class capsules. The longest one is blue.

    Parameters
    ----------
    image : array (h, w, c)
    coupling : list of arrays (i, j)
        One for each round.
    lengths : list of arrays (j,)
        Of the class capsules after each round.
    """
    rounds, (capsules, classes) = len(coupling), coupling[0].shape
    figure = empty_figure(1.6 + 3 * rounds, 4.8)
    left, right = figure.subfigures(1, 2, width_ratios=[1, 2 * rounds])
    show(left.subplots(), image)
    axes = right.subplots(2, rounds, squeeze=False, sharex=True, sharey=True)
    longest = lengths[-1].argmax()
    colours = [CORRECT if j == longest else "0.6" for j in range(classes)]
    places = np.arange(classes) + np.linspace(-0.32, 0.32, capsules)[:, None]           # (i, j)
    for t, (dots, bars) in enumerate(axes.T):
        for j, colour in enumerate(colours):
            dots.scatter(places[:, j], coupling[t][:, j], color=colour, s=6, linewidths=0)
        dots.axhline(1 / classes, color=WRONG, linewidth=1, linestyle="--")
        dots.set_title(f"round {t + 1}", fontsize=10)
        bars.bar(range(classes), lengths[t], color=colours)
        bars.set(xlabel="class", ylim=(0, 1))
    every = -(-classes // 20)
    axes[0, 0].set_xticks(range(0, classes, every))
    axes[0, 0].set_ylabel("coupling c")
    axes[1, 0].set_ylabel("length ‖v‖")
    right.suptitle(f"How {capsules:,} primary capsules, a dot in each class, share themselves out; "
                   f"dashed: the even share 1/{classes}.\nBelow: the length of each class capsule; "
                   "blue: the longest", fontsize=10)
    tidy(*axes.ravel())
    return figure
