"""A page for each source file that others link: highlighted, with an anchor at every line."""
from .highlight import block
from .source import ROOT
from .writing import el


def write_all(site):
    """Write the pages of all linked files."""
    for page, path in site.sources.items():
        name = path.relative_to(ROOT).as_posix()
        code = path.read_text(encoding="utf-8").rstrip("\n")
        site.page(page, name, [el("h1", el("code", name)), block(code, name, first=1)])
