"""How a demo ends: one line for a mistake, a code, and a place that is checked before the work."""
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demos.harness.arguments import make_parser
from demos.harness.run import exit_code, prepare, run
from tinycaps.backend import to_numpy

ROOT = Path(__file__).parents[3]


def code_of(main):
    with pytest.raises(SystemExit) as stopped:
        run(main, [])
    return stopped.value.code or 0


def raising(error):
    def main(argv):
        raise error
    return main


@pytest.fixture
def arguments(tmp_path):
    return make_parser("boat", "A boat.").parse_args(["--out", str(tmp_path / "out")])


def test_arguments_are_handed_on():
    with pytest.raises(SystemExit, match="^3$"):
        run(len, ["--sail", "--oars", "2"])


@pytest.mark.parametrize("error", [ValueError("labels: got 7"), OSError("out: got 7"),
                                   OSError(28, "No space left", "out/run.json"),
                                   RuntimeError("device: got 'gpu'"), MemoryError("u_hat: got")])
def test_a_mistake_is_one_line_and_code_2(error, capsys):
    assert code_of(raising(error)) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {error}\n" and captured.out == ""


@pytest.mark.parametrize("error, said", [
    (MemoryError(), "out of memory"), (OSError(28, "No space left"), "[Errno 28] No space left")])
def test_an_error_that_names_nothing_says_what_was_being_done(error, said, capsys):
    assert code_of(raising(error)) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith(f"error: {said}: in main, line ") and line.endswith(": raise error\n")

    scope = {}
    exec("class Foreign:\n    def __array__(self, dtype=None, copy=None):\n"
         "        raise MemoryError", scope)
    assert code_of(lambda argv: to_numpy(scope["Foreign"]())) == 2
    assert ": in to_numpy, line " in capsys.readouterr().err            # not in what it called


def test_the_code_of_main_is_the_exit_code_and_an_interrupt_is_130(empty, capsys):
    assert code_of(lambda argv: None) == 0 and code_of(lambda argv: 1) == 1
    assert code_of(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ("", "stopped\n")


def test_an_interrupt_of_an_import_is_quiet_even_if_the_import_swallows_it(tmp_path):
    (tmp_path / "heavy.py").write_text("import os, signal\ntry:\n    os.kill(os.getpid(), "
                                       "signal.SIGINT)\nexcept BaseException:\n    pass\n")
    code = ("import signal, sys\nfrom demos.harness.run import run\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "sys.path.append(sys.argv[1])\nrun(lambda argv: __import__('heavy'), [])\n")
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True,
                          text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped\n")


def test_an_interrupt_is_heard_as_ever_elsewhere_and_afterwards(empty):
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert code_of(lambda argv: signal.raise_signal(signal.SIGINT)) == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert code_of(lambda argv: signal.raise_signal(signal.SIGINT)) == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, usual)


@pytest.mark.parametrize("written, said", [("before", False), ("meanwhile", True)])
def test_an_interrupt_says_how_to_go_on_if_a_checkpoint_was_written(empty, capsys, written, said):
    path = empty / "runs" / "boat-digits-0" / "checkpoint.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    os.utime(path, (1e9, 1e9))

    def main(argv):
        if written == "meanwhile":
            os.utime(path)
        raise KeyboardInterrupt
    assert code_of(main) == 130
    assert ("--resume goes on" in capsys.readouterr().err) == said


def test_a_fault_of_ours_is_not_dressed_up_as_one_of_the_user():
    with pytest.raises(ZeroDivisionError):
        run(lambda argv: 1 / 0, [])


def test_preparing_makes_the_place_and_leaves_what_is_there(arguments):
    prepare(arguments)
    assert os.listdir(arguments.out) == []
    (arguments.out / "run.json").write_text("of an earlier run")
    prepare(arguments)
    assert (arguments.out / "run.json").read_text() == "of an earlier run"
    assert os.listdir(arguments.out) == ["run.json"]


def test_preparing_sweeps_what_a_kill_left_unless_it_may_be_at_work(arguments):
    prepare(arguments)
    for name, age in (".run.json.12.tinycaps", 1e9), (".network.npz.34.tinycaps", None):
        (arguments.out / name).write_bytes(b"half")
        os.utime(arguments.out / name, age and (age, age))
    prepare(arguments)
    assert os.listdir(arguments.out) == [".network.npz.34.tinycaps"]


@pytest.mark.parametrize("below", [".", "deeper/still"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(arguments, tmp_path, below):
    (tmp_path / "out").write_text("mine")
    arguments.out = arguments.out / below
    with pytest.raises(OSError, match=f"^out: got {arguments.out}, wanted a folder [^\n]+$"):
        prepare(arguments)
    assert (tmp_path / "out").read_text() == "mine"


def test_a_missing_device_is_refused_before_the_work(arguments, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    arguments.device = "gpu"
    with pytest.raises(RuntimeError, match="^device: got 'gpu', wanted CuPy"):
        prepare(arguments)
    assert not arguments.out.exists()


@pytest.mark.parametrize("least, error, code", [(None, 1, 0), (0.9, 0.05, 0), (0.9, 0.2, 1),
                                                (1.0, 0.0, 0), (0.0, 1.0, 0)])
def test_min_accuracy_decides_the_exit_code(arguments, least, error, code):
    arguments.min_accuracy = least
    assert exit_code(arguments, error) == code
