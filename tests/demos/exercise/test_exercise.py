"""The command: list, write, check, hint, solution."""
import json
from pathlib import Path

import pytest

from demos.exercise import __main__ as demo
from demos.exercise.hints import guess
from demos.exercise.judge import judge
from tests.demos.calls import call
from tests.demos.exercise.sheets import EXERCISES, solution, write

SQUASH = Path("out") / "exercises" / "squash.py"


@pytest.fixture(autouse=True)
def in_this_process(empty, monkeypatch):
    """An empty folder, and no time for processes."""
    tasks = {"check": judge, "hint": guess}
    monkeypatch.setattr(demo, "judged", lambda task, *arguments: tasks[task](*arguments))


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def refused(capsys, *words):
    assert call(demo, *words) == 2
    error, = capsys.readouterr().err.splitlines()
    return error


def test_from_blank_to_done(capsys):
    assert call(demo, "squash") == 0
    assert "fill in squash_backward" in lines(capsys)[-1]
    assert call(demo, "squash", "--check") == 1
    blank = [number for number, line in enumerate(SQUASH.read_text(encoding="utf-8").split("\n"), 1)
             if " ...  " in line]
    assert len(blank) == 3 and lines(capsys) == [
        "ds  not yet written", f"note: ... is left in lines {', '.join(map(str, blank))}",
        "0 of 1 right; python -m demos exercise squash --hint says more"]
    write(SQUASH.parent, "squash", solution("squash").replace("(1 - squared)", "(1 + squared)"))
    assert call(demo, "squash", "--check") == 1
    assert lines(capsys)[0].startswith("ds  wrong: off by ")
    write(SQUASH.parent, "squash", solution("squash"))
    assert call(demo, "squash", "--check") == 0
    assert lines(capsys) == ["ds  right", "1 of 1 right; checks: 3, hints: 0"]
    assert call(demo) == 0
    printed = lines(capsys)
    assert any(line.split() == "30 squash done fault-1 new fault-2 new".split()
               for line in printed)
    assert printed[-1] == ("1 of 34 backwards written, 0 of 68 faults found; next: "
                           "python -m demos exercise linear")


def test_each_call_of_hint_gives_one_more_and_knows_the_numbers_of_now(capsys):
    call(demo, "squash")
    write(SQUASH.parent, "squash", solution("squash").replace("(1 - squared)", "(1 + squared)"))
    for steps in 1, 2, 3, 3:
        capsys.readouterr()
        assert call(demo, "squash", "--hint") == 0
        text = "\n".join(lines(capsys))
        assert [f"\n{k}. " in f"\n{text}" for k in (1, 2, 3)] == [k <= steps for k in (1, 2, 3)]
        assert ("a sign within, in ds" in text) == (steps > 1)
        assert ("product and the chain rule" in text) == (steps > 2)
    assert json.loads((SQUASH.parent / "progress.json").read_text())["squash"]["hints"] == 3


def test_hints_are_given_for_a_file_that_cannot_be_judged(capsys):
    call(demo, "squash")
    SQUASH.write_text("def squash_backward(dv, cache:\n")
    for _ in range(3):
        capsys.readouterr()
        assert call(demo, "squash", "--hint") == 0
    assert "2. out/exercises/squash.py, line 1: got '(' was never closed" in "\n".join(
        lines(capsys))


def test_a_fault_is_found(capsys):
    call(demo, "relu-fault-1")
    assert "mend relu_backward" in lines(capsys)[-1]
    assert call(demo, "relu-fault-1", "--check") == 1
    write(SQUASH.parent, "relu-fault-1", solution("relu-fault-1"))
    assert call(demo, "relu-fault-1", "--check") == 0
    call(demo)
    assert "0 of 34 backwards written, 1 of 68 faults found; " in lines(capsys)[-1]


def test_what_the_reader_wrote_is_kept(capsys):
    call(demo, "squash")
    assert call(demo, "squash") == 0                            # as it was: nothing to lose
    blank = SQUASH.read_text(encoding="utf-8")
    for number in 1, 2:
        SQUASH.write_text(f"# {number}\n")
        error = refused(capsys, "squash")
        assert "squash.py: got a file that you have changed, wanted none" in error
        assert SQUASH.read_text() == f"# {number}\n"
        assert call(demo, "squash", "--again") == 0
        assert SQUASH.read_text(encoding="utf-8") == blank
        assert SQUASH.with_suffix(f".{number}.py").read_text() == f"# {number}\n"


def test_the_solution_is_printed_without_a_file(capsys):
    assert call(demo, "squash-fault-2", "--solution") == 0
    assert capsys.readouterr().out == solution("squash")
    assert not SQUASH.parent.exists()


def test_errors_are_one_line(capsys):
    assert refused(capsys, "skwash") == "error: exercise: got 'skwash', wanted squash"
    assert "wanted one of those that" in refused(capsys, "xyz")
    assert "squash.py: got no file, wanted the one that" in refused(capsys, "squash", "--check")
    Path("taken").write_text("")
    for words in ("squash",), ("squash", "--check"), ("squash", "--hint"):
        assert "out: got taken, wanted a folder that can be written" in refused(
            capsys, *words, "--out", "taken")
    call(demo, "squash")
    SQUASH.write_text("def squash_backward(dv, cache:\n")
    error = refused(capsys, "squash", "--check")
    assert "squash.py, line 1: got '(' was never closed, wanted" in error
    SQUASH.write_text("def squash_backward(dv):\n    return dv\n")
    assert "got squash_backward(dv), wanted squash_backward(dv, cache)" in refused(
        capsys, "squash", "--check")


def test_the_use_of_the_solution_is_said(capsys):
    call(demo, "squash")
    SQUASH.write_text("from tinycaps.capsules import squash_backward\n")
    assert call(demo, "squash", "--check") == 0
    assert lines(capsys)[-2].startswith("note: line 1 takes squash_backward from tinycaps")


def test_the_count_in_the_docstring_is_right(capsys):
    call(demo)
    assert lines(capsys)[-1] == demo.__doc__.rstrip().splitlines()[-1]
    assert len(EXERCISES) == 34 + 68
