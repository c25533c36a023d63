"""Tables and rows of images."""
from .base import CORRECT, WRONG, empty_figure, show


def image_table(rows, captions, correct, across=12):
    """Draw rows of images that belong together column by column, a caption over each column.

    Parameters
    ----------
    rows : dict
        Label of a row to its images, array (n, h, w, c).
    captions : list of str
    correct : bool array (n,)
        Colours the captions.
    across : int
        Columns side by side; more begin a new line.
    """
    lines, width = -(-len(captions) // across), min(len(captions), across)
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
        colour = CORRECT if right else WRONG
        axes[line * len(rows), column].set_title(caption, fontsize=8, color=colour)
    return figure


def image_rows(rows, captions):
    """Draw rows of images, a title over each row and a caption over each image.

    Parameters
    ----------
    rows : dict
        Title to images, array (n, h, w, c); n may differ.
    captions : list of lists of str
    """
    most = max(map(len, rows.values()))
    figure = empty_figure(0.95 * most + 0.6, 1.45 * len(rows) + 0.1)
    parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for part, (title, images), above in zip(parts, rows.items(), captions):
        part.suptitle(title, fontsize=10)
        for k, ax in enumerate(part.subplots(1, most, squeeze=False)[0]):
            if k < len(images):
                show(ax, images[k])
                ax.set_title(above[k], fontsize=8)
            else:
                ax.set_axis_off()
    return figure
