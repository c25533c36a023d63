"""Distillation over several seeds: a teacher and its students anew for each."""
import json
from pathlib import Path

import numpy as np
import pytest

from demos.distillation import distillation as demo
from demos.distillation.mlps import logits_of
from tinycaps import plot
from tinycaps.checkpoint import load_checkpoint
from tinycaps.data import load_digits

SIZE = ["--quick", "--hidden", "12", "--teacher-hidden", "20"]


def test_each_seed_has_its_teacher_its_students_and_its_dots(empty, monkeypatch, capsys):
    bars = []
    monkeypatch.setattr(plot, "error_bars", lambda groups, *rest: bars.append(groups))
    assert demo.main([*SIZE, "--seeds", "2", "--seed", "5"]) == 0
    digits, found = load_digits(), {}
    for path in Path("runs").glob("*/checkpoint.npz"):
        logits = logits_of(load_checkpoint(path).params, digits.test_images[:256])
        name, rest = path.parent.name.split("-digits-")
        wrong = int((logits.argmax(axis=1) != digits.test_labels[:256]).sum())
        found[name.replace("-", " "), int(rest[0])] = wrong
    record = json.loads(Path("out/distillation/run.json").read_text(encoding="utf-8"))["results"]
    expected = {name: [found[name, seed] for seed in (5, 6)] for name in demo.MAIN}
    assert record["wrong_by_seed"] == expected and len(found) == 6
    assert record["wrong"] == {name: np.mean(each) for name, each in expected.items()}
    soft, labels = (np.array(expected[name]) / 256 for name in (demo.SOFT, demo.LABELS))
    assert record["seeds"] == soft.tolist()
    assert record["error"] == soft.mean() and record["baseline"] == labels.mean()
    assert [len(dots) for dots in bars[0].values()] == [2, 2, 2]
    assert [*bars[0].values()][2] == soft.tolist()
    printed = capsys.readouterr().out
    assert all(f"{name}: {one}, {other} of 256 wrong" in printed
               for name, (one, other) in expected.items())
    assert printed.splitlines()[-1].endswith("of 256, mean of 2 seeds)")
    log = Path("out/distillation/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["seed"] for line in log} == {5, 6}


def test_students_of_one_seed_begin_alike_and_those_of_another_do_not(empty, monkeypatch):
    begun = []

    def watched(training, params, *rest, **settings):
        begun.append((training.name, params["0.W"].copy()))
        return learn(training, params, *rest, **settings)
    learn = demo.teaching.learn
    monkeypatch.setattr(demo.teaching, "learn", watched)
    assert demo.main([*SIZE, "--seeds", "2"]) == 0
    (_, hard), (_, soft), (_, other), _ = [each for each in begun if each[0] != "teacher"]
    assert np.array_equal(hard, soft) and not np.array_equal(hard, other)
    teachers = [W for name, W in begun if name == "teacher"]
    assert len(teachers) == 2 and not np.array_equal(*teachers)


def test_no_seed_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        demo.main(["--seeds", "0"])
    assert stopped.value.code == 2 and "--seeds: got '0'" in capsys.readouterr().err
