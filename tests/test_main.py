"""`python -m tinycaps` says what there is, and where to find the demos."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinycaps.__main__ import main
from tinycaps.environment import environment

ROOT = Path(__file__).parents[1]


def test_prints_everything_that_the_environment_knows(capsys):
    main()
    printed = capsys.readouterr().out
    for name, value in environment().items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        text = "not installed" if value is None else text
        assert re.search(rf"^{name} +{re.escape(text)}$", printed, re.MULTILINE)
    assert re.search(r"^sgemm +\d+ GFLOP/s, measured now", printed, re.MULTILINE)
    assert max(map(len, printed.splitlines())) <= 140


def test_names_the_command_that_lists_the_demos_and_no_demo(capsys):
    main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.findall(r"-m demos\S*( \w+)?", last) == [" lists"]


@pytest.mark.parametrize("folder", ["root", "elsewhere"])
def test_runs_as_a_module(folder, tmp_path):
    done = subprocess.run([sys.executable, "-W", "error", "-m", "tinycaps"],
                          cwd=ROOT if folder == "root" else tmp_path,
                          env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True,
                          text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and "numpy" in done.stdout
