"""Co-distillation: who has which labels, when they begin to agree, and how it is counted."""
from pathlib import Path

import numpy as np

from demos.distillation import co_distillation as demo
from tests.demos.calls import call, results
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
    assert call(demo, *SIZE, "--agreement", 0.7, "--same") == 0
    steps = 6                                           # of an epoch: 256 images in batches of 50
    assert [agreement for _, agreement, _ in seen] == [0.0] * 3 * steps + [0.7] * steps
    alone, together = seen[:2 * steps], seen[2 * steps:]
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(alone, together, strict=True))
    assert all(told is None for *_, told in seen)


def test_different_networks_have_labels_that_share_nothing(empty, monkeypatch):
    seen = watch(monkeypatch)
    assert call(demo, *SIZE, "--different") == 0
    for labels, _, told in seen:
        assert told.shape == (4, len(labels)) and (told.sum(axis=0) == 1).all()
    counts = sum(told.sum(axis=1) for _, _, told in seen[:6])
    assert counts.tolist() == [64] * 4
    rates = {load_checkpoint(path).about["learning_rate"]
             for path in Path("runs").rglob("checkpoint.npz")}
    assert rates == {demo.SMALL["learning_rate"] / 2}


def test_counts_by_hand(monkeypatch):
    # The first misclassifies images 1 and 2, the second 0 and 2. Their means are (0.65, 0.35),
    # (0.35, 0.65) and (0.25, 0.75): only the last is wrong.
    found = np.array([[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [[0.4, 0.6], [0.1, 0.9], [0.3, 0.7]]])
    monkeypatch.setattr(demo, "probabilities", lambda *arguments: found)
    assert demo.count_wrong({}, None, np.array([0, 1, 0]), ["a", "b"]) == ([2, 2], 1)


def test_seeds_are_reported_one_by_one_and_together(empty, capsys):
    assert call(demo, *SIZE, "--seeds", 2) == 0
    found, printed = results(demo), capsys.readouterr().out.splitlines()
    assert [run["seed"] for run in found["wrong"][demo.ALONE]] == [0, 1]
    for name, runs in found["wrong"].items():
        for run in runs:
            assert run["mean"] == np.mean(run["wrong"]) and run["spread"] == np.std(run["wrong"])
        ensembles = [run["ensemble"] for run in runs]
        expected = {"mean": np.mean(ensembles), "spread": np.std(ensembles)}
        assert found["over_seeds"][name]["ensemble"] == expected
    means = {name: [run["mean"] / 256 for run in runs] for name, runs in found["wrong"].items()}
    assert found["seeds"] == means[demo.TOGETHER]
    np.testing.assert_allclose(found["error"], np.mean(means[demo.TOGETHER]), rtol=1e-12)
    np.testing.assert_allclose(found["baseline"], np.mean(means[demo.ALONE]), rtol=1e-12)
    assert printed[-1].endswith("mean of 2 seeds")
    assert sum("alone, seed" in line for line in printed) == 2
    first, second = (run["wrong"] for run in found["wrong"][demo.ALONE])
    assert first != second


def test_networks_with_different_labels_learn_from_each_other(empty):
    words = ["--different", "--networks", 4, "--epochs", 15, "--alone-epochs", 5]
    assert call(demo, *words, "--min-accuracy", 0.85) == 0
    summary = results(demo)["over_seeds"]
    assert summary[demo.TOGETHER]["mean"]["mean"] < summary[demo.ALONE]["mean"]["mean"]
