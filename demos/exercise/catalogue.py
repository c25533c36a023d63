"""The exercises: for each pair its backward, and two backwards with a fault inside."""
import ast
from functools import cache
from typing import NamedTuple

from demos.book.source import Pair, find_pairs, source, uses
from demos.gradcheck.faults import FAULTS, Fault
from demos.gradcheck.points import NO_DERIVATIVE

FIRST = "linear"
"""Where a course begins: all that follows is made of it. The order of the others is derived."""
FAULTS_EACH = 2
OPERATIONS = ast.BinOp, ast.UnaryOp, ast.Compare, ast.AugAssign, ast.Call


class Exercise(NamedTuple):
    """A backward to be written, or one with a fault to be found."""

    name: str
    pair: Pair
    fault: Fault | None = None


@cache
def find_exercises():
    """Return every exercise by its name, easy ones first; those with a fault follow their pair."""
    exercises, pairs = {}, find_pairs()
    for op in order(pairs):
        exercises[op] = Exercise(op, pairs[op])
        # One that shows at special shapes only ends with an error at all others: easily found.
        faults = [fault for fault in FAULTS.get(op, ()) if not fault.shapes]
        for k, fault in enumerate(faults[:FAULTS_EACH], 1):
            exercises[f"{op}-fault-{k}"] = Exercise(f"{op}-fault-{k}", pairs[op], fault)
    return exercises


def order(pairs):
    """Return the ops with a derivative: the shortest of those whose parts have been before."""
    waiting = {op for op in pairs if f"{op}_forward" not in NO_DERIVATIVE}
    lengths = {op: (op != FIRST, count_operations(pairs[op].backward.function), op)
               for op in waiting}
    ordered = []
    while waiting:
        ready = [op for op in waiting if not uses()[op] & waiting]
        ordered.append(min(ready, key=lengths.get))
        waiting.remove(ordered[-1])
    return ordered


def count_operations(function):
    """Return the number of operations and calls in a function: how long its mathematics is."""
    return sum(isinstance(node, OPERATIONS) for node in ast.walk(ast.parse(source(function))))
