"""HTML, and the folder that the pages go to: all text is escaped unless it is `Html` already."""
import html
import re
import shutil
import string
from pathlib import Path

from tinycaps.checkpoint import write_atomically

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = ("style.css", "script.js", "drawing.js", "loops.js")
CODE = re.compile(r"``([^`]+)``|`([^`]+)`")


class Html(str):
    """Text that is HTML already."""


def escape(content):
    """Return content as Html; a list is joined."""
    if isinstance(content, Html):
        return content
    if isinstance(content, (list, tuple)):
        return Html("".join(map(escape, content)))
    return Html("" if content is None else html.escape(str(content)))


def el(name, *content, **attributes):
    """Return an element; ``class_`` and ``data_tag`` stand for class and data-tag.

    An attribute that is None or False is left out, one that is True has no value.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True
                                                   else f'="{html.escape(str(value))}"')
        for key, value in attributes.items() if value is not None and value is not False)
    if name in ("input", "img", "br", "col"):
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{escape(content)}</{name}>")


def fill(template, **values):
    """Return a file of templates/ with its $names replaced."""
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return Html(string.Template(text).substitute({key: escape(value)
                                                  for key, value in values.items()}))


def slug(text):
    """Return text as it may stand in an id or a data attribute: "Eq. 1" becomes "eq-1"."""
    return re.sub(r"[^\w]+", "-", text.lower().replace("§", "section-")).strip("-")


def words(text):
    """Return text with what stands in backticks as code."""
    pieces, end = [], 0
    for found in CODE.finditer(text):
        pieces += [text[end:found.start()], el("code", found[1] or found[2])]
        end = found.end()
    return escape(pieces + [text[end:]])


def prose(text, formulas=lambda paragraph: None):
    """Return the paragraphs of a docstring; indented ones as formulas or as they stand, lists too.
    """
    parts = []
    for paragraph in text.strip("\n").split("\n\n"):
        if paragraph.startswith("    "):
            lines = "\n".join(line.removeprefix("    ") for line in paragraph.split("\n"))
            parts.append(formulas(paragraph) or el("pre", lines, class_="formulas", tabindex=0))
        elif paragraph.startswith("* "):
            items = re.split(r"^\* ", paragraph, flags=re.M)[1:]
            parts.append(el("ul", [el("li", words(" ".join(item.split()))) for item in items]))
        elif paragraph.strip():
            parts.append(el("p", words(" ".join(paragraph.split()))))
    return escape(parts)


def table(head, rows, caption, row_class=lambda row: None):
    """Return a table that scrolls sideways where it does not fit."""
    return el("div", el("table", el("caption", caption), el("thead", el("tr", [
        el("th", cell, scope="col") for cell in head])), el("tbody", [
            el("tr", [el("th", row[0], scope="row") if row[0] else el("td"),
                      [el("td", cell) for cell in row[1:]]],
               class_=row_class(row)) for row in rows])),
        class_="scroll", tabindex=0, role="group", aria_label=caption)


def section(title, *content, name=None):
    """Return a part of a page with its heading; nothing if it would be empty."""
    if not escape(content).strip():
        return Html("")
    name = name or slug(title)
    return el("section", el("h2", title, id=name), content, aria_labelledby=name)


class Site:
    """The pages written so far, and the source files that they link."""

    def __init__(self, out):
        self.out, self.pages, self.sources, self.entries = out, {}, {}, []

    def page(self, name, title, body, here="", scripts=()):
        """Write a page; scripts are names of assets that only this page needs."""
        self.pages[name] = title
        more = [el("script", "", src=script, defer=True) for script in scripts]
        write_text(self.out / name, fill("page.html", title=title, body=body, scripts=more,
                                         here=here))

    def searchable(self, title, href, kind, more=""):
        """Add a line to the index of the search."""
        self.entries.append([title, href, kind, " ".join(more.split())])

    def source(self, path, line=None):
        """Return the address of a file's page, which is written in the end, or of a line of it."""
        from .source import ROOT
        name = path.relative_to(ROOT).as_posix()
        page = f"source-{name.replace('/', '-')}.html"
        self.sources[page] = path
        return page if line is None else f"{page}#L{line}"

    def copy(self, path, name=None):
        """Copy a file into the folder; return its name there."""
        name = name or path.name
        shutil.copyfile(path, self.out / name)
        return name


def write_text(path, text):
    """Write a text file, whole or not at all."""
    write_atomically(path, lambda file: file.write(text.encode()))
