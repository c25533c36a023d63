"""The page of a room: its paper's equations in order, what departs, what was measured."""
import re

from . import markdown, rooms, source
from .writing import el, escape, section, table, words


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
                                    "derives it."), equations(site, room))]
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
    from .writing import slug
    return "departures" if name.startswith("Departures") else slug(name)


def equations(site, room):
    """Return the pairs of a room's map with their formulas, in the map's order."""
    from . import mathematics
    pairs, rows = source.find_pairs(), []
    ops = dict.fromkeys(re.findall(r"`(\w+)_forward`", room.text.partition("## Map")[2]
                                   .partition("\n## ")[0]))
    for op in ops:
        if op not in pairs:
            continue
        pair = pairs[op]
        known = mathematics.symbols(pair)
        lines = [el("div", el("span", mathematics.mathematics(pair, line, known), class_="math"))
                 for line in pair.formula]
        tags = dict.fromkeys(tag for line in pair.formula for tag in line.tags)
        rows.append((el("a", op, href=f"{op}.html"), ", ".join(tags), lines, words(pair.summary)))
    return table(("pair", "tags", "formula", "what it is for"), rows,
                 f"Equations of {room.title}")
