"""Data flow as a drawing made from the code: the forward, and opposite it the mirror (SVG)."""
import inspect
import re
from typing import NamedTuple

import numpy as np

from . import sizes, source
from .trace import trace
from .writing import Html, el, escape, section, table

PITCH, HEIGHT, WIDTH = 78, 38, 260
"""In pixels: from one row of boxes to the next, and the size of a box."""
LEFT, GAP = 160, 90
"""Room for arrows: to the left of the forward, and between the two sides."""


class Row(NamedTuple):
    """What the forward does under one tag at one moment, and the steps of the backward for it."""

    tags: tuple
    forward: list
    backward: list


def section_of(pair):
    """Return the section with the drawing of a pair that is made of others; else nothing."""
    if not source.uses()[pair.op]:
        return ""
    arguments, keywords, samples = sizes.arguments(pair.op)
    rows = run(pair, arguments, keywords, samples)
    size = "of the published sizes" if pair.op in sizes.PUBLISHED else "of the gradient check"
    head = (f"Read off a run of the code, with arrays {size}. Down the left the forward, up the "
            "right its mirror: each box of the backward stands opposite the line that it answers. ")
    if samples:
        head += "n is the number of samples."
    return section("Data flow", el("p", head),
                   el("div", draw(pair, rows), class_="scroll", tabindex=0, role="group",
                      aria_label=f"Data flow of {pair.op}"), _as_text(rows))


def run(pair, arguments, keywords, samples):
    """Run both sides of a pair; return the Rows."""
    params = arguments[0] if isinstance(arguments[0], dict) else {}
    names = {id(array): key for key, array in params.items()}

    def keep(array):
        shape = list(map(str, array.shape))
        if samples and shape and array.shape[0] in (samples, 2 * samples) \
                and id(array) not in names:
            shape[0] = "n" if array.shape[0] == samples else "2n"
        return f"({', '.join(shape)})" if shape else "()", names.get(id(array))

    (out, cache), forward = trace(pair.forward.function, *arguments, keep=keep, **keywords)
    upstream = [np.ones_like(y) for y in (out if isinstance(out, tuple) else (out,))]
    if [*inspect.signature(pair.backward.function).parameters] == ["caches"]:
        upstream = []                                           # losses of their own, no derivative
    _, backward = trace(pair.backward.function, *upstream, cache, keep=keep)
    code = "".join(line.code for line in pair.backward.lines)
    return _rows(forward, backward, mirrored="for " not in code or "reversed(" in code)


def _rows(forward, backward, mirrored):
    """Put the steps that belong together into Rows, each backward step opposite its forward.

    A step without a tag, such as a slice, belongs to the one before it. Where a tag occurs several
    times, a mirrored backward answers the last one first.
    """
    rows = []
    for step in forward:
        tags = step.tags + step.constants
        if rows and rows[-1].tags == tags or rows and not tags:
            rows[-1].forward.append(step)
        elif tags and (step.made or step.calls):
            rows.append(Row(tags, [step], []))
    places = {}
    for tag in dict.fromkeys(tag for step in backward for tag in step.tags):
        answered = [row for row in rows if tag in row.tags][::-1 if mirrored else 1]
        steps = [number for number, step in enumerate(backward) if step.tags[:1] == (tag,)]
        for k, number in enumerate(steps if answered else ()):  # a branch may not have been taken
            share = -(-len(steps) // len(answered))
            places[number] = answered[min(k // share, len(answered) - 1)]
    place = None
    for number, step in enumerate(backward):
        place = places.get(number, place)
        if place:
            place.backward.append(step)
    return rows


def label(steps, pair, side):
    """Return the text of a box, and the op whose page it links.

    A line that calls no other pair shows its formula or, in the backward, the words of its tag.
    """
    ops = [op for step in steps for call in step.calls
           for op in [source.called_op(call, pair.forward.function)] if op]
    if ops:
        return " and ".join(dict.fromkeys(ops)) + side, ops[0]
    lines = [line.text.strip() for line in pair.formula if set(line.tags) & set(
        steps[0].tags + steps[0].constants)]
    text = steps[0].code.removeprefix("return ")
    if not side and len(lines) == 1:
        text = re.split(r",? {2,}", lines[0])[0]
    elif side and steps[0].words:
        text = steps[0].words
    return _short(text, 31), None


def draw(pair, rows):
    """Return the drawing."""
    x_forward, x_backward = LEFT, LEFT + WIDTH + GAP
    pieces = [_arrows([row.forward for row in rows], x_forward, down=True)]
    steps = [row.backward for row in rows]
    pieces.append(_arrows(steps, x_backward, down=False))
    for number, row in enumerate(rows):
        y = 40 + number * PITCH
        params = [key for step in row.forward if step.tags or step.constants
                  for _, key in step.read.values() if key]
        pieces.append(_box(x_forward, y, *label(row.forward, pair, ""), row.tags,
                           ", ".join(dict.fromkeys(params))))
        if row.backward:
            made = [name for step in row.backward if step.tags for name in step.made]
            pieces.append(_box(x_backward, y, *label(row.backward, pair, ", backward"), row.tags,
                               ", ".join(dict.fromkeys(made))))
            pieces.append(Html(f'<line class="arrow" stroke-dasharray="3 4" '
                               f'x1="{x_forward + WIDTH}" y1="{y + HEIGHT / 2}" '
                               f'x2="{x_backward}" y2="{y + HEIGHT / 2}"/>'))
    height = 40 + len(rows) * PITCH
    width = x_backward + WIDTH + 210
    return Html(f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
                f'role="group" aria-label="Data flow of {pair.op}: '
                f'forward down, backward up; the same as text below">'
                f'<text x="{x_forward}" y="20">forward ↓</text>'
                f'<text x="{x_backward}" y="20">backward ↑</text>'
                f'{"".join(pieces)}</svg>')


def _box(x, y, text, op, tags, below):
    body = (f'<rect class="box" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
            f'<text x="{x + 8}" y="{y + 15}">{escape(text)}</text>'
            f'<text class="small" x="{x + WIDTH - 8}" y="{y + 15}" text-anchor="end">'
            f'[{escape(", ".join(tags))}]</text>'
            f'<text class="small" x="{x + 8}" y="{y + 30}">{escape(_short(below, 38))}</text>')
    return f'<a href="{op}.html">{body}</a>' if op else f"<g>{body}</g>"


def _short(text, most):
    return text if len(text) <= most else text[:most - 1] + "…"


def _arrows(columns, x, down):
    """Return the arrows of one side: from the row that made an array to the rows that read it."""
    order = range(len(columns)) if down else reversed(range(len(columns)))
    made, pieces, straight, arcs = {}, [], {}, []
    for number in order:
        reads = {name: shape for step in columns[number] if step.tags or step.constants
                 for name, (shape, key) in step.read.items() if not key}
        for name, shape in reads.items():
            origin = made.get(name)
            if origin is None or origin == number:
                continue
            if abs(origin - number) == 1:
                straight.setdefault((origin, number), []).append(f"{name} {shape}")
            else:
                above = arcs.count(number)              # names of arrows to one box, in lines
                arcs.append(number)
                pieces.append(_arc(x, origin, number, len(arcs), f"{name} {shape}", down, above))
        made |= {name: number for step in columns[number] for name in step.made}
    for (origin, number), texts in straight.items():
        pieces.append(_straight(x + 60, origin, number, ", ".join(texts)))
    return f'<g class="{"forth" if down else "back"}">{"".join(pieces)}</g>'


def _straight(x, origin, number, text):
    down = number > origin
    y1 = 40 + origin * PITCH + (HEIGHT if down else 0)
    y2 = 40 + number * PITCH + (0 if down else HEIGHT)
    tip = y2 - 7 if down else y2 + 7
    return (f'<path class="arrow" d="M{x} {y1}V{tip}"/>'
            f'<path class="head" d="M{x - 4} {tip}h8L{x} {y2}z"/>'
            f'<text class="small" x="{x + 10}" y="{(y1 + y2) / 2 + 4}">{escape(text)}</text>')


def _arc(x, origin, number, lane, text, down, above):
    """An arrow around the boxes between: to the left of the forward, the right of the backward."""
    side = -1 if down else 1
    edge = x if down else x + WIDTH
    bulge = edge + side * (14 + 9 * (lane % 5))
    y1, y2 = (40 + row * PITCH + HEIGHT / 2 + shift
              for row, shift in ((origin, 6), (number, -6)))
    place = (f'x="{bulge + side * 4}" y="{y2 - 6 - 13 * above}" '
             f'text-anchor="{"end" if down else "start"}"')
    return (f'<path class="arrow" d="M{edge} {y1}H{bulge}V{y2}H{edge + side * 7}"/>'
            f'<path class="head" d="M{edge + side * 7} {y2 - 4}v8L{edge} {y2}z"/>'
            f'<text class="small" {place}>{escape(text)}</text>')


def _as_text(rows):
    """Return the drawing as a table, for those who do not see it."""
    def written(steps):
        return "; ".join(f"{name} {shape}" for step in steps
                         for name, (shape, _) in step.made.items())

    return el("details", el("summary", "The same as text"), table(
        ("tag", "forward makes", "backward makes"),
        [(", ".join(row.tags), written(row.forward), written(row.backward)) for row in rows],
        "Top to bottom; the backward runs from the last row to the first"))


def parameters(pair):
    """Return the section with the parameters of a network, their shapes and counts."""
    if pair.op not in sizes.PUBLISHED:
        return ""
    (params, *_), _, _ = sizes.arguments(pair.op)
    if not isinstance(params, dict):
        return ""
    rows = [(el("code", key), "×".join(map(str, array.shape)), f"{array.size:,}")
            for key, array in params.items()]
    total = sum(array.size for array in params.values())
    return section("Parameters", table(("name", "shape", "count"),
                                       [*rows, ("all", "", f"{total:,}")],
                                       f"Parameters of {pair.op}, published sizes"))
