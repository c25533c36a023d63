"""Figures of measurements: the errors of derivatives, time and memory."""
from .base import CORRECT, WRONG, empty_figure, tidy


def step_size_errors(curves, ridders):
    """Draw the error of difference quotients against their step, and that of extrapolation.

    Parameters
    ----------
    curves : dict
        Label to (steps, relative errors).
    ridders : dict
        Label to a relative error, drawn as a level line.
    """
    figure = empty_figure(7, 4.5)
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
    """Draw how time and memory grow: a column for each quantity changed, a line for each network.

    Parameters
    ----------
    curves : dict
        What is changed to {network: list of (size, seconds, bytes)}; the lists may be empty.
    """
    figure = empty_figure(3 * len(curves) + 1, 5.5)
    axes = figure.subplots(2, len(curves), sharex="col", sharey="row", squeeze=False)
    for (what, networks), column in zip(curves.items(), axes.T):
        sizes = sorted({size for points in networks.values() for size, *_ in points})
        styles = zip((WRONG, CORRECT, "#009E73"), "so^")
        for (network, points), (colour, marker) in zip(networks.items(), styles):
            for ax, k, unit in zip(column, (1, 2), (1, 2 ** 30)):
                ax.plot([point[0] for point in points], [point[k] / unit for point in points],
                        color=colour, marker=marker, label=network)
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
    tidy(*axes.ravel())
    axes[0, 0].legend(fontsize=8)
    return figure
