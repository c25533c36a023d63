"""Table 1 as its users meet it: what each row trains, what is written, what the numbers mean, and that no kill costs them the table."""
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

from demos import capsnet, distillation, training
from demos import table1 as demo
from tests.demos.distillation_demos import call, files, results
from tinycaps import plot
from tinycaps.capsules import DIGITS, PAPER, capsnet_forward, decoder_forward, length_forward, load_capsnet, mask_forward, predict
from tinycaps.data import Dataset, load_digits

ROWS, MAIN = ["r1", "r3-reconstruction"], "r3-reconstruction"
SIZE = ["--quick", "--data", "digits", "--rows", *ROWS]
OUT = Path("out/table1")


def run_of(row, seed=0):
    return Path(f"runs/table1-{row}-2-digits-{seed}-quick")


def never(*arguments, **settings):
    raise AssertionError("training began")


def unhurried(printed):
    """Return what was printed but for the time that it took, and for what tells a resumed run from another."""
    return re.sub(r"trained in \d+ s", "trained", re.sub(r"r\S+: (begins|goes on from \S+)\n", "", printed))


def unchanging(demo):
    """Return the results but for the time that they took."""
    return {name: result for name, result in results(demo).items() if name != "training_minutes"}


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
    """The current folder is a copy of the one in which two rows have been run; misread images are drawn no more."""
    folder, printed = trained
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "draw_misread", lambda *arguments: None)
    return printed


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """pretend(misread) makes the demo find networks that misread these of the 360 digits, by rows, and call the digits mnist as well.

    Returns a list that gets what is asked to be drawn of misread images.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(training.LOADERS, "mnist", load_digits)
    monkeypatch.setattr("tinycaps.plot.save", lambda figure, path: None)

    def with_networks_that(misread):
        rows, drawn, shipped = [], [], load_capsnet()

        def train_row(row, arguments, data, resume):
            rows.append(row)
            config = dataclasses.replace(DIGITS, reconstruction_weight=DIGITS.reconstruction_weight * row.endswith("reconstruction"))
            return shipped.params, config, [{"epoch": 0.5, "loss": 1.0}, {"epoch": 1, "error": 0.25}], 90.0

        def read(*arguments):
            labels = load_digits().test_labels.copy()
            labels[list(misread[rows[-1]])] += 1
            return labels
        monkeypatch.setattr(demo, "train_row", train_row)
        monkeypatch.setattr(demo, "predict", read)
        monkeypatch.setattr(demo, "draw_misread", lambda *arguments: drawn.append(arguments))
        return drawn
    return with_networks_that


def test_leaves_figures_networks_and_a_record(here):
    assert sorted(os.listdir(OUT)) == ["learning_curves.png", f"misread-{MAIN}.png", "r1.npz", f"{MAIN}.npz", "run.json"]
    for name in "learning_curves.png", f"misread-{MAIN}.png":
        assert np.ptp(imread(OUT / name)) > 0.5
    assert sorted(os.listdir("runs")) == sorted(run_of(row).name for row in ROWS)
    found = results(demo)
    assert found["wrong"] == {row: len(found["misread"][row]) for row in ROWS} and found["judged"] == 256
    assert found["judged_on"] == "test images" and 0 < found["wrong"][MAIN] < 128
    assert found["uncertainty"] == {row: demo.uncertainty(found["wrong"][row], 256) for row in ROWS}
    assert found["pairs"] == demo.compare(found["misread"]) and found["training_minutes"].keys() == set(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_the_written_networks_misread_what_the_record_says(here, row):
    digits, misread = load_digits(), results(demo)["misread"][row]
    whole, half = load_capsnet(run_of(row) / "checkpoint.npz"), load_capsnet(OUT / f"{row}.npz")
    for (params, config, about), other in (whole, 0), (half, 2):                        # half precision may turn a narrow decision
        found = predict(params, digits.test_images[:256], config, 32)
        assert len(set(np.flatnonzero(found != digits.test_labels[:256])) ^ set(misread)) <= other
        assert config.iterations == int(row[1]) and (config.reconstruction_weight > 0) == (row == MAIN) == ("decoder.0.W" in params)
        assert about["images"] == [256, 8, 8, 1] and about["margin"] == 0
    assert misread == sorted(misread)
    assert (OUT / f"{row}.npz").stat().st_size < (run_of(row) / "checkpoint.npz").stat().st_size / 5


@pytest.mark.parametrize("row", ROWS)
def test_the_learning_curve_is_that_of_training_images_not_moved(here, row):
    digits, (params, config, _) = load_digits(), load_capsnet(run_of(row) / "checkpoint.npz")
    error = (predict(params, digits.train_images[::5][:256], config, 32) != digits.train_labels[::5][:256]).mean()
    curve = results(demo)["learning_curves"][row]
    assert [epoch for epoch, _ in curve] == [1, 2] and curve[-1][1] == error


def test_the_networks_serve_the_other_demos(here, monkeypatch, capsys):
    drawn, draw, digits = [], plot.reconstructions, load_digits()
    imsave("digit.png", np.kron(digits.test_images[0, :, :, 0], np.ones((10, 10))), cmap="gray", vmin=0, vmax=1)
    monkeypatch.setattr("tinycaps.plot.reconstructions", lambda *arguments: drawn.append(arguments) or draw(*arguments))
    for row in ROWS:
        assert call(capsnet, "--predict", "digit.png", "--checkpoint", OUT / f"{row}.npz") == 0
        first, read, last = capsys.readouterr().out.splitlines()
        assert first == f"read by {OUT / f'{row}.npz'}" and re.match(r"digit\.png: \d \(0\.\d\d\), ", read)
        assert last.endswith("predicted.png, without reconstructions: this network has no decoder" if row == "r1" else "predicted.png")
    assert [list(redrawn) for _, redrawn, *_ in drawn] == [[], ["redrawn"]]
    monkeypatch.setattr("tinycaps.plot.save", lambda figure, path: None)
    assert call(distillation, "--quick", "--hidden", 12, "--checkpoint", OUT / f"{MAIN}.npz") == 0
    assert abs(results(distillation)["wrong"]["teacher"] - results(demo)["wrong"][MAIN]) <= 2


@pytest.mark.parametrize("preset, side", [(DIGITS, 8), (PAPER, 28)])
def test_each_row_is_the_network_of_its_name(monkeypatch, preset, side):
    fitted = []
    monkeypatch.setattr(capsnet, "fit", lambda *given: fitted.append(given) or ({}, [], 0.0))
    images, labels = np.random.default_rng(0).random((2, 20, side, side, 1)), np.arange(20) % 10
    data, arguments = Dataset(images[0], labels, images[1], labels), demo.build_parser().parse_args(["--epochs", "3"])
    for row in demo.ROWS:
        demo.train_row(row, arguments, data, row == "r3")
    weight = preset.reconstruction_weight
    expected = {"r1": (1, 0), "r1-reconstruction": (1, weight), "r3": (3, 0), "r3-reconstruction": (3, weight)}
    assert list(demo.ROWS) == list(expected)
    for (_, _, config, folder, watched, resume), (row, (rounds, weight)) in zip(fitted, expected.items(), strict=True):
        assert config == dataclasses.replace(preset, iterations=rounds, reconstruction_weight=weight)
        assert resume == (row == "r3") and folder == Path(f"runs/table1-{row}-3-mnist-0")
        assert np.array_equal(watched[0], data.train_images) and np.array_equal(watched[1], labels)


def test_large_images_are_trained_on_as_in_the_readme(tmp_path, monkeypatch, capsys):
    def stop(row, arguments, data, resume):
        given.append(vars(arguments))
        raise KeyboardInterrupt
    given, images = [], np.random.default_rng(0).random((2, 200, 28, 28, 1), np.float32)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(training.LOADERS, "mnist", lambda: Dataset(images[0], np.arange(200) % 10, images[1], np.arange(200) % 10))
    monkeypatch.setattr(demo, "train_row", stop)
    assert call(demo) == 130 and capsys.readouterr().err == "stopped\n"
    assert given[0].items() >= dict(epochs=8, batch=128, learning_rate=1e-3, decay=0.9, shift=2, warp=False, hold_out=None).items()


def test_uncertainty_by_hand():
    # A coin that falls wrong once in ten, thrown 100 times: √(0.1 · 0.9 / 100) = 0.03.
    assert demo.uncertainty(10, 100) == pytest.approx(0.03, rel=1e-12)
    assert demo.uncertainty(5000, 10000) == pytest.approx(0.005, rel=1e-12)
    assert demo.uncertainty(0, 100) == demo.uncertainty(100, 100) == 0


def test_rows_are_compared_by_the_toss_of_a_coin():
    # a alone misreads 1 to 5, b alone 6: of 2⁶ ways in which six coins can fall, 1 + 6 are as bad for b, as many for a: 14/64.
    misread = {"a": [1, 2, 3, 4, 5, 9], "b": [6, 9], "c": [9, 6], "d": []}
    found = {tuple(pair["rows"]): (pair["only misread by"], pair["p"]) for pair in demo.compare(misread)}
    assert found.keys() == {("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")}
    assert found["a", "b"] == found["a", "c"] == ([5, 1], pytest.approx(14 / 64, rel=1e-12))
    assert found["a", "d"] == ([6, 0], pytest.approx(2 / 64, rel=1e-12))
    assert found["b", "c"] == ([0, 0], 1)
    assert found["b", "d"] == ([2, 0], pytest.approx(0.5, rel=1e-12))
    assert demo.compare({"a": [1]}) == []


@pytest.mark.parametrize("data, columns", [("mnist", True), ("digits", False)])
def test_the_table_by_hand_with_the_papers_numbers_for_mnist_only(pretend, capsys, data, columns):
    # 36 of 360 are 10 % ± √(0.1 · 0.9 / 360) = 1.58 %; 32 are 8.89 %. 5 and 1 images are misread by one of the two only: p = 14/64.
    pretend({"r1": range(36), MAIN: [*range(5, 36), 100]})
    assert call(demo, "--rows", MAIN, "r1", "--data", data) == 0
    table = [re.split(" {2,}", line.strip()) for line in capsys.readouterr().out.splitlines()]
    paper = [["paper", "Keras rerun"], ["0.34 ± 0.032", "0.39 ± 0.024"], ["0.25 ± 0.005", "0.34 ± 0.016"]] if columns else [[], [], []]
    assert table == [
        ["r1: 36 of 360 test images misread, trained in 90 s"], [f"{MAIN}: 32 of 360 test images misread, trained in 90 s"],
        [f"r1 alone misreads 5, {MAIN} alone 1: p = 0.22 by the sign test, if both were equally good"],
        ["errors", "test error %"] + paper[0], ["r1", "36", "10.00 ± 1.58"] + paper[1], [MAIN, "32", "8.89 ± 1.50"] + paper[2],
        ["±: binomial, what other test images would do" + "; of the others: what other first weights did, in three trials" * columns],
        [f"test error 8.89 % of {MAIN} (32 of 360 wrong)"]]
    found = results(demo)
    assert found["wrong"] == {"r1": 36, MAIN: 32} and found["misread"] == {"r1": list(range(36)), MAIN: [*range(5, 36), 100]}
    assert found["uncertainty"]["r1"] == pytest.approx(0.00025 ** 0.5, rel=1e-12) and found["training_minutes"] == {"r1": 1.5, MAIN: 1.5}
    assert found["pairs"] == [{"rows": ["r1", MAIN], "only misread by": [5, 1], "p": pytest.approx(14 / 64, rel=1e-12)}]
    assert found["learning_curves"] == {"r1": [[1, 0.25]], MAIN: [[1, 0.25]]}


def test_all_rows_come_in_the_papers_order_and_mnist_by_default(pretend, capsys):
    pretend({row: [k] for k, row in enumerate(demo.ROWS)})
    assert call(demo) == 0
    table = [re.split(" {2,}", line) for line in capsys.readouterr().out.splitlines()[-6:-2]]
    assert [(row, paper, rerun) for row, _, _, paper, rerun in table] == [
        ("r1", "0.34 ± 0.032", "0.39 ± 0.024"), ("r1-reconstruction", "0.29 ± 0.011", "0.36 ± 0.009"),
        ("r3", "0.35 ± 0.036", "0.40 ± 0.016"), (MAIN, "0.25 ± 0.005", "0.34 ± 0.016")]
    assert len(results(demo)["pairs"]) == 6
    assert sorted(os.listdir(OUT)) == sorted([*(f"{row}.npz" for row in demo.ROWS), "run.json"])


@pytest.mark.parametrize("misread, shown", [([2, 5], [2, 5]), (range(10, 251), range(10, 250))])
def test_misread_images_are_drawn_for_rows_with_a_decoder_that_misread_some(pretend, misread, shown):
    drawn = pretend({"r1": [1], "r1-reconstruction": misread, "r3": [3], MAIN: []})
    assert call(demo, "--data", "digits", "--rows", "all") == 0
    (_, config, images, labels, path), = drawn
    digits = load_digits()
    assert path == OUT / "misread-r1-reconstruction.png" and config.reconstruction_weight
    assert np.array_equal(images, digits.test_images[shown]) and np.array_equal(labels, digits.test_labels[shown])


def test_the_misread_are_redrawn_from_the_longest_capsule_and_from_that_of_the_label(tmp_path, monkeypatch):
    drawn, (params, config, _), images = [], load_capsnet(), load_digits().test_images[:5]
    v, _ = capsnet_forward(params, images, config)
    lengths = length_forward(v)[0]
    found = lengths.argmax(axis=1)
    labels, draw = (found + 3) % 10, plot.reconstructions
    monkeypatch.setattr("tinycaps.plot.reconstructions", lambda *arguments: drawn.append(arguments) or draw(*arguments))
    demo.draw_misread(params, config, images, labels, tmp_path / "misread.png")
    (shown, redrawn, captions, correct), = drawn
    assert np.array_equal(shown, images) and not any(correct) and list(redrawn) == ["as read", "as labelled"]
    for name, classes in ("as read", found), ("as labelled", labels):
        np.testing.assert_allclose(redrawn[name], decoder_forward(params, mask_forward(v, classes)[0], config)[0], rtol=1e-5, atol=1e-6)
    for caption, label, k, length in zip(captions, labels, found, lengths, strict=True):
        assert caption == f"{label} ({length[label]:.2f})\nas {k} ({length.max():.2f})"
    assert imread(tmp_path / "misread.png").ndim == 3


@pytest.mark.parametrize("rows, code", [([MAIN, "r1"], 0), (["r1"], 1), (["r3", "r1"], 1)])
def test_min_accuracy_is_asked_of_the_main_row_or_else_of_the_last(pretend, capsys, rows, code):
    pretend({"r1": range(36), "r3": range(72), MAIN: [0]})
    assert call(demo, "--data", "digits", "--rows", *rows, "--min-accuracy", 0.95) == code
    asked = {MAIN: "0.28 % of r3-reconstruction (1", "r1": "10.00 % of r1 (36", "r3": "20.00 % of r3 (72"}[rows[0]]
    assert capsys.readouterr().out.splitlines()[-1] == f"test error {asked} of 360 wrong)"
    assert results(demo)["wrong"].keys() == set(rows)


def test_hold_out_judges_on_training_images_and_says_so(tmp_path, monkeypatch, capsys):
    panels, draw = [], plot.error_curves
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tinycaps.plot.save", lambda figure, path: None)
    monkeypatch.setattr("tinycaps.plot.error_curves", lambda each, *rest: panels.append(each) or draw(each, *rest))
    assert call(demo, "--quick", "--data", "digits", "--rows", "r1", "--hold-out", 100) == 0
    printed, found = capsys.readouterr().out.splitlines(), results(demo)
    assert re.fullmatch(r"held-out error \d+\.\d\d % of r1 \(\d+ of 100 wrong\)", printed[-1]) and "held-out error %" in printed[-4]
    assert os.listdir("runs") == ["table1-r1-2-held-out-100-digits-0-quick"]
    assert found["judged"] == 100 and found["judged_on"] == "held-out training images" and list(panels[0]) == ["held-out training images"]
    assert found["learning_curves"]["r1"][-1] == [2, found["wrong"]["r1"] / 100]


def test_resuming_a_finished_table_trains_nothing_and_says_the_same(here, monkeypatch, capsys):
    panels, draw, before, said = [], plot.error_curves, files("."), unchanging(demo)
    monkeypatch.setattr("tinycaps.plot.error_curves", lambda *drawn: panels.append(drawn) or draw(*drawn))
    for path in OUT.iterdir():
        if not path.name.startswith("misread"):
            path.unlink()
    monkeypatch.setattr(capsnet, "capsnet_loss_forward", never)
    assert call(demo, *SIZE, "--resume") == 0
    after = files(".")
    assert after.keys() == before.keys() and all(after[path] == before[path] for path in after if path.name != "run.json")
    assert unhurried(capsys.readouterr().out) == unhurried(here) and unchanging(demo) == said
    curves = {row: [tuple(point) for point in curve] for row, curve in said["learning_curves"].items()}
    assert panels == [({"256 training images, not moved": {"curves": curves}}, "epoch")]


def test_a_row_that_was_not_begun_is_trained_by_resume(here, capsys):
    shutil.rmtree(run_of(MAIN))
    said, network = unchanging(demo), (OUT / f"{MAIN}.npz").read_bytes()
    shutil.rmtree(OUT)
    assert call(demo, *SIZE, "--resume") == 0
    printed = capsys.readouterr().out
    assert f"r1: goes on from {run_of('r1')}\n" in printed and f"{MAIN}: begins\n" in printed and unhurried(printed) == unhurried(here)
    assert unchanging(demo) == said and (OUT / f"{MAIN}.npz").read_bytes() == network


@pytest.mark.parametrize("evaluation", [2, 3, 4], ids=["in the first row", "before the second row's checkpoint", "in the second row"])
def test_a_killed_table_goes_on_and_ends_with_the_same_bits(trained, tmp_path, monkeypatch, capsys, evaluation):
    folder, printed = trained
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tinycaps.plot.save", lambda figure, path: None)
    monkeypatch.setattr(demo, "draw_misread", lambda *arguments: None)
    seen = []

    def interrupt(*arguments):
        seen.append(arguments)
        if len(seen) == evaluation:
            raise KeyboardInterrupt
        return predict(*arguments)
    monkeypatch.setattr(capsnet, "predict", interrupt)
    assert call(demo, *SIZE) == 130
    assert capsys.readouterr().err == "the same command with --resume goes on from the last checkpoint\nstopped\n"
    assert not (OUT / "run.json").exists()
    monkeypatch.setattr(capsnet, "predict", predict)
    assert call(demo, *SIZE, "--resume") == 0
    assert unhurried(capsys.readouterr().out) == unhurried(printed)
    for row in ROWS:
        assert (OUT / f"{row}.npz").read_bytes() == (folder / OUT / f"{row}.npz").read_bytes()


MISTAKES = {
    "unknown row": (["--rows", "r2"], "argument --rows: invalid choice: 'r2'"),
    "unknown row among others": (["--rows", "r1", "r3-decoder"], "argument --rows: invalid choice: 'r3-decoder'"),
    "no row": (["--rows"], "argument --rows: expected at least one argument"),
    "no decay": (["--decay", "0"], "argument --decay: got '0', wanted a number above 0"),
    "no epochs": (["--epochs", "0"], "argument --epochs: got '0', wanted an integer of at least 1"),
    "unknown data": (["--data", "nope"], "data: got 'nope', wanted digits, mnist, fashion-mnist or FILE.npz"),
    "hold out everything": (["--data", "digits", "--hold-out", "1437"], "hold-out: got 1437, wanted fewer than the 1437 training images"),
    "large batch": ([*SIZE, "--batch", "257"], "batch: got 257, wanted at most the 256 training images"),
    "no gpu": (["--device", "gpu"], "device: got 'gpu', wanted CuPy"),
    "out is a file": (["--out", "digit.png"], "out: got digit.png, wanted a folder that can be written"),
    "resume what was never begun": ([*SIZE, "--resume", "--seed", "5"], f"resume: got no checkpoint in {run_of('r1', seed=5)} or "
                                    f"{run_of(MAIN, seed=5)}, wanted one to go on from"),
    "resume with another decay": ([*SIZE, "--resume", "--decay", "0.5"], "wanted decay = 0.5"),
    "resume with another batch": ([*SIZE, "--resume", "--batch", "16"], "with batch = 32, wanted batch = 16"),
    "resume a torn row": ([*SIZE, "--resume", "--seed", "9"], "table1-r1-2-digits-9-quick/checkpoint.npz, which is torn or no checkpoint"),
}


@pytest.mark.parametrize("words, said", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_code_2_before_any_step_and_costs_nothing(here, monkeypatch, capsys, words, said):
    monkeypatch.setattr(capsnet, "capsnet_loss_forward", never)
    monkeypatch.setitem(training.LOADERS, "mnist", never)
    monkeypatch.setitem(sys.modules, "cupy", None)
    Path("digit.png").write_text("mine")
    torn = Path("runs/table1-r1-2-digits-9-quick/checkpoint.npz")
    torn.parent.mkdir()
    torn.write_bytes((run_of("r1") / "checkpoint.npz").read_bytes()[:-100])
    before = files(".")
    assert call(demo, *words) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and said in captured.err, captured.err
    assert captured.err.startswith(("error: ", "python -m demos.table1: error: "))
    assert captured.out.count("\n") <= 2 and files(".") == before                       # at most what was going to be trained
