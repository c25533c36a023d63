"""Write the tree of a formula as MathML, the presentation that browsers and screen readers know."""
import unicodedata
from xml.etree import ElementTree

from .formula_tree import LIMITS, Node, bare, is_big, is_function, is_word, spellings

SIGNS = {"-": "−", "*": "∗", "~": "∼"}
ACCENTS = {"\u0302": "^", "\u0304": "¯", "\u0303": "~", "\u0307": "˙"}
SUM, APPLY, TIMES = "∑", "\u2061", "\u2062"
WORD_SPACE, THIN_SPACE = "0.25em", "0.17em"


def write(tree, symbols):
    """Return the MathML of a tree; an element of symbols carries its title."""
    math = element("math", *Writer(symbols).items(tree), display="block")
    return ElementTree.tostring(math, encoding="unicode")


def element(tag, *parts, **attributes):
    """Return an element that holds other elements or one text."""
    made = ElementTree.Element(tag, attributes)
    for part in parts:
        if isinstance(part, str):
            made.text = part
        else:
            made.append(part)
    return made


def group(elements):
    """Return one element of several."""
    return elements[0] if len(elements) == 1 else element("mrow", *elements)


class Writer:
    """A method for each kind of node, all of which return one element."""

    def __init__(self, symbols):
        self.symbols, self.shown = symbols, set()
        self.small = False
        """Within a fraction or a script."""

    def __call__(self, node):
        return getattr(self, node.kind)(node)

    def items(self, node):
        """Return the elements of a row, without a fence; of any other node, its one element."""
        return [self(part) for part in node.parts] if node.kind == "row" else [self(node)]

    def within(self, node, symbols=None):
        """Return the element of a node that is set small; without titles if symbols is {}."""
        before = self.small, self.symbols
        self.small, self.symbols = True, before[1] if symbols is None else symbols
        made = self(node)
        self.small, self.symbols = before
        return made

    def row(self, node):
        return group(self.items(node)) if node.parts else element("mrow")

    def number(self, node):
        return element("mn", node.text)

    def sign(self, node):
        return element("mi" if node.text in "…∞" else "mo", SIGNS.get(node.text, node.text))

    def minus(self, node):
        return element("mo", SIGNS.get(node.text, node.text), form="prefix")

    def text(self, node):
        return element("mtext", node.text.replace(" ", "\u00a0"))

    def space(self, node):
        return element("mspace", width=f"{int(node.text) / 2:g}em")

    def big(self, node):
        return element("mo", SUM)

    def prefix(self, node):
        sign = element("mi", node.text, mathvariant="normal")
        return self.titled(element("mrow", sign, self(node.parts[0])), node)

    def name(self, node):
        return self.titled(letter(node.text), node)

    def scripts(self, node):
        base, sub, sup = node.parts
        under = "under" if is_big(base) or base.text in LIMITS else "sub"
        over = "over" if under == "under" else "sup"
        parts = [letter(base.text) if base.kind == "name" else self(base)]
        if sub:
            parts.append(self.within(sub, symbols={}))
        if sup:
            parts.append(self.within(sup))
        return self.titled(element("m" + under * bool(sub) + over * bool(sup), *parts), node)

    def sup(self, node):
        """Return a power: digits, a sign, T for the transpose, or primes."""
        if node.text == "ᵀ":
            return element("mi", "T", mathvariant="normal")
        parts = [element("mo", node.text[0])] if node.text[0] in "+−" else []
        digits = node.text.lstrip("+−")
        if digits:
            parts.append(element("mn" if digits.isdigit() else "mo", digits))
        return group(parts)

    def apply(self, node):
        name, arguments = node.parts
        return element("mrow", self(name), element("mo", APPLY), self(arguments))

    def index(self, node):
        return element("mrow", *map(self, node.parts))

    def fence(self, node):
        inside = element("mrow", *self.items(node.parts[0]))
        tall = any(part.tag == "mfrac" or part.text == SUM for part in inside.iter())
        left, right = (element("mo", sign, **({} if tall else {"stretchy": "false"}))
                       for sign in node.text)
        return element("mrow", left, *inside, right)

    def product(self, node):
        """Return factors side by side, with a space where they would run together."""
        parts = [self(node.parts[0])]
        for left, right in zip(node.parts, node.parts[1:]):
            if not (is_big(left) or is_big(right)):
                sign = element("mo", APPLY if is_function(left) else TIMES)
                if is_word(left) or is_word(right):
                    sign.set("rspace", WORD_SPACE)
                elif {left.kind, right.kind} & {"fence", "prefix"}:
                    sign.set("rspace", THIN_SPACE)
                parts.append(sign)
            parts.append(self(right))
        return element("mrow", *parts)

    def over(self, node):
        """Return a fraction: on one line, a/b, if it is within another or in a script."""
        above, below = node.parts
        if not self.small:
            return element("mfrac", *(self.within(bare(part)) for part in node.parts))
        if below.kind in ("product", "over"):
            below = Node("fence", (below,), "()")
        slash = element("mo", "/", lspace="0", rspace="0")
        return element("mrow", self(above), slash, self(below))

    def titled(self, made, node):
        """Return an element that carries the title of its symbol."""
        title = next((self.symbols[text] for text in spellings(node) if text in self.symbols), None)
        if title is None:
            return made
        kind = "symbol" if title in self.shown else "symbol first"
        self.shown.add(title)
        return element("mrow", made, **{"class": kind, "data-title": title})


def letter(text):
    """Return the element of a name: a letter, slanted, perhaps with an accent; or a word."""
    base, *marks = unicodedata.normalize("NFD", text)
    if len(marks) == 1 and marks[0] in ACCENTS:
        return element("mover", element("mi", base),
                       element("mo", ACCENTS[marks[0]], stretchy="false"), accent="true")
    return element("mi", text)
