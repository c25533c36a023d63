"""The page of a room: its paper's equations in order, what departs, what was measured."""
import re

from . import markdown, mathematics, rooms, source
from .writing import el, escape, section, slug, table, words


def write_all(site):
    """Write a page for every room."""
    for room in rooms.all_rooms():
        write(site, room)


def write(site, room):
    """Write the page of a room: its README, the pairs in the map's order, its results."""
    title, *parts = re.split(r"^## (.*)\n", room.text, flags=re.M)
    sections = dict(zip(parts[::2], parts[1::2]))
    intro = re.sub(r"^# .*\n", "", title)
    body = [el("p", el("a", "Book", href="index.html"), class_="where"), el("h1", room.title),
            markdown.render(site, intro, room.path),
            section("Equations", el("p", "In the order of the map; each links the page that "
                                    "derives it."), equations(room))]
    for name, text in sections.items():
        body.append(section(name.replace(" from the paper", "").replace("s from the papers", "s"),
                            markdown.render(site, text, room.path),
                            name=slug_of(name)))
    results = source.ROOT / "demos" / "results" / f"{room.name}.md"
    if results.exists():
        text = results.read_text(encoding="utf-8")
        text = re.sub(r"^# .*\n", "", text)
        text = re.sub(r"^#", "##", text, flags=re.M)
        body.append(section("Measured", markdown.render(site, text, results)))
    site.page(room.page, room.title, escape(body))
    site.searchable(room.title, room.page, "paper" if room.name != "ops" else "room",
                    " ".join(re.sub(r"[#|`\[\]()*]", " ", intro).split()))


def slug_of(name):
    """Return the id of a section of a README: every table of departures has the same."""
    return "departures" if name.startswith("Departures") else slug(name)


def equations(room):
    """Return the pairs of a room's map with their formulas, in the map's order."""
    rows = []
    for pair in rooms.ops_of(room):
        known = mathematics.symbols(pair)
        lines = [el("div", mathematics.formula(pair, line, known), class_="math")
                 for line in pair.formula]
        rows.append((el("a", pair.op, href=f"{pair.op}.html"), ", ".join(pair.tags), lines,
                     words(pair.summary)))
    return table(("pair", "tags", "formula", "what it is for"), rows,
                 f"Equations of {room.title}")
