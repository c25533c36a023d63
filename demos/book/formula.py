"""The formulas of the docstrings, Unicode pseudo-code, found and set as MathML.

The grammar stands in formula_parser.py.
"""
import inspect
import re
import textwrap
from typing import NamedTuple

from .formula_parser import read
from .formula_tokens import FormulaError
from .mathml import write

__all__ = ["Formula", "FormulaError", "formulas", "parse"]

TAG = re.compile(r"\s{2,}\[([^\]=]+)\](?=\s|$)")
RULE = re.compile(r"-{3,}(\s{2,})-{3,}$")
RELATION = re.compile("[=←→≈]|^ *for ")
CONTINUED = re.compile(r"\s+[-+−·*/]")


class Formula(NamedTuple):
    text: str
    """The line without its tag; it keeps what it is indented by within its block."""
    tag: str
    """What stands in the brackets, perhaps "c, d"; in the right column, that of the left one."""
    column: int
    """0, or 1 in the right column of a table."""


def parse(line, symbols=None):
    """Return the MathML of a formula, a line without its tag.

    Parameters
    ----------
    line : str
        Spaces at its beginning become an indent.
    symbols : dict, optional
        Titles of symbols: {"û_j|i": "prediction vectors, shape n,i,j,q"}. The key is the symbol as
        it stands in the formula, with all of its scripts, one or none. Its element gets the class
        symbol and the attribute data-title, and the first of each title the class first; a page
        that shows the title makes those focusable by its script, since no checker of HTML lets
        tabindex pass in MathML.

    Raises
    ------
    FormulaError
        Names the line, the column, what stands there and what was wanted.
    """
    return write(read(line), symbols or {})


def formulas(docstring):
    """Yield the formulas of a docstring, joined with the lines that continue them.

    What has neither a tag nor a relation, or has a colon, is prose, and left out.
    """
    for paragraph in inspect.cleandoc(docstring).split("\n\n")[1:]:
        if paragraph.startswith("    "):
            for formula in _cells(textwrap.dedent(paragraph).split("\n")):
                if ":" not in formula.text and (RELATION.search(formula.text)
                                                or formula.tag and not formula.column):
                    yield formula


def _cells(lines):
    """Return the cells of a table by rows, or the lines of a block, what continues them joined."""
    rule = RULE.match(lines[1]) if len(lines) > 1 else None
    width, tag, found = rule.end(1) if rule else None, "", []
    for line in lines[2:] if rule else lines:
        left, right = line[:width], line[width:] if rule else ""
        match = TAG.search(left)
        if match:
            left, right, tag = left[:match.start()], right or left[match.end():], match[1]
        if found and not rule and CONTINUED.match(left):
            last = found.pop()
            found.append(last._replace(text=f"{last.text} {left.strip()}",
                                       tag=last.tag or (tag if match else "")))
        elif left.strip():
            found.append(Formula(left.rstrip(), tag if match else "", 0))
        if right.strip():
            found.append(Formula(right.strip(), tag, 1))
    return found
