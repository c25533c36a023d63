"""The figure of probes: accuracy under attack, where the class is written, crowding, examples."""
import numpy as np

from tinycaps import plot


def figure(results, epsilons, examples):
    """Draw what the demo has measured.

    Parameters
    ----------
    results : dict
        As in run.json.
    epsilons : tuple of float
    examples : tuple
        Rows of images by name, captions, and which are classified correctly.
    """
    fig = plot.empty_figure(12, 7.5)
    above, below = fig.subfigures(2, 1, height_ratios=(1.15, 1))
    attack, place, crowd = above.subplots(1, 3)
    draw_attacks(attack, results, epsilons)
    draw_places(place, np.array(results["places"]))
    draw_crowding(crowd, results["crowding"])
    draw_examples(below, *examples)
    return fig


def draw_attacks(ax, results, epsilons):
    """Draw the accuracy against ε for each attack without a target."""
    curves = {name: y for name, y in results["attacks"].items() if not name.endswith("hit")}
    for k, (name, y) in enumerate(curves.items()):
        ax.plot([0, *epsilons], [results["clean"], *y], plot.MARKERS[k] + "-", label=name,
                color=plot.COLOURS[k], markersize=4)
    ax.set(xlabel="ε, of a pixel's range", ylabel="accuracy", ylim=(0, 1.02),
           title="under attack")
    ax.legend(fontsize=7)
    plot.tidy(ax)


def draw_places(ax, places):
    """Draw the accuracy (rows, columns) by the place of a square that hides three eighths."""
    drawn = ax.imshow(places, vmin=0, vmax=1, cmap="viridis")
    ax.figure.colorbar(drawn, ax=ax, shrink=0.8)
    ax.set(xticks=[], yticks=[], title="accuracy by the place of a black square")


def draw_crowding(ax, rows):
    """Draw the accuracy against the distance of two images of a class."""
    for name, key, k in (("two images", "accuracy", 0), ("one of them alone", "alone", 1)):
        ax.plot([row["distance"] for row in rows], [row[key] for row in rows],
                plot.MARKERS[k] + "-", color=plot.COLOURS[k], label=name)
    ax.set(xlabel="distance (pixels)", ylabel="accuracy", ylim=(0, 1.02),
           title="two of a class side by side")
    ax.legend(fontsize=8)
    plot.tidy(ax)


def draw_examples(figure, rows, captions, correct):
    """Draw rows of images, a caption over each column."""
    axes = figure.subplots(len(rows), len(captions), squeeze=False)
    for line, (name, images) in zip(axes, rows.items()):
        for ax, image in zip(line, images):
            plot.show(ax, image)
        line[0].set_ylabel(name, fontsize=8)
    for ax, caption, right in zip(axes[0], captions, correct):
        ax.set_title(caption, fontsize=8, color=plot.CORRECT if right else plot.WRONG)
