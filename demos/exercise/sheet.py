"""The file of an exercise, made from the source of its pair: nothing is typed twice.

Of the backward stay its signature, the shapes, the lines without a tag (such as the unpacking of
the cache) and those whose tag ends in a minus, which have no derivative to answer. In every other
line `...` stands for what is computed. Words after a tag and the derivation are left out.
"""
import ast
import inspect
import re
import sys
import textwrap
from types import ModuleType

from demos.book.source import comments, read_tag, source
from demos.gradcheck.faults import change

SHAPES = re.compile(r".*? -> \w+(?: \([^)]*\))?(?:, \w+ \([^)]*\))*")
"""What comes in and what goes out, at the beginning of a backward's docstring."""
TAGS_AT = 64
"""The column of the tags."""
HEAD = '''"""{title}

{task}
Only the gradients are judged, so other lines than these will do. They are compared with measured
derivatives of the forward in tinycaps, not of the copy here.

    python -m demos exercise {name} --check       is it right?
    python -m demos exercise {name} --hint        one more hint at each call
    python -m demos exercise {name} --solution    give up
"""
'''
WRITE = "Replace every `...` in {op}_backward. A line answers those of the forward with its tag."
MEND = "There is one fault in {op}_backward. Find it and mend it."


def write_sheet(exercise):
    """Return the text of an exercise's file."""
    pair, fault = exercise.pair, exercise.fault
    function = pair.backward.function
    if fault:
        title, task = f"Find the fault: the backward of {pair.op}.", MEND
        backward = bare(change(function, fault.piece, fault.by))
    else:
        title, task = f"Write the backward of {pair.op}.", WRITE
        backward = blank(bare(source(function)))
    task = textwrap.fill(task.format(op=pair.op), 100)
    head = HEAD.format(title=title, task=task, name=exercise.name)
    forward = source(pair.forward.function)
    return f"{head}{imports(pair)}\n\n\n{forward.rstrip()}\n\n\n{backward}"


def shapes(pair):
    """Return what a backward takes and returns, such as dv (..., q) -> ds (..., q)."""
    return SHAPES.match(pair.backward.doc)[0]


def bare(code):
    """Return a function with the shapes alone for its docstring, and without words of comments."""
    docstring = ast.parse(code).body[0].body[0]
    tags = dict(comments(code))
    lines = []
    for number, line in enumerate(code.rstrip().split("\n"), 1):
        if number == docstring.lineno:
            lines.append(f'    """{SHAPES.match(docstring.value.value)[0]}."""')
        elif not docstring.lineno <= number <= docstring.end_lineno:
            text = line.removesuffix(tags.get(number, "")).rstrip()
            answered, constants, _ = read_tag(tags.get(number, ""))
            if text or number not in tags:
                lines.append(_tagged(text, answered, constants))
    return "\n".join(lines) + "\n"


def blank(code):
    """Return a function with `...` for what its tagged statements compute."""
    lines, tags = code.rstrip().split("\n"), dict(comments(code))
    statements = [node for node in ast.walk(ast.parse(code))
                  if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return, ast.Expr))]
    for node in sorted(statements, key=lambda node: -node.lineno):
        numbers = range(node.lineno, node.end_lineno + 1)
        answered = [tag for number in numbers for tag in read_tag(tags.get(number, ""))[0]]
        if answered:
            text = " " * node.col_offset + _hollow(node, code)
            lines[node.lineno - 1:node.end_lineno] = [_tagged(text, answered)]
    return "\n".join(lines) + "\n"


def _hollow(node, code):
    """Return a statement with `...` for its values; targets stay, and names among the values."""
    values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    left = ", ".join(each.id if isinstance(each, ast.Name) else "..." for each in values)
    if isinstance(node, ast.Assign):
        return " = ".join([*(ast.get_source_segment(code, each) for each in node.targets), left])
    if isinstance(node, ast.AugAssign):
        node.value = ast.Name(left)
        return ast.unparse(node)
    return f"return {left}" if isinstance(node, ast.Return) else left


def _tagged(text, answered, constants=()):
    tags = ", ".join([*answered, *(f"{tag} -" for tag in constants)])
    return f"{text:{TAGS_AT - 2}}  # [{tags}]" if tags else text


def imports(pair):
    """Return the imports that a pair needs outside of its module."""
    function = inspect.unwrap(pair.forward.function)
    home = vars(sys.modules[function.__module__])
    code = source(function) + source(pair.backward.function)
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    modules, names = [], {}
    for name in sorted(used & home.keys() - {pair.forward.name, pair.backward.name}):
        value = home[name]
        if isinstance(value, ModuleType):
            modules.append(f"import {value.__name__}"
                           + (f" as {name}" if name != value.__name__ else ""))
        else:
            known = inspect.isfunction(value) or inspect.isclass(value)
            names.setdefault(value.__module__ if known else function.__module__, []).append(name)
    lines = []
    for module, several in sorted(names.items()):
        line = f"from {module} import {', '.join(several)}"
        if len(line) > 100:
            start = f"from {module} import ("
            line = textwrap.fill(f"{start}{', '.join(several)})", 100,
                                 subsequent_indent=" " * len(start))
        lines.append(line)
    return "\n".join(modules + lines)
