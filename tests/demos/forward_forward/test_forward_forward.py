"""The forward-forward demo as its users meet it: what it writes, what it says to their mistakes, and that no kill costs them the run."""
import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from demos import command, training
from demos import forward_forward as demo
from tinycaps.checkpoint import load_checkpoint
from tinycaps.data import load_digits
from tinycaps.forward_forward import FFConfig, ff_features, make_room, readout_errors

OUT = Path("out/forward_forward")
FIGURES = ["goodness_histograms.png", "label_goodness.png", "layer_curves.png", "learning_curves.png", "receptive_fields.png"]
SIZE = ["--quick", "--hidden", "30", "20", "25", "--evaluate-every", "1"]
KINDS = ["hard", "random", "hybrid"]


def run_of(kind):
    return Path(f"runs/forward_forward-{kind}-maximise-digits-0-quick")


def call(*words):
    """Run the demo in this process as its command line would; return the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["forward_forward.py", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            command.run(demo.main)
    return stopped.value.code or 0


def files(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def results():
    return json.loads((OUT / "run.json").read_text(encoding="utf-8"))["results"]


def same_bits(a, b):
    a, b = load_checkpoint(a / "checkpoint.npz"), load_checkpoint(b / "checkpoint.npz")
    return (a.about, a.step) == (b.about, b.step) and all(
        ours.keys() == theirs.keys() and all(np.array_equal(ours[key], theirs[key]) for key in ours)
        for ours, theirs in ((a.params, b.params), (a.state, b.state)))


@pytest.fixture(scope="module", params=KINDS)
def trained(request, tmp_path_factory):
    """A folder in which a small network has been trained with one kind of negatives."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert call(*SIZE, "--negatives", request.param) == 0
    return request.param, folder


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """The current folder is a copy of the one in which a network has been trained."""
    kind, folder = trained
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return kind


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(demo, "draw", lambda *arguments: None)


def test_leaves_figures_log_record_and_checkpoint(here):
    figures = [name for name in FIGURES if here != "hybrid" or name != "label_goodness.png"]
    assert sorted(os.listdir(OUT)) == sorted([*figures, "metrics.jsonl", "run.json"])
    for name in figures:
        assert np.ptp(imread(OUT / name)) > 0.5
    checkpoints = sorted(str(path.parent) for path in Path("runs").rglob("checkpoint.npz"))
    assert checkpoints == [str(run_of(here))] + [str(run_of(here) / "predictor")] * (here == "hybrid")
    found, readouts = results(), {"softmax"} if here == "hybrid" else {"softmax", "goodness", "shortlist", "layer 0", "layer 1", "layer 2"}
    assert found["errors"].keys() == found["wrong"].keys() == readouts
    assert found["wrong"] == {name: error * 256 for name, error in found["errors"].items()}
    assert found["judged"] == 256 and found["judged_on"] == "test images" and found["epochs"] == 2
    pixels = 64 if here == "hybrid" else 80
    assert found["parameters"] == pixels * 30 + 30 * 20 + 20 * 25 + 75 + 45 * 10 + 10
    assert [line["epoch"] for line in found["evaluations"]] == [1, 2, 1, 2] if here == "hybrid" else [1, 2]
    assert len(found["layers"]) == 3 and all(0 <= layer["misjudged"] <= 1 and layer["goodness+"] > 0 for layer in found["layers"])
    assert [layer["error"] for layer in found["layers"]] == [found["errors"].get(f"layer {k}") for k in range(3)]


def test_the_errors_are_those_of_the_saved_network_on_the_test_images(here):
    found, digits = load_checkpoint(run_of(here) / "checkpoint.npz"), load_digits()
    images, labels, config = digits.test_images[:256], digits.test_labels[:256], FFConfig(**found.about["config"])
    if here == "hybrid":
        predictor = load_checkpoint(run_of(here) / "predictor" / "checkpoint.npz").params
        logits = ff_features(found.params, images.reshape(256, -1), config) @ predictor["softmax.W"] + predictor["softmax.bias"]
        assert results()["errors"] == {"softmax": (logits.argmax(axis=1) != labels).mean()}
    else:
        assert results()["errors"] == readout_errors(found.params, make_room(images)[0], labels, config)


def test_prints_an_evaluation_a_line_a_table_and_the_errors(here, no_figures, capsys):
    assert call(*SIZE, "--negatives", here) == 0
    captured = capsys.readouterr()
    printed, number = captured.out.splitlines(), r"\d+\.\d\d"
    assert captured.err == ""                                           # no progress bar where there is no terminal
    readouts = [f"{number} % by {name}" for name in (["softmax"] if here == "hybrid" else ["goodness", "softmax", "the shortlist"])]
    goodness = rf"goodness\+/- {number}/{number} {number}/{number} {number}/{number} theta"
    assert sum(bool(re.match(rf"epoch [12]; loss \d+\.\d\d\d; {goodness}", line)) for line in printed) == 2
    assert sum(bool(re.fullmatch(f"epoch [12];.* error {', '.join(readouts)}", line)) for line in printed) == 2
    assert [line.split()[0] for line in printed[-6:-2]] == ["layer", "0", "1", "2"]
    counts = ", ".join([r"\d+"] * len(readouts))
    assert re.fullmatch(rf"test error {', '.join(readouts)} \({counts} of 256 wrong\)", printed[-1])


def test_resuming_a_finished_run_trains_nothing_and_says_the_same(here, monkeypatch, capsys):
    def never(*arguments, **settings):
        raise AssertionError("trained")
    before = files(".")
    shutil.rmtree("out")
    for name in "fast_supervised_gradients", "fast_unsupervised_gradients", "predictor_gradients":
        monkeypatch.setattr(demo, name, never)
    assert call(*SIZE, "--negatives", here, "--resume") == 0
    after = files(".")
    assert after.keys() == before.keys() and all(after[path] == before[path] for path in after if path.name != "run.json")
    wrong = results()["wrong"]
    assert all(str(wrong[name]) in capsys.readouterr().out.splitlines()[-1] for name in ["softmax"])


@pytest.mark.parametrize("kind, evaluation", [("hard", 2), ("hybrid", 2), ("hybrid", 3), ("hybrid", 4)])
def test_interrupted_and_resumed_ends_with_the_same_bits(tmp_path, monkeypatch, no_figures, capsys, kind, evaluation):
    words = (*SIZE, "--negatives", kind)
    for name in "whole", "parts":
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    assert call(*words) == 0
    monkeypatch.chdir(tmp_path / "parts")
    seen, show = [], demo.show

    def interrupt(line):
        seen.append(line)
        if len(seen) == evaluation:
            raise KeyboardInterrupt
    monkeypatch.setattr(demo, "show", interrupt)
    capsys.readouterr()
    assert call(*words) == 130
    assert capsys.readouterr().err == "the same command with --resume goes on from the last checkpoint\nstopped\n"
    monkeypatch.setattr(demo, "show", show)
    assert call(*words, "--resume") == 0
    for folder in [run_of(kind)] + [run_of(kind) / "predictor"] * (kind == "hybrid"):
        assert same_bits(tmp_path / "whole" / folder, tmp_path / "parts" / folder)
    assert (tmp_path / "whole" / OUT / "metrics.jsonl").read_bytes() == (OUT / "metrics.jsonl").read_bytes()


def test_a_predictor_of_other_layers_is_not_resumed(empty):
    words = (*SIZE, "--negatives", "hybrid")
    assert call(*words) == 0
    predictor = (run_of("hybrid") / "predictor" / "checkpoint.npz").read_bytes()
    assert call(*words, "--learning-rate", "2e-3") == 0
    (run_of("hybrid") / "predictor" / "checkpoint.npz").write_bytes(predictor)
    assert call(*words, "--learning-rate", "2e-3", "--resume") == 0
    assert load_checkpoint(run_of("hybrid") / "predictor" / "checkpoint.npz").about["learning_rate"] == 2e-3


def test_the_test_images_are_read_once_at_the_end(empty, monkeypatch):
    judged, digits = [], load_digits()

    def watched(params, images, labels, config):
        judged.append(labels.copy())
        return readout_errors(params, images, labels, config)
    monkeypatch.setattr(demo, "readout_errors", watched)
    assert call(*SIZE) == 0
    *during, last = judged
    assert len(during) == 2 and all(np.array_equal(labels, digits.train_labels[::5][:256]) for labels in during)
    assert np.array_equal(last, digits.test_labels[:256])


def test_hold_out_judges_on_training_images_and_says_so(empty, capsys):
    assert call(*SIZE, "--hold-out", 100) == 0
    printed, found = capsys.readouterr().out.splitlines(), results()
    assert re.match("held-out error .* of 100 wrong", printed[-1])
    assert found["judged"] == 100 and found["judged_on"] == "held-out training images"
    last = found["evaluations"][-1]
    assert found["errors"] == {name.removeprefix("error "): last[name] for name in last if name.startswith("error ")}


@pytest.mark.parametrize("goal", ["maximise", "minimise"])
def test_learns_what_it_is_told_to_learn(empty, goal):
    words = ["--hidden", 60, 60, "--epochs", 12, "--learning-rate", 1e-3, "--hold-out", 300, "--min-accuracy", 0.75]
    assert call(*words, "--goal", goal) == 0
    layers = results()["layers"]
    assert all((layer["goodness+"] > layer["goodness-"]) == (goal == "maximise") and layer["misjudged"] < 0.35 for layer in layers)


def test_min_accuracy_decides_the_exit_code(here, monkeypatch, no_figures):
    assert [call(*SIZE, "--negatives", here, "--resume", "--min-accuracy", least) for least in (1, 0)] == [1, 0]


def test_settings_reach_the_network(empty):
    assert call(*SIZE, "--theta", 7, "--label-strength", 3, "--goal", "minimise", "--weight-decay", 0) == 0
    config = results()["config"]
    assert (config["theta"], config["label_strength"], config["goal"]) == (7, 3, "minimise")
    assert config["hidden"] == [30, 20, 25] and config["image_shape"] == [10, 8, 1]


def test_pictures_move_and_labels_stay():
    arguments = demo.build_parser().parse_args(["--shift", "2", "--warp"])
    data, augment = demo.with_room(load_digits(), arguments)
    marked = data.train_images[:50].copy()
    marked[:, :2] = 7
    moved = augment(marked, np.random.default_rng(0))
    assert moved.shape == marked.shape and moved.dtype == marked.dtype and (moved[:, :2] == 7).all()
    assert not np.allclose(moved[:, 2:], marked[:, 2:]) and moved[:, 2:].max() <= 1


def test_favourites_show_every_label_by_its_greatest_admirers():
    likes = np.array([[9, 1, 8, 0, 7], [0, 2, 0, 3, 0], [0, 0, 1, 0, 0.0]])
    assert demo.favourites(likes, 5).tolist() == [0, 3, 2, 1, 4]        # 9 of label 0, 3 of label 1; then 8, 2; then 7
    assert demo.favourites(likes, 3).tolist() == [0, 3, 2]


def test_what_is_learned_has_nothing_of_the_start():
    rng = np.random.default_rng(0)
    start, added = rng.standard_normal((2, 50, 40))
    added -= start * (added * start).sum() / (start * start).sum()
    np.testing.assert_allclose(demo.learned(0.3 * start + added, start), added, atol=1e-12)


def own(path, classes):
    """Write images whose class is their bright row."""
    rng, labels = np.random.default_rng(0), np.arange(60) % classes
    images = rng.integers(0, 60, (60, 12, 12), np.uint8)
    images[np.arange(60), labels] += 150
    np.savez(path, images=images, labels=labels)


def test_own_data_of_two_classes(empty, capsys):
    own("two.npz", 2)
    assert call("--data", "two.npz", "--hidden", 20, 20, "--epochs", 2, "--batch", 8) == 0
    assert "48 images of 13x12x1, 2 classes" in capsys.readouterr().out.splitlines()[0]


MISTAKES = {
    "one layer": (["--hidden", "100"], "hidden: got (100,), wanted at least two layers"),
    "an empty layer": (["--hidden", "100", "0"], "argument --hidden: got '0', wanted an integer of at least 1"),
    "theta of 0": (["--theta", "0"], "argument --theta: got '0', wanted a number above 0"),
    "negative weight decay": (["--weight-decay=-1"], "argument --weight-decay: got '-1', wanted a number of at least 0"),
    "no label": (["--label-strength", "0"], "argument --label-strength: got '0', wanted a number above 0"),
    "no epochs for the predictor": (["--predictor-epochs", "0"], "argument --predictor-epochs: got '0'"),
    "no evaluation": (["--evaluate-every", "0"], "argument --evaluate-every: got '0'"),
    "other negatives": (["--negatives", "none"], "argument --negatives: invalid choice: 'none'"),
    "other goal": (["--goal", "win"], "argument --goal: invalid choice: 'win'"),
    "a single class": (["--data", "one.npz"], "classes: got 1, wanted at least 2"),
    "large batch": (["--batch", "257", "--quick"], "batch: got 257, wanted at most the 256 training images"),
    "hold out everything": (["--hold-out", "1437"], "hold-out: got 1437, wanted fewer than the 1437 training images"),
    "unknown data": (["--data", "nope"], "data: got 'nope', wanted digits, mnist, fashion-mnist or FILE.npz"),
    "no gpu": (["--device", "gpu"], "device: got 'gpu', wanted CuPy"),
    "nothing to resume": (["--resume"], "maximise-digits-0/checkpoint.npz, which does not exist"),
    "resume with other layers": ([*SIZE, "--hidden", "9", "9", "--resume"], "config.hidden = [30, 20, 25], wanted config.hidden = [9, 9]"),
    "resume with another rate": ([*SIZE, "--learning-rate", "1", "--resume"], "wanted learning_rate = 1.0"),
}


@pytest.fixture(scope="module")
def before_the_mistake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(demo, "draw", lambda *arguments: None)
        assert call(*SIZE) == 0
        own("one.npz", 1)
    return folder


@pytest.mark.parametrize("words, said", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_code_2_before_any_step_and_costs_nothing(before_the_mistake, monkeypatch, capsys, words, said):
    def never(*arguments, **settings):
        raise AssertionError("training began")
    monkeypatch.chdir(before_the_mistake)
    monkeypatch.setattr(demo, "fast_supervised_gradients", never)
    monkeypatch.setitem(sys.modules, "cupy", None)
    before = files(".")
    assert call(*words) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and said in captured.err, captured.err
    assert captured.err.startswith(("error: ", "python -m demos.forward_forward: error: "))
    assert captured.out.count("\n") <= 1 and files(".") == before


def test_numbers_going_bad_are_one_line_and_leave_the_old_results(here, capsys):
    before = files(OUT)
    assert call(*SIZE, "--negatives", here, "--learning-rate", "1e30") == 2
    assert re.fullmatch(r"error: (loss|params): got [^\n]+, wanted [^\n]+\n", capsys.readouterr().err) and files(OUT) == before


def test_defaults_are_shared_with_the_other_trainings():
    arguments = demo.build_parser().parse_args([])
    training.fill_in(arguments, load_digits(), demo.SMALL, demo.LARGE)
    assert {name: getattr(arguments, name) for name in demo.SMALL} == demo.SMALL
