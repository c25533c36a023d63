"""The CapsNet demo as users meet it: what it writes, what it says to mistakes, and its resuming."""
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.image import imread, imsave

from demos.capsules import capsnet as demo
from demos.harness import learn
from tests.demos.calls import call, files, record, refused, results, run_named
from tinycaps.capsules import (CNN_DIGITS, CapsNetConfig, Network, capsnet_forward, init_cnn,
                               length_forward, load_capsnet, predict)
from tinycaps.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinycaps.data import ink_margin, load_digits, load_image
from tinycaps.fast import Workspace, fast_capsnet_backward, fast_capsnet_forward

ROOT = Path(__file__).parents[3]
FIGURES = ["coupling.png", "learning_curves.png", "pose_sweep.png", "reconstructions.png"]
OUT, QUICK = Path("out/capsnet"), "capsnet-digits-0-quick"


def launch(folder, *words):
    """Start the demo in a process of its own that hears Ctrl-C even where this one does not."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "demos", "capsnet", *words], cwd=folder, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def png(path, image, scale=10):
    imsave(path, np.kron(image, np.ones((scale, scale))), cmap="gray", vmin=0, vmax=1)
    return path


def own(path, shape=(60, 12, 12), classes=3):
    """Write images whose bright quarter shows their class."""
    rng, labels = np.random.default_rng(0), np.arange(shape[0]) % classes
    images = rng.integers(0, 60, shape, np.uint8)
    for image, label in zip(images, labels):
        top, left = label // 2 * 6, label % 2 * 6
        image[top:top + 6, left:left + 6] += 150
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which `--quick` has been run."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert call(demo, "--quick") == 0
    return folder


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """The current folder is a copy of the one in which `--quick` has been run."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checkpoint(folder="."):
    return Path(folder) / run_named(QUICK, folder) / "checkpoint.npz"


def lines_of_log(folder):
    return [json.loads(line) for line in (folder / OUT / "metrics.jsonl").read_text().splitlines()]


def test_quick_leaves_figures_log_record_and_checkpoint(here):
    assert sorted(os.listdir(OUT)) == sorted([*FIGURES, "metrics.jsonl", "network.npz", "run.json"])
    assert sorted(os.listdir(run_named(QUICK))) == [".lock", "checkpoint.npz", "log.jsonl"]
    for name in FIGURES:
        assert np.ptp(imread(OUT / name)) > 0.5
    assert [line["step"] for line in lines_of_log(here) if "error" in line] == [8, 16]
    found = record(demo)
    assert found["command"] == "python -m demos capsnet --quick" and found["seconds"] > 0
    assert found["results"]["error"] < 0.5 and found["results"]["judged"] == 256
    assert found["arguments"]["epochs"] == 2
    assert load_checkpoint(checkpoint()).step == 16


def test_the_error_is_that_of_the_saved_network_on_the_test_images(here):
    found, data = load_checkpoint(checkpoint()), load_digits()
    labels = predict(found.params, data.test_images[:256], CapsNetConfig(**found.about["config"]))
    wrong = int((labels != data.test_labels[:256]).sum())
    assert results(demo)["wrong"] == wrong and results(demo)["error"] == wrong / 256
    assert results(demo)["seeds"] == [wrong / 256]


def test_the_learning_curve_is_that_of_training_images(here):
    found, data = load_checkpoint(checkpoint()), load_digits()
    images, labels = data.train_images[::5][:256], data.train_labels[::5][:256]
    wrong = predict(found.params, images, CapsNetConfig(**found.about["config"])) != labels
    assert [line["error"] for line in lines_of_log(here) if "error" in line][-1] == wrong.mean()


def test_the_rate_falls_as_the_arguments_say(trained):
    # Eight steps in each of two epochs, logged at the last of each: 7 and 15 others are behind.
    rates = [line["learning_rate"] for line in lines_of_log(trained) if "loss" in line]
    assert rates == pytest.approx([4e-3 * 0.93 ** (7 / 8), 4e-3 * 0.93 ** (15 / 8)], rel=1e-12)


@pytest.mark.parametrize("words, changed", [([], True), (["--no-warp"], False),
                                            (["--no-warp", "--shift", 1], True)])
def test_the_images_of_a_batch_are_changed_as_the_arguments_say(empty, monkeypatch, words, changed):
    def stop(*arguments, augment, **settings):
        given.append(augment)
        raise KeyboardInterrupt
    given, images = [], load_digits().train_images[:20]
    monkeypatch.setattr("demos.harness.learn.train", stop)
    assert call(demo, "--quick", *words) == 130
    moved, labels = given[0]((images, "labels"), np.random.default_rng(0))
    assert np.array_equal(moved, images) == (not changed) and labels == "labels"


def test_the_network_is_written_in_half_precision_with_what_its_reader_needs(here):
    whole, half = load_capsnet(checkpoint()), load_capsnet(OUT / "network.npz")
    assert half.params.keys() == whole.params.keys() and half.config == whole.config
    for key, p in half.params.items():
        assert np.array_equal(p, whole.params[key].astype(np.float16))
    assert half.about["images"] == [256, 8, 8, 1]
    assert half.about["margin"] == ink_margin(load_digits().train_images)
    assert (OUT / "network.npz").stat().st_size < checkpoint().stat().st_size / 5


MISTAKES = {
    "unknown data": (["--data", "nope"], "data", "wanted digits, mnist"),
    "missing data": (["--data", "gone.npz"], "gone.npz", "no such file"),
    "cut data": (["--data", "cut.npz"], "cut.npz", "cut short"),
    "damaged data": (["--data", "damaged.npz"], "damaged.npz", "checksum of images.npy is wrong"),
    "data of something else": (["--data", "run.npz"], "run.npz", "got head"),
    "data in a folder": (["--data", "folder.npz"], "folder.npz", "got a folder"),
    "small images": (["--data", "small.npz"], "image_shape", "at least 7 pixels"),
    "no epochs": (["--epochs", "0"], "epochs", "at least 1"),
    "epochs in words": (["--epochs", "two"], "epochs", "integer"),
    "no batch": (["--batch", "0"], "batch", "at least 1"),
    "large batch": (["--batch", "257", "--quick"], "batch", "at most the 256"),
    "learning rate of 0": (["--learning-rate", "0"], "learning-rate", "above 0"),
    "negative decay": (["--decay=-1"], "decay", "above 0"),
    "negative shift": (["--shift=-1"], "shift", "at least 0"),
    "large shift": (["--shift", "100"], "shift", "wanted at most 7"),
    "hold out everything": (["--hold-out", "1437"], "hold-out", "fewer than the 1437"),
    "unknown argument": (["--frobnicate"], "unrecognized arguments", "--frobnicate"),
    "unknown device": (["--device", "tpu"], "device", "'tpu'"),
    "no gpu": (["--device", "gpu"], "device", "wanted CuPy"),
    "out is a file": (["--out", "plain"], "out", "wanted a folder"),
    "out below a file": (["--out", "plain/x"], "out", "wanted a folder"),
    "out is a file, predicting": (["--quick", "--predict", "digit.png", "--out", "plain"], "out",
                                  "wanted a folder"),
    "nothing to resume": (["--resume"], "resume", "wanted one to go on from"),
    "resume with other rounds": (["--resume", "--quick", "--iterations", "2"], "resume",
                                 "wanted one to go on from"),
    "resume with another batch": (["--resume", "--quick", "--batch", "16"], "resume",
                                  "wanted one to go on from"),
    "predict before training": (["--predict", "digit.png", "--data", "own.npz"], "checkpoint",
                                "train first (python -m demos capsnet --data own.npz)"),
    "predict mnist before training": (["--predict", "digit.png", "--data", "mnist"], "checkpoint",
                                      "got none in runs/capsnet-mnist-0-*"),
    "predict mnist as it was not trained": (
        ["--predict", "digit.png", "--data", "mnist", "--seed", "3", "--quick"], "checkpoint",
        "train first (python -m demos capsnet --data mnist --seed 3 --quick)"),
    "predict with missing data": (["--predict", "digit.png", "--data", "gone.npz"], "gone.npz",
                                  "got no such file, wanted digits, mnist, fashion-mnist, "),
    "predict and train": (["--predict", "digit.png", "--min-accuracy", "0"], "min-accuracy",
                          "wanted it in a training only"),
    "predict and resume": (["--predict", "digit.png", "--resume"], "resume",
                           "wanted it in a training only"),
    "a checkpoint without images": (["--checkpoint", "run.npz"], "checkpoint", "wanted images"),
    "predict with a missing checkpoint": (["--predict", "digit.png", "--checkpoint", "gone.npz"],
                                          "checkpoint", "does not exist"),
    "predict with own data": (["--predict", "digit.png", "--checkpoint", "small.npz"],
                              "checkpoint", "no checkpoint"),
    "predict with a picture": (["--predict", "digit.png", "--checkpoint", "digit.png"],
                               "checkpoint", "no checkpoint"),
    "predict with a folder": (["--predict", "digit.png", "--checkpoint", "runs"], "checkpoint",
                              "no checkpoint"),
    "predict with another network": (["--predict", "digit.png", "--checkpoint", "cnn.npz"],
                                     "checkpoint", "wanted a trained CapsNet"),
    "predict with no config": (["--predict", "digit.png", "--checkpoint", "bare.npz"],
                               "checkpoint", "wanted a trained CapsNet"),
    "predict a missing image": (["--quick", "--predict", "gone.png"], "gone.png", "no such file"),
    "predict no image": (["--quick", "--predict", "plain"], "plain", "cannot be read"),
    "predict nothing": (["--predict"], "predict", "expected at least one"),
}


@pytest.fixture(scope="module")
def before_the_mistake(trained, tmp_path_factory):
    """A folder with a training, and with files that are not what they should be."""
    folder = tmp_path_factory.mktemp("mistakes")
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    (folder / "plain").write_text("mine")
    (folder / "folder.npz").mkdir()
    whole = own(folder / "own.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[:3000])
    (folder / "damaged.npz").write_bytes(whole[:2000] + bytes(100) + whole[2100:])
    own(folder / "small.npz", (60, 4, 4))
    png(folder / "digit.png", load_digits().test_images[0, :, :, 0])
    shutil.copy(checkpoint(folder), folder / "run.npz")
    cnn = {"config": demo.dataclasses.asdict(CNN_DIGITS), "images": [60, 8, 8, 1], "margin": 0}
    params = init_cnn(np.random.default_rng(0), CNN_DIGITS)
    save_checkpoint(folder / "cnn.npz", Checkpoint(params, {}, cnn, 1, 0.0))
    save_checkpoint(folder / "bare.npz", Checkpoint({"W": np.zeros(3)}, {}, {}, 1, 0.0))
    return folder


def never(*arguments, **settings):
    raise AssertionError("training began")


@pytest.mark.parametrize("words, name, wanted", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_code_2_before_any_step_and_costs_nothing(
        before_the_mistake, monkeypatch, capsys, words, name, wanted):
    monkeypatch.chdir(before_the_mistake)
    monkeypatch.setattr(demo, "capsnet_loss_forward", never)
    monkeypatch.setitem(sys.modules, "cupy", None)
    before = files()
    assert call(demo, *words) == 2
    captured = capsys.readouterr()
    refused(captured, name, wanted)
    assert captured.out.count("\n") <= 1                    # at most what was going to be trained
    assert files() == before


def test_a_torn_checkpoint_is_refused_before_any_step(here, monkeypatch, capsys):
    monkeypatch.setattr(demo, "capsnet_loss_forward", never)
    checkpoint().write_bytes(checkpoint().read_bytes()[:-100])
    before = files()
    assert call(demo, "--quick", "--resume") == 2
    refused(capsys.readouterr(), "checkpoint", "torn or no checkpoint")
    assert files() == before


@pytest.mark.parametrize("accuracy, code", [("1", 1), ("0.5", 0)])
def test_min_accuracy_decides_the_exit_code_and_spares_the_results(here, no_figures, capsys,
                                                                   accuracy, code):
    assert call(demo, "--quick", "--resume", "--min-accuracy", accuracy) == code
    assert "test error" in capsys.readouterr().out.splitlines()[-1]
    assert record(demo)["arguments"]["min_accuracy"] == float(accuracy)


def test_resuming_a_finished_run_draws_it_again(here, monkeypatch, capsys):
    before = files()
    shutil.rmtree("out")
    assert call(demo, "--quick", "--resume") == 0
    after = files()
    assert after.keys() == before.keys()
    assert all(after[path] == before[path] for path in after if path.name != "run.json")
    monkeypatch.setattr("tinycaps.plot.save", lambda figure, path: None)
    last, log = capsys.readouterr().out.splitlines()[-1], run_named(QUICK) / "log.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    for kept in 0, 3:
        log.write_text("".join(lines[:kept]))
        assert call(demo, "--quick", "--resume") == 0
        assert capsys.readouterr().out.splitlines()[-1] == last


def test_reads_pictures_of_digits(here, capsys):
    images = load_digits().test_images[[0, 5, 20]]
    paths = [png(f"digit {k}.png", image[:, :, 0]) for k, image in enumerate(images)]
    paths.append(png("dark on light.png", 1 - images[0, :, :, 0]))
    found = load_checkpoint(checkpoint())
    config = CapsNetConfig(**found.about["config"])
    expected = predict(found.params, images[[0, 1, 2, 0]], config)
    assert call(demo, "--quick", "--predict", *paths) == 0
    first, *printed, last = capsys.readouterr().out.splitlines()
    assert first == f"read by {checkpoint()}"
    for path, k, line in zip(paths, expected, printed, strict=True):
        length = r"\(0\.\d\d\)"
        form = rf"{re.escape(path)}: {k} {length}, \d {length}, \d {length}(: uncertain)?"
        assert re.fullmatch(form, line)
    assert last == f"drawn in {OUT / 'predicted.png'}"
    assert imread(OUT / "predicted.png").ndim == 3


@pytest.mark.parametrize("which", ["checkpoint", "network"])
def test_a_named_file_is_enough_to_predict(here, capsys, which):
    shutil.move(checkpoint() if which == "checkpoint" else OUT / "network.npz", "mine.npz")
    shutil.rmtree("runs")
    png("digit.png", load_digits().test_images[0, :, :, 0])
    words = ["--predict", "digit.png", "--checkpoint", "mine.npz", "--out", "elsewhere"]
    assert call(demo, *words) == 0
    assert os.listdir("elsewhere") == ["predicted.png"]
    assert capsys.readouterr().out.splitlines()[:2] == ["read by mine.npz", read_by("mine.npz")]


def read_by(file):
    """Return what the network in a file, or the packaged one, says of digit.png."""
    params, config, about = load_capsnet(file)
    image = load_image("digit.png", config.image_shape, about["margin"])
    length = length_forward(capsnet_forward(params, image[None], config)[0])[0][0]
    best = length.argsort()[:-4:-1]
    return "digit.png: " + ", ".join(f"{k} ({length[k]:.2f})" for k in best)


def test_the_packaged_network_reads_where_none_has_been_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    png("digit.png", load_digits().test_images[0, :, :, 0])
    assert call(demo, "--predict", "digit.png") == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "read by the network that comes with the package", read_by(None)]
    assert sorted(os.listdir()) == ["digit.png", "out"] and os.listdir(OUT) == ["predicted.png"]


def test_the_network_last_trained_goes_before_the_packaged_one_and_a_named_one_before_both(here):
    def find(*words):
        return demo.find_trained(demo.build_parser().parse_args(["--predict", "digit.png", *words]))
    assert find("--quick") == checkpoint()
    assert find() is find("--quick", "--seed", "5") is None
    mine = Path("mine.npz")
    assert find("--quick", "--checkpoint", "mine.npz") == mine
    assert find("--data", "mnist", "--checkpoint", "mine.npz") == mine
    for name, age in ("00000000", 2e9), ("11111111", 1e9):
        other = Path(f"runs/{QUICK}-{name}/checkpoint.npz")
        other.parent.mkdir()
        other.write_bytes(b"")
        os.utime(other, (age, age))
    assert find("--quick") == Path(f"runs/{QUICK}-00000000/checkpoint.npz")


def test_a_network_of_another_file_of_the_same_name_does_not_predict(here):
    def find(path):
        return demo.find_trained(demo.build_parser().parse_args(
            ["--predict", "digit.png", "--data", path]))
    Path("sub").mkdir()
    mine, other = (str(own(Path(folder) / "mi[n]e.npz", classes=classes))
                   for folder, classes in ((".", 3), ("sub", 2)))
    with pytest.raises(FileNotFoundError, match=r"got none in runs/capsnet-mi\[n\]e\.npz-"):
        find(mine)
    name = learn.runs_named("capsnet", SimpleNamespace(data=mine, quick=False), 0)
    path = Path(f"{name}-01234567") / "checkpoint.npz"
    path.parent.mkdir()
    path.write_bytes(b"")
    assert find(mine) == path
    with pytest.raises(FileNotFoundError, match=r"got none in runs/capsnet-mi\[n\]e\.npz-"):
        find(other)


@pytest.mark.parametrize("shape", [(60, 12, 12), (60, 12, 12, 2)])
def test_learns_from_own_images(empty, monkeypatch, capsys, shape):
    if len(shape) == 3:                                 # once is enough to see that they are drawn
        monkeypatch.setattr(demo, "draw", lambda *arguments: None)
    own("quarters.npz", shape)
    words = ["--epochs", 12, "--batch", 8, "--min-accuracy", 0.9]
    assert call(demo, "--data", "quarters.npz", *words) == 0
    assert "48 images of 12x12x" in capsys.readouterr().out.splitlines()[0]
    assert os.listdir("runs") == [run_named("capsnet-quarters.npz-????????-0").name]
    assert results(demo)["config"]["classes"] == 3


def test_one_class_is_refused(empty, capsys):
    own("one.npz", (20, 12, 12), classes=1)
    assert call(demo, "--data", "one.npz") == 2
    assert capsys.readouterr().err == ("error: one.npz: labels: got a single class, 0, wanted at "
                                       "least two\n")


def test_hold_out_judges_on_training_images_and_says_so(empty, capsys):
    assert call(demo, "--quick", "--hold-out", 100) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"held-out error \d+\.\d\d % \(\d+ of 100 wrong\)", last)
    found = results(demo)
    assert found["judged"] == 100 and found["judged_on"] == "held-out training images"
    assert [line["error"] for line in lines_of_log(empty) if "error" in line][-1] == found["error"]


def test_says_which_network_trains_and_why(empty, monkeypatch, capsys):
    monkeypatch.setattr(demo, "draw", lambda *arguments: None)
    own("quarters.npz")
    assert call(demo, "--data", "quarters.npz", "--epochs", 1, "--batch", 8) == 0
    _, reason = demo.choose_network(CapsNetConfig(**results(demo)["config"]), 8)
    assert capsys.readouterr().out.splitlines()[1] == reason


def test_plain_means_the_plain_network(empty, monkeypatch, capsys):
    monkeypatch.setattr(demo, "draw", lambda *arguments: None)
    monkeypatch.setattr(demo, "choose_network", never)
    own("quarters.npz")
    assert call(demo, "--data", "quarters.npz", "--epochs", 1, "--batch", 8, "--plain") == 0
    assert capsys.readouterr().out.splitlines()[1] == "plain network, as asked"
    assert record(demo)["arguments"]["plain"] is True


def test_the_chosen_network_trains_and_is_judged(trained, empty, monkeypatch, capsys):
    calls = []

    def forward(params, x, config):
        calls.append(("forward", len(x)))
        return fast(params, x, config)

    def backward(dv, cache):
        calls.append(("backward", len(dv)))
        return fast_capsnet_backward(dv, cache)
    fast = functools.partial(fast_capsnet_forward, workspace=Workspace())
    monkeypatch.setattr(demo, "draw", lambda *arguments: None)
    monkeypatch.setattr(demo, "choose_network", lambda config, batch: (
        Network(forward, backward), f"for batches of {batch}"))
    assert call(demo, "--quick") == 0
    assert capsys.readouterr().out.splitlines()[1] == "for batches of 32"
    epoch = 8 * [("forward", 32), ("backward", 32)] + 8 * [("forward", 32)]     # 256 images each
    test = 8 * [("forward", 32)]                            # with routing, and with one round
    assert calls == 2 * epoch + 2 * test
    ours, theirs = lines_of_log(empty)[0], lines_of_log(trained)[0]
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=0.01)


def test_numbers_going_bad_are_one_line_and_leave_the_old_results(here, capsys):
    before = files(OUT)
    assert call(demo, "--quick", "--learning-rate", "1e30") == 2
    refused(capsys.readouterr(), "loss", "wanted a finite number")
    assert files(OUT) == before


def wait_for(process, folder, pattern):
    """Wait until there is such a file; return its path."""
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        for path in Path(folder).glob(pattern):
            return path
        time.sleep(0.0005)
    raise AssertionError(process.communicate())


def test_killed_and_resumed_ends_like_an_uninterrupted_run_elsewhere(trained, tmp_path):
    process = launch(tmp_path, "--quick")
    path = wait_for(process, tmp_path, f"runs/{QUICK}-*/checkpoint.npz")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL and load_checkpoint(path).step in (8, 16)
    process = launch(tmp_path, "--quick", "--resume")
    printed, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "")        # no progress bar where is no terminal
    assert printed.splitlines()[-1].startswith("test error")
    a, b = load_checkpoint(checkpoint(trained)), load_checkpoint(path)
    assert (a.about, a.step) == (b.about, b.step) and a.step == 16
    for ours, theirs in (a.params, b.params), (a.state, b.state):
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[key], theirs[key]) for key in ours)
    for name in (*FIGURES, "metrics.jsonl", "network.npz"):
        assert (trained / OUT / name).read_bytes() == (tmp_path / OUT / name).read_bytes()
    assert sorted(os.listdir(path.parent)) == [".lock", "checkpoint.npz", "log.jsonl"]


def test_an_interrupt_leaves_with_130_the_checkpoint_and_how_to_go_on(tmp_path):
    process = launch(tmp_path, "--epochs", "1000")
    path = wait_for(process, tmp_path, "runs/capsnet-digits-0-*/checkpoint.npz")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said.endswith("\nstopped\n") and said.count("\n") == 2
    assert "--resume goes on" in said
    assert load_checkpoint(path).step >= 45
