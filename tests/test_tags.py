"""The grammar of a page: tags answered, formulas tagged, loops linked, an example worked by hand.

A book can be generated from these forms, so they are fixed here. For every pair of the plain rooms:

    formula block   indented lines in the forward's docstring, each ending in [tag]
    tag             the comment that ends a line: # [l.5], # [l.5] why, # [l.5, l.7]; # [l.3 -]
                    where there is no derivative to answer it
    loops           the line "Loops: tests.reference.<room>.<function>" in the forward's Notes
    by hand         a test named test_<op>_by_hand in the test file of the module
"""
import ast
import importlib
import inspect
import io
import re
import textwrap
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("ops", "capsules", "forward_forward", "distillation")
NETWORKS = {"mlp", "decoder", "capsnet", "capsnet_loss", "cnn", "cnn_loss", "hardware_mlp"}
"""Whole networks need no example worked by hand."""
TAG = re.compile(r"#\s*\[([^\]]+)\]")
BLOCK_TAG = re.compile(r"\s{2,}\[([^\]]+)\]$")


def pairs():
    for room in ROOMS:
        names = importlib.import_module(f"tinycaps.{room}")
        for name in sorted(names.__all__):
            if name.endswith("_forward"):
                op = name.removesuffix("_forward")
                yield pytest.param(room, op, getattr(names, name), getattr(names, f"{op}_backward"),
                                   id=f"{room}.{op}")


every_pair = pytest.mark.parametrize("room, op, forward, backward", list(pairs()))


def source(function):
    return textwrap.dedent(inspect.getsource(inspect.unwrap(function)))


def comments(code):
    """Yield line number and text of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def tags(function):
    """Return the tags that are to be answered, and those that are not, of a function's lines."""
    answered, others = set(), set()
    for _, text in comments(source(function)):
        found = TAG.match(text)
        for tag in found[1].split(",") if found else ():
            tag = tag.strip()
            (others if tag.endswith(" -") else answered).add(tag.removesuffix(" -"))
    return answered, others


def formula_block(function):
    """Return the lines of the formula block of a docstring."""
    paragraphs = inspect.getdoc(function).split("\n\n")
    return [line for paragraph in paragraphs[1:] if paragraph.startswith("    ")
            for line in paragraph.split("\n")]


def block_tags(function):
    """Return the tags of the formula block."""
    found = [BLOCK_TAG.search(line) for line in formula_block(function)]
    return {tag.strip() for match in found if match for tag in match[1].split(",")}


def untagged(function):
    """Yield the statements that compute but carry no tag."""
    code = source(function)
    tagged = {line for line, text in comments(code) if TAG.match(text)}
    body = ast.parse(code).body[0]
    for statement in ast.walk(body):
        if isinstance(statement, (ast.Assign, ast.AugAssign, ast.Return)) and computes(statement):
            if not tagged & set(range(statement.lineno, statement.end_lineno + 1)):
                yield ast.get_source_segment(code, statement)


def computes(statement):
    """Tell whether a statement holds arithmetic, or calls another op, or xp for more than zeros."""
    for node in ast.walk(statement):
        if isinstance(node, (ast.BinOp, ast.Compare, ast.UnaryOp)):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.endswith(("_forward", "_backward")):
                return True
            if name.startswith("xp.") and "zeros" not in name:
                return True
    return isinstance(statement, ast.AugAssign)


@every_pair
def test_every_formula_has_a_tag_and_the_code_has_the_same_ones(room, op, forward, backward):
    block = formula_block(forward)
    assert block, f"{op}_forward has no formula block"
    assert BLOCK_TAG.search(block[0]) or len(block) > 1
    answered, others = tags(forward)
    assert block_tags(forward) == answered | others


@every_pair
def test_every_tag_of_a_forward_is_answered(room, op, forward, backward):
    answered, _ = tags(forward)
    assert answered and answered == tags(backward)[0]


@every_pair
def test_every_line_of_mathematics_carries_a_tag(room, op, forward, backward):
    assert list(untagged(forward)) == []
    assert list(untagged(backward)) == []


@every_pair
def test_tags_stand_on_lines_that_hold_an_expression(room, op, forward, backward):
    for function in forward, backward:
        code = source(function)
        lines = code.split("\n")
        for number, text in comments(code):
            if TAG.match(text):
                assert lines[number - 1].split("#")[0].strip(), text


@every_pair
def test_the_loops_are_linked(room, op, forward, backward):
    link = re.search(r"^Loops: (tests\.reference\.\w+)\.(\w+)$", inspect.getdoc(forward), re.M)
    assert link, f"{op}_forward links no loops"
    assert callable(getattr(importlib.import_module(link[1]), link[2]))


@every_pair
def test_an_example_is_worked_by_hand(room, op, forward, backward):
    if op in NETWORKS:
        pytest.skip("a whole network")
    module = inspect.unwrap(forward).__module__.rpartition(".")[2]
    path = ROOT / "tests" / room / f"test_{module}.py"
    assert re.search(rf"^def test_{op}_by_hand\(", path.read_text(encoding="utf-8"), re.M)


@every_pair
def test_a_backward_begins_with_its_shapes(room, op, forward, backward):
    first = inspect.getdoc(backward).split("\n")[0]
    assert re.search(r" -> ", first), first
    assert "cache : " not in inspect.getdoc(forward) + inspect.getdoc(backward) or op == "routing"
