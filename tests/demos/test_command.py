"""What every demo promises at its command line: one line for a mistake, and a record that can be read again."""
import argparse
import json
import os
import shlex
import sys

import numpy as np
import pytest

from demos import command


def exit_code(main):
    with pytest.raises(SystemExit) as stopped:
        command.run(main)
    return stopped.value.code or 0


def raising(error):
    def main():
        raise error
    return main


@pytest.fixture
def arguments(tmp_path):
    return command.parser("boat", "A boat.").parse_args(["--out", str(tmp_path / "out")])


def test_every_demo_has_a_seed_and_a_place(monkeypatch):
    arguments = command.parser("boat", "A boat.").parse_args([])
    assert arguments.seed == 0 and str(arguments.out) == os.path.join("out", "boat")


@pytest.mark.parametrize("words, said", [
    (["--seed", "-1"], "argument --seed: got '-1', wanted an integer of at least 0"),
    (["--seed", "1.5"], "argument --seed: got '1.5', wanted an integer of at least 0"),
    (["--sail"], "unrecognized arguments: --sail"), (["--out"], "argument --out: expected one argument")])
def test_a_wrong_argument_is_one_line_and_code_2(words, said, capsys):
    assert exit_code(lambda: command.parser("boat", "A boat.").parse_args(words)) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == f"python -m demos.boat: error: {said}\n"


def test_help_is_the_docstring(capsys):
    assert exit_code(lambda: command.parser("boat", "A boat.\n\n    with   a sail").parse_args(["--help"])) == 0
    assert "A boat.\n\n    with   a sail" in capsys.readouterr().out


def test_numbers_that_arguments_may_be():
    assert command.whole_number(1)("3") == 3 and command.positive_number("4e-3") == 0.004
    for convert, more in (command.whole_number(1), "1.0"), (command.positive_number, "inf"):
        for text in ("0", "-1", "nan", "x", "", more):
            with pytest.raises(argparse.ArgumentTypeError, match=f"^got '{text}', wanted "):
                convert(text)


@pytest.mark.parametrize("error", [ValueError("labels: got 7"), OSError(28, "No space left"), RuntimeError("device: got 'gpu'")])
def test_a_mistake_is_one_line_and_code_2(error, capsys):
    assert exit_code(raising(error)) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {error}\n" and captured.out == ""


def test_the_code_of_main_is_the_exit_code_and_an_interrupt_is_130(capsys):
    assert exit_code(lambda: None) == 0 and exit_code(lambda: 1) == 1
    assert exit_code(raising(KeyboardInterrupt())) == 130 and capsys.readouterr().err == "stopped\n"
    assert capsys.readouterr() == ("", "")


def test_a_fault_of_ours_is_not_dressed_up_as_one_of_the_user():
    with pytest.raises(ZeroDivisionError):
        command.run(lambda: 1 / 0)


def test_preparing_makes_the_place_and_leaves_what_is_there(arguments):
    command.prepare(arguments)
    assert os.listdir(arguments.out) == []
    (arguments.out / "run.json").write_text("of an earlier run")
    command.prepare(arguments)
    assert (arguments.out / "run.json").read_text() == "of an earlier run" and os.listdir(arguments.out) == ["run.json"]


@pytest.mark.parametrize("below", [".", "deeper/still"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(arguments, tmp_path, below):
    (tmp_path / "out").write_text("mine")
    arguments.out = arguments.out / below
    with pytest.raises(OSError, match=f"^out: got {arguments.out}, wanted a folder that can be written [^\n]+$"):
        command.prepare(arguments)
    assert (tmp_path / "out").read_text() == "mine"


def test_a_missing_device_is_told_before_the_work(arguments, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    arguments.device = "gpu"
    with pytest.raises(RuntimeError, match="^device: got 'gpu', wanted CuPy"):
        command.prepare(arguments)
    assert not arguments.out.exists()


def test_the_record_tells_how_to_do_it_again(arguments, tmp_path):
    words = ["--out", "a folder/with spaces", "--seed", "3"]
    command.Record("boat", words, arguments).write(error=0.25, names=["a", None])
    found = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert shlex.split(found["command"]) == ["python", "-m", "demos.boat", *words]
    assert found["results"] == {"error": 0.25, "names": ["a", None]}
    assert found["arguments"] == {"seed": 0, "out": str(tmp_path / "out")}
    assert found["seconds"] >= 0 and found["environment"]["numpy"] == np.__version__
    assert len(found["date"].split("-")) == 3


def test_the_record_of_the_command_line_itself(arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["boat.py", "--seed", "3"])
    assert command.Record("boat", None, arguments).command == "python -m demos.boat --seed 3"
