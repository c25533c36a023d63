"""The formula block as mathematics: MathML, with the name and shape of every symbol on hover."""
import html
import re
import unicodedata

from .formula import FormulaError, formulas, parse
from .proofs import SourceError
from .source import ROOT
from .writing import Html, el

CONTINUED = re.compile(r"     +[-+−·*/]")
LETTER = re.compile(r"(?<![\w‖(])(?!a\b)([^\W\d_][⁺⁻]?)(?=[.,;]|$| of | at | in | and )")
"""A symbol that the text of an argument gives it: "T, above 0.", "The margins m⁺ and m⁻."."""


def symbols(pair):
    """Return the symbols of a pair's formulas: each to its name and shape."""
    shapes = " ".join(kind for _, kind, _ in pair.arrays)
    at_home = pair.room.endswith("capsules")        # whose letters the table of the house explains
    found = {letter: title for letter, title in _indices()
             if at_home or re.search(rf"\b{letter}\b", shapes)}
    found |= dict(_house()) if at_home else {}
    for name, kind, text in pair.arrays:
        names, plain = name.split(", "), re.sub(r"\([^)]*\)|``[^`]*``", "", text)
        letters = [each for each in LETTER.findall(plain)
                   if not re.search(rf"\b{each}\b", shapes)]
        if len(letters) < len(names):
            letters = list(map(_written, names))
        for each, letter in zip(names, letters):
            found |= dict(_titles(each, ": ".join(filter(None, (kind, text))), letter))
    for counter in re.findall(r"\bfor (\w) =", " ".join(line.text for line in pair.formula)):
        found[counter] = f"{counter}: counts the passes of the loop"
    return found


def _titles(name, text, letter=None):
    """Yield a name of the code and how formulas write it, each with the title of both."""
    for symbol in dict.fromkeys((name, letter or _written(name), _written(name))):
        code = "" if symbol == name else f"in the code {name}: "
        yield symbol, f"{symbol}: {code}{text}"


def _written(name):
    """Return a name of the code as formulas write it: u_hat is û."""
    if name.endswith("_hat"):
        return unicodedata.normalize("NFC", name.removesuffix("_hat") + "\u0302")
    return "θ" if name == "theta" else name


def _words_and_letters():
    text = (ROOT / "tinycaps" / "README.md").read_text(encoding="utf-8")
    return text.partition("## Words and letters")[2].partition("\n## ")[0]


def _indices():
    """Yield the index letters of the house."""
    for letter, meaning in re.findall(r"`(\w)` ([a-z ]+?)[,.;\n]", _words_and_letters()):
        yield letter, f"{letter}: index of the {meaning.strip()}"


def _house():
    """Yield the names of the house's table."""
    for names, term, shape in re.findall(r"^\| (`.+?) \| (.+?) \| (.*?) \|",
                                         _words_and_letters(), re.M):
        names, terms = re.findall(r"`(\w+)`", names), term.split("; ")
        for k, name in enumerate(names):
            meaning = re.sub(r"[\\*`]", "", terms[min(k, len(terms) - 1)])
            yield from _titles(name, meaning + (f" ({shape})" if shape else ""))


def mathematics(text, name, known):
    """Return a formula as MathML; one that the parser refuses is named with its function."""
    try:
        return Html(parse(text.strip(), known))
    except FormulaError as error:
        raise SourceError(f"{name}: {error}; wanted a formula that demos/book/formula_parser.py "
                          "knows") from None


def formula(pair, line, known):
    """Return a line of the formula block of a pair as MathML."""
    return mathematics(line.text, pair.forward.name, known)


def paragraph(text, name, known):
    """Return an indented paragraph of a docstring as mathematics; None if some of it is prose."""
    found = list(formulas(f"x\n\n{text}\n\nx"))
    lines = [line for line in text.split("\n") if not CONTINUED.match(line)]
    if len(found) != len(lines) or any(formula.column for formula in found):
        return None
    return el("div", [el("div", mathematics(formula.text, name, known), class_="math")
                      for formula in found], class_="formulas")


def legend(written):
    """Return the symbols that some mathematics names, with their names and shapes."""
    titles = [html.unescape(title) for title in re.findall(r'data-title="([^"]*)"', written)]
    pairs = [title.partition(": ")[::2] for title in dict.fromkeys(titles)]
    return el("dl", [[el("dt", el("code", name)), el("dd", text)] for name, text in pairs])
