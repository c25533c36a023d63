"""What the READMEs say: a room's paper, map and departures; the gallery's figures and commands."""
import functools
import re
from pathlib import Path
from typing import NamedTuple

from demos.__main__ import find_demos

from .markdown import cells
from .source import ROOT, find_pairs, used_by

PAPERS = ("capsules", "forward_forward", "distillation")
"""Rooms in reading order; ops come first, rooms that are new last."""


class Room(NamedTuple):
    """A room of the package and its README."""

    name: str
    title: str
    page: str
    text: str
    path: Path


class Figure(NamedTuple):
    """An image of the gallery."""

    path: Path
    text: str
    caption: str
    command: str


@functools.cache
def read(name):
    """Return a Room."""
    path = ROOT / "tinycaps" / name / "README.md"
    text = path.read_text(encoding="utf-8")
    title = re.match(r"# (.*)", text)[1]
    return Room(name, title, f"paper-{name}.html" if name != "ops" else "room-ops.html", text, path)


@functools.cache
def all_rooms():
    """Return the rooms that have pairs, in reading order."""
    names = dict.fromkeys(pair.room for pair in find_pairs().values())
    order = ("ops", *PAPERS)
    return [read(name) for name in sorted(
        names, key=lambda name: (order.index(name) if name in order else len(order), name))]


@functools.cache
def _maps():
    """Return the rows of all maps: a list of cells each."""
    return [cells(line) for room in all_rooms() for line in room.text.split("\n")
            if line.startswith("| ") and ".py)" in line]


def _rows_of(op):
    return [row for row in _maps() if any(f"`{op}_forward`" in cell for cell in row)]


def demos_of(op):
    """Return the names of the demos that a map gives for an op."""
    names = [name.strip() for row in _rows_of(op) for name in row[-1].split(",")]
    return [name for name in dict.fromkeys(names) if name in demo_paths()]


@functools.cache
def demo_paths():
    """Return the file of every demo, by name."""
    return {name: path for demos in find_demos().values() for name, path in demos.items()}


def departures(room, op):
    """Return the head of a room's table of departures, and the rows that name an op first."""
    part = re.split(r"^## Departures.*\n", room.text, flags=re.M)[1].partition("\n## ")[0]
    head, _, *rows = [cells(line) for line in part.split("\n") if line.startswith("|")]
    return head, [row for row in rows if op.replace("_", " ") in row[0]]


def ops_of(room):
    """Return the pairs of a room's map, in its order: that of the paper."""
    part = room.text.partition("## Map")[2].partition("\n## ")[0]
    ops = dict.fromkeys(re.findall(r"`(\w+)_forward`", part))
    return [find_pairs()[op] for op in ops if op in find_pairs()]


def equations_of(op):
    """Return what the maps say of an op: tags, equations and functions."""
    return " ".join(cell for row in _rows_of(op) for cell in row[:-3])


@functools.cache
def gallery():
    """Return the Figures of demos/README.md, in order."""
    page = ROOT / "demos" / "README.md"
    figures, command, caption = [], "", ""
    for paragraph in page.read_text(encoding="utf-8").split("\n\n"):
        images = re.findall(r"!\[(.*?)\]\((figures/.*?)\)", paragraph)
        if images:
            figures += [Figure(page.parent / path, text, caption, command)
                        for text, path in images]
        elif paragraph.startswith("**"):
            found = re.findall(r"`(python -m demos [^`]+)`", paragraph)
            command = found[0] if found else command
            caption = re.sub(r"`[^`]*`|\*\*|The same command[^.]*\.|and\s*$", "", paragraph)
            caption = " ".join(caption.split())
    return figures


def figure_of(op):
    """Return the first Figure of a demo that trains with an op, or with a pair that uses it."""
    demos = [demo for demo in demos_of(op) if demo != "gradient_check_tour"]
    shown = [figure for demo in demos for figure in figures_of(demo)]
    return shown[0] if shown else next(filter(None, map(figure_of, sorted(used_by(op)))), None)


def figures_of(demo):
    """Return the gallery's Figures that a demo draws."""
    return [figure for figure in gallery() if f"demos {demo}" in figure.command]
