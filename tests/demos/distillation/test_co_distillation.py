"""Co-distillation: who is told what, when they begin to agree, and how it is counted."""
from pathlib import Path

import numpy as np

from demos import co_distillation as demo
from tests.demos.distillation_demos import call, results
from tinycaps.checkpoint import load_checkpoint

SIZE = ["--quick", "--hidden", 12, "--networks", 4]


def watch(monkeypatch):
    """Return the list that will hold what each step asks for."""
    seen, gradients = [], demo.co_distillation_gradients

    def watched(params, x, labels, prefixes, temperature, agreement, told):
        seen.append((labels, agreement, told))
        return gradients(params, x, labels, prefixes, temperature, agreement, told)
    monkeypatch.setattr(demo, "co_distillation_gradients", watched)
    return seen


def test_they_agree_after_a_start_alone_and_see_the_same_batches(empty, monkeypatch):
    seen = watch(monkeypatch)
    assert call(demo, *SIZE, "--agreement", 0.7) == 0
    steps = 6                                                           # of an epoch: 256 images in batches of 50
    assert [agreement for _, agreement, _ in seen] == [0.0] * 3 * steps + [0.7] * steps
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(seen[:2 * steps], seen[2 * steps:])) and all(told is None for *_, told in seen)


def test_different_networks_are_told_parts_that_share_nothing(empty, monkeypatch):
    seen = watch(monkeypatch)
    assert call(demo, *SIZE, "--different") == 0
    assert all(told.shape == (4, len(labels)) and (told.sum(axis=0) == 1).all() for labels, _, told in seen)
    counts = sum(told.sum(axis=1) for _, _, told in seen[:6])
    assert counts.tolist() == [64] * 4
    rates = {load_checkpoint(path).about["learning_rate"] for path in Path("runs").rglob("checkpoint.npz")}
    assert rates == {demo.SMALL["learning_rate"] / 2}


def test_counts_by_hand(monkeypatch):
    found = np.array([[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [[0.4, 0.6], [0.1, 0.9], [0.3, 0.7]]])
    monkeypatch.setattr(demo, "answers", lambda *arguments: found)
    assert demo.count_wrong({}, None, np.array([0, 1, 0]), ["a", "b"]) == ([2, 2], 1)


def test_seeds_are_told_one_by_one_and_together(empty, capsys):
    assert call(demo, *SIZE, "--seeds", 2) == 0
    found, printed = results(demo), capsys.readouterr().out.splitlines()
    assert [run["seed"] for run in found["wrong"][demo.ALONE]] == [0, 1]
    for name, runs in found["wrong"].items():
        assert all(run["mean"] == np.mean(run["wrong"]) and run["spread"] == np.std(run["wrong"]) for run in runs)
        summary = found["over_seeds"][name]
        ensembles = [run["ensemble"] for run in runs]
        assert summary["ensemble"] == {"mean": np.mean(ensembles), "spread": np.std(ensembles)}
    assert printed[-1].endswith("mean of 2 seeds") and sum("alone, seed" in line for line in printed) == 2
    first, second = (run["wrong"] for run in found["wrong"][demo.ALONE])
    assert first != second


def test_learns_on_different_parts_from_each_other(empty):
    words = ["--different", "--networks", 4, "--epochs", 30, "--alone-epochs", 10, "--min-accuracy", 0.85]
    assert call(demo, *words) == 0
    summary = results(demo)["over_seeds"]
    assert summary[demo.TOGETHER]["mean"]["mean"] < summary[demo.ALONE]["mean"]["mean"]
