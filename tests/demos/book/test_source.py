"""What is read off the source of a pair."""
import numpy as np
import pytest

from demos.book import proofs, source
from demos.book.proofs import SourceError, require
from demos.book.source import find_pairs, read_pair, read_tag

PAIRS = find_pairs()


@pytest.mark.parametrize("comment, tags, constants, words", [
    ("# [l.5]", ("l.5",), (), ""), ("# [l.5] why", ("l.5",), (), "why"),
    ("# [l.5, Eq. 1]", ("l.5", "Eq. 1"), (), ""), ("# [l.3 -] no", (), ("l.3",), "no"),
    ("# [a, b -]", ("a",), ("b",), ""), ("# no tag", (), (), "")])
def test_a_tag_and_its_words(comment, tags, constants, words):
    assert read_tag(comment) == (tags, constants, words)


def test_lines_of_squash():
    pair = PAIRS["squash"]
    text = pair.path.read_text(encoding="utf-8").split("\n")
    for side in pair.forward, pair.backward:
        assert side.lines[0].code.startswith("@door") and '"""' not in str(side.lines)
        for line in side.lines:
            assert text[line.number - 1].startswith(line.code) and line.first == line.number
    last = pair.backward.lines[-1]
    assert (last.tags, last.words) == (("Eq. 1",), "∂‖s‖/∂s = s/‖s‖")
    assert pair.summary.startswith("Shrink") and pair.tags == ("Eq. 1",)
    assert pair.arrays[0] == ("s", "array (..., q)",
                              "Total input of each capsule, a vector along the last axis.")
    assert pair.notes.startswith("Same as the paper.") and "Loops" not in pair.notes


def test_a_statement_of_several_lines_has_one_first_line():
    lines = {line.number: line for line in PAIRS["capsnet"].forward.lines}
    line = next(line for line in lines.values() if "c" in line.tags)
    assert "conv2d_forward" in lines[line.first].code and line.first == line.number - 1


def test_the_header_of_a_loop_is_a_statement_by_itself():
    loop = next(line for line in PAIRS["routing"].forward.lines if "l.3" in line.constants)
    assert loop.first == loop.number
    assert all(line.first == line.number for line in PAIRS["routing"].forward.lines)


def test_uses_and_users():
    assert source.uses()["routing"] == {"softmax", "squash"}
    assert "capsnet" in source.uses()["capsnet_loss"]           # by its default, network=PLAIN
    assert source.used_by("capsnet") == {"capsnet_loss", "capsnet_multi_label_loss"}


def test_every_pair_has_what_a_page_needs():
    for op, pair in PAIRS.items():
        require(pair)
        assert proofs.loops(pair).text.startswith("def ")
        assert pair.arrays and pair.notes, op


def bare_forward(x):
    """Copy numbers.

        y = x        [a]

    Notes
    -----
    Loops: tests.reference.ops.relu
    """
    return x.copy(), None       # [a]


def bare_backward(dy, cache):
    """dy (..., m) -> dx (..., m)."""
    return dy


def no_formula_forward(x):
    """Copy numbers."""
    return x.copy(), None       # [a]


def no_formula_backward(dy, cache):
    """dy (..., m) -> dx (..., m)."""
    return np.copy(dy)          # [a]


def no_loops_forward(x):
    """Copy numbers.

        y = x        [a]

    Notes
    -----
    Nothing.
    """
    return x.copy(), None       # [a]


def other_tag_forward(x):
    """Copy numbers.

        y = x        [b]

    Notes
    -----
    Nothing.
    """
    return x.copy(), None       # [a]


def wrong_link_forward(x):
    """Copy numbers.

        y = x        [a]

    Notes
    -----
    Loops: tests.reference.ops.no_such_function
    """
    return x.copy(), None       # [a]


@pytest.mark.parametrize("forward, backward, message", [
    (bare_forward, bare_backward, r"bare: got the tags \['a'\] in .* # \[a\], or # \[a -\]"),
    (no_formula_forward, no_formula_backward,
     "no_formula_forward: got a docstring without a formula block, wanted lines indented"),
    (no_loops_forward, no_formula_backward,
     "no_loops_forward: .* wanted the line Loops: tests.reference.ops.no_loops"),
    (other_tag_forward, no_formula_backward,
     r"other_tag_forward: got the tags \['b'\] in its formula block, wanted those of its code"),
    (wrong_link_forward, no_formula_backward,
     "wrong_link_forward: got the link tests.reference.ops.no_such_function, wanted a function")])
def test_a_pair_that_lacks_something_is_named_in_one_line(forward, backward, message):
    op = forward.__name__.removesuffix("_forward")
    with pytest.raises(SourceError, match=f"^{message}") as caught:
        require(read_pair(op, "ops", forward, backward))
    assert "\n" not in str(caught.value)
