"""The reader's code in a process of its own."""
import pytest

from demos.exercise import process
from demos.exercise.judge import Unreadable
from tests.demos.exercise.sheets import EXERCISES, solution, write


def judged(tmp_path, code, task="check", name="relu"):
    return process.judged(task, EXERCISES[name], write(tmp_path, name, code))


def test_checks_and_hints_come_back_and_what_the_reader_prints_is_seen(tmp_path, capfd):
    code = solution("relu").replace("y = cache\n", "y = cache\n    print('here', y.shape)\n")
    assert judged(tmp_path, code)["gradients"] == {"dx": ["right", ""]}
    assert "here (2, 3, 4)" in capfd.readouterr().out
    lines = judged(tmp_path, code.replace("dy * (y > 0)", "dy * y"), "hint")
    assert any("the output for its slope, in dx" in line for line in lines)


@pytest.mark.parametrize("line, words", [
    ("while True: pass", "^{}: got no end in 1 seconds, wanted code that ends .*endless loop"),
    ("import os; os._exit(0)", "^{}: got an end of Python itself, wanted gradients$"),
    ("return bytearray(2 ** 36)", "^{}, line {}: got MemoryError, wanted gradients$")])
def test_code_that_does_not_end_well_is_stopped_with_one_line(line, words, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "SECONDS", 1 if "while" in line else 60)
    with pytest.raises(Unreadable) as caught:
        judged(tmp_path, f"def relu_backward(dy, cache):\n    {line}\n")
    path = tmp_path / "relu.py"
    assert "\n" not in str(caught.value)
    caught.match(words.format(path, path.read_text(encoding="utf-8").count("\n")))
