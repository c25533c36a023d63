"""The judge: the blank, the solution, and what lies between."""
import pytest

from demos.exercise.judge import Unreadable, judge
from tests.demos.exercise.sheets import EXERCISES, PLAIN, solution, write


def states(found):
    return {state for state, _ in found["gradients"].values()}


def of(tmp_path, name, code):
    return judge(EXERCISES[name], write(tmp_path, name, code))


@pytest.mark.parametrize("name", PLAIN)
def test_the_blank_is_not_yet_written(name, tmp_path):
    found = judge(EXERCISES[name], write(tmp_path, name))
    assert states(found) == {"not yet written"} and not found["problems"]
    assert len(found["notes"]) == 1 and found["notes"][0].startswith("... is left in line")


@pytest.mark.parametrize("name", PLAIN)
def test_the_solution_is_right(name, tmp_path):
    found = of(tmp_path, name, solution(name))
    assert states(found) == {"right"} and not found["problems"] + found["notes"]


def test_each_gradient_is_judged_by_itself(tmp_path):
    code = ("def linear_backward(dy, cache, input_gradient=True):\n    x, W = cache\n"
            "    return {dx}, x.T @ dy, {dbias}\n")
    found = of(tmp_path, "linear", code.format(dx="...", dbias="2 * dy.sum(axis=0)"))
    words = found["gradients"].pop("dbias")[1]
    assert found["gradients"] == {"dx": ("not yet written", ""), "dW": ("right", "")}
    assert words.startswith("off by ") and " at (" in words and "measured" in words
    found = of(tmp_path, "linear", code.format(dx="dy @ W.T", dbias="dy"))
    assert found["gradients"]["dbias"] == ("wrong", "got float64 (3, 2), wanted float64 (2,)")
    found = of(tmp_path, "linear", code.format(dx="None", dbias="dy.sum(axis=0)"))
    assert found["gradients"]["dx"][0] == "wrong"


def test_nan_in_one_gradient_does_not_hide_the_others(tmp_path):
    code = solution("linear").replace("x.T @ dy", "x.T @ dy * float('nan')")
    found = of(tmp_path, "linear", code)
    assert found["gradients"] == {"dx": ("right", ""), "dbias": ("right", ""),
                                  "dW": ("wrong", "got NaN or infinity, wanted finite numbers")}


def test_a_blank_that_is_left_is_said(tmp_path):
    code = solution("conv2d").replace("_add_columns(dcolumns, dx[few], stride)", "...")
    found = of(tmp_path, "conv2d", code)
    assert found["gradients"]["dx"][0] == "wrong" and found["gradients"]["dW"][0] == "right"
    assert found["notes"][0].startswith("... is left in line ")


def test_code_that_fails_at_its_second_call_is_one_line(tmp_path):
    code = ("calls = []\n\n\ndef relu_backward(dy, cache):\n    calls.append(1)\n"
            "    return dy * (cache > 0) / [1, 1, 1][len(calls)]\n")
    with pytest.raises(Unreadable, match=r"relu.py, line \d+: got IndexError"):
        of(tmp_path, "relu", code)


def test_a_network_is_judged_by_its_keys(tmp_path):
    code = solution("mlp").replace(', grads[f"{prefix}{k}.bias"] = dW, dbias', " = dW")
    found = of(tmp_path, "mlp", code)["gradients"]
    assert found['grads["0.W"]'] == ("right", "") and found["dx"] == ("right", "")
    assert found['grads["0.bias"]'][0] == "wrong"


def test_an_index_with_an_ellipsis_is_no_hole(tmp_path):
    code = "def length_backward(dlength, cache):\n    return dlength[..., None, None].oops\n"
    with pytest.raises(Unreadable, match=r"length.py, line \d+: got AttributeError: .*oops"):
        of(tmp_path, "length", code)


def test_a_setting_that_shows_the_fault_is_named(tmp_path):
    code = solution("goodness_loss").replace("dloss * sign", "dloss")
    assert "with goal='minimise'" in of(tmp_path, "goodness_loss", code)["gradients"][
        "dgoodness_pos"][1]


def test_writing_into_an_argument_is_a_problem(tmp_path):
    code = "def relu_backward(dy, cache):\n    dy *= cache > 0\n    return dy\n"
    found = of(tmp_path, "relu", code)
    assert found["problems"] == ["backward: wrote into the upstream gradient, wanted it untouched"]
    assert states(found) == {"not judged"}


@pytest.mark.parametrize("code, words", [
    ("def relu_backward(dy, cache):\n    return (dy\n", r", line {}: got '\(' was never closed"),
    ("def relu_backward(dy, kept):\n    return dy\n",
     r": got relu_backward\(dy, kept\), wanted relu_backward\(dy, cache\)"),
    ("def relu(dy, cache):\n    return dy\n", ": got no function relu_backward, wanted it"),
    ("1 / 0\n", ", line {}: got ZeroDivisionError: division by zero, wanted gradients"),
    ("def relu_backward(dy, cache):\n    exit()\n", ", line {}: got SystemExit: None, wanted"),
    ("def relu_backward(dy, cache):\n    return dy @ cache\n", ", line {}: got ValueError: .*"),
    ("\0", ": got source code string cannot contain null bytes, wanted Python code")])
def test_what_cannot_be_judged_is_one_line_with_its_place(code, words, tmp_path):
    path = write(tmp_path, "relu", code)
    number = path.read_text().count("\n")
    with pytest.raises(Unreadable) as caught:
        judge(EXERCISES["relu"], path)
    assert "\n" not in str(caught.value)
    caught.match("^" + str(path) + words.format(number))


@pytest.mark.parametrize("code", [
    "from tinycaps.ops import relu_backward\n",
    "import tinycaps.ops as o\n\n\ndef relu_backward(dy, cache):\n"
    "    return o.relu_backward(dy, cache)\n"])
def test_the_use_of_the_solution_is_said_and_not_forbidden(code, tmp_path):
    found = of(tmp_path, "relu", code)
    assert states(found) == {"right"}
    assert len(found["notes"]) == 1 and "takes relu_backward from tinycaps" in found["notes"][0]
