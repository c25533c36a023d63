"""`python -m tinycaps` says what there is, and forgets no demo."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinycaps.__main__ import DEMOS, main
from tinycaps.environment import environment

ROOT = Path(__file__).parents[1]


def test_prints_everything_that_the_environment_knows(capsys):
    main()
    printed = capsys.readouterr().out
    for name, value in environment().items():
        assert re.search(rf"^{name} ", printed, re.MULTILINE)
        assert (", ".join(value) if isinstance(value, list) else "not installed" if value is None else str(value)) in printed
    assert re.search(r"^sgemm +\d+ GFLOP/s, measured now", printed, re.MULTILINE)
    assert all(f"python -m demos.{name} " in printed and about in printed for name, about in DEMOS)
    assert max(map(len, printed.splitlines())) <= 140


THERE = {path.stem for path in (ROOT / "demos").glob("*.py") if "\ndef main(" in path.read_text(encoding="utf-8")} - {"command"}


def test_forgets_no_demo():
    assert THERE <= {name for name, _ in DEMOS}


def test_names_no_demo_that_is_not_there_and_none_twice():
    names = [name for name, _ in DEMOS]
    assert {*names} <= THERE and len({*names}) == len(names)


@pytest.mark.parametrize("folder", ["root", "elsewhere"])
def test_runs_as_a_module(folder, tmp_path):
    done = subprocess.run([sys.executable, "-W", "error", "-m", "tinycaps"], cwd=ROOT if folder == "root" else tmp_path,
                          env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and "numpy" in done.stdout
