"""Hints in three steps: the shapes; what is missing, as far as the numbers show; the derivation."""
import ast
import functools
import inspect
import sys
import textwrap

import numpy as np

from demos.book.source import comments, read_tag, source
from demos.exercise.judge import label, load, observe, points_of
from demos.exercise.sheet import shapes
from demos.gradcheck.faults import FAULTS, find_point, planted, remade
from tinycaps.gradcheck.pair import Pair

MOST = 3
"""Guesses that are shown."""


def shape_hint(exercise):
    """Return the lines of the first hint: shapes in letters, and in numbers at a point."""
    forward, backward, inputs, keywords = find_point(exercise.pair.op)
    pair = Pair(forward, backward, inputs, keywords)
    out, cache = forward(*inputs, **keywords)
    have = [f"{name} {np.shape(value)}" for name, value in _named(exercise.pair, cache)
            if isinstance(value, np.ndarray) and name != "_"]
    have += [f"{name}[{len(value)}] {np.shape(value[0])}"
             for name, value in _named(exercise.pair, cache)
             if isinstance(value, list) and isinstance(value[0], np.ndarray)]
    wanted = [f"{label(pair, name)} {array.shape}" for name, array in pair.arrays.items()]
    return [f"shapes: {shapes(exercise.pair)}",
            *_wrapped("at a point of --check there are:", [f"upstream gradient {np.shape(out)}",
                                                           *have]),
            *_wrapped("and wanted are:", wanted)]


def _wrapped(words, items):
    """Return lines that break between items."""
    items = ", ".join(item.replace(" ", "\u00a0") for item in items)
    return [line.replace("\u00a0", " ") for line in textwrap.wrap(f"{words} {items}", 96)]


def _named(pair, cache):
    """Return the parts of a cache by the names that the backward gives them."""
    if hasattr(cache, "_fields"):
        return [(f"cache.{name}", value) for name, value in zip(cache._fields, cache)]
    for node in ast.walk(ast.parse(source(pair.backward.function))):
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == "cache":
            target, = node.targets
            several = isinstance(target, ast.Tuple)
            return zip([ast.unparse(each) for each in (target.elts if several else [target])],
                       cache if several else [cache])
    return []


def derivation_hint(exercise):
    """Return the lines of the third hint: the derivation, and the words of the solution's tags."""
    pair, lines = exercise.pair, []
    derivation = pair.backward.doc.rstrip()
    if "module's docstring" in derivation:
        page = inspect.getdoc(sys.modules[inspect.unwrap(pair.backward.function).__module__])
        lines += [next(each for each in page.split("\n\n") if each.startswith(" ")), ""]
    return [*lines, derivation, *(f"[{', '.join(line.tags)}] {line.words}"
                                  for line in pair.backward.lines if line.tags and line.words)]


def guess(exercise, path):
    """Compare the reader's numbers with those of known mistakes; return the second hint's lines.

    Known are the planted faults of the pair, a constant factor, and the solution with a term or
    factor left out or with another sign.
    """
    tree, function = load(exercise, path)
    points, mine, guesses = points_of(exercise.pair.op), {}, []
    for point in points:
        pair, found, _, _ = observe(point, function, tree, path)
        _collect(mine, pair, found)
    right = _numbers(points, exercise.pair.backward.function)
    wrong = {name for name in mine if not _alike(mine[name], right[name])}
    if not wrong:
        return ["nothing that is written is wrong"]
    for why, known in known_mistakes(exercise.pair):
        theirs = _numbers(points, known)
        explained = {name for name in wrong if name in theirs and _alike(mine[name], theirs[name])}
        guesses.append((why, explained))
    for name in sorted(wrong):
        ratio = mine[name] @ right[name] / (right[name] @ right[name] or 1)
        if _alike(mine[name], ratio * right[name]):
            guesses.append((f"a constant factor of {ratio:.4g}", {name}))
    guesses = [each for each in guesses if each[1]]
    guesses.sort(key=lambda each: -len(each[1]))
    if not guesses:
        return ["the numbers are those of no mistake that is known here"]
    best = dict(reversed(guesses[:MOST]))
    return ["the numbers are like those of (other mistakes can give the same numbers):",
            *[f"    {why}, in {', '.join(sorted(names))}" for why, names in reversed(best.items())]]


def known_mistakes(pair):
    """Yield mistakes of a pair: in words, and the backward that makes it."""
    function = pair.backward.function
    for fault in FAULTS.get(pair.op, ()):
        yield fault.why, planted(function, fault.piece, fault.by)
    code = source(function)
    tags = {number: read_tag(text)[0] for number, text in comments(code)}
    for k, node in enumerate(ast.walk(ast.parse(code))):
        for words, change in _changes(node):
            tree = ast.parse(code)
            change([*ast.walk(tree)][k])
            line = next((tags[n] for n in range(node.lineno, node.lineno + 4) if tags.get(n)), ())
            where = f"in the line [{', '.join(line)}]" if line else "in a line without a tag"
            yield f"{words} {where}", remade(function, ast.unparse(tree))


def _changes(node):
    """Yield what can be done to a node: in words, and a function that does it."""
    def put(**fields):
        return lambda node: [setattr(node, name, value) for name, value in fields.items()]

    nothing, one = ast.Constant(0), ast.Constant(1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        for field in ("left", "right") if isinstance(node.op, ast.Mult) else ("right",):
            yield "a factor left out", put(**{field: one})
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, (ast.Add, ast.Sub)):
        yield "a sign", put(op=ast.Sub() if isinstance(node.op, ast.Add) else ast.Add())
        for field in ("left", "right") if isinstance(node, ast.BinOp) else ("value",):
            yield "a term left out", put(**{field: nothing})
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "a sign", put(op=ast.UAdd())


def _numbers(points, function):
    """Return each gradient, by the reader's name for it, flat and over all points."""
    numbers = {}
    for forward, backward, inputs, keywords, _ in points:
        given = backward.keywords if isinstance(backward, functools.partial) else {}
        pair = Pair(forward, functools.partial(function, **given), inputs, keywords)
        try:
            with np.errstate(all="ignore"):
                _collect(numbers, pair, pair.gradients(np.random.default_rng(0))[1])
        except Exception:                   # a mistake that does not run here explains nothing
            return {}
    return numbers


def _collect(numbers, pair, found):
    for name, gradient in found.items():
        key = label(pair, name)
        numbers[key] = np.append(numbers.get(key, []), gradient)


def _alike(a, b):
    return a.shape == b.shape and bool(abs(a - b).max() <= 1e-9 * abs(b).max() < np.inf)
