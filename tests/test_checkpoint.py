"""What is on the disk is the old file or the new one, whole; anything else is one line of error."""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinycaps.checkpoint import (Checkpoint, load_checkpoint, save_checkpoint, sweep,
                                 write_atomically, write_json)

ROOT = Path(__file__).parents[1]
RNG = np.random.default_rng(0)
OURS = Checkpoint(
    params={"digit.W": RNG.standard_normal((3, 4)).astype(np.float32),
            "a/b": RNG.standard_normal(2), "scale": np.array(2.5)},
    state={"step": 7, "m.digit.W": RNG.standard_normal((3, 4)).astype(np.float32),
           "m.scale": np.array(0.5, np.float32)},
    about={"config": {"image_shape": [8, 8, 1]}, "note": "größer als ‖v‖", "none": None},
    step=7, seconds=1.25, logged=3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "checkpoint.npz"


def one_line(error, path):
    with pytest.raises(error) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(f"checkpoint: got {path}, which ")
    assert "\n" not in message and "pickle" not in message
    return message


def test_comes_back_as_it_was(path, xp):
    params = {key: xp.asarray(p) for key, p in OURS.params.items()}
    save_checkpoint(path, OURS._replace(params=params))
    found = load_checkpoint(path)
    assert (found.about, *found[3:]) == (OURS.about, 7, 1.25, 3)
    for part, ours in (found.params, OURS.params), (found.state, OURS.state):
        assert part.keys() == ours.keys()
        for key, array in part.items():
            assert type(array) is np.ndarray and array.shape == np.shape(ours[key])
            assert array.dtype == np.asarray(ours[key]).dtype
            np.testing.assert_array_equal(array, ours[key])


def test_a_later_one_replaces_it(path):
    save_checkpoint(path, OURS)
    save_checkpoint(path, OURS._replace(step=8))
    assert load_checkpoint(path).step == 8
    assert os.listdir(path.parent) == ["checkpoint.npz"]


@pytest.mark.parametrize("error", [
    OSError(28, "No space left on device"), ValueError("no"), KeyboardInterrupt()])
def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(path, error):
    def write(file):
        file.write(b"half of the n")
        raise error
    save_checkpoint(path, OURS)
    with pytest.raises(type(error)):
        write_atomically(path, write)
    assert os.listdir(path.parent) == ["checkpoint.npz"]
    assert load_checkpoint(path).step == 7


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_file_and_nothing_else(path, monkeypatch, call):
    def fail(*args):
        raise OSError(5, "Input/output error")
    save_checkpoint(path, OURS)
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="Input/output error"):
        save_checkpoint(path, OURS._replace(step=8))
    assert os.listdir(path.parent) == ["checkpoint.npz"]
    assert load_checkpoint(path).step == 7


def test_a_kill_in_the_middle_of_writing_leaves_the_old_file(path):
    save_checkpoint(path, OURS)
    code = """if True:
        import os, signal, sys
        from tinycaps.checkpoint import write_atomically
        def write(file):
            file.write(b"half of the n")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        write_atomically(sys.argv[1], write)"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], timeout=60,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == -signal.SIGKILL
    assert load_checkpoint(path).step == 7


def test_is_on_the_disk_before_it_takes_the_place(path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append("fsync"), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    save_checkpoint(path, OURS)
    assert calls == ["fsync", "replace"]


def test_missing(path):
    message = one_line(FileNotFoundError, path)
    assert message.endswith("does not exist, wanted a checkpoint.npz of a training run")


def test_torn_at_any_length(path):
    save_checkpoint(path, OURS)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        one_line(ValueError, path)


def same(found):
    """Return whether a checkpoint is ours in every bit."""
    parts = zip((found.params, found.state), (OURS.params, OURS.state))
    return found[2:] == OURS[2:] and all(
        part.keys() == ours.keys() and all(part[key].tobytes() == np.asarray(each).tobytes()
                                           for key, each in ours.items()) for part, ours in parts)


def test_one_flipped_bit_is_one_line_or_changes_nothing(path):
    save_checkpoint(path, OURS)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for bit in rng.choice(8 * len(whole), 400, replace=False):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert same(load_checkpoint(path))
        except ValueError as error:
            assert "\n" not in str(error) and str(path) in str(error)
            refused += 1
    assert refused > 300                        # the others are times and attributes


def rewritten(path, change):
    """Write our checkpoint, and once more with all checksums of the zip format but other members.

    ``change`` changes members and head, a dict each.
    """
    save_checkpoint(path, OURS)
    with np.load(path) as arrays:
        members = dict(arrays)
    head = json.loads(str(members.pop("head")))
    change(members, head)
    np.savez(path, head=np.array(json.dumps(head)), **members)


OTHER = {
    "an average missing": lambda members, head: members.pop("state/m.digit.W"),
    "no state": lambda members, head: [members.pop(key) for key in [*members] if "state" in key],
    "a parameter missing": lambda members, head: members.pop("params/scale"),
    "one too many": lambda members, head: members.update({"state/v": np.zeros(2)}),
    "another value": lambda members, head: members["params/a/b"].__setitem__(0, 0.5),
    "another shape": lambda members, head: members.update(
        {"params/digit.W": members["params/digit.W"].T.copy()}),
    "another type": lambda members, head: members.update(
        {"params/a/b": members["params/a/b"].view("int64")}),
    "two exchanged": lambda members, head: members.update(
        {"params/digit.W": members["state/m.digit.W"],
         "state/m.digit.W": members["params/digit.W"]}),
    "a step in words": lambda members, head: head.update(step="7"),
    "half a step": lambda members, head: head.update(step=7.5),
    "a step below 0": lambda members, head: head.update(step=-1),
    "a step that is true": lambda members, head: head.update(step=True),
    "no lines": lambda members, head: head.update(logged=None),
    "endless seconds": lambda members, head: head.update(seconds=float("inf")),
    "seconds that are no number": lambda members, head: head.update(seconds=float("nan")),
    "seconds below 0": lambda members, head: head.update(seconds=-0.5),
    "a list of settings": lambda members, head: head.update(about=["config"]),
    "an unknown entry": lambda members, head: head.update(more=1),
    "no list": lambda members, head: head.update(arrays=None),
}


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER.keys())
def test_what_is_not_as_it_was_written_is_refused(path, change):
    rewritten(path, lambda members, head: None)
    assert same(load_checkpoint(path))
    rewritten(path, change)
    one_line(ValueError, path)


def test_a_checkpoint_of_an_earlier_version_is_called_so(path):
    rewritten(path, lambda members, head: [head.pop(key) for key in ("arrays", "logged")])
    message = one_line(ValueError, path)
    assert "an earlier version of tinycaps" in message and "torn" not in message


def test_foreign_files(tmp_path):
    contents = {"empty.npz": b"", "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
                "text.npz": b"hello\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert "torn or no checkpoint" in one_line(ValueError, tmp_path / name)
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "head.npz", head=np.array("[]"))
    np.savez(tmp_path / "short.npz", head=np.array(json.dumps({"about": {}, "step": 1})))
    head = np.array(json.dumps({"about": {}, "step": 1, "seconds": 0, "logged": 0, "arrays": {}}))
    np.savez(tmp_path / "parts.npz", head=head, **{"others/x": np.zeros(1)})
    for name in ("other.npz", "array.npy", "head.npz", "short.npz", "parts.npz"):
        assert "torn or no checkpoint" in one_line(ValueError, tmp_path / name)
    assert "directory" in one_line(ValueError, tmp_path).lower()


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_nothing_pickled_is_ever_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head = np.array(json.dumps({"about": {}, "step": 1, "seconds": 0.0}))
    np.savez("bomb.npz", head=head, **{"params/W": np.array([Bomb()], dtype=object)})
    with pytest.raises(ValueError, match="torn or no checkpoint") as caught:
        load_checkpoint("bomb.npz")
    assert "\n" not in str(caught.value) and not Path("exploded").exists()


def test_json_is_atomic_and_readable(tmp_path):
    write_json(tmp_path / "out" / "run.json", {"error": 0.25, "unit": "‖v‖"})
    text = (tmp_path / "out" / "run.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"error": 0.25, "unit": "‖v‖"}
    assert "‖v‖" in text and text.endswith("}\n")
    with pytest.raises(TypeError):
        write_json(tmp_path / "out" / "run.json", {"no": object()})
    assert (tmp_path / "out" / "run.json").read_text(encoding="utf-8") == text
    assert os.listdir(tmp_path / "out") == ["run.json"]


def test_a_place_below_a_regular_file_is_an_oserror(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError):
        save_checkpoint(tmp_path / "file" / "checkpoint.npz", OURS)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_error_of_the_system_names_the_file(path):
    for error in OSError(28, "No space left on device"), OSError("closed"):
        with pytest.raises(OSError) as caught:
            write_atomically(path, lambda file: (_ for _ in ()).throw(error))
        assert (caught.value.filename == str(path)) == (error.errno == 28)
    assert caught.value is error


def test_what_a_kill_left_is_swept_and_nothing_else(tmp_path):
    def write(file):
        torn.append(Path(file.name).name)
    torn, others = [], [".a.1", ".lock", "a.tinycaps", "log.jsonl"]
    write_atomically(tmp_path / "a.json", write)
    write_atomically(tmp_path / "log.jsonl", write)
    (tmp_path / "a.json").unlink()
    for name in torn + others:
        (tmp_path / name).write_bytes(b"")
    os.utime(tmp_path / torn[0], (1e9, 1e9))
    sweep(tmp_path, age=3600)
    assert sorted(os.listdir(tmp_path)) == sorted([torn[1], *others])
    sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == others
