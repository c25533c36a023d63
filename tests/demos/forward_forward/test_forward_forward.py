"""The forward-forward demo as users meet it: what it writes, what it says, and its resuming."""
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from demos.forward_forward import forward_forward as demo
from demos.forward_forward import report
from demos.harness.arguments import fill_in
from tests.demos.calls import call, files, networks, own, refused, results
from tinycaps.checkpoint import load_checkpoint, save_checkpoint
from tinycaps.data import load_digits
from tinycaps.forward_forward import FFConfig, ff_features, make_room, readout_errors

OUT = Path("out/forward_forward")
FIGURES = ["goodness_histograms.png", "label_goodness.png", "layer_curves.png",
           "learning_curves.png", "receptive_fields.png"]
SIZE = ["--quick", "--hidden", "30", "20", "25", "--evaluate-every", "1"]
KINDS = ["hard", "random", "hybrid"]
READOUTS = ["goodness", "softmax", "the shortlist"]
HYBRID = ["softmax", "softmax on layers left at random"]


def layers_of(kind, folder="."):
    """Return the folder in which the layers have been trained."""
    found, = Path(folder).glob(f"runs/forward_forward-{kind}-maximise-digits-0-quick-*")
    return found


def softmax_of(folder="."):
    """Return the folder in which the softmax on learned layers has been trained."""
    found, = Path(folder).glob("runs/forward_forward-softmax-digits-*")
    return found


def read_errors(kind):
    """Return the names of the readouts whose errors are reported."""
    return HYBRID if kind == "hybrid" else READOUTS


@pytest.fixture(scope="module", params=KINDS)
def trained(request, tmp_path_factory):
    """A folder in which a small network has been trained with one kind of negatives.

    Hard and random ones differ in no figure, so these are drawn for one of them.
    """
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        if request.param == "random":
            patch.setattr(demo, "draw", lambda *arguments: None)
        assert call(demo, *SIZE, "--negatives", request.param) == 0
    return request.param, folder


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """The current folder is a copy of the one in which a network has been trained; which kind."""
    kind, folder = trained
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return kind


@pytest.fixture
def no_drawing(monkeypatch):
    monkeypatch.setattr(demo, "draw", lambda *arguments: None)


def never(*arguments, **settings):
    raise AssertionError("training began")


def test_leaves_figures_log_record_and_checkpoint(here):
    hybrid = here == "hybrid"
    figures = [name for name in FIGURES if not hybrid or name != "label_goodness.png"]
    figures = [] if here == "random" else figures
    assert sorted(os.listdir(OUT)) == sorted([*figures, "metrics.jsonl", "run.json"])
    for name in figures:
        assert np.ptp(imread(OUT / name)) > 0.5
    assert len(networks()) == (3 if hybrid else 1) and layers_of(here).exists()
    found = results(demo)
    errors = {"softmax", report.RANDOM} if hybrid else {"softmax", "goodness", "shortlist",
                                                        "layer 0", "layer 1", "layer 2"}
    assert found["errors"].keys() == found["wrong"].keys() == errors
    assert found["wrong"] == {name: error * 256 for name, error in found["errors"].items()}
    assert found["error"] == found["errors"]["softmax" if hybrid else "goodness"]
    assert found["judged"] == 256 and found["judged_on"] == "test images" and found["epochs"] == 2
    pixels = 64 if hybrid else 80
    assert found["parameters"] == pixels * 30 + 30 * 20 + 20 * 25 + 75 + 45 * 10 + 10
    epochs = [line["epoch"] for line in found["evaluations"]]
    assert epochs == (3 if hybrid else 1) * [1, 2]
    layers = found["layers"]
    assert len(layers) == 3
    assert all(0 <= layer["misjudged"] <= 1 and layer["goodness+"] > 0 for layer in layers)
    assert [layer["error"] for layer in layers] == [found["errors"].get(f"layer {k}")
                                                    for k in range(3)]


def test_the_errors_are_those_of_the_saved_network_on_the_test_images(here):
    found, digits = load_checkpoint(layers_of(here) / "checkpoint.npz"), load_digits()
    images, labels = digits.test_images[:256], digits.test_labels[:256]
    config, errors = FFConfig(**found.about["config"]), results(demo)["errors"]
    if here == "hybrid":
        predictor = load_checkpoint(softmax_of() / "checkpoint.npz").params
        features = ff_features(found.params, images.reshape(256, -1), config)
        logits = features @ predictor["softmax.W"] + predictor["softmax.bias"]
        assert errors["softmax"] == (logits.argmax(axis=1) != labels).mean()
    else:
        assert errors == readout_errors(found.params, make_room(images)[0], labels, config)


def test_prints_an_evaluation_a_line_a_table_and_the_errors(here, no_drawing, capsys):
    assert call(demo, *SIZE, "--negatives", here) == 0
    captured = capsys.readouterr()
    printed, number = captured.out.splitlines(), r"\d+\.\d\d"
    assert captured.err == ""                           # no progress bar where is no terminal
    goodness = rf"goodness\+/- {' '.join(3 * [f'{number}/{number}'])} theta"
    line = rf"epoch [12]; loss \d+\.\d\d\d; {goodness}"
    assert sum(bool(re.match(line, each)) for each in printed) == 2
    names = read_errors(here)
    evaluations = [each for each in printed if re.match("epoch [12];.* error", each)]
    assert len(evaluations) == (4 if here == "hybrid" else 2)
    assert all(any(f"% by {name}" in each for each in evaluations) for name in names)
    assert [each.split()[0] for each in printed[-6:-2]] == ["layer", "0", "1", "2"]
    errors = ", ".join(f"{number} % by {name}" for name in names)
    counts = ", ".join(len(names) * [r"\d+"])
    assert re.fullmatch(rf"test error {errors} \({counts} of 256 wrong\)", printed[-1])


def test_resuming_a_finished_run_trains_nothing_and_says_the_same(here, monkeypatch, capsys):
    before, said = files(), results(demo)
    if here == "hard":
        shutil.rmtree("out")                            # once is enough to see that it draws again
    else:
        monkeypatch.setattr(demo, "draw", lambda *arguments: None)
    for name in "supervised_gradients", "unsupervised_gradients", "predictor_gradients":
        monkeypatch.setattr(demo, name, never)
    assert call(demo, *SIZE, "--negatives", here, "--resume") == 0
    after = files()
    assert after.keys() == before.keys() and results(demo) == said
    assert all(after[path] == before[path] for path in after if path.name != "run.json")
    assert str(said["wrong"]["softmax"]) in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("kind, evaluation", [("hard", 2), ("hybrid", 2), ("hybrid", 4),
                                              ("hybrid", 5)])
def test_interrupted_and_resumed_ends_with_the_same_bits(tmp_path, monkeypatch, no_drawing, capsys,
                                                         kind, evaluation):
    words, ends, logs, seen = (*SIZE, "--negatives", kind), [], [], []

    def interrupt(line):
        seen.append(line)
        if len(seen) == evaluation:
            raise KeyboardInterrupt
    for name in "whole", "parts":
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        if name == "parts":
            capsys.readouterr()
            monkeypatch.setattr(demo, "show", interrupt)
            assert call(demo, *words) == 130
            assert ("--resume goes on" in capsys.readouterr().err) == any(
                Path("runs").rglob("checkpoint.npz"))
            monkeypatch.setattr(demo, "show", report.show)
        assert call(demo, *words, *["--resume"] * (name == "parts")) == 0
        ends.append(networks())
        logs.append((OUT / "metrics.jsonl").read_bytes())
    assert ends[0] == ends[1] and logs[0] == logs[1]


def test_a_softmax_on_other_layers_is_not_resumed(empty, no_drawing):
    words = (*SIZE, "--negatives", "hybrid")
    assert call(demo, *words) == 0
    before = softmax_of()
    path, = Path("runs").glob("*-hybrid-*/checkpoint.npz")
    found = load_checkpoint(path)
    found.params["0.W"] += 1
    save_checkpoint(path, found)
    assert call(demo, *words, "--resume") == 0
    one, other = (load_checkpoint(each / "checkpoint.npz").about["layers_crc32"]
                  for each in Path("runs").glob("forward_forward-softmax-digits-*"))
    assert one != other and before.exists()


def test_the_test_images_are_read_once_at_the_end(empty, no_drawing, monkeypatch):
    judged, digits = [], load_digits()

    def watched(params, images, labels, config):
        judged.append(labels.copy())
        return readout_errors(params, images, labels, config)
    monkeypatch.setattr(demo, "readout_errors", watched)
    assert call(demo, *SIZE) == 0
    *during, last = judged
    own_labels = digits.train_labels[::5][:256]
    assert len(during) == 2 and all(np.array_equal(labels, own_labels) for labels in during)
    assert np.array_equal(last, digits.test_labels[:256])


def test_hold_out_judges_on_training_images_and_says_so(empty, no_drawing, capsys):
    assert call(demo, *SIZE, "--hold-out", 100) == 0
    printed, found = capsys.readouterr().out.splitlines(), results(demo)
    assert re.match("held-out error .* of 100 wrong", printed[-1])
    assert found["judged"] == 100 and found["judged_on"] == "held-out training images"
    last = found["evaluations"][-1]
    assert found["errors"] == {name.removeprefix("error "): last[name] for name in last
                               if name.startswith("error ")}


@pytest.mark.parametrize("goal", ["maximise", "minimise"])
def test_learns_what_it_is_to_learn(empty, no_drawing, goal):
    words = ["--hidden", 60, 60, "--epochs", 12, "--learning-rate", 1e-3, "--hold-out", 300]
    assert call(demo, *words, "--min-accuracy", 0.75, "--goal", goal) == 0
    for layer in results(demo)["layers"]:
        assert (layer["goodness+"] > layer["goodness-"]) == (goal == "maximise")
        assert layer["misjudged"] < 0.35


def test_min_accuracy_decides_the_exit_code(here, no_drawing):
    words = *SIZE, "--negatives", here, "--resume", "--min-accuracy"
    assert [call(demo, *words, least) for least in (1, 0)] == [1, 0]


def test_settings_reach_the_network(empty, no_drawing):
    assert call(demo, *SIZE, "--theta", 7, "--label-strength", 3, "--goal", "minimise",
                "--weight-decay", 0) == 0
    config = results(demo)["config"]
    assert (config["theta"], config["label_strength"], config["goal"]) == (7, 3, "minimise")
    assert config["hidden"] == [30, 20, 25] and config["image_shape"] == [10, 8, 1]


@pytest.mark.parametrize("kind, hard", [("hard", True), ("random", False)])
def test_every_step_draws_its_wrong_labels_from_its_own_numbers(empty, no_drawing, monkeypatch,
                                                                kind, hard):
    seen, learned = [], demo.supervised_gradients

    def watched(params, images, labels, rng, config, how):
        assert how == hard
        seen.append(rng.bit_generator.seed_seq.entropy)
        return learned(params, images, labels, rng, config, how)
    monkeypatch.setattr(demo, "supervised_gradients", watched)
    assert call(demo, *SIZE, "--negatives", kind, "--seed", 4) == 0
    steps = 13                                          # 256 images in batches of 20
    assert seen == [[4, 1 + epoch, 1 + k] for epoch in range(2) for k in range(steps)]


def test_pictures_move_and_labels_stay():
    arguments = demo.build_parser().parse_args(["--shift", "2", "--warp"])
    data, augment = demo.with_room(load_digits(), arguments)
    marked = data.train_images[:50].copy()
    marked[:, :2] = 7
    moved, labels = augment((marked, "labels"), np.random.default_rng(0))
    assert moved.shape == marked.shape and moved.dtype == marked.dtype and labels == "labels"
    assert (moved[:, :2] == 7).all() and moved[:, 2:].max() <= 1
    assert not np.allclose(moved[:, 2:], marked[:, 2:])


def test_favourites_show_every_label_by_its_largest_weights():
    # 9 of label 0, 3 of label 1; then 8, 2; then 7.
    weights = np.array([[9, 1, 8, 0, 7], [0, 2, 0, 3, 0], [0, 0, 1, 0, 0.0]])
    assert report.favourites(weights, 5).tolist() == [0, 3, 2, 1, 4]
    assert report.favourites(weights, 3).tolist() == [0, 3, 2]


def test_what_is_learned_has_nothing_of_the_start():
    start, added = np.random.default_rng(0).standard_normal((2, 50, 40))
    added -= start * (added * start).sum() / (start * start).sum()
    np.testing.assert_allclose(report.learned(0.3 * start + added, start), added, atol=1e-12)


def test_own_data_of_two_classes_are_learned_and_drawn(empty, capsys):
    own("two.npz", 2)
    words = "--hidden", 20, 20, "--epochs", 2, "--batch", 8
    assert call(demo, "--data", "two.npz", *words) == 0
    assert "48 images of 13x12x1, 2 classes" in capsys.readouterr().out.splitlines()[0]


MISTAKES = {
    "one layer": (["--hidden", "100"], "hidden", "at least two layers"),
    "an empty layer": (["--hidden", "100", "0"], "hidden", "at least 1"),
    "theta of 0": (["--theta", "0"], "theta", "above 0"),
    "negative weight decay": (["--weight-decay=-1"], "weight-decay", "at least 0"),
    "no label": (["--label-strength", "0"], "label-strength", "above 0"),
    "no epochs for the softmax": (["--predictor-epochs", "0"], "predictor-epochs", "at least 1"),
    "no evaluation": (["--evaluate-every", "0"], "evaluate-every", "at least 1"),
    "other negatives": (["--negatives", "none"], "negatives", "invalid choice: 'none'"),
    "other goal": (["--goal", "win"], "goal", "invalid choice: 'win'"),
    "a single class": (["--data", "one.npz"], "one.npz", "wanted at least two"),
    "an image left alone": (["--negatives", "hybrid", "--batch", "1436"], "batch", "another"),
    "large batch": (["--batch", "257", "--quick"], "batch", "at most the 256"),
    "hold out everything": (["--hold-out", "1437"], "hold-out", "fewer than the 1437"),
    "unknown data": (["--data", "nope"], "data", "wanted digits, mnist"),
    "no gpu": (["--device", "gpu"], "device", "wanted CuPy"),
    "nothing to resume": (["--resume"], "resume", "wanted one to go on from"),
    "resume with other layers": ([*SIZE, "--hidden", "9", "9", "--resume"], "resume", "wanted one"),
    "resume with another rate": ([*SIZE, "--learning-rate", "1", "--resume"], "resume",
                                 "wanted one"),
}


@pytest.fixture(scope="module")
def before_the_mistake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(demo, "draw", lambda *arguments: None)
        assert call(demo, *SIZE) == 0
        own("one.npz", 1)
    return folder


@pytest.mark.parametrize("words, name, wanted", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_code_2_before_any_step_and_costs_nothing(
        before_the_mistake, monkeypatch, capsys, words, name, wanted):
    monkeypatch.chdir(before_the_mistake)
    monkeypatch.setattr(demo, "supervised_gradients", never)
    monkeypatch.setitem(sys.modules, "cupy", None)
    before = files()
    assert call(demo, *words) == 2
    captured = capsys.readouterr()
    refused(captured, name, wanted)
    assert captured.out == "" and files() == before


def test_numbers_going_bad_are_one_line_and_leave_the_old_results(here, capsys):
    before = files(OUT)
    assert call(demo, *SIZE, "--negatives", here, "--learning-rate", "1e30") == 2
    line = capsys.readouterr().err
    assert re.fullmatch(r"error: (loss|params): got [^\n]+, wanted [^\n]+\n", line)
    assert files(OUT) == before


def test_defaults_are_filled_in():
    arguments = demo.build_parser().parse_args([])
    fill_in(arguments, load_digits(), demo.SMALL, demo.LARGE)
    assert {name: getattr(arguments, name) for name in demo.SMALL} == demo.SMALL
