"""Mutate the mathematics line by line, and report each mutant that no test notices.

A mutant is the source with one slip: an operator, a comparison, a number, an axis, a default value,
two arguments that changed places, a statement left out. In a copy of the checkout, never in
the checkout, the tests that mirror the file run against each mutant (tests/ops/test_conv.py for
tinycaps/ops/conv.py), then those of the whole room if it survived. The faults of
tests/gradcheck/test_faults.py are not among them: they look for a piece of the source, and so would
refuse every change of the text, an equivalent one too.

A mutant that computes the same stands in tests/mutation/equivalent.toml with the reason. One of
those that is killed, or is no more, is reported as well. Exit code 1 if there is any report.

All of the mathematics has about 2300 mutants and takes an hour or two on one core.
"""
import argparse
import random
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from tests.mutation.mutants import find_mutants
from tests.mutation.trial import Trials

ROOMS = ["ops", "capsules", "forward_forward", "distillation", "fast", "optim"]
NO_MATHEMATICS = ["fast/threads.py"]
"""Left out of its room."""


def main(words=None):
    parser = argparse.ArgumentParser("python -m tests.mutation", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", nargs="+", default=ROOMS, metavar="NAME",
                        help="rooms or files, such as ops or data/warp; all mathematics by default")
    parser.add_argument("--match", default="", metavar="TEXT",
                        help="only mutants with this text in their name")
    parser.add_argument("--sample", type=int, metavar="N", help="a random N of the mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[2], metavar="DIR",
                        help="another checkout")
    args = parser.parse_args(words)
    files = [file for room in args.room for file in find_files(parser, args.tree, room)]
    mutants = {mutant.name: (file, mutant) for file in files
               for mutant in find_mutants((args.tree / "tinycaps" / file).read_text("utf-8"), file)}
    listed = read_equivalents(args.tree)
    problems = [f"no more, take it off the list: {name}" for name in listed
                if name.partition(" ")[0] in files and name not in mutants]
    chosen = [name for name in mutants if args.match in name]
    if args.sample:
        chosen = random.Random(args.seed).sample(chosen, min(args.sample, len(chosen)))
    counts = Counter()
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(args.tree, Path(folder))
        for name in tqdm(chosen, smoothing=0, disable=None):
            file, mutant = mutants[name]
            killed = trials.kill(file, mutant.source, thorough=name not in listed)
            fate = "killed" if killed else "equivalent" if name in listed else "surviving"
            counts[file, fate] += 1
            if killed and name in listed:
                problems.append(f"killed, take it off the list: {name}")
            elif fate == "surviving":
                problems.append(f"survived: {name}")
                tqdm.write(problems[-1], file=sys.stderr)
        problems += [f"fails without a mutant, left out: {test}" for test in trials.broken]
    report(counts, problems)
    return 1 if problems else 0


def find_files(parser, tree, room):
    """Return the files of a room, or the file, relative to the package."""
    package = tree / "tinycaps"
    left_out = [package / file for file in NO_MATHEMATICS]
    paths = sorted({*(package / room).glob("*.py")}.difference(left_out))
    paths = paths or [package / f"{room}.py"]
    if not paths[0].is_file():
        parser.error(f"--room: got {room}, wanted a room or a file of tinycaps")
    return [str(path.relative_to(package)) for path in paths]


def read_equivalents(tree):
    """Return the reason for each mutant that is listed as equivalent."""
    path = tree / "tests" / "mutation" / "equivalent.toml"
    groups = tomllib.loads(path.read_text("utf-8"))["equivalent"] if path.is_file() else []
    return {name: group["reason"] for group in groups for name in group["mutants"]}


def report(counts, problems):
    fates = ["killed", "equivalent", "surviving"]
    rows = {file: [counts[file, fate] for fate in fates] for file, _ in counts}
    rows["all"] = [sum(column) for column in zip(*rows.values())]
    print(f"{'':40}{'mutants':>12}" + "".join(f"{fate:>12}" for fate in fates))
    for file, row in rows.items():
        print(f"{file:40}{sum(row):12}" + "".join(f"{number:12}" for number in row))
    for problem in problems:
        print(problem)


if __name__ == "__main__":
    tqdm.monitor_interval = 0           # its thread would be there when a trial forks
    sys.exit(main())
