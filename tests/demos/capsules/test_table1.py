"""Table 1 as users meet it: what each row trains, what is written, and what its numbers mean."""
import contextlib
import dataclasses
import io
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread, imsave

from demos.capsules import capsnet
from demos.capsules import table1 as demo
from demos.distillation import distillation
from demos.harness import data as harness
from demos.harness.learn import Trained
from tests.demos.calls import call, files, refused, results, run_named
from tinycaps import plot
from tinycaps.capsules import (DIGITS, PAPER, capsnet_forward, decoder_forward, length_forward,
                               load_capsnet, mask_forward, predict)
from tinycaps.data import Dataset, load_digits

ROWS, MAIN = ["r1", "r3-reconstruction"], "r3-reconstruction"
SIZE = ["--quick", "--rows", *ROWS]
OUT = Path("out/table1")


def run_of(row, folder="."):
    return run_named(f"table1-{row}-digits-0-quick", folder)


def never(*arguments, **settings):
    raise AssertionError("training began")


def unhurried(printed):
    """Return what was printed but for times, and for what sets a resumed run apart."""
    printed = re.sub(r"^table1 .*\n|^r\S+: (begins|goes on from \S+)\n", "", printed, flags=re.M)
    return re.sub(r"trained in \d+ s", "trained", printed)


def unchanging():
    """Return the results but for the time that they took."""
    return {name: each for name, each in results(demo).items() if name != "training_minutes"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which two rows have been run, and what was printed."""
    folder, printed = tmp_path_factory.mktemp("trained"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(folder)
        assert call(demo, *SIZE) == 0
    return folder, printed.getvalue()


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """The current folder is a copy of the one in which two rows have been run; what was printed."""
    folder, printed = trained
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "draw_misclassified", lambda *arguments: None)
    return printed


@pytest.fixture
def pretend(empty, monkeypatch):
    """pretend(wrong) makes the demo find networks that misclassify these of 360 digits, by rows.

    The digits go by the names of mnist and fashion-mnist. Returns a list that gets what is asked to
    be drawn of misclassified images.
    """
    for name in "mnist", "fashion-mnist":
        monkeypatch.setitem(harness.LOADERS, name, load_digits)

    def with_networks_that(misclassify):
        rows, drawn, packaged = [], [], load_capsnet()

        def fit(training, arguments, data, config):
            rows.append(training.name.removeprefix("table1 "))
            log = [{"epoch": 0.5, "loss": 1.0}, {"epoch": 1, "error": 0.25}]
            return Trained(packaged.params, log, 90.0)

        def classify(*arguments):
            labels = load_digits().test_labels.copy()
            labels[list(misclassify[rows[-1]])] += 1
            return labels
        monkeypatch.setattr(capsnet, "fit", fit)
        monkeypatch.setattr(capsnet, "classify", classify)
        monkeypatch.setattr(demo, "draw_misclassified", lambda *arguments: drawn.append(arguments))
        return drawn
    return with_networks_that


def test_leaves_figures_networks_and_a_record(here):
    figures = ["learning_curves.png", f"misclassified-{MAIN}.png"]
    assert sorted(os.listdir(OUT)) == [*figures, "r1.npz", f"{MAIN}.npz", "run.json"]
    for name in figures:
        assert np.ptp(imread(OUT / name)) > 0.5
    assert sorted(os.listdir("runs")) == sorted(run_of(row).name for row in ROWS)
    found = results(demo)
    assert found["wrong"] == {row: len(found["misclassified"][row]) for row in ROWS}
    assert found["judged"] == 256 and found["judged_on"] == "test images"
    assert 0 < found["wrong"][MAIN] < 128 and found["error"] == found["wrong"][MAIN] / 256
    assert found["uncertainty"] == {row: demo.uncertainty(found["wrong"][row], 256) for row in ROWS}
    assert found["pairs"] == demo.compare(found["misclassified"])
    assert found["training_minutes"].keys() == set(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_the_written_networks_misclassify_what_the_record_says(here, row):
    digits, misclassified = load_digits(), results(demo)["misclassified"][row]
    checkpoint = run_of(row) / "checkpoint.npz"
    whole, half = load_capsnet(checkpoint), load_capsnet(OUT / f"{row}.npz")
    for (params, config, about), other in (whole, 0), (half, 2):    # halves turn narrow decisions
        found = predict(params, digits.test_images[:256], config, 32)
        wrong = np.flatnonzero(found != digits.test_labels[:256])
        assert len(set(wrong) ^ set(misclassified)) <= other
        assert config.iterations == int(row[1])
        assert (config.reconstruction_weight > 0) == (row == MAIN) == ("decoder.0.W" in params)
        assert about["images"] == [256, 8, 8, 1] and about["margin"] == 0
    assert misclassified == sorted(misclassified)
    assert (OUT / f"{row}.npz").stat().st_size < checkpoint.stat().st_size / 5


@pytest.mark.parametrize("row", ROWS)
def test_the_learning_curve_is_that_of_training_images_not_moved(here, row):
    digits, (params, config, _) = load_digits(), load_capsnet(run_of(row) / "checkpoint.npz")
    images, labels = digits.train_images[::5][:256], digits.train_labels[::5][:256]
    error = (predict(params, images, config, 32) != labels).mean()
    curve = results(demo)["learning_curves"][row]
    assert [epoch for epoch, _ in curve] == [1, 2] and curve[-1][1] == error


def test_the_networks_serve_the_other_demos(here, monkeypatch, capsys):
    drawn, draw, digits = [], plot.image_table, load_digits()
    image = np.kron(digits.test_images[0, :, :, 0], np.ones((10, 10)))
    imsave("digit.png", image, cmap="gray", vmin=0, vmax=1)
    monkeypatch.setattr("tinycaps.plot.image_table",
                        lambda *given: drawn.append(given) or draw(*given))
    for row in ROWS:
        path = OUT / f"{row}.npz"
        assert call(capsnet, "--predict", "digit.png", "--checkpoint", path) == 0
        first, read, last = capsys.readouterr().out.splitlines()
        assert first == f"read by {path}" and re.match(r"digit\.png: \d \(0\.\d\d\), ", read)
        assert last.endswith("this network has no decoder" if row == "r1" else "predicted.png")
    assert [list(rows) for rows, *_ in drawn] == [["image"], ["image", "redrawn"]]
    monkeypatch.setattr("tinycaps.plot.save", lambda figure, path: None)
    words = ["--quick", "--hidden", 12, "--checkpoint", OUT / f"{MAIN}.npz"]
    assert call(distillation, *words) == 0
    assert abs(results(distillation)["wrong"]["teacher"] - results(demo)["wrong"][MAIN]) <= 2


@pytest.mark.parametrize("preset, side", [(DIGITS, 8), (PAPER, 28)])
def test_each_row_is_the_network_of_its_name(empty, preset, side):
    images, labels = np.random.default_rng(0).random((2, 20, side, side, 1)), np.arange(20) % 10
    data = Dataset(images[0], labels, images[1], labels)
    arguments = demo.build_parser().parse_args(["--epochs", "3", "--data", "mnist"])
    weight, folders = preset.reconstruction_weight, set()
    expected = {"r1": (1, 0), "r1-reconstruction": (1, weight), "r3": (3, 0), MAIN: (3, weight)}
    assert list(demo.ROWS) == list(expected)
    for row, (rounds, weight) in expected.items():
        config, training = demo.describe_row(row, arguments, data)
        assert config == dataclasses.replace(preset, iterations=rounds,
                                             reconstruction_weight=weight)
        assert training.settings["config"] == dataclasses.asdict(config)
        assert training.folder.name.startswith(f"table1-{row}-mnist-0-")
        arguments.epochs = 4
        folders |= {training.folder, demo.describe_row(row, arguments, data)[1].folder}
        arguments.epochs = 3
    assert len(folders) == 8                    # more epochs do not overwrite a network of fewer


def test_large_images_are_trained_on_as_the_results_say(empty, monkeypatch, capsys):
    def stop(training, arguments, data, config):
        given.append(vars(arguments))
        raise KeyboardInterrupt
    images, labels = np.random.default_rng(0).random((200, 28, 28, 1)), np.arange(200) % 10
    data, given = Dataset(images, labels, images, labels), []
    monkeypatch.setitem(harness.LOADERS, "mnist", lambda: data)
    monkeypatch.setattr(capsnet, "fit", stop)
    assert call(demo) == 130 and capsys.readouterr().err == "stopped\n"
    assert given[0].items() >= dict(data="mnist", epochs=8, batch=128, learning_rate=1e-3,
                                    decay=0.9, shift=2, warp=False, hold_out=None).items()


def test_uncertainty_by_hand():
    # A coin that falls wrong once in ten, thrown 100 times: √(0.1 · 0.9 / 100) = 0.03.
    assert demo.uncertainty(10, 100) == pytest.approx(0.03, rel=1e-12)
    assert demo.uncertainty(5000, 10000) == pytest.approx(0.005, rel=1e-12)
    assert demo.uncertainty(0, 100) == demo.uncertainty(100, 100) == 0


def test_rows_are_compared_by_the_toss_of_a_coin():
    # Only a misclassifies 1 to 5, only b 6. Of the 2⁶ ways in which six coins can fall, 1 + 6 are
    # as bad for b, and as many for a: 14/64.
    found = {tuple(pair["rows"]): (pair["misclassified by one"], pair["p"]) for pair in
             demo.compare({"a": [1, 2, 3, 4, 5, 9], "b": [6, 9], "c": [9, 6], "d": []})}
    assert found.keys() == {("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")}
    assert found["a", "b"] == found["a", "c"] == ([5, 1], pytest.approx(14 / 64, rel=1e-12))
    assert found["a", "d"] == ([6, 0], pytest.approx(2 / 64, rel=1e-12))
    assert found["b", "c"] == ([0, 0], 1)
    assert found["b", "d"] == ([2, 0], pytest.approx(0.5, rel=1e-12))
    assert demo.compare({"a": [1]}) == []


@pytest.mark.parametrize("data, columns", [("mnist", True), ("fashion-mnist", False)])
def test_the_table_by_hand_with_the_papers_numbers_for_mnist_only(pretend, capsys, data, columns):
    # 36 of 360 are 10 % ± √(0.1 · 0.9 / 360) = 1.58 %; 32 are 8.89 %. 5 and 1 images are
    # misclassified by one of the two only: p = 14/64.
    pretend({"r1": range(36), MAIN: [*range(5, 36), 100]})
    assert call(demo, "--rows", MAIN, "r1", "--data", data) == 0
    printed = unhurried(capsys.readouterr().out).splitlines()
    table = [re.split(" {2,}", line.strip()) for line in printed]
    paper = [["paper", "Keras rerun"], ["0.34 ± 0.032", "0.39 ± 0.024"],
             ["0.25 ± 0.005", "0.34 ± 0.016"]] if columns else [[], [], []]
    assert table[:2] == [["r1: 36 of 360 test images misclassified, trained"],
                         [f"{MAIN}: 32 of 360 test images misclassified, trained"]]
    assert table[2][0].startswith(f"r1 alone misclassifies 5, {MAIN} alone 1: p = 0.22 ")
    assert table[3:6] == [["errors", "test error %"] + paper[0],
                          ["r1", "36", "10.00 ± 1.58"] + paper[1],
                          [MAIN, "32", "8.89 ± 1.50"] + paper[2]]
    assert ("three trials" in printed[6]) == columns and printed[6].startswith("±: binomial")
    assert table[7:] == [[f"test error 8.89 % of {MAIN} (32 of 360 wrong)"]]
    found = results(demo)
    assert found["wrong"] == {"r1": 36, MAIN: 32} and found["error"] == 32 / 360
    assert found["misclassified"] == {"r1": list(range(36)), MAIN: [*range(5, 36), 100]}
    assert found["uncertainty"]["r1"] == pytest.approx(0.00025 ** 0.5, rel=1e-12)
    assert found["training_minutes"] == {"r1": 1.5, MAIN: 1.5}
    assert found["pairs"] == [{"rows": ["r1", MAIN], "misclassified by one": [5, 1],
                               "p": pytest.approx(14 / 64, rel=1e-12)}]
    assert found["learning_curves"] == {"r1": [[1, 0.25]], MAIN: [[1, 0.25]]}


def test_all_rows_come_in_the_papers_order_and_mnist_by_default(pretend, capsys):
    pretend({row: [k] for k, row in enumerate(demo.ROWS)})
    assert call(demo) == 0
    table = [re.split(" {2,}", line) for line in capsys.readouterr().out.splitlines()[-6:-2]]
    assert [(row, paper, rerun) for row, _, _, paper, rerun in table] == [
        ("r1", "0.34 ± 0.032", "0.39 ± 0.024"), ("r1-reconstruction", "0.29 ± 0.011",
                                                 "0.36 ± 0.009"),
        ("r3", "0.35 ± 0.036", "0.40 ± 0.016"), (MAIN, "0.25 ± 0.005", "0.34 ± 0.016")]
    assert len(results(demo)["pairs"]) == 6
    assert sorted(os.listdir(OUT)) == sorted([*(f"{row}.npz" for row in demo.ROWS), "run.json"])


@pytest.mark.parametrize("wrong, shown", [([2, 5], [2, 5]), (range(10, 251), range(10, 250))])
def test_misclassified_images_are_drawn_for_rows_with_a_decoder(pretend, wrong, shown):
    drawn = pretend({"r1": [1], "r1-reconstruction": wrong, "r3": [3], MAIN: []})
    assert call(demo, "--rows", "all") == 0
    (_, config, images, labels, path), = drawn
    digits = load_digits()
    assert path == OUT / "misclassified-r1-reconstruction.png" and config.reconstruction_weight
    assert np.array_equal(images, digits.test_images[shown])
    assert np.array_equal(labels, digits.test_labels[shown])


def test_they_are_redrawn_from_the_longest_capsule_and_from_that_of_the_label(tmp_path,
                                                                              monkeypatch):
    drawn, (params, config, _), images = [], load_capsnet(), load_digits().test_images[:5]
    v, _ = capsnet_forward(params, images, config)
    lengths = length_forward(v)[0]
    found = lengths.argmax(axis=1)
    labels, draw = (found + 3) % 10, plot.image_table
    monkeypatch.setattr("tinycaps.plot.image_table",
                        lambda *given: drawn.append(given) or draw(*given))
    demo.draw_misclassified(params, config, images, labels, tmp_path / "wrong.png")
    (rows, captions, correct), = drawn
    assert np.array_equal(rows["image"], images) and not any(correct)
    assert list(rows) == ["image", "as read", "as labelled"]
    for name, classes in ("as read", found), ("as labelled", labels):
        expected = decoder_forward(params, mask_forward(v, classes)[0], config)[0]
        np.testing.assert_allclose(rows[name], expected, rtol=1e-5, atol=1e-6)
    for caption, label, k, length in zip(captions, labels, found, lengths, strict=True):
        assert caption == f"{label} ({length[label]:.2f})\nas {k} ({length.max():.2f})"
    assert imread(tmp_path / "wrong.png").ndim == 3


@pytest.mark.parametrize("rows, code", [([MAIN, "r1"], 0), (["r1"], 1), (["r3", "r1"], 1)])
def test_min_accuracy_applies_to_the_main_row_or_else_to_the_last(pretend, capsys, rows, code):
    pretend({"r1": range(36), "r3": range(72), MAIN: [0]})
    assert call(demo, "--rows", *rows, "--min-accuracy", 0.95) == code
    expected = {MAIN: "0.28 % of r3-reconstruction (1", "r1": "10.00 % of r1 (36",
                "r3": "20.00 % of r3 (72"}[rows[0]]
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"test error {expected} of 360 wrong)"
    assert results(demo)["wrong"].keys() == set(rows)


def test_hold_out_judges_on_training_images_and_says_so(empty, monkeypatch, capsys):
    panels, draw = [], plot.error_curves
    monkeypatch.setattr("tinycaps.plot.error_curves",
                        lambda each, *rest: panels.append(each) or draw(each, *rest))
    assert call(demo, "--quick", "--rows", "r1", "--hold-out", 100) == 0
    printed, found = capsys.readouterr().out.splitlines(), results(demo)
    assert re.fullmatch(r"held-out error \d+\.\d\d % of r1 \(\d+ of 100 wrong\)", printed[-1])
    assert "held-out error %" in printed[-4]
    assert found["judged"] == 100 and found["judged_on"] == "held-out training images"
    assert list(panels[0]) == ["held-out training images"]
    assert found["learning_curves"]["r1"][-1] == [2, found["wrong"]["r1"] / 100]


def test_resuming_a_finished_table_trains_nothing_and_says_the_same(here, monkeypatch, capsys):
    panels, draw, before, said = [], plot.error_curves, files(), unchanging()
    monkeypatch.setattr("tinycaps.plot.error_curves",
                        lambda *given: panels.append(given) or draw(*given))
    for path in OUT.iterdir():
        if not path.name.startswith("misclassified"):
            path.unlink()
    monkeypatch.setattr(capsnet, "capsnet_loss_forward", never)
    assert call(demo, *SIZE, "--resume") == 0
    after = files()
    assert after.keys() == before.keys()
    assert all(after[path] == before[path] for path in after if path.name != "run.json")
    assert unhurried(capsys.readouterr().out) == unhurried(here) and unchanging() == said
    curves = {row: [tuple(point) for point in curve]
              for row, curve in said["learning_curves"].items()}
    assert panels == [({"training images, not moved": {"curves": curves}}, "epoch")]


@pytest.mark.parametrize("evaluation", [2, 3, 5], ids=[
    "in the first row", "before the second row's checkpoint", "in the second row"])
def test_a_killed_table_goes_on_and_ends_with_the_same_bits(trained, empty, monkeypatch, capsys,
                                                            evaluation):
    folder, printed = trained
    monkeypatch.setattr(demo, "draw_misclassified", lambda *arguments: None)
    seen = []

    def interrupt(*arguments):
        seen.append(arguments)
        if len(seen) == evaluation:
            raise KeyboardInterrupt
        return predict(*arguments)
    monkeypatch.setattr(capsnet, "predict", interrupt)
    assert call(demo, *SIZE) == 130
    assert "--resume goes on" in capsys.readouterr().err and not (OUT / "run.json").exists()
    monkeypatch.setattr(capsnet, "predict", predict)
    assert call(demo, *SIZE, "--resume") == 0
    said = capsys.readouterr().out
    assert f"r1: goes on from {run_of('r1')}\n" in said
    assert (f"{MAIN}: begins\n" in said) == (evaluation < 5)
    assert unhurried(said) == unhurried(printed)
    for row in ROWS:
        assert (OUT / f"{row}.npz").read_bytes() == (folder / OUT / f"{row}.npz").read_bytes()


MISTAKES = {
    "unknown row": (["--rows", "r2"], "rows", "invalid choice: 'r2'"),
    "unknown row among others": (["--rows", "r1", "r3-decoder"], "rows", "'r3-decoder'"),
    "no row": (["--rows"], "rows", "expected at least one"),
    "no decay": (["--decay", "0"], "decay", "above 0"),
    "no epochs": (["--epochs", "0"], "epochs", "at least 1"),
    "digits": (["--data", "digits"], "data", "too few to tell the rows apart"),
    "unknown data": (["--data", "nope"], "data", "wanted digits, mnist"),
    "hold out everything": ([*SIZE, "--hold-out", "1437"], "hold-out", "fewer than the 1437"),
    "large batch": ([*SIZE, "--batch", "257"], "batch", "at most the 256"),
    "no gpu": (["--device", "gpu"], "device", "wanted CuPy"),
    "out is a file": (["--out", "digit.png"], "out", "wanted a folder"),
    "resume what was never begun": ([*SIZE, "--resume", "--seed", "5"], "resume",
                                    "wanted one to go on from"),
    "resume with another decay": ([*SIZE, "--resume", "--decay", "0.5"], "resume", "wanted one"),
    "resume with another batch": ([*SIZE, "--resume", "--batch", "16"], "resume", "wanted one"),
}


@pytest.fixture(scope="module")
def before_the_mistake(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    shutil.copytree(trained[0], folder, dirs_exist_ok=True)
    (folder / "digit.png").write_text("mine")
    return folder


@pytest.mark.parametrize("words, name, wanted", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_code_2_before_any_step_and_costs_nothing(
        before_the_mistake, monkeypatch, capsys, words, name, wanted):
    monkeypatch.chdir(before_the_mistake)
    monkeypatch.setattr(capsnet, "fit", never)
    monkeypatch.setitem(harness.LOADERS, "mnist", never)
    monkeypatch.setitem(sys.modules, "cupy", None)
    before = files()
    assert call(demo, *words) == 2
    captured = capsys.readouterr()
    refused(captured, name, wanted)
    assert captured.out == "" and files() == before


def test_a_torn_row_is_refused_before_any_step(here, monkeypatch, capsys):
    monkeypatch.setattr(capsnet, "capsnet_loss_forward", never)
    path = run_of("r1") / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-100])
    before = files()
    assert call(demo, *SIZE, "--resume") == 2
    refused(capsys.readouterr(), "checkpoint", "torn or no checkpoint")
    assert files() == before
