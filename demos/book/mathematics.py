"""The formula block as mathematics: MathML, with the name and shape of every symbol on hover."""
import html
import re
import unicodedata

from .formula import FormulaError, formulas, parse
from .proofs import SourceError
from .source import ROOT
from .writing import Html, el

CONTINUED = re.compile(r"     +[-+−·*/]")
GREEK = {"theta": "θ", "temperature": "T", "iterations": "r"}
"""Arguments that formulas call by another name."""


def symbols(pair):
    """Return the symbols of a pair's formulas: name to title, from the house and the docstring."""
    found = dict(_house())
    for name, kind, text in pair.arrays:
        title = ": ".join(each for each in (kind, text) if each)
        for each in name.split(", "):
            found[each] = f"{each}: {title}"
            found[_written(each)] = f"{each}: {title}"
        letter = re.match(r"([^\W\d_][⁺⁻]?)(?:[,.]| |$)", text)
        if letter and (len(text) == len(letter[1]) or text[len(letter[1])] in ",."):
            found[letter[1]] = f"{name}: {title}"
    return found


def _written(name):
    """Return a name of the code as formulas write it: u_hat is û."""
    if name.endswith("_hat"):
        return unicodedata.normalize("NFC", name.removesuffix("_hat") + "\u0302")
    return GREEK.get(name, name)


def _house():
    """Yield the letters of the house, from the table in tinycaps/README.md."""
    text = (ROOT / "tinycaps" / "README.md").read_text(encoding="utf-8")
    part = text.partition("## Words and letters")[2].partition("\n## ")[0]
    for letter, meaning in re.findall(r"`(\w)` ([a-z ]+?)[,.;\n]", part):
        yield letter, f"{letter}: index of the {meaning.strip()}"
    for names, term, shape in re.findall(r"^\| (`.+?) \| (.+?) \| (.*?) \|", part, re.M):
        names, terms = re.findall(r"`(\w+)`", names), term.split("; ")
        for k, name in enumerate(names):
            meaning = terms[min(k, len(terms) - 1)].replace("\\", "").replace("**", "")
            title = f"{name}: {meaning.replace('`', '')}" + (f" ({shape})" if shape else "")
            yield name, title
            yield _written(name), title


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
