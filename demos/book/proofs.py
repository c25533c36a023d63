"""What proves a pair and stands in tests/, read as text: its loops, the test worked by hand.

    loops           the line "Loops: tests.reference.<room>.<function>" in the forward's Notes
    by hand         a test named test_<op>_by_hand in the test file of the module
"""
import ast
from pathlib import Path
from typing import NamedTuple

from .source import LOOPS, ROOT


class SourceError(ValueError):
    """A pair lacks what a page of it needs; the one line says what to add."""


def require(pair):
    """Raise a SourceError, one line, unless a page can be made of a pair."""
    name = pair.forward.name
    if not pair.formula:
        raise SourceError(f"{name}: got a docstring without a formula block, wanted lines indented "
                          "by four spaces, each with its tag, such as y = max(x, 0)        [a]")
    asked, answered = pair.forward.tags()[0], pair.backward.tags()[0]
    if not asked or asked != answered:
        raise SourceError(f"{pair.op}: got the tags {sorted(asked)} in the forward's code and "
                          f"{sorted(answered)} in the backward's, wanted the same; "
                          "end each line of mathematics with # [a], or # [a -] without answer")
    if {*pair.tags} != set.union(*pair.forward.tags()):
        raise SourceError(f"{name}: got the tags {sorted(pair.tags)} in its formula block, wanted "
                          f"those of its code, {sorted(set.union(*pair.forward.tags()))}")
    loops(pair)


class Piece(NamedTuple):
    """A function of a file that is read, not imported."""

    path: Path
    name: str
    line: int
    text: str


def read_piece(path, name):
    """Return the Piece of a function at the top of a file, or None."""
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return Piece(path, name, node.lineno, ast.get_source_segment(text, node))
    return None


def loops(pair):
    """Return the Piece that is the loop reference of a pair."""
    link = LOOPS.search(pair.forward.doc)
    if not link:
        raise SourceError(f"{pair.forward.name}: got Notes without a link to its loops, wanted the "
                          f"line Loops: tests.reference.{pair.room}.{pair.op}")
    piece = read_piece(ROOT.joinpath(*link[1].split(".")).with_suffix(".py"), link[2])
    if piece is None:
        raise SourceError(f"{pair.forward.name}: got the link {link[1]}.{link[2]}, "
                          "wanted a function that is there")
    return piece


def file_of_tests(pair):
    """Return the test file of a pair's module."""
    return ROOT / "tests" / pair.room / f"test_{pair.path.stem}.py"


def by_hand(pair):
    """Return the Piece that is the test worked by hand; None for a whole network."""
    return read_piece(file_of_tests(pair), f"test_{pair.op}_by_hand")
