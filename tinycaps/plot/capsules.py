"""Figures of capsules."""
import numpy as np

from .base import CORRECT, WRONG, empty_figure, show


def reconstructions(images, redrawn, captions, correct, across=12):
    """Draw images above their reconstructions.

    Parameters
    ----------
    images : array (n, h, w, c)
    redrawn : dict
        What they were redrawn from to reconstructions, array (n, h, w, c).
    captions : list of str
    correct : bool array (n,)
        Colours the captions.
    across : int
        Images side by side; more begin a new line.
    """
    rows, lines = {"image": images} | redrawn, -(-len(images) // across)
    width = min(len(images), across)
    figure = empty_figure(max(0.9 * width + 0.3, 2.4), (0.95 * len(rows) + 0.35) * lines)
    axes = figure.subplots(lines * len(rows), width, squeeze=False)
    for ax in axes.ravel():
        ax.set_axis_off()
    for k, (caption, right) in enumerate(zip(captions, correct)):
        line, column = divmod(k, across)
        for row, (name, pictures) in enumerate(rows.items(), line * len(rows)):
            ax = axes[row, column]
            ax.set_axis_on()
            show(ax, pictures[k])
            if column == 0:
                ax.set_ylabel(name, fontsize=8)
        axes[line * len(rows), column].set_title(caption, fontsize=8, color=CORRECT if right else WRONG)
    return figure


def pose_sweep(images, offsets, title):
    """Draw what each pose dimension means: one row each, moved from left to right (S17 Figure 4).

    Parameters
    ----------
    images : array (q, m, h, w, c)
        Reconstructions with dimension q moved by offsets[m].
    offsets : array (m,)
    title : str
    """
    q, m, h, w, c = images.shape
    larger = -(-56 // h)
    framed = np.pad(images.repeat(larger, axis=2).repeat(larger, axis=3), ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)), constant_values=0.4)
    h, w = framed.shape[2:4]
    sheet = framed.transpose(0, 2, 1, 3, 4).reshape(q * h, m * w, c)
    figure = empty_figure(0.5 * m + 1, 0.5 * q + 0.8)
    ax = figure.subplots()
    show(ax, sheet)
    ax.set_xticks((np.arange(m) + 0.5) * w - 0.5, [f"{offset:+.2f}" for offset in offsets], fontsize=7)
    ax.set_yticks((np.arange(q) + 0.5) * h - 0.5, [str(k + 1) for k in range(q)], fontsize=7)
    ax.tick_params(length=0)
    ax.set(xlabel="added to the dimension", ylabel="dimension of the capsule")
    ax.set_title(title, fontsize=10)
    return figure


def coupling_rounds(image, coupling, lengths, grid):
    """Draw how the primary capsules divide themselves among the classes, round by round.

    Parameters
    ----------
    image : array (h, w, c)
    coupling : list of arrays (i, j)
        One for each round; i runs over the grid, then over the types at each place.
    lengths : list of arrays (j,)
        Of the class capsules after each round.
    grid : tuple (rows, columns)
    """
    rounds, classes = len(coupling), coupling[0].shape[1]
    maps = [c.reshape(*grid, -1, classes).mean(axis=2) for c in coupling]
    spread = max(abs(m - 1 / classes).max() for m in maps)
    figure = empty_figure(0.95 * (classes + 1) + 0.8, 1.15 * rounds + 0.6)
    axes = figure.subplots(rounds, classes + 1, squeeze=False)
    for t in range(rounds):
        if t == 0:
            show(axes[t, 0], image)
        else:
            axes[t, 0].set_axis_off()
        for j in range(classes):
            ax = axes[t, j + 1]
            shown = ax.imshow(maps[t][:, :, j], cmap="PuOr_r", vmin=1 / classes - spread, vmax=1 / classes + spread)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_xlabel(f"‖v‖ = {lengths[t][j]:.2f}", fontsize=7)
            if t == 0:
                ax.set_title(f"class {j}", fontsize=8)
        axes[t, 1].set_ylabel(f"round {t + 1}", fontsize=8)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="coupling, mean over the\ntypes at a place; 1/J is white")
    return figure
