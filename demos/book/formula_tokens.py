"""Split a formula into tokens, and read them one by one."""
import re
from typing import NamedTuple

LETTER = "(?:[A-Za-zÀ-ÖØ-öø-ž][\u0300-\u036f]*)"
ITEM = rf"(?:\([^()]*\)|(?:[α-ω]|{LETTER})+\d*(?:[-+−]\d+)?|\d+)"
"""What commas and bars separate in a subscript: nhwc, t+1, conv1, (s·h+a), 0."""
TOKEN = re.compile(rf"""
    (?P<number>  \d+(?:\.\d+)?|[½⅓¼])
  | (?P<prefix>  ∂|d(?={LETTER}(?![A-Za-zÀ-ž])))
  | (?P<big>     [Σ∑])
  | (?P<name>    {LETTER}+\d*|[Α-ω])
  | (?P<sub>     _(?:\{{[^{{}}]*\}}|{ITEM}(?:[,|]{ITEM})*)|[₀-₉]+)
  | (?P<sup>     [⁺⁻]?[⁰¹²³⁴-⁹]+|[⁺⁻ᵀ]|['′″‴]+)
  | (?P<op>      \*\*|\+=|[-−+·*/^=←→≈≠<>≤≥∈~()\[\]⌊⌋‖|,;…∞])
""", re.VERBOSE)


class FormulaError(ValueError):
    """A formula that does not follow the grammar."""

    def __init__(self, line, column, got, wanted):
        super().__init__(f"formula {line.strip()!r}, column {column}: got {got}, wanted {wanted}")
        self.line, self.column = line, column


class Token(NamedTuple):
    kind: str
    text: str
    column: int
    """Where it stands in the line; the first column is 1."""
    space: int
    """How many spaces stand before it."""


def tokens(text, line, column):
    """Yield the tokens of a text, which begins at a column of the line, and one for its end."""
    end, at = len(text.rstrip(" ")), 0
    while True:
        start = len(text) - len(text[at:].lstrip(" "))
        if start >= end:
            yield Token("end", "", column + end, 0)
            return
        match = TOKEN.match(text, start)
        if not match:
            raise FormulaError(line, column + start, repr(text[start]), "a sign of the grammar")
        yield Token(match.lastgroup, match[0], column + start, start - at)
        at = match.end()


class Reader:
    """The tokens of a text, and the place that a parser has come to."""

    def __init__(self, text, line, column):
        self.source, self.at = line, 0
        self.tokens = [*tokens(text, line, column)]
        self.closing = [""]
        """The signs that close the brackets that are open."""

    @property
    def next(self):
        return self.tokens[self.at]

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def comes(self, *signs):
        return self.next.kind == "op" and self.next.text in signs

    def fail(self, wanted):
        got = self.next.text or self.source[self.next.column - 1:].strip()[:1]
        raise FormulaError(self.source, self.next.column, repr(got) if got else "the end", wanted)

    def whole(self, rule):
        """Return what a rule makes of the whole text."""
        node = rule(self)
        if self.next.kind != "end":
            self.fail("an operator or the end")
        return node
