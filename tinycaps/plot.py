"""Figures: each function returns a matplotlib Figure, and shows and saves nothing."""
import numpy as np

CORRECT, WRONG = "#0072B2", "#D55E00"
"""Blue and vermilion, told apart by the colour-blind too."""
COLOURS = (WRONG, CORRECT, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""One for each of several curves, from the same palette (Okabe and Ito)."""


def _figure(width, height):
    from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


def _show(ax, image):
    """Draw one image (h, w, c) without axes: three channels in colour, any other number as their mean."""
    ax.imshow(np.clip(image if image.shape[-1] == 3 else image.mean(axis=-1), 0, 1), cmap="gray", vmin=0, vmax=1)
    ax.set_xticks([])
    ax.set_yticks([])


def _tidy(*axes):
    """Leave a light grid and two sides of the frame."""
    for ax in axes:
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)


def save(figure, path):
    """Write a figure as a PNG, atomically."""
    from .checkpoint import write_atomically
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))


def learning_curves(log, error_of, errors=("error",)):
    """Draw the loss of the training batches and the error after each epoch.

    Parameters
    ----------
    log : list of dict
        From `tinycaps.train.train`; lines with a "loss" and lines with errors, fractions.
    error_of : str
        Whose error it is, for the label.
    errors : tuple of str
        Which ones of the lines to draw; several get a legend.
    """
    losses = [line for line in log if "loss" in line]
    figure = _figure(9, 3.5)
    left, right = figure.subplots(1, 2)
    left.plot([line["epoch"] for line in losses], [line["loss"] for line in losses], color=CORRECT, linewidth=1)
    left.set(xlabel="epoch", ylabel="training loss", yscale="log")
    for name, colour, style in zip(errors, COLOURS, (".-", ".--", ".:")):
        points = [(line["epoch"], 100 * line[name]) for line in log if name in line]
        right.plot(*np.reshape(points, (-1, 2)).T, style, color=colour, label=name.removeprefix("error "))
    right.set(xlabel="epoch", ylabel=f"error on the {error_of} (%)", ylim=(0, None))
    if errors[1:]:
        right.legend(fontsize=8, loc="upper right")
    _tidy(left, right)
    return figure


def reconstructions(images, redrawn, captions, correct):
    """Draw images above their reconstructions.

    Parameters
    ----------
    images, redrawn : arrays (n, h, w, c)
    captions : list of str
    correct : bool array (n,)
        Colours the captions.
    """
    figure = _figure(max(0.9 * len(images), 2.4), 2.2)
    axes = figure.subplots(2, len(images), squeeze=False)
    for column, image, again, caption, right in zip(axes.T, images, redrawn, captions, correct):
        _show(column[0], image)
        _show(column[1], again)
        column[0].set_title(caption, fontsize=8, color=CORRECT if right else WRONG)
    axes[0, 0].set_ylabel("image", fontsize=8)
    axes[1, 0].set_ylabel("reconstruction", fontsize=8)
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
    figure = _figure(0.5 * m + 1, 0.5 * q + 0.8)
    ax = figure.subplots()
    _show(ax, sheet)
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
    figure = _figure(0.95 * (classes + 1) + 0.8, 1.15 * rounds + 0.6)
    axes = figure.subplots(rounds, classes + 1, squeeze=False)
    for t in range(rounds):
        if t == 0:
            _show(axes[t, 0], image)
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


def step_size_errors(curves, ridders):
    """Draw the error of difference quotients against their step, and what extrapolation makes of it.

    Parameters
    ----------
    curves : dict
        Label to (steps, relative errors).
    ridders : dict
        Label to a relative error, drawn as a level line.
    """
    figure = _figure(7, 4.5)
    ax = figure.subplots()
    for (label, (steps, errors)), colour in zip(curves.items(), (CORRECT, "#56B4E9", "#009E73")):
        ax.plot(steps, errors, ".-", label=label, color=colour)
    for (label, error), style in zip(ridders.items(), ("-", "--")):
        ax.axhline(error, label=label, color=WRONG, linestyle=style)
    ax.set(xscale="log", yscale="log", xlabel="step h", ylabel="relative error of the derivative")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
    return figure


def scaling(curves):
    """Draw how time and memory grow: a column for each quantity that is changed, a line for each network.

    Parameters
    ----------
    curves : dict
        What is changed to {network: list of (size, seconds, bytes)}; the lists may be empty.
    """
    figure = _figure(3 * len(curves) + 1, 5.5)
    axes = figure.subplots(2, len(curves), sharex="col", sharey="row", squeeze=False)
    for (what, networks), column in zip(curves.items(), axes.T):
        sizes = sorted({size for points in networks.values() for size, *_ in points})
        for (network, points), colour, marker in zip(networks.items(), (WRONG, CORRECT, "#009E73"), "so^"):
            for ax, k, unit in zip(column, (1, 2), (1, 2 ** 30)):
                ax.plot([point[0] for point in points], [point[k] / unit for point in points], color=colour, marker=marker, label=network)
        if sizes and sizes[-1] >= 8 * sizes[0]:
            column[1].set_xscale("log")
        column[1].set_xticks(sizes, map(str, sizes), fontsize=8)
        column[1].set_xticks([], minor=True)
        column[1].set_xlabel(what)
    for ax, label in zip(axes[:, 0], ("seconds in a step", "peak memory (GiB)")):
        ax.set_ylabel(label)
        if any(len(line.get_xdata()) for line in ax.lines):
            ax.set_yscale("log", subs=())
            ax.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
            ax.yaxis.set_major_formatter("{x:g}")
    _tidy(*axes.ravel())
    axes[0, 0].legend(fontsize=8)
    return figure


def layer_curves(log):
    """Draw how each layer learns to tell positive from negative data.

    Parameters
    ----------
    log : list of dict
        From `tinycaps.train.train`, with the numbers of `tinycaps.forward_forward.layer_report`, and errors by the goodness of a layer
        alone, such as "error layer 0", if there are any.
    """
    log = [line for line in log if "goodness+ 0" in line]
    layers = sum(key.startswith("goodness+ ") for key in log[0]) if log else 0
    alone = bool(log) and "error layer 0" in log[0]
    epochs = [line["epoch"] for line in log]
    figure = _figure(13 if alone else 9, 3.8)
    goodness, *others = figure.subplots(1, 3 if alone else 2)
    for k, colour in zip(range(layers), COLOURS * layers):
        for sign, style in ("+", ".-"), ("-", ".--"):
            goodness.plot(epochs, [line[f"goodness{sign} {k}"] for line in log], style, color=colour)
        for ax, name in zip(others, ("misjudged", "error layer")):
            ax.plot(epochs, [100 * line[f"{name} {k}"] for line in log], ".-", color=colour, label=f"layer {k}")
    for label, style in ("positive data", "-"), ("negative data", "--"):
        goodness.plot([], style, color="0.4", label=label)
    goodness.axhline(1, color="0.4", linewidth=1, zorder=0)
    goodness.set(xlabel="epoch", ylabel="mean goodness / θ")
    goodness.set_title("Each layer moves positive data to one side of θ,\nnegative data to the other", fontsize=10)
    titles = "Samples on the wrong side of θ", "Class chosen by one layer's goodness alone"
    for ax, label, title in zip(others, ("misjudged (%)", "error (%)"), titles):
        ax.set(xlabel="epoch", ylabel=label, ylim=(0, None))
        ax.set_title(title, fontsize=10)
    goodness.margins(y=0.18)
    goodness.legend(fontsize=8, loc="upper center", ncols=2)
    if layers:
        others[0].legend(fontsize=8, loc="upper right")
    _tidy(goodness, *others)
    return figure


def receptive_fields(fields, label_weights=None):
    """Draw the learned incoming weights of some units as images, and beside each image the weights from the label pixels.

    Parameters
    ----------
    fields : array (n, h, w, c)
    label_weights : array (n, k), optional
    """
    n = len(fields)
    rows, columns = -(-n // 5), min(n, 5)
    labelled = label_weights is not None
    figure = _figure((2.2 if labelled else 1.3) * columns, 1.35 * rows + 0.6)
    axes = figure.subplots(rows, columns * (2 if labelled else 1), squeeze=False, width_ratios=[1, 0.6] * columns if labelled else None)
    panels = axes.reshape(rows * columns, -1)
    for k, (ax, *bars) in enumerate(panels):
        if k >= n:
            ax.set_axis_off()
            for bar in bars:
                bar.set_axis_off()
            continue
        field = fields[k].mean(axis=-1)
        ax.imshow(field, cmap="PuOr_r", vmin=-abs(field).max(), vmax=abs(field).max())
        ax.set_xticks([])
        ax.set_yticks([])
        for bar in bars:
            weights = label_weights[k]
            bar.barh(range(len(weights)), weights, color=[CORRECT if w > 0 else WRONG for w in weights])
            bar.axvline(0, color="0.4", linewidth=0.8)
            bar.set(xticks=[], ylim=(len(weights) - 0.4, -0.6))
            bar.set_yticks(range(len(weights)), map(str, range(len(weights))), fontsize=5)
            bar.tick_params(length=0, pad=1)
            bar.spines[:].set_visible(False)
    title = "What units of the first layer have learned to look for: orange excites, purple inhibits"
    beside = ";\nbeside each the labels that it likes (blue, to the right) and dislikes (vermilion, to the left)"
    figure.suptitle(title + beside * labelled, fontsize=10)
    return figure


def goodness_histograms(positive, negative):
    """Draw how each layer's goodness separates positive from negative data, a panel for each layer.

    Parameters
    ----------
    positive, negative : lists of arrays (n,)
        Goodness of each layer, in units of θ.
    """
    figure = _figure(3.6 * len(positive) + 0.6, 3.3)
    axes = figure.subplots(1, len(positive), sharey=True, squeeze=False)[0]
    for k, (ax, plus, minus) in enumerate(zip(axes, positive, negative)):
        edges = np.histogram_bin_edges(np.concatenate([plus, minus, [1.0]]), 40)
        for goodness, colour, label in (plus, CORRECT, "positive data"), (minus, WRONG, "negative data"):
            ax.hist(goodness, edges, color=colour, alpha=0.55, label=label)
        ax.axvline(1, color="0.2", linewidth=1, linestyle="--", label="θ")
        ax.set_title(f"layer {k}", fontsize=10)
        ax.set_xlabel("goodness / θ")
    axes[0].set_ylabel("samples")
    axes[0].margins(y=0.3)
    axes[0].legend(fontsize=8, loc="upper left")
    figure.suptitle("How well each layer tells positive from negative data by goodness alone", fontsize=10)
    _tidy(*axes)
    return figure


def label_goodness(images, goodness, labels, chosen):
    """Draw images, and below each one how good the network finds it with each label.

    Parameters
    ----------
    images : array (n, h, w, c)
    goodness : array (n, k)
        In units of θ; negative where it is minimised. The most decides.
    labels, chosen : integer arrays (n,)
        The true label and the one chosen.
    """
    n, k = goodness.shape
    figure = _figure(1.4 * n + 0.6, 3.4)
    axes = figure.subplots(2, n, squeeze=False, sharey="row")
    for column, image, bars, label, choice in zip(axes.T, images, goodness, labels, chosen):
        _show(column[0], image)
        column[0].set_title(f"{label} read as {choice}", fontsize=9, color=CORRECT if label == choice else WRONG)
        column[1].bar(range(k), bars, color=[CORRECT if j == label else WRONG if j == choice else "0.75" for j in range(k)])
        column[1].set_xticks(range(k), map(str, range(k)), fontsize=6)
        column[1].tick_params(axis="x", length=0)
        _tidy(column[1])
    axes[1, 0].set_ylabel("− goodness / θ" if goodness.max() < 0 else "goodness / θ")
    figure.suptitle("Every label is tried, and the highest bar chosen: the true label is blue, a wrong choice vermilion", fontsize=10)
    return figure
