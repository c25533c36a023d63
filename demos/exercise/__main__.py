"""Write a backward yourself, or find the fault in one; the gradient checker judges.

Every pair of the package is an exercise, from the linear map to routing: you get its forward, its
formula and a backward whose lines are blank but for their tags. For each there are also two
backwards with a fault inside, which you find and mend. You will see, for each gradient, whether it
is right, wrong (by how much, and where) or not yet written. Your code runs in a process of its own
with limits on its time and memory.

    python -m demos exercise                        list them, easy ones first: done, tried or new
    python -m demos exercise squash                 write out/exercises/squash.py
    python -m demos exercise squash --check         judge it: a second or two
    python -m demos exercise squash --hint          the shapes; at the next call also what is
                                                    missing, as far as the numbers show; then also
                                                    the derivation
    python -m demos exercise squash --solution      print the solution
    python -m demos exercise squash-fault-1         write a backward with a fault inside

A file that is there is never overwritten: with --again it is kept as squash.1.py, squash.2.py, and
so on. Progress is kept in out/exercises/progress.json. The exit code of --check is 0 if all is
right, 1 if not, and 2 if the file cannot be judged. The last line of the list:
0 of 34 backwards written, 0 of 68 faults found; next: python -m demos exercise linear
"""
import argparse
import difflib
from pathlib import Path

from demos.book.source import source
from demos.exercise.catalogue import find_exercises
from demos.exercise.hints import derivation_hint, shape_hint
from demos.exercise.judge import Unreadable
from demos.exercise.process import judged
from demos.exercise.progress import note, read_progress
from demos.exercise.sheet import write_sheet
from demos.harness.arguments import Parser
from demos.harness.run import prepare
from tinycaps.checkpoint import write_atomically


def build_parser():
    """Return the argument parser."""
    parser = Parser(prog="python -m demos exercise", description=__doc__,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", help="one of those in the list; without, the list")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="judge the file")
    what.add_argument("--hint", action="store_true", help="one more hint at each call, up to three")
    what.add_argument("--solution", action="store_true", help="print the solution")
    what.add_argument("--again", action="store_true", help="write the file anew, keep the old one")
    parser.add_argument("--out", type=Path, default=Path("out") / "exercises", metavar="DIR",
                        help="where files and progress go (default %(default)s)")
    return parser


def list_exercises(folder):
    """Yield the lines of the list."""
    exercises, progress = find_exercises(), read_progress(folder)

    def state(name):
        return progress.get(name, {"state": "new"})["state"]
    plain = [each for each in exercises.values() if not each.fault]
    faulty = [each for each in exercises.values() if each.fault]
    width = max(len(each.name) for each in plain)
    yield f"    {'write the backward':{width + 9}}find the fault"
    for number, each in enumerate(plain, 1):
        faults = "  ".join(f"{other.name.removeprefix(each.name + '-')} {state(other.name):5}"
                           for other in faulty if other.pair is each.pair)
        yield f"{number:2}  {each.name:{width}}  {state(each.name):7}{faults}".rstrip()
    waiting = [each.name for each in plain if state(each.name) != "done"]
    command = f"; next: python -m demos exercise {waiting[0]}" if waiting else ""
    yield (f"{len(plain) - len(waiting)} of {len(plain)} backwards written, "
           f"{sum(state(each.name) == 'done' for each in faulty)} of {len(faulty)} faults found"
           f"{command}")


def write(exercise, path, again):
    """Write the file of an exercise, and keep what the reader wrote."""
    text = write_sheet(exercise)
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
        if not again:
            raise FileExistsError(f"{path}: got a file that you have changed, wanted none; --again "
                                  "keeps it under another name and starts anew")
        number = 1
        while (old := path.with_suffix(f".{number}.py")).exists():
            number += 1
        path.rename(old)
        print(f"kept {old}")
    write_atomically(path, lambda file: file.write(text.encode()))
    note(path.parent, exercise.name)
    print(f"wrote {path}: {'mend' if exercise.fault else 'fill in'} {exercise.pair.backward.name}, "
          f"then python -m demos exercise {exercise.name} --check")


def check(exercise, path):
    """Judge the file of an exercise, print the verdict, and return the exit code."""
    found = judged("check", exercise, path)
    width = max([len(name) for name in found["gradients"]], default=0)
    for name, (state, words) in found["gradients"].items():
        print(f"{name:{width}}  {state}{': ' * bool(words)}{words}")
    for problem in found["problems"]:
        print(f"problem: {problem}")
    for words in found["notes"]:
        print(f"note: {words}")
    states = [state for state, _ in found["gradients"].values()]
    right = states.count("right")
    done = right == len(states) > 0 and not found["problems"]
    entry = note(path.parent, exercise.name, checks=1, done=done)
    if done:
        print(f"{right} of {right} right; checks: {entry['checks']}, hints: {entry['hints']}")
    else:
        print(f"{right} of {len(states)} right; python -m demos exercise {exercise.name} --hint "
              "says more")
    return int(not done)


def hint(exercise, path):
    """Print one hint more than at the last call."""
    steps = read_progress(path.parent).get(exercise.name, {"hints": 0})["hints"] + 1
    hints = [shape_hint(exercise)]
    if steps > 1:
        try:
            hints.append(judged("hint", exercise, path))
        except Unreadable as error:
            hints.append([str(error)])
    if steps > 2:
        hints.append(derivation_hint(exercise))
    for number, lines in enumerate(hints, 1):
        print(f"{number}. " + "\n   ".join("\n".join(lines).split("\n")))
    note(path.parent, exercise.name, hints=int(steps <= 3))
    return 0


def main(argv):
    """List the exercises, or do what is asked about one; return the exit code."""
    arguments = build_parser().parse_args(argv)
    exercises, name = find_exercises(), arguments.name
    if name is None:
        print("\n".join(list_exercises(arguments.out)))
        return 0
    if name not in exercises:
        near = difflib.get_close_matches(name, exercises) or ["one of those that "
                                                              "python -m demos exercise lists"]
        raise ValueError(f"exercise: got {name!r}, wanted {' or '.join(near)}")
    exercise, path = exercises[name], arguments.out / f"{name}.py"
    if arguments.solution:
        print(source(exercise.pair.backward.function).rstrip())
        return 0
    prepare(arguments)
    if arguments.check or arguments.hint:
        if not path.exists():
            raise FileNotFoundError(f"{path}: got no file, wanted the one that python -m demos "
                                    f"exercise {name} writes")
        return (check if arguments.check else hint)(exercise, path)
    write(exercise, path, arguments.again)
    return 0
