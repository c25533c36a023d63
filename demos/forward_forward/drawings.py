"""Figures of forward-forward: goodness of layers, and what units look for."""
import numpy as np

from tinycaps.plot import COLOURS, CORRECT, MARKERS, WRONG, empty_figure, show, tidy

EXCITES, INHIBITS = "#E08214", "#8073AC"
"""Orange and purple, in the images and in the bars: both ends of matplotlib's map PuOr_r."""


def layer_curves(log, judged_on):
    """Draw how each layer learns to separate positive from negative data.

    Parameters
    ----------
    log : list of dict
        From `tinycaps.train.train`, with the numbers of `tinycaps.forward_forward.layer_report`,
        and, if there are any, errors by the goodness of one layer, such as "error layer 0".
    judged_on : str
        The images of these errors; all else is of training images.
    """
    log = [line for line in log if "goodness+ 0" in line]
    layers = sum(key.startswith("goodness+ ") for key in log[0]) if log else 0
    alone = bool(log) and "error layer 0" in log[0]
    epochs = [line["epoch"] for line in log]
    figure = empty_figure(13 if alone else 9, 3.8)
    goodness, *others = figure.subplots(1, 3 if alone else 2)
    for k in range(layers):
        style = dict(color=COLOURS[k % len(COLOURS)], marker=MARKERS[k % len(MARKERS)],
                     markersize=4, linewidth=max(2.5 - 0.6 * k, 1))
        for sign, dash in ("+", "-"), ("-", "--"):
            goodness.plot(epochs, [line[f"goodness{sign} {k}"] for line in log], dash, **style)
        for ax, name in zip(others, ("misjudged", "error layer")):
            ax.plot(epochs, [100 * line[f"{name} {k}"] for line in log], label=f"layer {k}",
                    **style)
    for label, style in ("positive data", "-"), ("negative data", "--"):
        goodness.plot([], style, color="0.4", label=label)
    goodness.axhline(1, color="0.4", linewidth=1, zorder=0)
    goodness.set(xlabel="epoch", ylabel="mean goodness / θ, training images")
    goodness.set_title("Mean goodness of each layer; the line is θ", fontsize=10)
    titles = "Samples on the wrong side of θ", "Class chosen by the goodness of one layer"
    labels = "misjudged training images (%)", f"error on the {judged_on} (%)"
    for ax, label, title in zip(others, labels, titles):
        ax.set(xlabel="epoch", ylabel=label, ylim=(0, None))
        ax.set_title(title, fontsize=10)
    goodness.margins(y=0.18)
    goodness.legend(fontsize=8, loc="upper center", ncols=2)
    if layers:
        others[0].legend(fontsize=8)
    tidy(goodness, *others)
    return figure


def receptive_fields(fields, label_weights=None):
    """Draw the incoming weights of units as images, and alongside the weights from the label.

    Orange is an exciting weight and purple an inhibiting one, in the images and in the bars.

    Parameters
    ----------
    fields : array (n, h, w, c)
    label_weights : array (n, k), optional
    """
    n, labelled = len(fields), label_weights is not None
    rows, columns = -(-n // 5), min(n, 5)
    figure = empty_figure((2.2 if labelled else 1.3) * columns, 1.35 * rows + 0.6)
    axes = figure.subplots(rows, columns * (2 if labelled else 1), squeeze=False,
                           width_ratios=[1, 0.6] * columns if labelled else None)
    for ax in axes.ravel():
        ax.set_axis_off()
    for k, (ax, *bars) in enumerate(axes.reshape(rows * columns, -1)[:n]):
        field = fields[k].mean(axis=-1)
        ax.set_axis_on()
        ax.imshow(field, cmap="PuOr_r", vmin=-abs(field).max(), vmax=abs(field).max())
        ax.set_xticks([])
        ax.set_yticks([])
        for bar in bars:
            _label_bars(bar, label_weights[k])
    title = "What units of the first layer look for: orange excites, purple inhibits"
    more = ";\nthe bars are the weights from the label pixels, in the same colours"
    figure.suptitle(title + more * labelled, fontsize=10)
    return figure


def _label_bars(ax, weights):
    """Draw the weights from the label pixels, a bar for each class."""
    ax.set_axis_on()
    ax.barh(range(len(weights)), weights, color=[EXCITES if w > 0 else INHIBITS for w in weights])
    ax.axvline(0, color="0.4", linewidth=0.8)
    ax.set(xticks=[], ylim=(len(weights) - 0.4, -0.6))
    _number(ax.set_yticks, len(weights), 5)
    ax.tick_params(length=0, pad=1)
    ax.spines[:].set_visible(False)


def _number(set_ticks, classes, size):
    """Number an axis of classes; where there are many, only a few."""
    ticks = range(0, classes, 1 if classes <= 20 else -(-classes // 10))
    set_ticks(ticks, map(str, ticks), fontsize=size)


def goodness_histograms(positive, negative):
    """Draw how the goodness of each layer separates positive from negative data.

    Parameters
    ----------
    positive, negative : lists of arrays (n,)
        Goodness of each layer, in units of θ.
    """
    figure = empty_figure(3.6 * len(positive) + 0.6, 3.3)
    axes = figure.subplots(1, len(positive), sharey=True, squeeze=False)[0]
    for k, (ax, plus, minus) in enumerate(zip(axes, positive, negative)):
        edges = np.histogram_bin_edges(np.concatenate([plus, minus, [1.0]]), 40)
        kinds = (plus, CORRECT, "positive data"), (minus, WRONG, "negative data")
        for goodness, colour, label in kinds:
            ax.hist(goodness, edges, color=colour, alpha=0.55, label=label)
        ax.axvline(1, color="0.2", linewidth=1, linestyle="--", label="θ")
        ax.set_title(f"layer {k}", fontsize=10)
        ax.set_xlabel("goodness / θ")
    axes[0].set_ylabel("samples")
    axes[0].margins(y=0.3)
    axes[0].legend(fontsize=8)
    figure.suptitle("How well the goodness of each layer separates positive from negative data",
                    fontsize=10)
    tidy(*axes)
    return figure


def label_goodness(images, goodness, labels, chosen):
    """Draw images, and below each the goodness of the network with each label.

    Parameters
    ----------
    images : array (n, h, w, c)
    goodness : array (n, k)
        In units of θ; negative where it is minimised. The largest decides.
    labels, chosen : integer arrays (n,)
        The true label and the one chosen.
    """
    n, k = goodness.shape
    figure = empty_figure(1.4 * n + 0.6, 3.4)
    axes = figure.subplots(2, n, squeeze=False, sharey="row")
    for column, image, bars, label, choice in zip(axes.T, images, goodness, labels, chosen):
        show(column[0], image)
        column[0].set_title(f"{label} read as {choice}", fontsize=9,
                            color=CORRECT if label == choice else WRONG)
        colours = [CORRECT if j == label else WRONG if j == choice else "0.75" for j in range(k)]
        column[1].bar(range(k), bars, color=colours)
        _number(column[1].set_xticks, k, 6)
        column[1].tick_params(axis="x", length=0)
        tidy(column[1])
    axes[1, 0].set_ylabel("− goodness / θ" if goodness.max() < 0 else "goodness / θ")
    figure.suptitle("Every label is tried, and the highest bar chosen: the true label is blue, a "
                    "wrong choice vermilion", fontsize=10)
    return figure
