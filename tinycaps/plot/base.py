"""What all figures share: colours, empty figures, images without axes, and saving."""
import numpy as np

CORRECT, WRONG = "#0072B2", "#D55E00"
"""Blue and vermilion, which the colour-blind can distinguish too."""
COLOURS = (WRONG, CORRECT, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""One for each of several curves, from the same palette (Okabe and Ito)."""
MARKERS = "os^Dv*"
"""One for each of several curves, so that none hides another."""


def empty_figure(width, height):
    """Return a figure, in inches; matplotlib is imported here, and pyplot never."""
    from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


def show(ax, image):
    """Draw an image (h, w, c) without axes: three channels in colour, others as their mean."""
    image = image if image.shape[-1] == 3 else image.mean(axis=-1)
    ax.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1)
    ax.set_xticks([])
    ax.set_yticks([])


def tidy(*axes):
    """Leave a light grid and two sides of the frame."""
    for ax in axes:
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)


def save(figure, path):
    """Write a figure as a PNG, atomically."""
    from ..checkpoint import write_atomically
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))
