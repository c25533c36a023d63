"""What must hold of the pages that were written: every link leads somewhere, and not far away."""
import re
from html.parser import HTMLParser

FAR = re.compile(r"(?:[a-z]+:)?//|https?:", re.I)


class Page(HTMLParser):
    """The ids and the addresses of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.twice = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Note an id, and what the element links."""
        for name, value in attributes:
            if name == "id":
                if value in self.ids:
                    self.twice.append(value)
                self.ids.add(value)
            elif name in ("href", "src", "action", "srcset", "data", "poster"):
                self.links.append(value)


def problems(pages, files):
    """Yield what is wrong with pages, {name: text}, in a folder with the given files."""
    parsed = {name: Page(text) for name, text in pages.items()}
    for name, page in parsed.items():
        for twice in page.twice:
            yield f"{name}: got the id {twice!r} twice, wanted it once"
        for link in page.links:
            target, _, anchor = link.partition("#")
            target = target or name
            if FAR.match(link):
                yield f"{name}: got the address {link!r}, wanted one within the book"
            elif target not in files:
                yield f"{name}: got a link to {link!r}, wanted a file that is there"
            elif anchor and target in parsed and anchor not in parsed[target].ids:
                yield f"{name}: got a link to {link!r}, wanted an anchor that is there"


def check(site):
    """Raise a ValueError, one line, at the first thing that is wrong."""
    pages = {name: (site.out / name).read_text(encoding="utf-8") for name in site.pages}
    files = {path.name for path in site.out.iterdir()}
    for problem in problems(pages, files):
        raise ValueError(problem)
