"""Damaged files of every format: refused in one line that names them, or read as they were."""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.robustness.files import FORMATS, judge

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_refused_or_read_as_it_was(name, trials):
    damaged, flipped = trials(10), trials(120)
    command = [sys.executable, "-m", "tests.robustness.files", name, damaged, flipped, 0]
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-2000:]}"
    came = json.loads(done.stdout.splitlines()[-1])
    assert sum(came.values()) == damaged + flipped
    allowed = {"same", "refused"} if FORMATS[name].guarded else {"same", "refused", "other pixels"}
    assert came.keys() <= allowed, came
    assert came["refused"] > damaged / 3


def test_a_reader_that_misses_a_damage_is_caught(tmp_path):
    def read(path):
        return [1 / np.zeros(2)] if path == tmp_path else [][1]

    with np.errstate(divide="ignore"):
        whole = [np.zeros(2)]
        assert judge(FORMATS["npz"]._replace(read=read), tmp_path, whole) == "loaded wrong"
        assert judge(FORMATS["idx"]._replace(read=read), tmp_path, whole) == "of another structure"
    assert judge(FORMATS["npz"]._replace(read=read), None, whole).startswith("IndexError")
    refusing = FORMATS["npz"]._replace(read=lambda path: np.zeros(3).reshape(2))
    assert judge(refusing, tmp_path, whole).startswith("error that is not one clear line")
