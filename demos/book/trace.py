"""Run a function and note what every statement of it read and made."""
import ast
import inspect
import sys
import textwrap
from typing import NamedTuple

import numpy as np

from .source import read_function


class Step(NamedTuple):
    """A statement that was executed."""

    number: int
    """Of its last line in the file."""
    tags: tuple
    constants: tuple
    code: str
    words: str
    """What follows the tag."""
    calls: tuple
    """The functions that it calls, as they are written."""
    read: dict
    """Names to values before, of arrays; an array of a dict goes by its key."""
    made: dict
    """Names to values after, of arrays."""


def trace(function, *arguments, keep=lambda value: value, **keywords):
    """Call a function without its door; return what it returns and its Steps.

    Parameters
    ----------
    function : function
    *arguments, **keywords
        Of the function.
    keep : function
        What is noted of an array: a copy, or its shape.
    """
    inner = inspect.unwrap(function)
    statements = _statements(inner)
    steps, state = [], {"now": None, "before": {}}

    def finish(frame):
        statement = state["now"]
        if statement is None:
            return
        state["now"] = None
        after = frame.f_locals
        made = {key: keep(value) for name in statement["made"]
                for key, value in _arrays(name, after.get(name), statement, frame)}
        steps.append(Step(*statement["step"], state["before"], made))

    def on_line(frame, event, argument):
        statement = statements.get(frame.f_lineno)
        if event == "return":
            finish(frame)
        elif event == "line" and statement is not state["now"]:
            finish(frame)
            state["now"] = statement
            if statement:
                state["before"] = {
                    key: keep(value) for name in statement["read"]
                    for key, value in _arrays(name, frame.f_locals.get(name), statement, frame)}
        return on_line

    def on_call(frame, event, argument):
        return on_line if frame.f_code is inner.__code__ else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        returned = inner(*arguments, **keywords)
    finally:
        sys.settrace(before)
    return returned, steps


def _is_array(value):
    return isinstance(value, (np.ndarray, np.floating))


def _arrays(name, value, statement, frame):
    """Yield what a statement has under a name: an array, or the entries of a dict it names."""
    if _is_array(value):
        yield name, value
    elif isinstance(value, dict):
        for key in statement["keys"].get(name, ()):
            try:
                key = eval(key, frame.f_globals, frame.f_locals)
            except NameError:                               # a comprehension's own variable
                continue
            if _is_array(value.get(key)):
                yield key, value[key]


def _statements(function):
    """Return what is known beforehand of every statement, by the number of each of its lines."""
    lines = {line.number: line for line in read_function(function).lines}
    code = textwrap.dedent(inspect.getsource(function))
    start = inspect.getsourcelines(function)[1]
    found = {}
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, (ast.Assign, ast.AugAssign, ast.Return, ast.AnnAssign)):
            continue
        numbers = range(start + node.lineno - 1, start + node.end_lineno)
        tagged = [lines[number] for number in numbers
                  if number in lines and (lines[number].tags or lines[number].constants)]
        names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
        keys = {}
        for each in ast.walk(node):
            if isinstance(each, ast.Subscript) and isinstance(each.value, ast.Name):
                keys.setdefault(each.value.id, []).append(
                    compile(ast.Expression(each.slice), "<key>", "eval"))
        stored = [each.value for each in ast.walk(node) if isinstance(each, ast.Subscript)
                  and isinstance(each.ctx, ast.Store) and isinstance(each.value, ast.Name)]
        made = [each.id for each in names if isinstance(each.ctx, ast.Store) or each in stored]
        read = [each.id for each in names if isinstance(each.ctx, ast.Load)]
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            read.append(node.target.id)
        calls = tuple(ast.unparse(each.func) for each in ast.walk(node)
                      if isinstance(each, ast.Call))
        statement = {
            "step": (numbers[-1], sum((line.tags for line in tagged), ()),
                     sum((line.constants for line in tagged), ()), ast.unparse(node),
                     tagged[-1].words if tagged else "", calls),
            "made": [*dict.fromkeys(made)], "read": [*dict.fromkeys(read)], "keys": keys}
        found |= dict.fromkeys(numbers, statement)
    return found
