"""Read the formulas of the docstrings, Unicode pseudo-code, and set them as MathML.

    line     = part {("," | ";" | gap) part}         a gap is two spaces or more
    part     = [chain] [clause]
    clause   = prose {prose | chain | relation | ","}          up to a gap, or to the end
    chain    = range {relation range}                b_ij ← b_ij + û_j|i · v_j
    range    = sum ["…" sum]                         1 … r
    sum      = ["−"] term {("+" | "−") term}
    term     = quotient {("·" | "*") quotient}       a / b · c is (a / b) · c
    quotient = product {" / " product}               a / b c is a over b c
    product  = ratio {ratio}                         written side by side: W_ij u_i
    ratio    = factor {"/" factor}                   no spaces: 1/n Σ_n x_n is (1/n) Σ_n x_n
    factor   = ("∂" | "d") factor | atom {script | arguments | index}
    atom     = number | name | "Σ" | "…" | "∞" | "(" list ")" | "[" list "]" | "‖" sum "‖" | "|" …
    list     = [chain {"," chain}]

A script is a subscript (_ij, _j|i, _t+1,ij, _{b≠a}) or a superscript (², ⁺, ᵀ, ', ^⅓, ** 2).
Arguments and an index follow without a space: f(x) is f of x, and f (x) is f times x.
"""
import re
from typing import NamedTuple

from .mathml import FUNCTIONS, write

PROSE = {"along", "and", "as", "at", "else", "for", "if", "or", "otherwise", "over", "the", "where",
         "with"}
"""Words that begin a clause; in a clause, words are text."""
RELATIONS = {"=", "←", "→", "≈", "≠", "<", ">", "≤", "≥", "∈", "~", "+="}
CLOSING = {"(": ")", "[": "]", "⌊": "⌋", "‖": "‖", "|": "|"}
FRACTIONS = {"½": "12", "⅓": "13", "¼": "14"}
INDEX = {*"abcfhijklmnpqrtwxyz"}
"""Letters that may stand together as indices, as in x_nhwc; other subscripts are words."""
SUBSCRIPTED = {"bias"}
"""Words that take a word as subscript, bias_output; other such names, mean_activity, are one."""
DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻'", "01234567890123456789+−′")

LETTER = "(?:[A-Za-zÀ-ÖØ-öø-ž][\u0300-\u036f]*)"
ITEM = rf"(?:\([^()]*\)|(?:[α-ω]|{LETTER})+\d*(?:[-+−]\d+)?|\d+)"
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


class Node(NamedTuple):
    kind: str
    parts: tuple = ()
    text: str = ""


class Token(NamedTuple):
    kind: str
    text: str
    column: int
    space: int
    """How many spaces stand before it."""


def parse(line, symbols=None):
    """Return the MathML of a formula, a line without its tag.

    Parameters
    ----------
    line : str
        Spaces at its beginning become an indent.
    symbols : dict, optional
        What to show at a symbol: {"û_j|i": "prediction vectors, shape n,i,j,q"}. The key is the
        symbol as it stands in the formula, or without its scripts.

    Raises
    ------
    FormulaError
        Names the line, the column, what stands there and what was wanted.
    """
    return write(read(line), symbols or {})


def read(line):
    """Return the tree of a formula."""
    return Parser(line, line, 1).whole(Parser.line)


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


class Parser:
    """Recursive descent: a method for each rule of the grammar."""

    def __init__(self, text, line, column):
        self.source, self.at = line, 0
        self.tokens = [*tokens(text, line, column)]
        self.closing = [""]         # what closes the brackets that are open
        self.in_clause = False

    @property
    def next(self):
        return self.tokens[self.at]

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def comes(self, *signs):
        return self.next.kind == "op" and self.next.text in signs

    def fail(self, wanted):
        got = repr(self.next.text) if self.next.text else "the end"
        raise FormulaError(self.source, self.next.column, got, wanted)

    def whole(self, rule):
        """Return what a rule makes of the whole text."""
        node = rule(self)
        if self.next.kind != "end":
            self.fail("an operator or the end")
        return node

    def inner(self, rule, token, text, offset):
        """Return what a rule makes of a text within a token."""
        return Parser(text, self.source, token.column + offset).whole(rule)

    def chained(self, rule, signs):
        """Return rule {sign rule} as a row; a single one is itself."""
        parts = [rule()]
        while self.comes(*signs):
            parts += [self.sign(), rule()]
        return row(parts)

    def sign(self):
        return Node("sign", text=self.take().text)

    # ---- the grammar ----

    def line(self):
        parts = [Node("space", text=str(self.next.space))] if self.next.space else []
        parts += self.part()
        while self.comes(",", ";") or self.next.space > 1:
            if self.comes(",", ";"):
                parts.append(self.sign())
            if self.next.space > 1:
                parts.append(Node("space", text="4"))
            parts += self.part()
        return row(parts)

    def part(self):
        parts = [] if self.prose() else [self.chain()]
        self.in_clause = self.prose()
        while self.in_clause and self.next.kind != "end" and (self.next.space < 2 or not parts):
            if self.prose():
                words = [self.take().text]
                while self.prose() and self.next.space == 1:
                    words.append(self.take().text)
                parts.append(Node("text", text=" ".join(words)))
            else:
                parts.append(self.sign() if self.comes(",", *RELATIONS) else self.chain())
        self.in_clause = False
        return parts

    def prose(self):
        """Tell whether a word of text comes: one that begins a clause or, in one, any word."""
        token, after = self.next, self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        return token.kind == "name" and (token.text in PROSE or (
            self.in_clause and len(token.text) > 1 and token.text not in FUNCTIONS
            and (after.space or after.kind in ("end", "op") and after.text != "(")))

    def chain(self):
        return self.chained(self.range, RELATIONS)

    def range(self):
        return self.chained(self.sum, "…")

    def sum(self):
        minus = [self.sign()] if self.comes("−", "-", "+") else []
        return row([*minus, self.chained(self.term, "+−-")])

    def term(self):
        return self.chained(self.quotient, "·*")

    def quotient(self):
        node = self.product()
        while self.comes("/"):
            self.take()
            node = Node("over", (node, self.product()))
        return node

    def product(self):
        parts = [self.ratio()]
        while self.next.space < 2 and self.factor_comes():
            parts.append(self.ratio())
        return parts[0] if len(parts) == 1 else Node("product", tuple(parts))

    def factor_comes(self):
        if self.prose():
            return False
        return self.next.kind in ("number", "prefix", "big", "name") or (
            self.comes("∞", *CLOSING) and self.next.text != self.closing[-1])

    def ratio(self):
        node = self.factor()
        while self.comes("/") and not self.next.space and not self.tokens[self.at + 1].space:
            self.take()
            node = Node("over", (node, self.factor()))
        return node

    def factor(self):
        if self.next.kind == "prefix":
            return Node("prefix", text=self.take().text, parts=(self.factor(),))
        node = self.atom()
        while True:
            if self.next.kind in ("sub", "sup") or self.comes("^", "**"):
                node = self.script(node)
            elif self.next.space:
                return node
            elif self.comes("(") and is_name(node):
                node = Node("apply", (node, self.bracket()))
            elif self.comes("["):
                node = Node("index", (node, self.bracket()))
            else:
                return node

    def atom(self):
        token = self.next
        if token.kind == "number":
            self.take()
            if token.text in FRACTIONS:
                return Node("over", tuple(Node("number", text=n) for n in FRACTIONS[token.text]))
            return Node("number", text=token.text)
        if token.kind in ("name", "big"):
            return Node(token.kind, text=self.take().text)
        if self.comes("…", "∞"):
            return self.sign()
        if self.comes(*CLOSING):
            return self.bracket()
        self.fail("a number, a name or a bracket")

    def bracket(self):
        left = self.take().text
        self.closing.append(CLOSING[left])
        inside = Node("row") if self.comes(CLOSING[left]) else self.list()
        if not self.comes(self.closing.pop()):
            self.fail(f"an operator or {CLOSING[left]!r}")
        return Node("fence", (inside,), left + self.take().text)

    def list(self):
        return self.chained(self.chain, ",")

    def script(self, base):
        token = self.take()
        if token.kind == "sub":
            return self.subscript(base, token)
        if token.kind == "sup":
            signs = token.text.translate(DIGITS)
            return scripted(base, sup=Node("sup", text=signs), text=token.text)
        minus = [self.sign()] if self.comes("−", "-") else []
        power = self.atom()
        if power.kind == "fence":
            power = power.parts[0]
        return scripted(base, sup=row([*minus, power]), text="")

    def subscript(self, base, token):
        if token.text[0] != "_":
            return scripted(base, sub=Node("number", text=token.text.translate(DIGITS)),
                            text=token.text)
        if token.text[1] == "{":
            sub = self.inner(Parser.list, token, token.text[2:-1], 2)
            return scripted(base, sub=sub, text=token.text)
        parts = []
        for match in re.finditer(rf"[,|]|{ITEM}", token.text[1:]):
            item = match[0]
            if item in ",|":
                parts.append(Node("sign", text=item))
            elif item[0] == "(":
                parts.append(self.inner(Parser.list, token, item[1:-1], match.start() + 2))
            else:
                parts += indices(item)
        if len(parts) == 1 and is_word(parts[0]) and is_word(base) and base.text not in SUBSCRIPTED:
            return Node("name", text=base.text + token.text)
        return scripted(base, sub=row(parts), text=token.text)


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


def is_index(letters):
    return letters not in FUNCTIONS and len(letters) == len({*letters}) < 5 and all(
        letter in INDEX or "α" <= letter <= "ω" for letter in letters)


def is_word(node):
    return node.kind == "name" and len(node.text) > 1


def is_name(node):
    return node.kind == "name" or node.kind == "scripts" and is_name(node.parts[0])


def row(parts):
    return parts[0] if len(parts) == 1 else Node("row", tuple(parts))


def scripted(base, text, sub=None, sup=None):
    """Return a node with one script more; its text is the symbol as it stands in the line."""
    if base.kind == "scripts" and base.parts[1 if sub else 2] is None:
        core, below, above = base.parts
        return Node("scripts", (core, sub or below, sup or above), base.text + text)
    return Node("scripts", (base, sub, sup), text)
