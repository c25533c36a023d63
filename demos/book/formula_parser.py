"""The grammar of the docstrings' formulas, and its parser.

    line     = [relation] part {("," | ";" | gap) part}        a gap is two spaces or more
    part     = [chain] [clause]
    clause   = prose {prose | chain | relation | ","}          up to a gap, or to the end
    chain    = range {relation range}                b_ij ← b_ij + û_j|i · v_j
    range    = sum ["…" sum]                         1 … r
    sum      = ["−"] term {("+" | "−") term}
    term     = quotient {("·" | "*") quotient}       a / b · c is (a / b) · c
    quotient = product {" / " product}               a / b c is a over b c
    product  = ratio {ratio}                         side by side: W_ij u_i
    ratio    = factor {"/" factor}                   no spaces: 1/n Σ_n x_n is (1/n) Σ_n x_n
    factor   = ("∂" | "d") factor | atom {script | arguments | index}
    atom     = number | name | "Σ" | "…" | "∞" | "(" list ")" | "[" list "]" | "‖" list "‖" | "|" …
    list     = [chain {"," chain}]

A script is a subscript (_ij, _j|i, _t+1,ij, _{b≠a}) or a superscript (², ⁺, ᵀ, ', ^⅓, ** 2).
Arguments and an index follow without a space: f(x) is f of x, and f (x) is f times x.
"""
import re

from .formula_tokens import ITEM, Reader
from .formula_tree import FUNCTIONS, Node, bare, core, indices, is_function, is_word, row, scripted

PROSE = {"along", "and", "as", "at", "becomes", "being", "else", "for", "if", "is", "its", "of",
         "or", "otherwise", "over", "the", "times", "where", "with"}
"""Words that begin a clause; in a clause, words are text."""
RELATIONS = {"=", "←", "→", "≈", "≠", "<", ">", "≤", "≥", "∈", "~", "+="}
CLOSING = {"(": ")", "[": "]", "⌊": "⌋", "‖": "‖", "|": "|"}
FRACTIONS = {"½": "12", "⅓": "13", "¼": "14"}
SUBSCRIPTED = {"bias"}
"""Words that take a word as subscript, bias_output; other such names, mean_activity, are one."""
PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻'", "01234567890123456789+−′")


def read(line):
    """Return the tree of a formula."""
    return Parser(line, line, 1).whole(Parser.line)


class Parser(Reader):
    """Recursive descent: a method for each rule of the grammar."""

    in_clause = False

    def chained(self, rule, signs):
        """Return rule {sign rule}."""
        parts = [rule()]
        while self.comes(*signs):
            parts += [self.sign(), rule()]
        return row(parts)

    def sign(self, kind="sign"):
        return Node(kind, text=self.take().text)

    def line(self):
        parts = [Node("space", text=str(self.next.space))] if self.next.space else []
        parts += [self.sign()] if self.comes(*RELATIONS) else []
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
                parts.append(self.text(" " if parts else ""))
            else:
                parts.append(self.sign() if self.comes(",", *RELATIONS) else self.chain())
        self.in_clause = False
        return parts

    def prose(self):
        """Tell whether a word of text comes: one that begins a clause or, in one, any word."""
        token = self.next
        if token.kind != "name" or token.text in PROSE:
            return token.kind == "name"
        after = self.tokens[self.at + 1]
        if not self.in_clause or token.text in FUNCTIONS or after.kind in ("sub", "sup"):
            return False
        if len(token.text) == 1:
            return token.text == "a" and after.kind == "name" and len(after.text) > 1
        return after.space > 0 or after.text != "("

    def text(self, before):
        words = [self.take().text]
        while self.prose() and self.next.space == 1:
            words.append(self.take().text)
        after = "" if self.comes(",") or self.next.kind == "end" or self.next.space > 1 else " "
        return Node("text", text=before + " ".join(words) + after)

    def chain(self):
        return self.chained(self.range, RELATIONS)

    def range(self):
        parts = [self.sum()]
        if self.comes("…"):
            parts += [Node("sign", text=","), self.sign(), Node("sign", text=","), self.sum()]
        return row(parts)

    def sum(self):
        minus = [self.sign("minus")] if self.comes("−", "-", "+") else []
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
            if self.next.kind == "number" and not is_function(parts[-1]):
                self.fail("an operator")        # or x 2 would be set as x2
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
            elif self.comes("(") and node.kind != "apply" and core(node).kind == "name":
                node = Node("apply", (node, self.bracket()))
            elif self.comes("["):
                node = Node("index", (node, self.bracket()))
            else:
                return node

    def atom(self):
        token = self.next
        if token.text in FRACTIONS:
            self.take()
            return Node("over", tuple(Node("number", text=n) for n in FRACTIONS[token.text]))
        if token.kind in ("number", "name", "big"):
            return self.sign(token.kind)
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
            power = Node("sup", text=token.text.translate(PLAIN))
            return scripted(base, token.text if token.text[0] in "⁺⁻'′" else "", sup=power)
        minus = [self.sign("minus")] if self.comes("−", "-") else []
        power = self.atom()
        return scripted(base, "", sup=row([*minus, bare(power)]))

    def inner(self, token, start, end):
        """Return the list that stands within a token."""
        return Parser(token.text[start:end], self.source, token.column + start).whole(Parser.list)

    def subscript(self, base, token):
        if token.text[0] != "_":
            number = Node("number", text=token.text.translate(PLAIN))
            return scripted(base, token.text, sub=number)
        if token.text[1] == "{":
            return scripted(base, token.text, sub=self.inner(token, 2, -1))
        parts = []
        for match in re.finditer(rf"[,|]|{ITEM}", token.text[1:]):
            if match[0] in ",|":
                parts.append(Node("sign", text=match[0]))
            elif match[0][0] == "(":
                parts.append(self.inner(token, match.start() + 2, match.end()))
            else:
                parts += indices(match[0])
        if len(parts) == 1 and is_word(parts[0]) and is_word(base) and base.text not in SUBSCRIPTED:
            return Node("name", text=base.text + token.text)
        return scripted(base, token.text, sub=row(parts))
