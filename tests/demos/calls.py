"""How the tests call a demo, and what they look at afterwards."""
import json
from pathlib import Path

import numpy as np
import pytest

from demos.harness.run import run
from tinycaps.checkpoint import load_checkpoint


def call(demo, *words):
    """Run a demo in this process as its command line would; return the exit code."""
    with pytest.raises(SystemExit) as stopped:
        run(demo.main, [str(word) for word in words])
    return stopped.value.code or 0


def name_of(demo):
    """Return the name by which a demo is called."""
    return demo.__name__.removesuffix(".__main__").rpartition(".")[2]


def files(folder="."):
    """Return what each file of a folder holds."""
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def record(demo):
    """Return run.json."""
    path = Path("out") / name_of(demo) / "run.json"
    return json.loads(path.read_text(encoding="utf-8"))


def results(demo):
    """Return the results in run.json."""
    return record(demo)["results"]


def run_named(start, folder="."):
    """Return the only folder of a training whose name is a pattern and a crc."""
    found, = Path(folder).glob(f"runs/{start}-{'[0-9a-f]' * 8}")
    return found.relative_to(folder)


def networks(folder="runs"):
    """Return step and arrays of every checkpoint, by its folder."""
    found = {path.parent.name: load_checkpoint(path)
             for path in Path(folder).glob("*/checkpoint.npz")}
    return {name: (each.step, {key: p.tobytes() for key, p in (each.params | each.state).items()})
            for name, each in found.items()}


def own(path, classes, shape=(60, 12, 12)):
    """Write images whose bright row shows their class."""
    rng, labels = np.random.default_rng(0), np.arange(shape[0]) % classes
    images = rng.integers(0, 60, shape, np.uint8)
    images[np.arange(shape[0]), labels] += 150
    np.savez(path, images=images, labels=labels)
    return path


def refused(captured, name, wanted):
    """Assert one line on stderr that names an argument and says what was wanted or is wrong."""
    line = captured.err
    assert line.count("\n") == 1 and line.endswith("\n"), line
    assert line.startswith(("error: ", "python -m demos ")) and "error: " in line, line
    message = line.partition("error: ")[2]
    assert message.startswith((f"{name}: ", f"argument --{name}: ")), line
    assert wanted in message, line
