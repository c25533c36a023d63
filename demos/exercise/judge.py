"""The judge: the reader's backward against measured derivatives, at several points.

It imports the reader's file, so `demos.exercise.process` runs it in a process of its own.
"""
import ast
import functools
import inspect
import traceback

import numpy as np

from demos.gradcheck.faults import FAULTS, find_point
from tinycaps.gradcheck import check_gradients
from tinycaps.gradcheck.pair import Pair

SEEDS = (0, 1)
"""Of the points; where a fault needs another one to show, that is added."""
LIMITS = dict(max_entries=30, directions=1)
STATES = ("right", "not yet written", "not judged", "wrong")
"""From good to bad; nothing is judged before the problems of the pair are mended."""


class Unreadable(ValueError):
    """The reader's file cannot be judged; the one line says why."""


def judge(exercise, path):
    """Judge the file of an exercise.

    Returns
    -------
    dict
        ``"gradients"``: name to (state, words); ``"problems"``: what else is wrong with the pair;
        ``"notes"``: what else is worth saying. JSON can hold it.

    Raises
    ------
    Unreadable
        If it is no Python code, stops with an error, or its backward takes other arguments.
    """
    tree, function = load(exercise, path)
    gradients, problems = {}, []
    for point in points_of(exercise.pair.op):
        found, more = _judge_at(point, function, tree, path)
        problems += [problem for problem in more if problem not in problems]
        for name, verdict in found.items():
            worst = gradients.setdefault(name, verdict)
            gradients[name] = max(worst, verdict, key=lambda each: STATES.index(each[0]))
    return {"gradients": gradients, "problems": problems, "notes": _notes(exercise, tree)}


def points_of(op):
    """Return the points of an op: forward, backward, inputs, keywords, those worth saying."""
    points = [(*find_point(op, seed=seed), {}) for seed in SEEDS]
    return points + [(*find_point(op, fault), fault.keywords) for fault in FAULTS.get(op, ())
                     if fault.shapes or fault.keywords]


def load(exercise, path):
    """Return the tree of the reader's backward, and the backward; raises as `judge` does."""
    wanted = exercise.pair.backward
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        code = compile(tree, str(path), "exec")
    except SyntaxError as error:
        place = f"{path}, line {error.lineno}" if error.lineno else path
        raise Unreadable(f"{place}: got {error.msg}, wanted Python code") from None
    except ValueError as error:
        raise Unreadable(f"{path}: got {error}, wanted Python code") from None
    names = {"__name__": "exercise"}
    _run(path, exec, code, names)
    function = names.get(wanted.name)
    if not inspect.isfunction(function):
        raise Unreadable(f"{path}: got no function {wanted.name}, wanted it")
    got, right = (", ".join(inspect.signature(each).parameters)
                  for each in (function, wanted.function))
    if got != right:
        raise Unreadable(f"{path}: got {wanted.name}({got}), wanted {wanted.name}({right})")
    return tree, function


def _run(path, function, *arguments):
    """Call what the reader wrote; an error in it becomes one line with its place."""
    try:
        return function(*arguments)
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
                 if frame.filename == str(path)]
        place = f"{path}, line {lines[-1]}" if lines else f"{path}"
        words = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":")
        raise Unreadable(f"{place}: got {words}, wanted gradients") from error


def _judge_at(point, function, tree, path):
    """Return the verdict of each gradient at one point, and problems of the pair."""
    forward, _, inputs, keywords, setting = point
    pair, found, verdicts, problems = observe(point, function, tree, path)
    if problems:
        return {label(pair, name): ("not judged", "") for name in pair.arrays}, problems
    if not found:
        return verdicts, []

    def filled(*arguments):
        return _fill(pair, found, pair.backward(*arguments))
    check = functools.partial(check_gradients, forward, filled, *inputs, **LIMITS, **keywords)
    for row in _run(path, check).rows:
        verdicts.setdefault(label(pair, row.name), _verdict(row, setting))
    return {label(pair, name): verdicts[label(pair, name)] for name in pair.arrays}, []


def observe(point, function, tree, path):
    """Run the reader's backward once; raise as `judge` does.

    Returns
    -------
    pair : Pair
        Of the forward in tinycaps and the reader's backward.
    found : dict
        Name to gradient, of those that can be compared.
    verdicts : dict
        What is said of the others.
    problems : list of str
        What is wrong with none of them alone.
    """
    forward, right, inputs, keywords, _ = point
    blank = holes(tree, forward.__name__.removesuffix("_forward") + "_backward")
    if isinstance(right, functools.partial):
        function = functools.partial(function, **right.keywords)
    pair = Pair(forward, function, inputs, keywords)
    try:
        _, found, problems = _run(path, pair.gradients, np.random.default_rng(0))
    except Unreadable as error:
        if blank and isinstance(error.__cause__, (TypeError, AttributeError)):
            return pair, {}, {label(pair, name): ("not yet written", "")
                              for name in pair.arrays}, []
        raise
    verdicts, others = {}, []
    for problem in problems:
        name = next((name for name in pair.arrays
                     if problem.startswith(f"gradient of {name}: ")), None)
        words = problem.partition(": ")[2]
        empty = words.startswith(("got ellipsis", "got object", "got NoneType"))
        if name is None:
            others.append(problem)
        elif empty and blank:
            verdicts[label(pair, name)] = "not yet written", ""
        else:
            verdicts[label(pair, name)] = "wrong", words
    found = {name: each for name, each in found.items() if label(pair, name) not in verdicts}
    return pair, found, verdicts, others


def _verdict(row, setting):
    if row.verdict in ("ok", "kink"):
        return "right", ""
    place = "along a random direction" if row.index is None else f"at {row.index}"
    place += "".join(f", with {name}={value!r}" for name, value in setting.items())
    return "wrong", (f"off by {abs(row.analytic - row.numeric):.2g} {place}: got "
                     f"{row.analytic:.6g}, measured {row.numeric:.6g}")


def label(pair, name):
    """Return how a reader calls the gradient of an array: dx, or grads["0.W"]."""
    key = pair.place[name][1]
    return f"d{name}" if key is None else f'grads["{key}"]'


def _fill(pair, found, returned):
    """Return what a backward returned with zeros for the gradients that were not found."""
    bare = not isinstance(returned, tuple)
    values = [returned] if bare else [*returned]
    positions = sorted({position for position, _ in pair.place.values()})
    for name, (position, key) in pair.place.items():
        if name not in found:
            k, zeros = positions.index(position), np.zeros_like(pair.arrays[name])
            if key is None:
                values[k] = zeros
            else:
                values[k] = (values[k] if isinstance(values[k], dict) else {}) | {key: zeros}
    return values[0] if bare else tuple(values)


def holes(tree, name):
    """Return the lines of a function on which `...` stands for a value, not for an index."""
    inside = [node for function in ast.walk(tree)
              if isinstance(function, ast.FunctionDef) and function.name == name
              for node in ast.walk(function)]
    indices = {id(each) for node in inside if isinstance(node, ast.Subscript)
               for each in ast.walk(node.slice)}
    return sorted({node.lineno for node in inside if isinstance(node, ast.Constant)
                   and node.value is ... and id(node) not in indices})


def _notes(exercise, tree):
    """Return lines about blanks that are left, and about the solution where the file uses it."""
    op, notes = exercise.pair.op, []
    blank = holes(tree, f"{op}_backward")
    if blank:
        notes.append(f"... is left in line{'s' * (len(blank) > 1)} {', '.join(map(str, blank))}")
    names = {f"{op}_backward", f"fast_{op}_backward"}
    for node in ast.walk(tree):
        imported = isinstance(node, ast.ImportFrom) and names & {each.name for each in node.names}
        if imported or isinstance(node, ast.Attribute) and node.attr in names:
            return [*notes, f"line {node.lineno} takes {op}_backward from tinycaps, so this says "
                            "nothing about your own"]
    return notes
