"""The formula block as mathematics: MathML, with the name and shape of every symbol on hover."""
import re
import unicodedata

from .proofs import SourceError
from .source import ROOT
from .writing import Html, el

try:
    from .formula import FormulaError, parse
except ImportError:                                         # until the parser is there: plain text
    FormulaError = ValueError

    def parse(line, symbols=None):
        """Return a line as it stands."""
        return el("code", line.strip())

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


def mathematics(pair, formula, known):
    """Return a Formula as MathML; a line that the parser does not know names op and line."""
    try:
        return Html(parse(formula.text, known))
    except FormulaError as error:
        raise SourceError(f"{pair.forward.name}: got the formula {formula.text.strip()!r} "
                          f"({error}), wanted one that demos/book/formula.py knows") from None
