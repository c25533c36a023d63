"""Make the book: every formula beside its line, every proof computed while it is written.

A site of plain pages, opened from the disk without a server or a network. It is made from the code
itself: the docstrings' formulas as mathematics, forward and backward side by side with each line
linked to the line that answers it, the gradient checks and the planted faults run anew. So it
cannot drift from what runs. Open index.html in --out.

    python -m demos book                    half a minute

With pip install -e ".[book]" the loop references can be changed and run in the page. The last line
but one: 121 pages of 32 pairs, 219 tagged lines, 4.6 MB; the last line:
open out/book/index.html
"""
import sys
import time

from demos.harness.arguments import make_parser
from demos.harness.run import prepare, run


def main(argv):
    """Write the book; return the exit code."""
    arguments = make_parser("book", __doc__).parse_args(argv)
    prepare(arguments)
    from .build import build
    started = time.monotonic()
    site = build(arguments.out)
    size = sum(path.stat().st_size for path in arguments.out.iterdir() if path.is_file())
    print(f"{len(site.pages)} pages of {site.pairs} pairs, {site.tags} tagged lines, "
          f"{size / 1e6:.1f} MB, in {time.monotonic() - started:.0f} seconds")
    print(f"open {arguments.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    run(main, sys.argv[1:])
