"""Insert the numbers of the records into the pages that quote them.

A number of a page stands between two comments, which Markdown does not show:

    <!--{capsnet_mnist_1epoch.error : .2%}-->1.39 %<!--/-->

The first holds an expression and a format. In the expression a record goes by the name of its file,
its results stand alongside its other fields, and _ is written for whatever is no letter or digit,
as in `benchmark.contenders.torch_tuned`. The expression may use `len`, `set`, `sum`, `sorted`,
`mean` and `interval`. The format is one of Python's, or `command` for the command of a record as it
is typed today.

    python -m demos results

A test holds that all pages are up to date: run this after a record has changed.
"""
import argparse
import json
import re
import sys
from pathlib import Path
from statistics import mean

HERE = Path(__file__).parent
PAGES = [HERE.parents[1] / "README.md", *sorted(HERE.glob("*.md"))]
FUNCTIONS = {"__builtins__": {}, "len": len, "set": set, "sum": sum, "sorted": sorted,
             "mean": mean}
NUMBER = re.compile(r"<!--\{(.+?)\}-->(.*?)<!--/-->", re.DOTALL)


class Fields(dict):
    """What a record holds, each field an attribute."""

    __getattr__ = dict.__getitem__


def identifier(name):
    """Return a name as Python would have it."""
    word = re.sub(r"\W+", "_", name)
    return f"_{word}" if word[0].isdigit() else word


def read_records():
    """Return all records by name, the results of each among its other fields."""
    records = {}
    for path in sorted(HERE.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"), object_hook=lambda pairs: Fields(
            {identifier(name): value for name, value in pairs.items()}))
        records[identifier(path.stem)] = Fields(record | record.results)
    return records


def interval(count, total):
    """Return the exact 95 % confidence interval of a fraction, in words."""
    from scipy.stats import binomtest
    low, high = binomtest(count, total).proportion_ci()
    return f"{100 * low:.2f} to {100 * high:.2f}%"


def current_command(record):
    """Return the command of a record as it is typed today, without --out and --resume."""
    words = re.sub(r" --out \S+| --resume", "", record.command)
    return f"`{words.replace('-m demos.', '-m demos ')}`"


def evaluate(place, records):
    """Return what an expression with a format, ``"EXPRESSION : FORMAT"``, comes to."""
    expression, _, form = (part.strip() for part in place.rpartition(":"))
    try:
        value = eval(expression, FUNCTIONS | {"interval": interval} | records)
        return current_command(value) if form == "command" else f"{value:{form}}".replace("%", " %")
    except (KeyError, NameError, TypeError, ValueError, SyntaxError) as error:
        raise ValueError(f"number: got {place!r} ({error}), wanted EXPRESSION : FORMAT") from None


def insert(text, records):
    """Return a page with all of its numbers as the records have them now."""
    return NUMBER.sub(
        lambda found: f"<!--{{{found[1]}}}-->{evaluate(found[1], records)}<!--/-->", text)


def main(argv=None):
    """Rewrite every page; return the exit code."""
    argparse.ArgumentParser(prog="python -m demos results", description=__doc__,
                            formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    records = read_records()
    for path in PAGES:
        old = path.read_text(encoding="utf-8")
        new = insert(old, records)
        path.write_text(new, encoding="utf-8")
        print(f"{path.name}: {len(NUMBER.findall(new))} numbers{'' if new == old else ', renewed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
