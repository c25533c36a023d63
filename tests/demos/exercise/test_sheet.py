"""The files of exercises, made from the source."""
import ast
import re

import pytest

from demos.book.source import source
from demos.exercise.sheet import bare, blank, imports, write_sheet
from tests.demos.exercise.sheets import EXERCISES, FAULTY, PLAIN
from tinycaps.capsules import squash_backward


def backward_of(name):
    text = write_sheet(EXERCISES[name])
    return text[text.index(f"def {EXERCISES[name].pair.backward.name}("):]


def test_squash():
    assert blank(bare(source(squash_backward))) == '''\
@door(dv="...,q", cache=("...,q",))
def squash_backward(dv, cache):
    """dv (..., q) -> ds (..., q)."""
    s, g, norm, squared = cache
    dg = ...                                                    # [Eq. 1]
    dnorm = ...                                                 # [Eq. 1]
    return ...                                                  # [Eq. 1]
'''


def test_a_loop_a_constant_and_what_has_no_tag_stay():
    code = backward_of("routing")
    for line in ("for t in reversed(range(len(cache.v))):", "if cache.stop_gradient:", "break",
                 "dv = 0 ", "du_hat += ...", "return du_hat"):
        assert line in code
    assert "einsum" not in code and code.count("...") == 6


@pytest.mark.parametrize("name", PLAIN)
def test_a_blank_has_the_forward_and_every_tag_but_no_line_that_answers(name):
    text, pair = write_sheet(EXERCISES[name]), EXERCISES[name].pair
    assert source(pair.forward.function) in text
    code = backward_of(name)
    for line in pair.backward.lines:
        for tag in line.tags:
            assert re.search(rf"# \[.*{re.escape(tag)}.*\]", code)
        if line.tags and not re.fullmatch(r"\s*(return )?[\w, ]+|.* \+?= \w+", line.code):
            assert line.code.strip() not in code
    assert not [words for line in pair.backward.lines if (words := line.words) in code and words]
    assert max(map(len, text.split("\n"))) <= 100


@pytest.mark.parametrize("name", FAULTY)
def test_a_sheet_with_a_fault_differs_from_the_solution_in_its_code_alone(name):
    exercise, code = EXERCISES[name], backward_of(name)
    right = bare(source(exercise.pair.backward.function))
    wrong = ast.dump(ast.parse(code))
    assert wrong != ast.dump(ast.parse(right[right.index("def "):]))
    assert exercise.fault.why not in write_sheet(exercise)


def test_imports_come_from_where_things_are_defined_and_leave_out_the_solution():
    assert imports(EXERCISES["relu"].pair) == (
        "from tinycaps.backend import get_xp\nfrom tinycaps.checks import door")
    found = imports(EXERCISES["routing"].pair)
    assert "from tinycaps.capsules.squash import squash_backward, squash_forward\n" in found
    assert "from tinycaps.capsules.routing import RoutingCache\n" in found
    assert "routing_backward" not in found
