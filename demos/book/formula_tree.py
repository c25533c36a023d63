"""The tree of a formula, and what can be asked of a node."""
import re
from typing import NamedTuple

LIMITS = {"argmax", "argmin", "max", "min"}
"""Functions whose index stands below them."""
FUNCTIONS = LIMITS | {"cos", "exp", "log", "sin", "softmax", "squash", "tanh", "Im", "Re", "σ"}
INDEX = {*"abcfhijklmnpqrtwxyz"}
"""Letters that may stand together as indices, as in x_nhwc; other subscripts are words."""


class Node(NamedTuple):
    kind: str
    parts: tuple = ()
    text: str = ""


def row(parts):
    """Return nodes in a row; a single one is itself."""
    return parts[0] if len(parts) == 1 else Node("row", tuple(parts))


def scripted(base, text, sub=None, sup=None):
    """Return a node with one script more; its text is the scripts as they stand in the line."""
    if base.kind == "scripts" and base.parts[1 if sub else 2] is None:
        inner, below, above = base.parts
        return Node("scripts", (inner, sub or below, sup or above), f"{base.text}\t{text}")
    return Node("scripts", (base, sub, sup), text)


def bare(node):
    """Return a node without its parentheses, which a fraction or a power makes needless."""
    return node.parts[0] if node.kind == "fence" and node.text == "()" else node


def core(node):
    """Return what carries the scripts and arguments of a node."""
    return core(node.parts[0]) if node.kind in ("scripts", "apply", "index") else node


def spellings(node):
    """Return the texts that name a symbol: with all of its scripts, with one, with none."""
    if node.kind == "prefix":
        return [node.text + text for text in spellings(node.parts[0])]
    if node.kind == "scripts" and node.parts[0].kind == "name":
        name, scripts = node.parts[0].text, node.text.split("\t")
        return [name + "".join(scripts), *(name + script for script in scripts), name]
    return [node.text] if node.kind == "name" else []


def is_big(node):
    return core(node).kind == "big"


def is_word(node):
    return core(node).kind == "name" and len(core(node).text) > 1


def is_function(node):
    """Tell whether a node is a function that waits for its argument: log, softmax_j."""
    return node.kind in ("name", "scripts") and core(node).text in FUNCTIONS


def is_index(letters):
    """Tell whether letters are indices side by side, as in x_nhwc, and no word."""
    return letters not in FUNCTIONS and len(letters) == len({*letters}) < 5 and all(
        letter in INDEX or "α" <= letter <= "ω" for letter in letters)


def indices(item):
    """Yield the nodes of an item of a subscript: nhwc, t+1, conv1, 0."""
    letters, number, sign, step = re.fullmatch(r"(\D*?)(\d*)(?:([-+−])(\d+))?", item).groups()
    if len(letters) < 2 or is_index(letters):
        yield from (Node("name", text=letter) for letter in letters)
        if number:
            yield Node("number", text=number)
    else:
        yield Node("name", text=letters + number)
    if sign:
        yield from (Node("sign", text=sign), Node("number", text=step))
