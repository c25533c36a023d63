"""The Markdown of our READMEs as HTML: headings, paragraphs, lists, tables, code, links, images."""
import os
import re
from pathlib import Path

from .source import ROOT
from .writing import el, escape, slug, table

INLINE = re.compile(r"`(?P<code>[^`]+)`|!\[(?P<text>[^\]]*)\]\((?P<image>[^)]+)\)"
                    r"|\[(?P<label>(?:`[^`]*`|[^\]])+)\]\((?P<target>[^)]+)\)"
                    r"|\*\*(?P<strong>.+?)\*\*|\*(?P<em>[^*]+)\*|\\(?P<plain>[|*_])")


def render(site, text, path):
    """Return a page as Html.

    Parameters
    ----------
    site : Site
    text : str
    path : Path
        Of the page, from which its links are relative.
    """
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    parts = []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        parts.append(_block(site, paragraph.strip("\n"), path))
    return escape(parts)


def _block(site, text, path):
    heading = re.match(r"(#+) (.*)\n?", text)
    if heading:
        title = inline(site, heading[2], path)
        level = min(len(heading[1]), 4)
        rest = text[heading.end():]
        return [el(f"h{level}", title, id=slug(heading[2])),
                _block(site, rest, path) if rest.strip() else ""]
    if text.startswith("    "):
        return el("pre", "\n".join(line.removeprefix("    ") for line in text.split("\n")),
                  tabindex=0)
    if text.startswith("|"):
        head, _, *rows = [[inline(site, cell, path) for cell in cells(line)]
                          for line in text.split("\n")]
        return table(head, rows, "Table: " + ", ".join(_plain(cell) for cell in head if cell))
    items = re.split(r"^(?:- |\d+\. )", text, flags=re.M)
    if len(items) > 1 and not items[0]:
        return el("ol" if text[0].isdigit() else "ul",
                  [el("li", inline(site, " ".join(item.split()), path)) for item in items[1:]])
    return el("p", inline(site, " ".join(text.split()), path))


def cells(line):
    """Return the cells of a row of a table."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _plain(markup):
    return re.sub("<[^>]*>", "", markup)


def inline(site, text, path):
    """Return a line of Markdown as Html."""
    pieces, end = [], 0
    for found in INLINE.finditer(text):
        pieces += [text[end:found.start()], _element(site, found, path)]
        end = found.end()
    return escape(pieces + [text[end:]])


def _element(site, found, path):
    if found["code"]:
        return el("code", found["code"])
    if found["plain"]:
        return found["plain"]
    if found["strong"] or found["em"]:
        name = "strong" if found["strong"] else "em"
        return el(name, inline(site, found[name], path))
    if found["image"]:
        return el("img", src=site.copy(_resolve(path, found["image"])), alt=found["text"])
    label, target = inline(site, found["label"], path), found["target"]
    if re.match(r"[a-z]+:", target):            # the book has no address beyond the disk
        return [label, el("span", f" ({target.partition('//')[2]})", class_="kind")]
    return link(site, label, target, path)


def link(site, label, target, path):
    """Return a link of a README: to the room's page, a source file, or as text where neither is."""
    from .rooms import all_rooms
    target, _, anchor = target.partition("#")
    if not target:
        return el("a", label, href=f"#{anchor}")
    place = _resolve(path, target)
    for room in all_rooms():
        if place in (room.path, room.path.parent):
            return el("a", label, href=room.page)
        if place == ROOT / "demos" / "results" / f"{room.name}.md":
            return el("a", label, href=f"{room.page}#measured")
    if place.suffix == ".py" and place.exists():
        return el("a", label, href=site.source(place))
    return label


def _resolve(path, target):
    return Path(os.path.normpath(path.parent / target))
