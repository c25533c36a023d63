"""The first page: the reading path, by topic, and the equations of each paper."""
from demos.exercise.catalogue import find_exercises

from . import rooms, routing_page, source
from .writing import el, fill, section, slug, words

PATH = ("squash", "predictions", "routing", "length", "margin_loss", "mask", "decoder", "capsnet",
        "capsnet_loss")
"""From one pair of half a page to a whole network that learns."""


def write(site):
    """Write index.html."""
    pairs = source.find_pairs()
    site.pairs = len(pairs)
    site.tags = sum(bool(line.tags or line.constants) for pair in pairs.values()
                    for side in (pair.forward, pair.backward) for line in side.lines)
    slider = [", and ", el("a", "step by step", href=routing_page.PAGE), ", with a slider"]
    path = el("ol", [el("li", el("a", op, href=f"{op}.html"), slider if op == "routing" else "",
                        ": ", words(pairs[op].summary)) for op in PATH])
    topics = [section(room.title, el("p", el("a", "Formulas, departures and results",
                                             href=room.page), "."),
                      el("ul", [el("li", el("a", pair.op, href=f"{pair.op}.html"),
                                   f" [{', '.join(pair.tags)}]: ", words(pair.summary))
                                for pair in rooms.ops_of(room)]), name=slug(room.name))
              for room in rooms.all_rooms()]
    site.page("index.html", "Index", fill("index.html", path=path, topics=topics,
                                          exercises=exercises(), pairs=site.pairs, tags=site.tags))


def exercises():
    """Return the exercises in order of difficulty, as links to the pages that teach them."""
    ops = dict.fromkeys(exercise.pair.op for exercise in find_exercises().values())
    return el("ol", [el("li", el("a", op, href=f"{op}.html")) for op in ops], class_="columns")
