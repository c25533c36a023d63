"""Mutants: what a slip of the pen makes of a source, one slip at a time.

Only the text of the changed expression or statement is replaced; the rest of the file stays.
"""
import ast
import copy
from typing import NamedTuple

OTHER = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Div], ast.Mod: [ast.FloorDiv], ast.Pow: [ast.Mult], ast.MatMult: [ast.Mult],
    ast.BitXor: [ast.BitAnd], ast.BitAnd: [ast.BitOr], ast.BitOr: [ast.BitAnd],
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot], ast.IsNot: [ast.Is], ast.In: [ast.NotIn], ast.NotIn: [ast.In],
    ast.And: [ast.Or], ast.Or: [ast.And],
}
"""An operator to those that it is taken for."""
CALLS = {"sum": "mean", "mean": "sum", "max": "min", "min": "max", "maximum": "minimum",
         "minimum": "maximum", "zeros": "ones", "ones": "zeros", "zeros_like": "ones_like"}
"""A function to the one that it is taken for."""
SYMMETRIC = {"get_xp", "swapaxes", "convolve", "logaddexp", "maximum", "minimum", "max", "min"}
"""Functions whose arguments may change places."""


class Mutant(NamedTuple):
    """A source with one change."""

    name: str
    """File, function, line and change: what the list of equivalent mutants calls it."""
    source: str


def find_mutants(source, file):
    """Return the mutants of a source, in the order of its lines, each with a name of its own."""
    tree, lines = ast.parse(source), source.encode().splitlines(keepends=True)
    found, names = [], {}
    for node, function in _walk(tree, "module"):
        for changed in _changes(node):
            first, last = node.lineno - 1, node.end_lineno - 1
            old = ast.unparse(node)
            new = changed if isinstance(changed, str) else ast.unparse(changed)
            by = f"({new})" if isinstance(node, ast.expr) else new
            text = (b"".join(lines[:first]) + lines[first][:node.col_offset] + by.encode()
                    + lines[last][node.end_col_offset:] + b"".join(lines[last + 1:])).decode()
            try:
                compile(text, file, "exec")
            except SyntaxError:                     # such as a return that became a bare name
                continue
            line = lines[first].decode().partition("  #")[0].strip()
            change = "deleted" if new == "pass" else f"{old} -> {new}"
            name = f"{file} {function} | {line} | {change}"
            names[name] = names.get(name, 0) + 1
            if names[name] > 1:                     # the same change, further right in the line
                name += f" ({names[name]})"
            found.append((node.lineno, Mutant(name, text)))
    return [mutant for _, mutant in sorted(found, key=lambda each: each[0])]


def _walk(node, function):
    """Yield the nodes that may be changed, each with the name of its function."""
    for field, value in ast.iter_fields(node):
        if field in ("decorator_list", "annotation", "returns", "type_ignores"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)):
                continue
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                yield from _walk(child, child.name)
            elif isinstance(child, ast.AST):
                yield child, function
                yield from _walk(child, function)


def _changes(node):
    """Yield what may stand in the place of a node: nodes, or their source."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(float(f"{1.1 * value or 0.1:.12g}"))
        case ast.keyword(arg="axis", value=ast.UnaryOp(op=ast.USub())):
            yield "axis=0"
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert()):
            yield node.operand
        case ast.BinOp() | ast.BoolOp() | ast.AugAssign() if type(node.op) in OTHER:
            for other in OTHER[type(node.op)]:
                yield _with(node, op=other())
            if isinstance(node.op, ast.Sub | ast.Div | ast.Pow | ast.MatMult) and not isinstance(
                    node, ast.AugAssign):
                yield _with(node, left=node.right, right=node.left)
        case ast.Compare():
            for at, op in enumerate(node.ops):
                for other in OTHER[type(op)]:
                    yield _with(node, ops=[*node.ops[:at], other(), *node.ops[at + 1:]])
        case ast.IfExp():
            yield _with(node, body=node.orelse, orelse=node.body)
        case ast.Call(args=[first, second, *rest]) if ast.dump(first) != ast.dump(second):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called not in SYMMETRIC and not isinstance(first, ast.Starred) and not isinstance(
                    second, ast.Starred):
                yield _with(node, args=[second, first, *rest])
        case ast.Attribute(attr=name) if name in CALLS:
            yield _with(node, attr=CALLS[name])
        case ast.Name(id=name) if name in ("max", "min"):
            yield ast.Name(CALLS[name])
    match node:
        case ast.AugAssign():
            yield ast.Assign([node.target], node.value, lineno=0)
            yield "pass"
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield "pass"
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield "pass"
        case ast.Assign(targets=[ast.Name(id=name)]) if any(
                isinstance(each, ast.Name) and each.id == name for each in ast.walk(node.value)):
            yield "pass"


def _with(node, **fields):
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
