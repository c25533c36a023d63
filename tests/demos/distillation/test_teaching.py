"""The teacher and its students: how they step, what they are shown, and when they are found."""
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from demos.distillation import distillation, mlps, omitted_digit, teaching
from demos.harness import learn
from tests.demos.calls import call, networks, own, results
from tests.demos.distillation.test_room import SIZE, quick
from tinycaps.checkpoint import load_checkpoint
from tinycaps.data import load_digits
from tinycaps.ops import init_mlp, mlp_forward, soften
from tinycaps.optim import rising_momentum

both = pytest.mark.parametrize("demo", [distillation, omitted_digit],
                               ids=["distillation", "omitted_digit"])


@pytest.fixture(autouse=True)
def no_drawing(empty, monkeypatch):
    monkeypatch.setattr(distillation, "draw", lambda *arguments: None)


def teacher_path():
    return next(Path("runs").glob("teacher*/checkpoint.npz"))


@both
def test_a_student_of_moved_images_interrupted_and_resumed_ends_with_the_same_bits(
        tmp_path, monkeypatch, demo):
    ends, print_errors = {}, learn.print_errors

    def interrupt(training, arguments, line):
        if training.name.startswith("student") and line["epoch"] == 1:
            raise KeyboardInterrupt
    for whole in True, False:
        (tmp_path / str(whole)).mkdir()
        monkeypatch.chdir(tmp_path / str(whole))
        if not whole:
            monkeypatch.setattr(learn, "print_errors", interrupt)
            assert quick(demo, "--moved") == 130
            monkeypatch.setattr(learn, "print_errors", print_errors)
        assert quick(demo, "--moved", *["--resume"] * (not whole)) == 0
        ends[whole] = networks()
    assert ends[True] == ends[False] and len(ends[True]) == 3


def test_the_teacher_is_trained_once_for_both_demos(capsys):
    words = ["--temperature", 4, "--seed", 3]

    def teachers():
        return {name: each for name, each in networks().items() if name.startswith("teacher")}
    assert quick(distillation, *words) == 0
    before = teachers()
    capsys.readouterr()
    assert quick(omitted_digit, *words) == 0
    assert "teacher: epoch" not in capsys.readouterr().out
    assert teachers() == before and len(before) == 1
    assert quick(omitted_digit, *words, "--largest-norm", 2) == 0
    assert "teacher: epoch" in capsys.readouterr().out


@both
def test_students_of_moved_images_learn_as_long_as_their_teacher(demo):
    def epochs(*words):
        assert call(demo, "--quick", *SIZE[demo], "--moved", "--teacher-epochs", 3, "--batch", 200,
                    *words) == 0
        paths = Path("runs").rglob("student*/checkpoint.npz")
        return sorted(load_checkpoint(path).about["epochs"] for path in paths)
    assert epochs() == [3, 3]
    assert epochs("--epochs", 1) == [1, 1, 3, 3]                        # unless they are given
    shifted = "--epochs", 1, "--no-warp", "--shift", 1
    assert epochs(*shifted) == epochs(*shifted) == [1, 1, 1, 1, 3, 3]
    assert epochs(*shifted[:-1], 2) == [1, 1, 1, 1, 1, 1, 3, 3]


def test_the_omitted_digits_teacher_answers_what_the_student_sees(monkeypatch):
    seen, learn_one = [], teaching.learn

    def watched(training, params, gradients, arrays, *rest, **settings):
        if "student" in training.name:
            x = np.ascontiguousarray(arrays[0][:20, ::-1])
            _, grads = gradients(params, (x, np.arange(20)), None)
            seen.append((x, soften(mlps.logits_of(params, x), 5.0), grads))
        return learn_one(training, params, gradients, arrays, *rest, **settings)
    monkeypatch.setattr(teaching, "learn", watched)
    assert quick(omitted_digit, "--moved", "--temperature", 5) == 0
    params = load_checkpoint(teacher_path()).params
    assert len(seen) == 2
    for x, q, grads in seen:
        p = soften(mlps.logits_of(params, x), 5.0)
        np.testing.assert_allclose(grads["1.bias"], (5 * (q - p)).mean(axis=0), rtol=1e-3,
                                   atol=1e-6)


@pytest.mark.parametrize("changed", ["images", "labels"])
def test_a_file_of_ones_own_that_has_changed_is_learned_anew(capsys, changed):
    words = ["--data", "mine.npz", "--hidden", 12, "--teacher-hidden", 20, "--teacher-epochs", 1,
             "--epochs", 1]
    own("mine.npz", 3)
    assert call(distillation, *words) == 0
    capsys.readouterr()
    assert call(distillation, *words) == 0 and "teacher: epoch" not in capsys.readouterr().out
    with np.load("mine.npz") as arrays:
        new = dict(arrays)
    np.savez("mine.npz", **new | {changed: new[changed][::-1]})
    assert call(distillation, *words) == 0, capsys.readouterr().err
    assert "teacher: epoch" in capsys.readouterr().out


def test_many_images_of_ones_own_can_be_hurried(capsys):
    digits = load_digits()
    np.savez("mine.npz", images=digits.train_images, labels=digits.train_labels)
    assert quick(distillation, "--data", "mine.npz") == 0, capsys.readouterr().err
    assert results(distillation)["judged"] == 256


def test_the_teachers_weights_stay_short():
    assert quick(distillation, "--largest-norm", 0.5) == 0
    params = load_checkpoint(teacher_path()).params
    for key in ("0.W", "1.W", "2.W"):
        norms = np.linalg.norm(params[key], axis=0)
        assert norms.max() <= 0.5 + 1e-6 and (norms > 0.49).any()


def test_a_step_of_the_teacher_by_hand():
    # A constant g = 1, rate 1, the momentum rising for two steps: 0.745, then 0.99.
    # Velocity -0.255; 0.99·(-0.255) - 0.01 = -0.26245; 0.99·(-0.26245) - 0.01 = -0.2698255.
    # So the bias goes from 1 to 0.745, 0.48255, 0.2127245.
    params, state = {"bias": np.array([1.0])}, {}
    for expected in (0.745, 0.48255, 0.2127245):
        teaching.teacher_update(params, {"bias": np.array([1.0])}, state, learning_rate=1.0,
                                rise=2, largest_norm=9)
        np.testing.assert_allclose(params["bias"], expected, rtol=1e-12)
    assert state["step"] == 3


def test_a_step_of_the_teacher_ends_with_short_weights():
    params = {"W": np.array([[3.0, 0.3], [4.0, 0.4]])}
    teaching.teacher_update(params, {"W": np.zeros((2, 2))}, {}, learning_rate=1.0, rise=2,
                            largest_norm=2.5)
    np.testing.assert_allclose(params["W"], [[1.5, 0.3], [2.0, 0.4]], rtol=1e-12)  # ‖(3, 4)‖ = 5


def test_a_constant_gradient_is_followed_at_one_speed_whatever_the_momentum():
    params, state, places = {"bias": np.zeros(1)}, {}, []
    for _ in range(3000):
        teaching.teacher_update(params, {"bias": np.ones(1)}, state, learning_rate=0.5, rise=2000,
                                largest_norm=1)
        places.append(params["bias"][0])
    speed = np.diff(places)
    np.testing.assert_allclose(speed[[50, 500, 1000, 2998]], -0.5, rtol=0.02)


def test_momentum_rises_through_the_first_half_and_goes_on_from_where_it_was(monkeypatch):
    calls, seen, print_errors = [], [], learn.print_errors

    def watched(*arguments):
        calls.append(arguments)
        return rising_momentum(*arguments)

    def interrupt(*arguments):
        seen.append(arguments)
        if len(seen) == 2:
            raise KeyboardInterrupt
    monkeypatch.setattr(teaching, "rising_momentum", watched)
    monkeypatch.setattr(learn, "print_errors", interrupt)
    assert quick(distillation) == 130
    found = load_checkpoint(teacher_path())
    assert found.state["step"] == found.step == 6
    monkeypatch.setattr(learn, "print_errors", print_errors)
    assert quick(distillation, "--resume") == 0
    found = load_checkpoint(teacher_path())
    assert found.state["step"] == found.step == 12
    expected = [(step, 6, 0.5, 0.99) for step in range(1, 13)]          # two epochs of six steps
    assert calls == expected + expected[6:]


def test_large_networks_take_the_same_steps_in_blocks(tmp_path, monkeypatch):
    ends = []
    for words in [], ["--plain"]:
        (tmp_path / str(words)).mkdir()
        monkeypatch.chdir(tmp_path / str(words))
        with threadpool_limits(1, "blas"):      # --plain leaves the BLAS its threads: other sums
            assert quick(distillation, "--teacher-hidden", 300, 300, *words) == 0
        ends.append(networks())
    same = ends[0] == ends[1]
    assert same and len(ends[0]) == 3


def test_dropout_silences_pixels_and_units_at_their_rates(monkeypatch):
    seen, params = [], init_mlp(np.random.default_rng(0), [400, 300, 200, 10])

    def watched(params, x, dropouts):
        seen.extend(dropouts)
        return mlp_forward(params, x, dropouts=dropouts)
    monkeypatch.setattr(teaching, "mlp_forward", watched)
    batch = np.ones((100, 20, 20, 1), np.float32), np.arange(100) % 10
    now = SimpleNamespace(rng=np.random.default_rng(0))
    loss, grads = teaching.teacher_gradients(params, batch, now, [0.2, 0.5])
    assert [(mask.shape, rate) for mask, rate in seen] == [
        ((100, 400), 0.2), ((100, 300), 0.5), ((100, 200), 0.5)]
    for mask, rate in seen:
        assert abs(mask.mean() - (1 - rate)) < 0.02
    assert grads.keys() == params.keys() and loss.dtype == np.float32


def test_logits_do_not_depend_on_the_size_of_a_batch():
    images = load_digits().test_images
    params = init_mlp(np.random.default_rng(0), [64, 30, 10])
    whole, _ = mlp_forward(params, images.reshape(len(images), -1))
    for batch in 7, 360, 1000:
        np.testing.assert_allclose(mlps.logits_of(params, images, batch=batch), whole, rtol=1e-4,
                                   atol=1e-5)


def test_curves_are_named_after_networks_and_errors(monkeypatch):
    panels = []
    monkeypatch.setattr("tinycaps.plot.error_curves", lambda each, *rest: panels.append(each))
    log = [{"network": "a", "epoch": 1, "error": 0.5, "error ensemble": 0.25},
           {"network": "b", "epoch": 2, "loss": 3.0}, {"network": "a", "epoch": 2, "error": 0.4}]
    mlps.draw_curves(log, SimpleNamespace(hold_out=None, out=Path()), ("error", "error ensemble"))
    (title, panel), = panels[0].items()
    assert re.match("training images", title)
    assert panel["curves"] == {"a": [(1, 0.5), (2, 0.4)], "a, ensemble": [(1, 0.25)]}
