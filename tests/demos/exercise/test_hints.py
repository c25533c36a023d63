"""Hints: shapes, guesses from the numbers, derivations."""
import pytest

from demos.exercise.hints import derivation_hint, guess, shape_hint
from demos.gradcheck.faults import FAULTS, change
from tests.demos.exercise.sheets import EXERCISES, FAULTY, PLAIN, solution, write


@pytest.mark.parametrize("name", FAULTY)
def test_a_planted_fault_gets_its_hint(name, tmp_path):
    lines = guess(EXERCISES[name], write(tmp_path, name))
    assert any(f" {EXERCISES[name].fault.why}, in d" in line
               or f' {EXERCISES[name].fault.why}, in grads["' in line for line in lines)


@pytest.mark.parametrize("change, words", [
    (("- (dy * y)", "+ (dy * y)"), "a sign in the line [a], in dx"),
    (("(dy * y)", "(y)"), "a factor left out in the line [a], in dx"),
    (("return y", "return 0.5 * y"), "a constant factor of 0.5, in dx"),
    (("keepdims=True)", "keepdims=True) ** 3"), "no mistake that is known")])
def test_other_mistakes(change, words, tmp_path):
    path = write(tmp_path, "softmax", solution("softmax").replace(*change))
    assert words in "\n".join(guess(EXERCISES["softmax"], path))


def test_of_several_gradients_those_that_are_wrong_are_explained(tmp_path):
    code = (solution("linear").replace("dy.sum(axis=0)", "dy.mean(axis=0)")
            .replace("x.T @ dy", "-x.T @ dy"))
    lines = guess(EXERCISES["linear"], write(tmp_path, "linear", code))
    assert any("a mean for a sum, in dbias" in line for line in lines)
    assert any("a forgotten sign of the loss, in dW" in line for line in lines)


def test_nothing_is_guessed_where_nothing_is_wrong(tmp_path):
    for code in None, solution("squash"):
        assert guess(EXERCISES["squash"], write(tmp_path, "squash", code)) == [
            "nothing that is written is wrong"]


@pytest.mark.parametrize("name", PLAIN)
def test_shapes_do_not_leak_the_derivation_which_comes_last(name):
    first, last = "\n".join(shape_hint(EXERCISES[name])), "\n".join(derivation_hint(
        EXERCISES[name]))
    assert first.startswith("shapes: d") and "upstream gradient (" in first
    words = [line.words for line in EXERCISES[name].pair.backward.lines if line.tags and line.words]
    assert all(each in last and each not in first for each in words)


def test_the_shapes_of_a_cache_with_lists():
    assert "cache.coupling[3] (3, 4, 2)" in "\n".join(shape_hint(EXERCISES["routing"]))


def test_the_shapes_of_squash():
    assert shape_hint(EXERCISES["squash"])[1:] == [
        "at a point of --check there are: upstream gradient (2, 3, 4), s (2, 3, 4), g (2, 3, 1),",
        "norm (2, 3, 1), squared (2, 3, 1)", "and wanted are: ds (2, 3, 4)"]


def test_a_page_of_derivation_is_shown_by_its_table():
    text = "\n".join(derivation_hint(EXERCISES["routing"]))
    assert "db_1 is dropped" in text and "What the logits mean" not in text


def test_a_mistake_that_fails_at_some_points_explains_nothing(tmp_path):
    transpose = FAULTS["linear"][0]
    assert transpose.shapes
    code = change(EXERCISES["linear"].pair.backward.function, transpose.piece, transpose.by)
    with pytest.raises(ValueError, match="linear.py, line .* wanted gradients"):
        guess(EXERCISES["linear"], write(tmp_path, "linear", code))
