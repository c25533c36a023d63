"""A demo that is killed again and again: nothing is lost, and it ends with the same bits."""
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinycaps.checkpoint import load_checkpoint

ROOT = Path(__file__).parents[2]
WORDS = ["mortal_computation", "--quick"]
"""It trains six networks, one after the other."""


def start(folder):
    folder.mkdir(exist_ok=True)
    for torn in folder.rglob(".*.tinycaps"):
        os.utime(torn, (0, 0))              # in --out only those of another hour are swept
    words = ["--resume"] * bool(checkpoints(folder))
    return subprocess.Popen([sys.executable, "-m", "demos", *WORDS, *words], cwd=folder,
                            env={"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(folder):
    """Let the demo end; return the last line that it prints."""
    process = start(folder)
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return said.splitlines()[-1]


def checkpoints(folder):
    """Return the checkpoint of each network that has one."""
    return {path.parent.name: load_checkpoint(path)
            for path in (folder / "runs").glob("*/checkpoint.npz")}


def state(folder):
    """Return what a killed and resumed demo must share: names of files, all bits of the networks.
    """
    networks = {name: ([(field, key, value.tobytes()) for field in ("params", "state")
                        for key, value in getattr(found, field).items()], found.step, found.about)
                for name, found in checkpoints(folder).items()}
    return sorted(path.relative_to(folder) for path in folder.rglob("*")), networks


def steps(folder):
    return sum(found.step for found in checkpoints(folder).values())


@pytest.mark.skipif(sys.platform == "win32", reason="a process there is not killed by a signal")
def test_a_demo_killed_again_and_again_ends_with_the_same_bits(tmp_path, trials):
    whole = tmp_path / "whole"
    began = time.monotonic()
    said = finish(whole)
    seconds, rng = time.monotonic() - began, random.Random(0)
    kills, folder, done = 0, tmp_path / "killed 0", 0
    while kills < trials(2):
        process = start(folder)
        time.sleep(rng.uniform(0, seconds))
        if process.poll() is None:
            process.kill()
            kills += 1
        errors = process.communicate()[1]
        assert process.returncode in (0, -9), errors
        assert steps(folder) >= done, "a kill lost a checkpoint"
        done = steps(folder)
        if process.returncode == 0:
            assert state(folder) == state(whole)
            folder, done = tmp_path / f"killed {kills}", 0
    assert finish(folder) == said
    assert state(folder) == state(whole)
