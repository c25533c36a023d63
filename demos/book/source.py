"""What a pair says of itself, read off its source: lines, tags, formulas, arrays, notes.

The forms are those that tests/test_tags.py fixes. For every pair of the plain rooms:

    formula block   indented lines in the forward's docstring, each ending in [tag]
    tag             the comment that ends a line: # [l.5], # [l.5] why, # [l.5, l.7]; # [l.3 -]
                    where there is no derivative to answer it
"""
import ast
import importlib
import inspect
import io
import pkgutil
import re
import textwrap
import tokenize
from functools import cache
from pathlib import Path
from typing import NamedTuple

import tinycaps

ROOT = Path(__file__).parents[2]
TAG = re.compile(r"#\s*\[([^\]]+)\]\s*(.*)$")
BLOCK_TAG = re.compile(r"\s{2,}\[([^\]]+)\]$")
LOOPS = re.compile(r"^Loops: (tests\.reference\.\w+)\.(\w+)$", re.M)
HEADING = re.compile(r"\n\n(\w[\w ]*)\n-+\n")


class Line(NamedTuple):
    """A line of code as the file has it, its tag apart."""

    number: int
    """In the file, from 1."""
    code: str
    """Without the tag; indented as in the file."""
    tags: tuple
    """Those that ask for an answer or give one."""
    constants: tuple
    """Those that end in a minus."""
    words: str
    """What follows the tag."""
    first: int
    """Number of the line on which the statement of this line begins."""


class Formula(NamedTuple):
    """A line of the formula block, indented within it, and its tags; none if it goes on another."""

    text: str
    tags: tuple


class Function(NamedTuple):
    """One side of a pair."""

    name: str
    function: object
    doc: str
    lines: tuple
    """Decorators and signature, then the body without its docstring."""

    def tags(self):
        """Return the tags of the code that are to be answered, and those that are not."""
        return ({tag for line in self.lines for tag in line.tags},
                {tag for line in self.lines for tag in line.constants})


class Pair(NamedTuple):
    """An op: its room, the file of its module, both sides and what the forward's docstring says."""

    op: str
    room: str
    path: Path
    forward: Function
    backward: Function

    @property
    def summary(self):
        """The forward's first line."""
        return self.forward.doc.partition("\n")[0]

    @property
    def formula(self):
        """The lines of the formula block: a tuple of Formula."""
        return tuple(map(read_formula, formula_block(self.forward.function)))

    @property
    def tags(self):
        """The tags of the formula block, in order."""
        return tuple(dict.fromkeys(tag for line in self.formula for tag in line.tags))

    @property
    def sections(self):
        """The numpydoc sections: a name such as "Notes" to its text."""
        _, *parts = HEADING.split("\n" + self.forward.doc)
        return {name: text.strip("\n") for name, text in zip(parts[::2], parts[1::2])}

    @property
    def arrays(self):
        """Rows (name, kind and shape, text) of what comes in and what goes out."""
        return [row for name in ("Parameters", "Returns")
                for row in read_entries(self.sections.get(name, ""))]

    @property
    def paragraphs(self):
        """The prose of the docstring outside of formula block and sections."""
        body = HEADING.split("\n" + self.forward.doc)[0].strip("\n")
        return [part for part in body.split("\n\n")[1:] if not part.startswith("    ")]

    @property
    def notes(self):
        """The Notes without the link to the loops."""
        return LOOPS.sub("", self.sections.get("Notes", "")).strip()


@cache
def find_pairs():
    """Return every pair of the plain rooms: the name of the op to its Pair, room by room."""
    pairs = {}
    for room in pkgutil.iter_modules(tinycaps.__path__):
        if not room.ispkg or room.name == "fast":
            continue
        module = importlib.import_module(f"tinycaps.{room.name}")
        for name in sorted(getattr(module, "__all__", ())):
            if name.endswith("_forward"):
                op = name.removesuffix("_forward")
                pairs[op] = read_pair(op, room.name, getattr(module, name),
                                      getattr(module, f"{op}_backward"))
    return pairs


def read_pair(op, room, forward, backward):
    """Return the Pair of two functions."""
    return Pair(op, room, Path(inspect.getsourcefile(inspect.unwrap(forward))),
                read_function(forward), read_function(backward))


def source(function):
    """Return the code of a function, docstring included."""
    return textwrap.dedent(inspect.getsource(inspect.unwrap(function)))


def comments(code):
    """Yield line number and text of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def read_tag(comment):
    """Return (tags, constants, words) of a comment; all empty if it is no tag."""
    found = TAG.match(comment)
    names = [tag.strip() for tag in found[1].split(",")] if found else ()
    return (tuple(tag for tag in names if not tag.endswith(" -")),
            tuple(tag.removesuffix(" -") for tag in names if tag.endswith(" -")),
            found[2] if found else "")


def read_function(function):
    """Return the Function of one side of a pair."""
    code = source(function)
    tagged = {number: text for number, text in comments(code) if TAG.match(text)}
    node = ast.parse(code).body[0]
    docstring = node.body[0] if ast.get_docstring(node) else None
    start = inspect.getsourcelines(inspect.unwrap(function))[1]
    begins = _statements(node)
    lines = []
    for number, text in enumerate(code.rstrip("\n").split("\n"), 1):
        if docstring and docstring.lineno <= number <= docstring.end_lineno:
            continue
        tag = tagged.get(number, "")
        lines.append(Line(start + number - 1, text.removesuffix(tag).rstrip(), *read_tag(tag),
                          start + begins.get(number, number) - 1))
    return Function(function.__name__, function, inspect.getdoc(function), tuple(lines))


def _statements(function):
    """Return each line's number to that of the first line of its statement, headers by themselves.
    """
    begins = {}
    for node in ast.walk(function):
        if isinstance(node, ast.stmt):
            block = getattr(node, "body", None)
            end = block[0].lineno - 1 if block else node.end_lineno
            begins |= dict.fromkeys(range(node.lineno, max(end, node.lineno) + 1), node.lineno)
    return begins


def formula_block(function):
    """Return the lines of the formula block of a docstring."""
    paragraphs = inspect.getdoc(function).split("\n\n")
    return [line for paragraph in paragraphs[1:] if paragraph.startswith("    ")
            for line in paragraph.split("\n")]


def read_formula(line):
    """Return the Formula of a line of the block."""
    found = BLOCK_TAG.search(line)
    tags = tuple(tag.strip() for tag in found[1].split(",")) if found else ()
    return Formula(BLOCK_TAG.sub("", line).rstrip()[4:], tags)


def read_entries(text):
    """Return rows (name, kind, text) of a numpydoc section of parameters."""
    rows = []
    for line in text.split("\n"):
        if line and not line.startswith(" "):
            name, _, kind = line.partition(" : ")
            rows.append((name, kind, []))
        elif rows and line.strip():
            rows[-1][2].append(line.strip())
    return [(name, kind, " ".join(text)) for name, kind, text in rows]


@cache
def uses():
    """Return each op's set of the ops that its forward or its backward calls."""
    pairs = find_pairs()
    return {op: {name for side in (pair.forward, pair.backward) for name in _called(side)
                 if name not in (None, op)} for op, pair in pairs.items()}


def used_by(op):
    """Return the ops that call an op."""
    return {other for other, called in uses().items() if op in called}


def _called(side):
    """Yield the ops that a function calls."""
    for node in ast.walk(ast.parse(source(side.function))):
        if isinstance(node, ast.Call):
            yield called_op(ast.unparse(node.func), side.function)


def called_op(call, function):
    """Return the op that a call, as it is written in a function, runs one side of; else None.

    A pair may come as an argument: ``network.forward`` is that of the argument's default.
    """
    owner, _, name = call.rpartition(".")
    default = inspect.signature(function).parameters.get(owner.rpartition(".")[2])
    if name in ("forward", "backward") and default:
        name = getattr(default.default, name).__name__
    op, _, side = name.rpartition("_")
    return op if side in ("forward", "backward") and op in find_pairs() else None
