"""Figures of capsules: what pose dimensions mean, and how routing divides the children."""
import numpy as np

from tinycaps.plot import empty_figure, show


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


def coupling_rounds(image, coupling, lengths, grid):
    """Draw how the primary capsules divide themselves among the classes, round by round.

    All maps share a true scale from 0 to 1, on which the even share 1/J is marked.

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
    figure = empty_figure(0.95 * (classes + 1) + 0.8, 1.15 * rounds + 1)
    axes = figure.subplots(rounds, classes + 1, squeeze=False)
    for t in range(rounds):
        if t == 0:
            show(axes[t, 0], image)
        else:
            axes[t, 0].set_axis_off()
        for j in range(classes):
            ax = axes[t, j + 1]
            shown = ax.imshow(maps[t][:, :, j], cmap="viridis", vmin=0, vmax=1)
            ax.set_xticks([])
            ax.set_yticks([])
            low, high = maps[t][:, :, j].min(), maps[t][:, :, j].max()
            ax.set_xlabel(f"c {low:.2f} to {high:.2f}\n‖v‖ = {lengths[t][j]:.2f}", fontsize=7)
            if t == 0:
                ax.set_title(f"class {j}", fontsize=8)
        axes[t, 1].set_ylabel(f"round {t + 1}", fontsize=8)
    bar = figure.colorbar(shown, ax=axes, shrink=0.8, label="coupling c")
    bar.ax.axhline(1 / classes, color="white", linewidth=2)
    bar.set_ticks([0, 1 / classes, 0.5, 1], labels=["0", f"1/{classes}, even", "0.5", "1"])
    low, high = maps[-1].min(), maps[-1].max()
    figure.suptitle(f"Mean coupling over the types at a place: even in round 1, from {low:.2f} to "
                    f"{high:.2f} in round {rounds}", fontsize=10)
    return figure
