"""Write all pages of the book into a folder, and check them."""
import json

from . import index_page, loops, pair_page, paper_page, proofs, routing_page, source, source_page
from .checks import check
from .writing import ASSETS, TEMPLATES, Site, write_text


def build(out):
    """Write the book; return its Site.

    Raises
    ------
    ValueError
        If a page cannot be made, or a link leads nowhere: in one line, with what to mend.
    """
    from tqdm import tqdm
    pairs = source.find_pairs()
    for pair in pairs.values():
        proofs.require(pair)
    site = Site(out)
    routing_page.write(site)
    for pair in tqdm(pairs.values(), disable=None, leave=False):
        pair_page.write(site, pair)
    paper_page.write_all(site)
    index_page.write(site)
    source_page.write_all(site)
    for name in ASSETS:
        site.copy(TEMPLATES / name)
    brython = loops.bundle()
    (out / "brython.js").unlink(missing_ok=True)
    if brython:
        write_text(out / "brython.js", brython)
    entries = json.dumps(site.entries, ensure_ascii=False, separators=(",", ":"))
    write_text(out / "search.js", f"const SEARCH = {entries};\n"
                                  f"const BRYTHON_IS_HERE = {json.dumps(bool(brython))};\n")
    check(site)
    return site
