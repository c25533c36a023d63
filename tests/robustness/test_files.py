"""Damaged files of every format: refused in one line that names them, or read as they were."""
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.robustness.files import FORMATS, damage, flip, judge

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_refused_or_read_as_it_was(name, trials):
    damaged, flipped = trials(25), trials(340)
    command = [sys.executable, "-m", "tests.robustness.files", name, damaged, flipped, 0]
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-2000:]}"
    came = json.loads(done.stdout)
    assert sum(came.values()) == damaged + flipped
    allowed = {"same", "refused"} if FORMATS[name].guarded else {"same", "refused", "other pixels"}
    assert came.keys() <= allowed, came
    assert came["refused"] > damaged / 3
