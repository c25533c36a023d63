"""The published experiment: what students are shown, other teachers, the sweep, and lookalikes."""
from pathlib import Path

import numpy as np
import pytest

from demos.capsules import capsnet
from demos.distillation import distillation as demo
from demos.distillation import mlps, teaching
from demos.harness.learn import Trained
from tests.demos.calls import call, results
from tinycaps.backend import asarray
from tinycaps.capsules import CapsNetConfig, capsnet_forward, length_forward, load_capsnet, predict
from tinycaps.checkpoint import load_checkpoint
from tinycaps.data import hold_out, load_digits, random_shift, random_warp
from tinycaps.ops import soften
from tinycaps.optim import adam

SIZE = ["--quick", "--hidden", 12, "--teacher-hidden", 20]


@pytest.fixture
def no_drawing(monkeypatch):
    monkeypatch.setattr(demo, "draw", lambda *arguments: None)


def trained_names():
    return sorted(path.name.split("-digits")[0] for path in Path("runs").iterdir())


def test_the_errors_are_those_of_the_saved_networks(empty, no_drawing):
    assert call(demo, *SIZE) == 0
    digits, wrong = load_digits(), {}
    for path in Path("runs").rglob("checkpoint.npz"):
        logits = mlps.logits_of(load_checkpoint(path).params, digits.test_images[:256])
        name = path.parent.name.split("-digits")[0].replace("-", " ")
        wrong[name] = int((logits.argmax(axis=1) != digits.test_labels[:256]).sum())
    found = results(demo)
    assert found["wrong"] == wrong
    assert found["errors"] == {name: each / 256 for name, each in wrong.items()}
    assert found["error"] == wrong[demo.SOFT] / 256
    assert found["baseline"] == wrong[demo.LABELS] / 256


@pytest.fixture
def lessons(empty, no_drawing, monkeypatch):
    """Each student, who is not trained.

    What it begins with, loss and gradients of the first 20 images upside down, its settings, and
    its update and augmentation.
    """
    found, learn = [], teaching.learn

    def watched(training, params, gradients, arrays, arguments, **how):
        if "student" not in training.name:
            return learn(training, params, gradients, arrays, arguments, **how)
        result = gradients(params, (arrays[0][:20, ::-1], np.arange(20)), None)
        found.append((params, result, training.settings, how))
        return Trained(params, [], 0.0)
    monkeypatch.setattr(teaching, "learn", watched)
    return found


@pytest.mark.parametrize("words", [[], ["--moved"], ["--moved", "--shift", 1, "--no-warp"]],
                         ids=["still", "moved", "shifted"])
def test_students_begin_alike_and_are_shown_different_things(lessons, words):
    moved, shifted = "--moved" in words, "--shift" in words
    assert call(demo, *SIZE, "--temperature", 5, *words) == 0
    (first, (loss, grads), hard, hard_how), (second, (soft_loss, soft_grads), soft, how) = lessons
    assert all(np.array_equal(first[key], second[key]) for key in first) and loss != soft_loss
    assert (hard["hard_weight"], soft["hard_weight"], soft["temperature"]) == (1, 0, 5)
    assert hard_how["update"].__wrapped__ is mlps.momentum_update
    assert how["update"].__wrapped__ is adam
    for settings, each in (hard, hard_how), (soft, how):
        assert (each["augment"] is None) == (not moved)
        expected = [1, False] if shifted else [0, True] if moved else [None, None]
        assert [settings.get(key) for key in ("shift", "warp")] == expected
    assert "temperature" not in hard and "teacher_crc32" not in hard    # labels need no teacher
    assert "teacher_crc32" in soft
    digits = load_digits()
    as_they_are, labels = digits.train_images[::5][:20], digits.train_labels[::5][:20]
    seen = as_they_are[:, ::-1]
    if moved:
        rng, twin = np.random.default_rng(0), np.random.default_rng(0)
        expected = random_shift(seen, twin, 1) if shifted else random_warp(seen, twin)
        assert np.array_equal(hard_how["augment"]((seen, labels), rng)[0], expected)
    z, wanted = mlps.logits_of(first, seen), np.eye(10)[labels]
    np.testing.assert_allclose(grads["1.bias"], (soften(z) - wanted).mean(axis=0), rtol=1e-4,
                               atol=1e-6)
    # Stored answers, or those to what the student sees; T² · (q − p)/T.
    params = load_checkpoint(next(Path("runs").rglob("checkpoint.npz"))).params
    p = soften(mlps.logits_of(params, seen if moved else as_they_are), 5.0)
    np.testing.assert_allclose(soft_grads["1.bias"], (5 * (soften(z, 5.0) - p)).mean(axis=0),
                               rtol=1e-4, atol=1e-6)


def test_another_teacher_is_no_reason_to_train_the_student_on_labels_again(empty, no_drawing):
    assert call(demo, *SIZE) == 0
    assert call(demo, *SIZE, "--largest-norm", 1, "--temperature", 5, "--resume") == 0
    assert trained_names() == ["student-on-labels", *2 * ["student-on-soft-targets"],
                               *2 * ["teacher"]]


def test_hard_weight_mixes_labels_in(empty, no_drawing):
    assert call(demo, *SIZE, "--hard-weight", 0.5) == 0
    paths = Path("runs").glob("student-on-soft*/checkpoint.npz")
    assert [load_checkpoint(path).about["hard_weight"] for path in paths] == [0.5]


def test_a_student_whose_hard_weight_is_one_is_the_other_student(empty, no_drawing):
    assert call(demo, *SIZE, "--hard-weight", 1) == 0
    assert trained_names() == ["student-on-labels", "teacher"]
    wrong = results(demo)["wrong"]
    assert wrong[demo.SOFT] == wrong[demo.LABELS]


def test_sweep_teaches_three_sizes_at_three_temperatures(empty, monkeypatch, capsys):
    figures = []
    monkeypatch.setattr("tinycaps.plot.save", lambda figure, path: figures.append(path.name))
    monkeypatch.setitem(demo.SWEEP, True, (8, 6, 4))
    assert call(demo, *SIZE, "--sweep") == 0
    wrong = results(demo)["wrong"]
    taught = ["at T = 3", "at T = 8", "at T = 20", "on labels"]
    expected = {f"{units} units {what}" for units in (8, 6, 4) for what in taught}
    assert expected == wrong.keys() - set(demo.MAIN) and "temperature_sweep.png" in figures
    printed = capsys.readouterr().out
    assert all(f"{name}: {wrong[name]} of 256 wrong" in printed for name in expected)


def test_a_student_of_the_sweep_who_was_taught_already_is_not_taught_again(empty, no_drawing,
                                                                           monkeypatch):
    monkeypatch.setitem(demo.SWEEP, True, (12,))
    assert call(demo, *SIZE, "--sweep") == 0
    wrong = results(demo)["wrong"]
    again = wrong["12 units at T = 20"], wrong["12 units on labels"]
    assert again == (wrong[demo.SOFT], wrong[demo.LABELS])
    assert trained_names() == ["12-units-at-T-=-3", "12-units-at-T-=-8", "student-on-labels",
                               "student-on-soft-targets", "teacher"]


def teacher_logits(path, data):
    params, forward = demo.capsnet_teacher(path, data, "cpu")
    return mlps.logits_of(params, data.test_images, forward)


def test_a_capsnet_teaches_by_its_log_odds(empty, no_drawing, monkeypatch):
    monkeypatch.setattr(capsnet, "draw", lambda *arguments: None)
    assert call(capsnet, "--quick") == 0
    path, = Path("runs").glob("capsnet-*/checkpoint.npz")
    assert call(demo, *SIZE, "--checkpoint", path) == 0
    data = load_digits()
    data = type(data)(*(array[::len(array) // 256][:256] for array in data))
    found = load_checkpoint(path)
    params = {key: asarray(p) for key, p in found.params.items()}
    config = CapsNetConfig(**found.about["config"])
    length, _ = length_forward(capsnet_forward(params, data.test_images, config)[0])
    odds, logits = length / (1 - length), teacher_logits(path, data)
    np.testing.assert_allclose(logits, np.log(odds), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(soften(logits), odds / odds.sum(axis=1, keepdims=True), rtol=1e-2)
    assert results(demo)["wrong"]["teacher"] == (length.argmax(axis=1) != data.test_labels).sum()
    assert not list(Path("runs").glob("teacher*"))
    np.testing.assert_allclose(teacher_logits("out/capsnet/network.npz", data), np.log(odds),
                               atol=0.02)
    line = r"^checkpoint: got .* images \(256, 8, 8, 1\), wanted .* \(156, 8, 8, 1\)$"
    with pytest.raises(ValueError, match=line):
        demo.capsnet_teacher(path, hold_out(data, 100), "cpu")


def test_a_capsnet_answers_what_the_student_sees(lessons):
    words = "--checkpoint", "--hidden", 12, "--moved", "--temperature", 2
    assert call(demo, *words) == 0
    (first, *_), (_, (_, grads), *_) = lessons
    params, config, _ = load_capsnet()
    seen = np.ascontiguousarray(load_digits().train_images[:20, ::-1])
    length, _ = length_forward(capsnet_forward(params, seen, config)[0])
    q, p = soften(mlps.logits_of(first, seen), 2.0), soften(np.log(length / (1 - length)), 2.0)
    np.testing.assert_allclose(grads["1.bias"], (2 * (q - p)).mean(axis=0), rtol=1e-3, atol=1e-4)


def test_the_packaged_capsnet_teaches_unless_another_is_named(empty, no_drawing):
    assert call(demo, "--checkpoint", "--hidden", 12, "--epochs", 1) == 0
    (params, config, _), digits = load_capsnet(), load_digits()
    wrong = (predict(params, digits.test_images, config) != digits.test_labels).sum()
    assert results(demo)["wrong"]["teacher"] == wrong < 0.03 * 360
    assert trained_names() == ["student-on-labels", "student-on-soft-targets"]


def test_lookalikes_are_those_of_a_class_that_the_teacher_nearly_takes_for_another():
    logits = np.array([[0, 5, 1], [0, 5, 4], [0, 5, 3], [9, 0, 8.0]])
    assert demo.lookalikes(logits, np.array([1, 1, 1, 0]), 1, 2, 2).tolist() == [1, 2]


def test_soft_targets_teach_more_than_labels(empty, no_drawing):
    words = ["--teacher-hidden", 200, 200, "--teacher-epochs", 40, "--epochs", 25]
    assert call(demo, *words, "--min-accuracy", 0.96) == 0
    wrong = results(demo)["wrong"]
    assert wrong["teacher"] < wrong[demo.LABELS] and wrong[demo.SOFT] < wrong[demo.LABELS]
