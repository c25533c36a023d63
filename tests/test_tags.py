"""The grammar of a page: tags answered, formulas tagged, loops linked, an example worked by hand.

The forms are those that `demos.book.source` reads, and the book is generated from them.
"""
import ast
import inspect
import re

import pytest

from demos.book.proofs import by_hand, file_of_tests, loops
from demos.book.source import (BLOCK_TAG, ROOT, TAG, comments, find_pairs, formula_block,
                               read_formula, read_function, source)

NETWORKS = {"mlp", "decoder", "capsnet", "capsnet_loss", "cnn", "cnn_loss", "hardware_mlp"}
"""Whole networks need no example worked by hand."""
NO_MATHEMATICS = re.compile(
    r"(check_\w+|get_xp|zeros|zeros_like|empty|reshape"                  # the ground, and room
    r"|len|count_layers|_border|range|reversed|enumerate|zip"            # sizes and loops
    r"|float|int|bool|tuple|list|dict|append|isinstance|[A-Z]\w*)$")     # containers, namedtuples
"""Calls that compute nothing, by the last word of their names."""

STATEMENTS = ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr

every_pair = pytest.mark.parametrize("room, op, forward, backward", [
    pytest.param(pair.room, op, pair.forward.function, pair.backward.function,
                 id=f"{pair.room}.{op}") for op, pair in find_pairs().items()])


def tags(function):
    return read_function(function).tags()


def block_tags(function):
    """Return the tags of the formula block."""
    return {tag for line in formula_block(function) for tag in read_formula(line).tags}


def untagged(function):
    """Yield the statements that compute but carry no tag."""
    code = source(function)
    tagged = {line for line, text in comments(code) if TAG.match(text)}
    body = ast.parse(code).body[0]
    for statement in ast.walk(body):
        if isinstance(statement, STATEMENTS) and computes(statement):
            if not tagged & set(range(statement.lineno, statement.end_lineno + 1)):
                yield ast.get_source_segment(code, statement)


def computes(statement):
    """Tell whether a statement holds arithmetic, or a call that is not one of NO_MATHEMATICS."""
    for node in ast.walk(statement):
        if isinstance(node, (ast.BinOp, ast.Compare, ast.UnaryOp, ast.AugAssign)):
            if not is_negative_number(node):
                return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if not NO_MATHEMATICS.match(name):
                return True
    return False


def is_negative_number(node):
    """Tell whether a node is -1 and the like: an axis or a shape, no arithmetic."""
    return (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
            and isinstance(node.operand, ast.Constant))


def untagged_formulas(block):
    """Return the lines of a formula block that carry no tag and continue no other line."""
    return [line for line in block
            if not line.startswith("     ") and not BLOCK_TAG.search(line)]


@pytest.mark.parametrize("line", [
    "y = get_xp(x).logaddexp(0, x)", "y = x.sum()", "y = x.max(axis=-1)", "y = tanh(x)",
    "y = network.forward(x)", "y, cache = relu_forward(x)", "layers.append(relu_forward(x))",
    "return x * y, cache", "y += x", "y: object = -x", "np.add.at(y, k, x)", "y = x.T.dot(W)"])
def test_a_line_that_computes(line):
    assert computes(ast.parse(line).body[0])


@pytest.mark.parametrize("line", [
    "xp, n = get_xp(x), len(x)", "n, (h, w) = len(x), x.shape[1:]", "y = x.reshape(len(x), -1)",
    "b = xp.zeros(x.shape, x.dtype)", "return y, RoutingCache(x, y, [])", "layers.append(cache)",
    "check_below_one(slope=slope)", "(x, slope), y = cache", "temperature = float(temperature)"])
def test_a_line_that_does_not_compute(line):
    assert not computes(ast.parse(line).body[0])


def test_a_formula_without_its_tag_is_found():
    block = ["    y = x", "    z = y + y        [a]", "    s = y", "        + z", "    c = s  [b]"]
    assert untagged_formulas(block) == ["    y = x", "    s = y"]


@every_pair
def test_every_formula_has_a_tag_and_the_code_has_the_same_ones(room, op, forward, backward):
    block = formula_block(forward)
    assert block, (f"{op}_forward's docstring needs a formula block: lines indented by four more "
                   "spaces, each with its tag, such as y = max(x, 0)        [a]")
    lines = untagged_formulas(block)
    assert not lines, f"{op}_forward's docstring: end each formula with two spaces and [a]: {lines}"
    in_docstring, in_code = block_tags(forward), set.union(*tags(forward))
    assert in_code, f"{op}_forward carries no tag: end each line of mathematics with # [a]"
    assert in_docstring == in_code, (f"{op}_forward: the docstring has the tags "
                                     f"{sorted(in_docstring)}, the code has {sorted(in_code)}")


@every_pair
def test_every_tag_of_a_forward_is_answered(room, op, forward, backward):
    asked, answered = tags(forward)[0], tags(backward)[0]
    assert asked, f"{op}_forward carries no tag: end each line of mathematics with # [a]"
    assert answered, (f"{op}_backward carries no tag: end each line with the tag that it answers, "
                      "# [a]")
    assert asked == answered, (f"{op}: the forward's code has the tags {sorted(asked)}, the "
                               f"backward's has {sorted(answered)}; # [a -] asks for no answer")


@every_pair
def test_every_line_of_mathematics_carries_a_tag(room, op, forward, backward):
    for function in forward, backward:
        lines = list(untagged(function))
        assert not lines, (f"{function.__name__}: end these lines with a tag, # [a], or # [a -] "
                           f"where there is no derivative: {lines}")


@every_pair
def test_tags_stand_on_lines_that_hold_an_expression(room, op, forward, backward):
    for function in forward, backward:
        code = source(function)
        lines = code.split("\n")
        for number, text in comments(code):
            if TAG.match(text):
                assert lines[number - 1].split("#")[0].strip(), (
                    f"{function.__name__}: a tag ends a line of code, {text} stands alone")


@every_pair
def test_the_loops_are_linked(room, op, forward, backward):
    assert loops(find_pairs()[op]).text.startswith("def ")


@every_pair
def test_an_example_is_worked_by_hand(room, op, forward, backward):
    if op in NETWORKS:
        pytest.skip("a whole network")
    pair = find_pairs()[op]
    assert by_hand(pair), (f"{file_of_tests(pair).relative_to(ROOT).as_posix()} needs a test named "
                           f"test_{op}_by_hand")


@every_pair
def test_a_backward_begins_with_its_shapes(room, op, forward, backward):
    first = inspect.getdoc(backward).split("\n")[0]
    assert " -> " in first, (f"the first line of {op}_backward's docstring must be like: "
                             f"dy (..., m) -> dx (..., m); it is: {first}")
    for function in forward, backward:
        assert "cache : " not in inspect.getdoc(function) or op == "routing", (
            f"{function.__name__}'s docstring describes the cache: leave it out")
