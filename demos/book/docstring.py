"""Find the formulas of a docstring: indented lines, in one column or in two."""
import inspect
import re
import textwrap
from typing import NamedTuple

TAG = re.compile(r"\s{2,}\[([^\]=]+)\](?=\s|$)")
RULE = re.compile(r"-{3,}(\s{2,})-{3,}$")
RELATION = re.compile("[=←→≈]|^ *for ")
CONTINUED = re.compile(r"\s+[-+−=←→≈·*/]")


class Formula(NamedTuple):
    text: str
    """The line without its tag; it keeps what it is indented by within its block."""
    tag: str
    """What stands in the brackets, perhaps "c, d"; in the right column, that of the left one."""
    column: int
    """0, or 1 in the right column of a table."""


def formulas(docstring):
    """Yield the formulas of a docstring, joined with the lines that continue them.

    What has neither a tag nor a relation, or has a colon, is prose, and left out.
    """
    for paragraph in inspect.cleandoc(docstring).split("\n\n")[1:]:
        if paragraph.startswith("    "):
            for formula in _cells(textwrap.dedent(paragraph).split("\n")):
                if (formula.tag or RELATION.search(formula.text)) and ":" not in formula.text:
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
