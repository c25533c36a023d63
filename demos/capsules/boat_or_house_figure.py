"""The figure of boat_or_house: scenes, votes, coupling by rounds, and the parse tree."""
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from demos.capsules.boat_or_house import IN_WHOLE, WHOLES

TRIANGLE, RECTANGLE = 0, 1
SHAPES = (np.array([[-1.4, -1.4 / 3], [1.4, -1.4 / 3], [0, 2.8 / 3]]),
          np.array([[-1.2, -0.6], [1.2, -0.6], [1.2, 0.6], [-1.2, 0.6]]))
"""Corners; the right angle of the triangle is on top."""
COLOURS = ("#0072B2", "#D55E00", "#56B4E9", "#E69F00")
CAPTION = """\
An outline is a vote: the whole as one of its parts sees it; solid where votes coincide.
Each group of bars shows how a part divides itself, a bar for a round, in the colours of the wholes.
In boat' and house' the rectangle is read the other way up."""


def figure(scenes):
    """Draw three scenes, each (title, parts, votes, v, coupling)."""
    fig = Figure(figsize=(12.5, 11))
    grid = fig.add_gridspec(4, 5, left=0.035, right=0.98, top=0.96, bottom=0.1, hspace=0.32,
                            wspace=0.18)
    rows = [[grid[r, k] for k in range(5)] for r in range(3)]
    rows[2] += [grid[3, :3], grid[3, 3:]]
    for row, (title, parts, votes, v, coupling) in zip(rows, scenes):
        order = [WHOLES.index(name) for name in ("house", "house'", "boat", "boat'")]
        order = order if len(parts) > 2 else [0, 1]
        *maps, bars, tree = (fig.add_subplot(place) for place in row)
        draw_parts(maps[0], parts, edgecolor="0.3")
        maps[0].set_title(title, fontweight="bold", fontsize=11)
        for ax, j in zip(maps[1:], order):
            draw_parts(ax, parts)
            draw_votes(ax, votes[:, j], j)
        frame(maps)
        draw_coupling(bars, [c[0] for c in coupling], order)
        draw_tree(tree, coupling[-1][0], np.sqrt((v[0] ** 2).sum(axis=-1)), order)
    fig.text(0.5, 0.015, CAPTION, ha="center", fontsize=9.5, linespacing=1.5)
    return fig


def sign(i, count):
    """Return the sign of part i, ▲ or ■, with a number where there are several of a kind."""
    return "▲■"[i % 2] + (str(i // 2 + 1) if count > 2 else "")


def draw_shape(ax, kind, pose, **style):
    """Draw a triangle or a rectangle at a pose."""
    ax.add_patch(Polygon(SHAPES[kind] @ pose[:2, :2].T + pose[:2, 2], **style))


def draw_parts(ax, parts, edgecolor="none"):
    """Draw the parts of a scene with their signs."""
    for i, part in enumerate(parts):
        draw_shape(ax, i % 2, part, facecolor="0.88", edgecolor=edgecolor)
        ax.text(*part[:2, 2], sign(i, len(parts)), ha="center", va="center", fontsize=8, zorder=3,
                bbox=dict(facecolor="0.88", edgecolor="none", pad=0.5))


def draw_votes(ax, votes, j):
    """Draw whole j where each part sees it, votes (i, 3, 3); those that coincide as one outline."""
    agreed, count = [], len(votes)
    for i, ghost in enumerate(votes):
        voters = [k for k in range(count) if np.allclose(votes[k], ghost)]
        if voters[1:] and voters[0] == i:
            agreed.append(" and ".join(sign(k, count) for k in voters) + " coincide")
        style = dict(linewidth=2.4) if voters[1:] else dict(linewidth=1, linestyle="--")
        for kind in (TRIANGLE, RECTANGLE):
            draw_shape(ax, kind, ghost @ IN_WHOLE[kind, j], facecolor="none",
                       edgecolor=COLOURS[j], **style)
    ax.set_xlabel(", ".join(agreed) or "no two coincide", fontsize=9)
    ax.set_title(f"votes for the {WHOLES[j]}", fontsize=10)
    ax.spines[:].set(color=COLOURS[j], linewidth=1.5)


def frame(maps):
    """Give all maps of a scene the same square view, as large as what they show."""
    corners = np.concatenate([patch.get_xy() for ax in maps for patch in ax.patches])
    low, high = corners.min(axis=0), corners.max(axis=0)
    (x, y), side = (low + high) / 2, (high - low).max() / 2 + 0.3
    for ax in maps:
        ax.set(xlim=(x - side, x + side), ylim=(y - side, y + side), xticks=[], yticks=[])
        ax.set_aspect("equal")


def draw_coupling(ax, coupling, order):
    """Draw how each part divides itself, coupling (i, j) by rounds: one group of bars a part."""
    rounds, (count, _) = len(coupling), coupling[0].shape
    x = np.arange(count)[:, None] * (rounds + 1.5) + np.arange(rounds)
    c, bottom = np.stack(coupling, axis=1), np.zeros(x.shape)           # c: (i, round, j)
    for j in order:
        ax.bar(x.ravel(), c[:, :, j].ravel(), bottom=bottom.ravel(), width=0.9, color=COLOURS[j])
        bottom = bottom + c[:, :, j]
    ax.set(ylim=(0, 1), yticks=[0, 0.5, 1], xticks=x.mean(axis=1),
           xticklabels=[sign(i, count) for i in range(count)])
    ax.set_title(f"coupling, rounds 1 to {rounds}", fontsize=10)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def draw_tree(ax, coupling, length, order):
    """Draw wholes with their lengths, parts, and lines as thick as the coupling (i, j)."""
    above = (np.arange(len(order)) + 0.5) / len(order)
    below = (np.arange(len(coupling)) + 0.5) / len(coupling)
    for x, j in zip(above, order):
        for i, c in enumerate(coupling[:, j]):
            ax.plot([below[i], x], [0.1, 0.8], color=COLOURS[j], linewidth=4 * c, zorder=0)
        ax.text(x, 0.86, f"{WHOLES[j]}\n{length[j]:.2f}", ha="center", va="center", fontsize=9,
                bbox=dict(boxstyle="round,pad=0.35", facecolor="white", edgecolor=COLOURS[j],
                          linewidth=2))
    for i, x in enumerate(below):
        ax.text(x, 0.03, sign(i, len(coupling)), ha="center", va="center", fontsize=10)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_title("parse tree, lengths", fontsize=10)
    ax.axis("off")
