"""The CapsNet demo as its users meet it: what it writes, what it says to their mistakes, and that no kill costs them the run."""
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

import numpy as np
import pytest
from matplotlib.image import imread, imsave

from demos import capsnet as demo
from demos import command, training
from tinycaps.capsules import (CNN_DIGITS, CapsNetConfig, Network, capsnet_forward, init_cnn,
                               length_forward, load_capsnet, predict)
from tinycaps.fast import fast_capsnet_backward, fast_capsnet_forward
from tinycaps.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinycaps.data import ink_margin, load_digits, load_image
from tinycaps.fast.workspace import Workspace

ROOT = Path(__file__).parents[2]
FIGURES = ["coupling.png", "learning_curves.png", "pose_sweep.png", "reconstructions.png"]
OUT, RUN = Path("out/capsnet"), Path("runs/capsnet-digits-0-quick")


def call(*words):
    """Run the demo in this process as its command line would; return the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["capsnet.py", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            command.run(demo.main)
    return stopped.value.code or 0


def launch(folder, *words):
    """Start the demo in a process of its own, which hears Ctrl-C even if this one runs in the background and does not."""
    return subprocess.Popen([sys.executable, "-W", "error", "-m", "demos.capsnet", *words], cwd=folder, text=True,
                            env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def files(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def png(path, image, scale=10):
    imsave(path, np.kron(image, np.ones((scale, scale))), cmap="gray", vmin=0, vmax=1)
    return path


def own(path, shape=(60, 12, 12), classes=3):
    """Write images whose bright quarter tells their class."""
    rng, labels = np.random.default_rng(0), np.arange(shape[0]) % classes
    images = rng.integers(0, 60, shape, np.uint8)
    for image, label in zip(images, labels):
        image[label // 2 * 6:label // 2 * 6 + 6, label % 2 * 6:label % 2 * 6 + 6] += 150
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which `--quick` has been run."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert call("--quick") == 0
    return folder


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """The current folder is a copy of the one in which `--quick` has been run."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_quick_leaves_figures_log_record_and_checkpoint(trained):
    out = trained / OUT
    assert sorted(os.listdir(out)) == sorted([*FIGURES, "metrics.jsonl", "network.npz", "run.json"])
    assert sorted(os.listdir(trained / RUN)) == ["checkpoint.npz", "log.jsonl"]
    for name in FIGURES:
        assert np.ptp(imread(out / name)) > 0.5
    log = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if "error" in line] == [8, 16]
    found = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert found["command"] == "python -m demos.capsnet --quick" and found["seconds"] > 0
    assert found["results"]["error"] == log[-1]["error"] < 0.5 and found["results"]["judged"] == 256
    assert found["arguments"]["epochs"] == 2 and found["environment"]["numpy"] == np.__version__
    assert load_checkpoint(trained / RUN / "checkpoint.npz").step == 16


def test_the_error_is_that_of_the_saved_network_on_the_test_images(trained):
    found, data = load_checkpoint(trained / RUN / "checkpoint.npz"), load_digits()
    labels = predict(found.params, data.test_images[:256], CapsNetConfig(**found.about["config"]))
    results = json.loads((trained / OUT / "run.json").read_text(encoding="utf-8"))["results"]
    assert results["wrong"] == (labels != data.test_labels[:256]).sum()


def test_the_rate_falls_as_the_arguments_say(trained):
    # eight steps in each of two epochs, told at the last of each, which 7 and 15 others have gone before
    log = map(json.loads, (trained / OUT / "metrics.jsonl").read_text().splitlines())
    rates = [line["learning_rate"] for line in log if "loss" in line]
    assert rates == pytest.approx([4e-3 * 0.93 ** (7 / 8), 4e-3 * 0.93 ** (15 / 8)], rel=1e-12)


@pytest.mark.parametrize("words, changed", [([], True), (["--no-warp"], False), (["--no-warp", "--shift", 1], True)])
def test_the_images_of_a_batch_are_changed_as_the_arguments_say(tmp_path, monkeypatch, words, changed):
    def stop(*arguments, augment, **settings):
        given.append(augment)
        raise KeyboardInterrupt
    given, images = [], load_digits().train_images[:20]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "train", stop)
    assert call("--quick", *words) == 130
    assert np.array_equal(given[0](images, np.random.default_rng(0)), images) == (not changed)


def test_the_network_is_written_in_half_precision_with_what_its_reader_needs(trained):
    whole, half = (load_capsnet(trained / path) for path in (RUN / "checkpoint.npz", OUT / "network.npz"))
    assert half.params.keys() == whole.params.keys() and half.config == whole.config
    for key, p in half.params.items():
        assert np.array_equal(p, whole.params[key].astype(np.float16))
    assert half.about["images"] == [256, 8, 8, 1] and half.about["margin"] == ink_margin(load_digits().train_images)
    assert (trained / OUT / "network.npz").stat().st_size < (trained / RUN / "checkpoint.npz").stat().st_size / 5


MISTAKES = {
    "unknown data": (["--data", "nope"], "data: got 'nope', wanted digits, mnist, fashion-mnist or FILE.npz"),
    "missing data": (["--data", "gone.npz"], "gone.npz: got no such file"),
    "cut data": (["--data", "cut.npz"], "cut.npz: got a file that is not npz or is cut short"),
    "damaged data": (["--data", "damaged.npz"], "damaged.npz: got an array that cannot be read"),
    "data of something else": (["--data", "run.npz"], "run.npz: got head"),
    "data in a folder": (["--data", "folder.npz"], "folder.npz: got no such file"),
    "small images": (["--data", "small.npz"], "image_shape: got (4, 4, 1), wanted at least 7 pixels each way"),
    "no epochs": (["--epochs", "0"], "argument --epochs: got '0', wanted an integer of at least 1"),
    "epochs in words": (["--epochs", "two"], "argument --epochs: got 'two'"),
    "no batch": (["--batch", "0"], "argument --batch: got '0'"),
    "large batch": (["--batch", "257", "--quick"], "batch: got 257, wanted at most the 256 training images"),
    "learning rate of 0": (["--learning-rate", "0"], "argument --learning-rate: got '0', wanted a number above 0"),
    "negative decay": (["--decay=-1"], "argument --decay: got '-1', wanted a number above 0"),
    "negative shift": (["--shift=-1"], "argument --shift: got '-1'"),
    "hold out everything": (["--hold-out", "1437"], "hold-out: got 1437, wanted fewer than the 1437 training images"),
    "unknown argument": (["--frobnicate"], "unrecognized arguments: --frobnicate"),
    "unknown device": (["--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
    "no gpu": (["--device", "gpu"], "device: got 'gpu', wanted CuPy"),
    "out is a file": (["--out", "plain"], "out: got plain, wanted a folder that can be written"),
    "out below a file": (["--out", "plain/x"], "out: got plain/x, wanted a folder that can be written"),
    "out is a file, predicting": (["--quick", "--predict", "digit.png", "--out", "plain"], "out: got plain, wanted a folder"),
    "nothing to resume": (["--resume"], "checkpoint: got runs/capsnet-digits-0/checkpoint.npz, which does not exist"),
    "resume with other rounds": (["--resume", "--quick", "--iterations", "2"], "config.iterations = 3, wanted config.iterations = 2"),
    "resume with another batch": (["--resume", "--quick", "--batch", "16"], "with batch = 32, wanted batch = 16"),
    "resume a torn checkpoint": (["--resume", "--quick", "--seed", "9"], "torn or no checkpoint"),
    "predict before training": (["--predict", "digit.png", "--data", "own.npz"],
                                "checkpoint: got runs/capsnet-own.npz-0/checkpoint.npz, which does not exist, wanted one to predict with: "
                                "train first (python -m demos.capsnet), or name it with --checkpoint"),
    "predict mnist before training": (["--predict", "digit.png", "--data", "mnist"], "runs/capsnet-mnist-0/checkpoint.npz, which does not"),
    "a checkpoint without images": (["--checkpoint", "run.npz"], "checkpoint: got one without --predict, wanted images to read with it"),
    "predict with a missing checkpoint": (["--predict", "digit.png", "--checkpoint", "gone.npz"],
                                          "checkpoint: got gone.npz, which does not exist"),
    "predict with own data": (["--predict", "digit.png", "--checkpoint", "small.npz"], "torn or no checkpoint"),
    "predict with a picture": (["--predict", "digit.png", "--checkpoint", "digit.png"], "torn or no checkpoint"),
    "predict with a folder": (["--predict", "digit.png", "--checkpoint", "runs"], "torn or no checkpoint"),
    "predict with another network": (["--predict", "digit.png", "--checkpoint", "cnn.npz"], "cnn.npz of another network, wanted"),
    "predict with no config": (["--predict", "digit.png", "--checkpoint", "bare.npz"], "bare.npz of another network, wanted"),
    "predict a missing image": (["--quick", "--predict", "digit.png", "gone.png"], "gone.png: got no such file, wanted a PNG"),
    "predict no image": (["--quick", "--predict", "plain"], "plain: got a file that cannot be read"),
    "predict nothing": (["--predict"], "argument --predict: expected at least one argument"),
}


@pytest.mark.parametrize("words, said", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_code_2_before_any_step_and_costs_nothing(here, monkeypatch, capsys, words, said):
    def never(*args):
        raise AssertionError("training began")
    monkeypatch.setattr(demo, "capsnet_loss_forward", never)
    monkeypatch.setitem(sys.modules, "cupy", None)
    (here / "plain").write_text("mine")
    (here / "folder.npz").mkdir()
    whole = own(here / "own.npz").read_bytes()
    (here / "cut.npz").write_bytes(whole[:3000])
    (here / "damaged.npz").write_bytes(whole[:2000] + bytes(100) + whole[2100:])
    own(here / "small.npz", (60, 4, 4))
    png(here / "digit.png", load_digits().test_images[0, :, :, 0])
    shutil.copy(RUN / "checkpoint.npz", "run.npz")
    torn = here / "runs" / "capsnet-digits-9-quick" / "checkpoint.npz"
    torn.parent.mkdir()
    torn.write_bytes((RUN / "checkpoint.npz").read_bytes()[:-100])
    cnn = {"config": demo.dataclasses.asdict(CNN_DIGITS), "images": [60, 8, 8, 1], "margin": 0}
    save_checkpoint(here / "cnn.npz", Checkpoint(init_cnn(np.random.default_rng(0), CNN_DIGITS), {}, cnn, 1, 0.0))
    save_checkpoint(here / "bare.npz", Checkpoint({"W": np.zeros(3)}, {}, {}, 1, 0.0))
    before = files(here)
    assert call(*words) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.err.endswith("\n") and said in captured.err, captured.err
    assert captured.err.startswith(("error: ", "python -m demos.capsnet: error: "))
    assert captured.out.count("\n") <= 2                                # at most what was going to be trained
    assert files(here) == before


@pytest.mark.parametrize("accuracy, code", [("1", 1), ("0.5", 0)])
def test_min_accuracy_decides_the_exit_code_and_spares_the_results(here, monkeypatch, capsys, accuracy, code):
    monkeypatch.setattr(demo.plot, "save", lambda figure, path: None)
    assert call("--quick", "--resume", "--min-accuracy", accuracy) == code
    assert "test error" in capsys.readouterr().out.splitlines()[-1]
    assert json.loads((OUT / "run.json").read_text(encoding="utf-8"))["arguments"]["min_accuracy"] == float(accuracy)


def test_resuming_a_finished_run_draws_it_again(here, monkeypatch, capsys):
    before = files(here)
    shutil.rmtree("out")
    assert call("--quick", "--resume") == 0
    after = files(here)
    assert after.keys() == before.keys()
    assert all(after[path] == before[path] for path in after if path.name != "run.json")
    monkeypatch.setattr(demo.plot, "save", lambda figure, path: None)
    last = capsys.readouterr().out.splitlines()[-1]
    lines = (RUN / "log.jsonl").read_text().splitlines(keepends=True)
    for kept in 0, 1, 2, 3:
        (RUN / "log.jsonl").write_text("".join(lines[:kept]))
        assert call("--quick", "--resume") == 0
        assert capsys.readouterr().out.splitlines()[-1] == last


def test_reads_pictures_of_digits(here, capsys):
    images = load_digits().test_images[[0, 5, 20]]
    paths = [png(f"digit {k}.png", image[:, :, 0]) for k, image in enumerate(images)]
    paths.append(png("dark on light.png", 1 - images[0, :, :, 0]))
    found = load_checkpoint(RUN / "checkpoint.npz")
    expected = predict(found.params, images[[0, 1, 2, 0]], CapsNetConfig(**found.about["config"]))
    assert call("--quick", "--predict", *paths) == 0
    first, *printed, last = capsys.readouterr().out.splitlines()
    assert first == f"read by {RUN / 'checkpoint.npz'}"
    for path, k, line in zip(paths, expected, printed, strict=True):
        assert re.fullmatch(rf"{re.escape(path)}: {k} \(0\.\d\d\), \d \(0\.\d\d\), \d \(0\.\d\d\)", line)
    assert last == f"drawn in {OUT / 'predicted.png'}"
    assert imread(OUT / "predicted.png").ndim == 3


@pytest.mark.parametrize("named", [RUN / "checkpoint.npz", OUT / "network.npz"], ids=["checkpoint", "network"])
def test_a_named_file_is_enough_to_predict(here, capsys, named):
    shutil.move(named, "mine.npz")
    shutil.rmtree("runs")
    png("digit.png", load_digits().test_images[0, :, :, 0])
    assert call("--predict", "digit.png", "--checkpoint", "mine.npz", "--out", "elsewhere") == 0
    assert os.listdir("elsewhere") == ["predicted.png"]
    assert capsys.readouterr().out.splitlines()[:2] == ["read by mine.npz", read_by("mine.npz")]


def read_by(file):
    """Return what the network in a file, or the shipped one, says of digit.png."""
    params, config, about = load_capsnet(file)
    length = length_forward(capsnet_forward(params, load_image("digit.png", config.image_shape, about["margin"])[None], config)[0])[0][0]
    return "digit.png: " + ", ".join(f"{k} ({length[k]:.2f})" for k in length.argsort()[:-4:-1])


def test_the_shipped_network_reads_where_none_has_been_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    png("digit.png", load_digits().test_images[0, :, :, 0])
    assert call("--predict", "digit.png") == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["read by the network that comes with the package", read_by(None)]
    assert sorted(os.listdir()) == ["digit.png", "out"] and os.listdir(OUT) == ["predicted.png"]


def test_the_network_last_trained_goes_before_the_shipped_one_and_a_named_one_before_both(here):
    def find(*words):
        return demo.find_trained(demo.build_parser().parse_args(["--predict", "digit.png", *words]))
    assert find("--quick") == RUN / "checkpoint.npz"
    assert find() is find("--quick", "--seed", "5") is None
    assert find("--quick", "--checkpoint", "mine.npz") == find("--data", "mnist", "--checkpoint", "mine.npz") == Path("mine.npz")


@pytest.mark.parametrize("shape", [(60, 12, 12), (60, 12, 12, 2)])
def test_learns_from_own_images(tmp_path, monkeypatch, capsys, shape):
    monkeypatch.chdir(tmp_path)
    if len(shape) == 3:                                                 # once is enough to see that they can be drawn
        monkeypatch.setattr(demo, "draw", lambda *args: None)
    own("quarters.npz", shape)
    assert call("--data", "quarters.npz", "--epochs", 12, "--batch", 8, "--min-accuracy", 0.9) == 0
    assert "48 images of 12x12x" in capsys.readouterr().out.splitlines()[0]
    assert os.listdir("runs") == ["capsnet-quarters.npz-0"]
    assert json.loads((OUT / "run.json").read_text(encoding="utf-8"))["results"]["config"]["classes"] == 3
    assert "learning_curves.png" in os.listdir(OUT)


def test_one_class_is_no_crash(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    own("one.npz", (20, 12, 12), classes=1)
    monkeypatch.setattr(demo.plot, "save", lambda figure, path: None)
    assert call("--data", "one.npz", "--epochs", 1, "--batch", 8) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "test error 0.00 % (0 of 4 wrong)"


def test_hold_out_judges_on_training_images_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo.plot, "save", lambda figure, path: None)
    assert call("--quick", "--hold-out", 100) == 0
    assert re.fullmatch(r"held-out error \d+\.\d\d % \(\d+ of 100 wrong\)", capsys.readouterr().out.splitlines()[-1])
    results = json.loads((OUT / "run.json").read_text(encoding="utf-8"))["results"]
    assert results["judged"] == 100 and results["judged_on"] == "held-out training images"
    data, digits = training.load_data(demo.build_parser().parse_args(["--hold-out", "100"])), load_digits()
    assert np.array_equal(data.test_images, digits.train_images[-100:]) and len(data.train_images) == 1337


def test_tells_which_network_trains_and_why(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "draw", lambda *args: None)
    own("quarters.npz")
    assert call("--data", "quarters.npz", "--epochs", 1, "--batch", 8) == 0
    config = CapsNetConfig(**json.loads((OUT / "run.json").read_text(encoding="utf-8"))["results"]["config"])
    network, reason = demo.choose_network(config, 8)
    assert network is demo.PLAIN and capsys.readouterr().out.splitlines()[1] == reason


def test_plain_means_plain_where_the_fast_network_would_pay(tmp_path, monkeypatch, capsys):
    def never(*arguments):
        raise AssertionError("chosen")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "draw", lambda *args: None)
    monkeypatch.setattr(demo, "choose_network", never)
    own("quarters.npz")
    assert call("--data", "quarters.npz", "--epochs", 1, "--batch", 8, "--plain") == 0
    assert capsys.readouterr().out.splitlines()[1] == "plain network, as asked"
    assert json.loads((OUT / "run.json").read_text(encoding="utf-8"))["arguments"]["plain"] is True


def test_the_chosen_network_trains_and_is_judged(trained, tmp_path, monkeypatch, capsys):
    calls = []

    def forward(params, x, config):
        calls.append(("forward", len(x)))
        return fast(params, x, config)

    def backward(dv, cache):
        calls.append(("backward", len(dv)))
        return fast_capsnet_backward(dv, cache)
    fast = functools.partial(fast_capsnet_forward, workspace=Workspace())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "draw", lambda *args: None)
    monkeypatch.setattr(demo, "choose_network", lambda config, batch: (Network(forward, backward), f"for batches of {batch}"))
    assert call("--quick") == 0
    assert capsys.readouterr().out.splitlines()[1] == "for batches of 32"
    assert calls == 2 * (8 * [("forward", 32), ("backward", 32)] + 8 * [("forward", 32)])       # 256 images each, two epochs
    ours, theirs = (json.loads((folder / OUT / "metrics.jsonl").read_text().splitlines()[0]) for folder in (tmp_path, trained))
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=0.01)


def test_numbers_going_bad_are_one_line_and_leave_the_old_results(here, capsys):
    before = files(OUT)
    kept = (RUN / "checkpoint.npz").read_bytes()
    assert call("--quick", "--learning-rate", "1e30") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and re.match(r"error: loss: got (nan|inf) at step \d+, wanted a finite number; ", said)
    assert files(OUT) == before and (RUN / "old-checkpoint.npz").read_bytes() == kept


def wait_for(process, path):
    until = time.monotonic() + 60
    while not path.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.0005)


def test_killed_and_resumed_ends_like_an_uninterrupted_run_elsewhere(trained, tmp_path):
    process = launch(tmp_path, "--quick")
    wait_for(process, tmp_path / RUN / "checkpoint.npz")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL and load_checkpoint(tmp_path / RUN / "checkpoint.npz").step in (8, 16)
    process = launch(tmp_path, "--quick", "--resume")
    printed, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "")                        # no progress bar where there is no terminal
    assert printed.splitlines()[-1].startswith("test error")
    a, b = (load_checkpoint(folder / RUN / "checkpoint.npz") for folder in (trained, tmp_path))
    assert (a.about, a.step) == (b.about, b.step) and a.step == 16
    for ours, theirs in (a.params, b.params), (a.state, b.state):
        assert ours.keys() == theirs.keys() and all(np.array_equal(ours[key], theirs[key]) for key in ours)
    for name in (*FIGURES, "metrics.jsonl", "network.npz"):
        assert (trained / OUT / name).read_bytes() == (tmp_path / OUT / name).read_bytes()
    assert sorted(os.listdir(tmp_path / RUN)) == ["checkpoint.npz", "log.jsonl"]


def test_an_interrupt_leaves_with_130_the_checkpoint_and_how_to_go_on(tmp_path):
    process = launch(tmp_path, "--epochs", "1000")
    path = tmp_path / "runs/capsnet-digits-0/checkpoint.npz"
    wait_for(process, path)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 130 and printed.count("\n") == 2
    assert said == "the same command with --resume goes on from the last checkpoint\nstopped\n"
    assert load_checkpoint(path).step >= 45
