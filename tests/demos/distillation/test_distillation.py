"""The published experiment: what students are told, other teachers, the sweep, and which images look like others."""
import re
from pathlib import Path

import numpy as np
import pytest

from demos import capsnet, distillation, teacher
from tests.demos.distillation_demos import call, results
from tinycaps.backend import asarray
from tinycaps.capsules import CapsNetConfig, capsnet_forward, length_forward, load_capsnet, predict
from tinycaps.checkpoint import load_checkpoint
from tinycaps.data import hold_out, load_digits, random_shift, random_warp
from tinycaps.ops import soften
from tinycaps.optim import adam

SIZE = ["--quick", "--hidden", 12, "--teacher-hidden", 20]


def test_the_errors_are_those_of_the_saved_networks(empty):
    assert call(distillation, *SIZE) == 0
    digits, found = load_digits(), {}
    for path in Path("runs").rglob("checkpoint.npz"):
        logits = teacher.logits_of(load_checkpoint(path).params, digits.test_images[:256])
        found[path.parent.name.split("-digits")[0].replace("-", " ")] = int((logits.argmax(axis=1) != digits.test_labels[:256]).sum())
    assert results(distillation)["wrong"] == found
    assert results(distillation)["errors"] == {name: wrong / 256 for name, wrong in found.items()}


@pytest.fixture
def lessons(empty, monkeypatch):
    """Of each student, who is not trained: what it begins with, loss and gradients of the first 20 images upside down, its settings."""
    found, learn = [], teacher.learn

    def watched(name, params, gradients, data, labels, arguments, **settings):
        if "student" not in name:
            return learn(name, params, gradients, data, labels, arguments, **settings)
        which = np.arange(20)
        found.append((params, gradients(params, data.train_images[which, ::-1], which, None), settings))
        return teacher.Trained(params, [], 0.0)
    monkeypatch.setattr(teacher, "learn", watched)
    return found


@pytest.mark.parametrize("words", [[], ["--moved"], ["--moved", "--shift", 1, "--no-warp"]], ids=["still", "moved", "shifted"])
def test_students_begin_alike_and_are_told_different_things(lessons, words):
    moved = "--moved" in words
    assert call(distillation, *SIZE, "--temperature", 5, *words) == 0
    (first, (loss, told), hard), (second, (soft_loss, grads), soft) = lessons
    assert all(np.array_equal(first[key], second[key]) for key in first) and loss != soft_loss
    assert (hard["hard_weight"], soft["hard_weight"], soft["temperature"]) == (1, 0, 5)
    assert hard["update"] is teacher.step and soft["update"] is adam
    for each in hard, soft:
        assert (each["augment"] is None) == (not moved)
        assert [each.get(key) for key in ("shift", "warp")] == ([1, False] if "--shift" in words else [0, True] if moved else [None, None])
    assert "temperature" not in hard and "teacher_crc32" not in hard and "teacher_crc32" in soft           # labels alone need no teacher
    digits = load_digits()
    as_they_are, labels = digits.train_images[::5][:20], digits.train_labels[::5][:20]
    seen = as_they_are[:, ::-1]
    if moved:
        rng, twin = np.random.default_rng(0), np.random.default_rng(0)
        expected = random_shift(seen, twin, 1) if "--shift" in words else random_warp(seen, twin)
        assert np.array_equal(hard["augment"](seen, rng), expected)
    z, wanted = teacher.logits_of(first, seen), np.eye(10)[labels]
    np.testing.assert_allclose(told["1.bias"], (soften(z) - wanted).mean(axis=0), rtol=1e-4, atol=1e-6)
    params = load_checkpoint(next(Path("runs").rglob("checkpoint.npz"))).params
    p = soften(teacher.logits_of(params, seen if moved else as_they_are), 5.0)               # stored, or asked of what the student sees
    np.testing.assert_allclose(grads["1.bias"], (5 * (soften(z, 5.0) - p)).mean(axis=0), rtol=1e-4, atol=1e-6)       # T² · (q − p)/T


def test_another_teacher_is_no_reason_to_train_the_student_on_labels_again(empty):
    assert call(distillation, *SIZE) == 0
    assert call(distillation, *SIZE, "--largest-norm", 1, "--temperature", 5, "--resume") == 0
    trained = sorted(path.name.split("-digits")[0] for path in Path("runs").iterdir())
    assert trained == ["student-on-labels"] + 2 * ["student-on-soft-targets"] + 2 * ["teacher"]


def test_hard_weight_mixes_labels_in(empty):
    assert call(distillation, *SIZE, "--hard-weight", 0.5) == 0
    weights = [load_checkpoint(path).about["hard_weight"] for path in Path("runs").glob("student-on-soft*/checkpoint.npz")]
    assert weights == [0.5]


def test_sweep_teaches_three_sizes_at_three_temperatures(empty, monkeypatch, capsys):
    figures = []
    monkeypatch.setattr("tinycaps.plot.save", lambda figure, path: figures.append(path.name))
    monkeypatch.setitem(distillation.SWEEP, True, (8, 6, 4))
    assert call(distillation, *SIZE, "--sweep") == 0
    wrong = results(distillation)["wrong"]
    told = ["at T = 3", "at T = 8", "at T = 20", "on labels"]
    assert {f"{units} units {what}" for units in (8, 6, 4) for what in told} == wrong.keys() - set(distillation.MAIN)
    assert "temperature_sweep.png" in figures
    printed = capsys.readouterr().out
    assert all(f"{name}: {count} of 256 wrong" in printed for name, count in wrong.items() if name not in distillation.MAIN)


def test_a_student_of_the_sweep_who_was_taught_already_is_not_taught_again(empty, monkeypatch):
    monkeypatch.setitem(distillation.SWEEP, True, (12,))
    assert call(distillation, *SIZE, "--sweep") == 0
    wrong = results(distillation)["wrong"]
    assert (wrong["12 units at T = 20"], wrong["12 units on labels"]) == (wrong[distillation.SOFT], wrong[distillation.LABELS])
    taught = {path.name.split("-digits")[0] for path in Path("runs").iterdir()}
    assert taught == {"teacher", "student-on-labels", "student-on-soft-targets", "12-units-at-T-=-3", "12-units-at-T-=-8"}


def teacher_logits(path, data):
    params, forward = distillation.capsnet_teacher(path, data, "cpu")
    return teacher.logits_of(params, data.test_images, forward)


def test_a_capsnet_teaches_by_its_log_odds(empty, capsys):
    assert call(capsnet, "--quick") == 0
    path = "runs/capsnet-digits-0-quick/checkpoint.npz"
    assert call(distillation, *SIZE, "--checkpoint", path) == 0
    data = load_digits()
    data = type(data)(*(part[::len(part) // 256][:256] for part in data))
    found = load_checkpoint(path)
    params = {key: asarray(p) for key, p in found.params.items()}
    length, _ = length_forward(capsnet_forward(params, data.test_images, CapsNetConfig(**found.about["config"]))[0])
    expected = np.log(length / (1 - length))
    logits = teacher_logits(path, data)
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3)
    odds = length / (1 - length)
    np.testing.assert_allclose(soften(logits), odds / odds.sum(axis=1, keepdims=True), rtol=1e-2)
    assert results(distillation)["wrong"]["teacher"] == (length.argmax(axis=1) != data.test_labels).sum()
    assert not list(Path("runs").glob("teacher*"))
    np.testing.assert_allclose(teacher_logits("out/capsnet/network.npz", data), expected, atol=0.02)
    line = "checkpoint: got a network that was trained on images (256, 8, 8, 1), wanted these training images, (156, 8, 8, 1)"
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
        distillation.capsnet_teacher(path, hold_out(data, 100), "cpu")


def test_a_capsnet_is_asked_of_what_the_student_sees(lessons):
    assert call(distillation, "--checkpoint", "--hidden", 12, "--moved", "--temperature", 2) == 0
    (first, _, _), (_, (_, grads), _) = lessons
    params, config, _ = load_capsnet()
    seen = np.ascontiguousarray(load_digits().train_images[:20, ::-1])
    length, _ = length_forward(capsnet_forward(params, seen, config)[0])
    q, p = soften(teacher.logits_of(first, seen), 2.0), soften(np.log(length / (1 - length)), 2.0)
    np.testing.assert_allclose(grads["1.bias"], (2 * (q - p)).mean(axis=0), rtol=1e-3, atol=1e-4)


def test_the_shipped_capsnet_teaches_unless_another_is_named(empty):
    assert call(distillation, "--checkpoint", "--hidden", 12, "--epochs", 1) == 0
    (params, config, _), digits = load_capsnet(), load_digits()
    wrong = (predict(params, digits.test_images, config) != digits.test_labels).sum()
    assert results(distillation)["wrong"]["teacher"] == wrong < 0.03 * 360
    assert {path.name.split("-digits")[0] for path in Path("runs").iterdir()} == {"student-on-labels", "student-on-soft-targets"}


def test_lookalikes_are_those_of_a_class_that_the_teacher_nearly_takes_for_another():
    logits = np.array([[0, 5, 1], [0, 5, 4], [0, 5, 3], [9, 0, 8.0]])
    assert distillation.lookalikes(logits, np.array([1, 1, 1, 0]), 1, 2, 2).tolist() == [1, 2]


def test_soft_targets_tell_more_than_labels(empty):
    assert call(distillation, "--teacher-hidden", 200, 200, "--teacher-epochs", 40, "--epochs", 25, "--min-accuracy", 0.96) == 0
    wrong = results(distillation)["wrong"]
    assert wrong["teacher"] < wrong[distillation.LABELS] and wrong[distillation.SOFT] < wrong[distillation.LABELS]
