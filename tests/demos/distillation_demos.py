"""What the tests of the demos of distillation share."""
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from demos import command


def call(demo, *words):
    """Run a demo in this process as its command line would; return the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{demo.__name__}.py", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            command.run(demo.main)
    return stopped.value.code or 0


def files(folder):
    """Return what each file of a folder holds."""
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def results(demo):
    """Return the results in run.json."""
    name = demo.__name__.removeprefix("demos.")
    return json.loads((Path("out") / name / "run.json").read_text(encoding="utf-8"))["results"]


def own(path, classes):
    """Write images whose class is their bright row."""
    rng, labels = np.random.default_rng(0), np.arange(60) % classes
    images = rng.integers(0, 60, (60, 12, 12), np.uint8)
    images[np.arange(60), labels] += 150
    np.savez(path, images=images, labels=labels)
