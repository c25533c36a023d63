"""The benchmark times what it says it times, refuses to compare what is not the same, and survives without PyTorch."""
import importlib.util
import json
import os
import re
import signal
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from demos import benchmark as demo
from demos import command, contenders
from demos.contenders import PARTS, Stopwatch, Task, TinyCaps, Worker
from tests import stand_in
from tinycaps.capsules import PAPER, CapsNetConfig, capsnet, fast_capsnet, init_capsnet

SMALL = CapsNetConfig(image_shape=(9, 9, 2), conv_channels=6, conv_kernel=2, primary_types=3, primary_dims=4, primary_kernel=3,
                      classes=5, class_dims=7, iterations=2, decoder_hidden=(8,), reconstruction_weight=0.01)
EVERY = {f"{part} {way}" for part in PARTS[:-1] for way in ("forward", "backward")} | {"optimiser", "step"}
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")


def call(*words):
    """Run the demo in this process as its command line would; return the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["benchmark.py", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            command.run(demo.main)
    return stopped.value.code or 0


def task(device="cpu", config=SMALL, n=4):
    rng = np.random.default_rng(0)
    params = {key: p + rng.standard_normal(p.shape).astype("float32") / 9 for key, p in init_capsnet(rng, config).items()}
    images = rng.random((n, *config.image_shape), "float32")
    return Task(config, params, images, rng.integers(0, config.classes, n), device)


@pytest.fixture
def hasty(monkeypatch):
    """No pauses, one point in each curve."""
    monkeypatch.setattr(demo, "PAUSE", 0)
    monkeypatch.setattr(demo, "SCALES", {what: sizes[:2] for what, sizes in demo.SCALES.items()})


@pytest.fixture
def no_torch(monkeypatch):
    monkeypatch.setattr(demo, "find_spec", lambda name: None)


def test_quick_prints_nothing_but_json_and_leaves_record_and_figure(hasty, no_torch, tmp_path, capsys):
    assert call("--quick", "--json", "--scaling", "--repeats", 5, "--out", tmp_path) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found == json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert sorted(os.listdir(tmp_path)) == ["run.json", "scaling.png"] and np.ptp(imread(tmp_path / "scaling.png")) > 0.5
    results = found["results"]
    assert list(results["contenders"]) == ["plain", "fast"] and results["torch"] is None and results["batch"] == 8
    limit = results["limit_gflops"]
    assert results["sgemm_gflops"]["sgemm"]["median"] == limit > 0
    for name, each in results["contenders"].items():
        seconds = each["seconds"]
        assert len(each["steps"]) == 5 and seconds["min"] == min(each["steps"]) <= seconds["median"] <= seconds["max"]
        assert each["parts"].keys() | {"step"} == EVERY
        assert 10e6 < each["library_bytes"] or not os.path.exists("/proc/self/status")
        assert 10e6 < each["peak_bytes"] < 4e9
        np.testing.assert_allclose(each["useful_gflops"] * seconds["median"], 0.1050, rtol=1e-3)
        np.testing.assert_allclose([each["useful_of_sgemm"] * limit, each["actual_of_sgemm"] * limit],
                                   [each["useful_gflops"], each["actual_gflops"]])
    for what, sizes in demo.SCALES.items():
        for points in results["scaling"][what].values():
            assert [point[0] for point in points] == sizes[1:3] and np.all(np.array(points) > 0)
    assert "PyTorch is not installed" in printed.err and "fast computes what plain does: loss and 11 gradients" in printed.err
    assert all(part in printed.err for part in PARTS) and "OPENBLAS_CORETYPE" in printed.err.splitlines()[0]
    assert re.fullmatch(r"fast: \S+ s for a step of 8 images; \S+ times as fast as plain", printed.err.rstrip().splitlines()[-1])
    assert max(map(len, re.split("[\r\n]", printed.err))) <= 140


def test_a_broken_pytorch_costs_the_comparison_and_nothing_else(hasty, tmp_path, monkeypatch, capsys):
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch is gone')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(demo, "find_spec", lambda name: name)
    assert call("--quick", "--repeats", 5, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "torch: ImportError: libtorch is gone: going on without it\n" in printed and "of sgemm" in printed


@needs_torch
def test_quick_with_pytorch(hasty, tmp_path, capsys):
    before = dict(os.environ)
    assert call("--quick", "--repeats", 5, "--out", tmp_path) == 0
    assert os.environ == before
    results = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["results"]
    assert list(results["contenders"]) == ["plain", "fast", "torch", "torch tuned"] and results["torch"]["malloc"] == {}
    assert all(each["parts"].keys() | {"step"} == EVERY for each in results["contenders"].values())
    assert results["sgemm_gflops"].keys() == {"sgemm", "torch sgemm"}
    assert re.search(r"times as fast as torch +\d.* 1\.00 +\d", capsys.readouterr().out)


@needs_torch
@pytest.mark.parametrize("config", [SMALL, demo.QUICK])
@pytest.mark.parametrize("tuned", [False, True])
def test_pytorch_computes_the_same_and_learns(config, tuned):
    from demos.careful_torch import Careful
    given = task(config=config)
    ours, theirs = TinyCaps(given, False), Careful(given, tuned)
    for _ in range(2):
        (loss, grads), (loss_there, grads_there) = ours.gradients(), theirs.gradients()
        np.testing.assert_allclose(loss_there, loss, rtol=1e-5)
        assert grads_there.keys() == grads.keys()
        for key, g in grads.items():
            np.testing.assert_allclose(grads_there[key], g, atol=1e-4 * abs(g).max(), err_msg=key)
        assert ours.step(True).keys() == theirs.timed().keys() == EVERY             # the second round is at the point where Adam came to


MISTAKES = {
    "few repeats": (["--repeats", "4"], "argument --repeats: got '4', wanted an integer of at least 5"),
    "no batch": (["--batch", "0"], "argument --batch: got '0', wanted an integer of at least 1"),
    "unknown data": (["--data", "nope"], "argument --data: invalid choice: 'nope'"),
    "unknown device": (["--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
    "no gpu": (["--device", "gpu"], "device: got 'gpu', wanted CuPy"),
    "out is a file": (["--out", "plain"], "out: got plain, wanted a folder that can be written"),
}


@pytest.mark.parametrize("words, said", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_code_2_before_any_process(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(demo, "Worker", None)
    (tmp_path / "plain").write_text("mine")
    assert call("--quick", *words) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and said in captured.err and captured.out == ""
    assert os.listdir(tmp_path) == ["plain"]


def test_laps_belong_to_the_part_that_ends_and_add_up(monkeypatch):
    ticks = iter([10.0, 11.0, 13.0, 16.0, 20.0, 20.0])
    monkeypatch.setattr(contenders.time, "perf_counter", lambda: next(ticks))
    waits = []
    watch = Stopwatch(lambda: waits.append(1))
    watch.start(True)
    watch.lap("a")
    watch.lap("b")
    watch.lap("a")
    assert watch.stop("c") == {"a": 4.0, "b": 2.0, "c": 4.0, "step": 10.0} and len(waits) == 6


def test_without_parts_the_device_is_waited_for_at_the_ends_only():
    waits = []
    watch = Stopwatch(lambda: waits.append(1))
    watch.start(False)
    watch.lap("a")
    assert watch.stop("b").keys() == {"step"} and len(waits) == 2


@pytest.mark.parametrize("module, ends", contenders.ENDS.values(), ids=contenders.ENDS.keys())
def test_watched_functions_are_there_and_left_as_they_were(module, ends):
    before, watch = dict(vars(module)), Stopwatch()
    with pytest.raises(ZeroDivisionError), watch.watching(module, ends):
        assert all(vars(module)[name] is not before[name] for name in ends)
        1 / 0
    assert vars(module) == before


@pytest.mark.parametrize("fast", [False, True])
def test_every_part_is_timed_and_nothing_is_left_over(fast):
    laps = TinyCaps(task(), fast).timed()
    assert laps.keys() == EVERY and min(laps.values()) > 0
    np.testing.assert_allclose(sum(laps.values()) - laps["step"], laps["step"], rtol=0.05)


@pytest.mark.parametrize("part, module, name", [
    ("routing forward", capsnet, "routing_forward"), ("routing backward", capsnet, "routing_backward"),
    ("primary backward", capsnet, "squash_backward"), ("routing forward", fast_capsnet, "_routing_forward"),
    ("primary forward", fast_capsnet, "products_forward"), ("conv1 backward", fast_capsnet, "_conv1_backward")])
def test_a_slow_function_slows_its_part(monkeypatch, part, module, name):
    function = getattr(module, name)

    def slow(*arguments):
        contenders.time.sleep(0.2)
        return function(*arguments)
    monkeypatch.setattr(module, name, slow)
    laps = TinyCaps(task(), module is fast_capsnet).timed()
    assert laps[part] > 0.2 and laps["step"] - laps[part] < 0.2


@pytest.mark.parametrize("fast", [False, True])
def test_on_a_device_it_waits_for_the_parts_and_not_for_the_whole(monkeypatch, fast):
    xp, waits = stand_in.activate(monkeypatch), []
    device = type("Device", (), {"synchronize": lambda self: waits.append(1)})
    monkeypatch.setattr(xp.cuda, "Device", device, raising=False)
    pool = type("Pool", (), {"total_bytes": lambda self: 123})
    monkeypatch.setattr(xp, "get_default_memory_pool", pool, raising=False)
    monkeypatch.setattr(xp.cuda.runtime, "memGetInfo", lambda: (2 ** 34, 2 ** 34), raising=False)
    contender, host = TinyCaps(task("gpu"), fast), TinyCaps(task(), fast)
    (loss, grads), (loss_there, grads_there) = contender.gradients(), host.gradients()
    np.testing.assert_allclose(loss, loss_there, rtol=1e-6)
    assert all(isinstance(g, np.ndarray) for g in grads.values()) and grads.keys() == grads_there.keys()
    waits.clear()
    assert contender.timed().keys() == EVERY and len(waits) == 1 + len(EVERY) + 2 and contender.peak() == 123


def test_arithmetic_of_the_published_network():
    direct, fast = demo.arithmetic(PAPER, 128)
    assert direct["conv1"] == [2e-9 * 128 * 400 * 81 * 256] * 2
    assert direct["primary"] == pytest.approx([48.9, 97.8], rel=1e-3)
    assert direct["predictions"] == pytest.approx([2e-9 * 128 * 1152 * 160 * 8, 4e-9 * 128 * 1152 * 160 * 8])
    assert direct["routing"] == pytest.approx([2e-9 * 128 * 1152 * 160 * lines for lines in (3 + 2, 5 + 2 + 2)])
    assert direct["decoder and losses"] == pytest.approx([2e-9 * 128 * (160 * 512 + 512 * 1024 + 1024 * 784) * k for k in (1, 2)])
    bias = 2e-9 * 128 * 400 * 256
    both = [fast["primary"][k] + fast["conv1"][k] - direct["conv1"][k] - bias for k in (0, 1)]
    assert round(both[0], 1) == 15.7 and round(sum(both)) == 41                     # as fourier_plan says


def test_images_of_any_size_and_number(monkeypatch):
    arguments = demo.build_parser().parse_args([])
    given = demo.make_task(arguments, PAPER, 1500)
    assert given.images.shape == (1500, 28, 28, 1) and given.images.dtype == np.float32 and given.images.flags.c_contiguous
    digits = demo.load_digits()
    assert np.array_equal(given.images[1437], given.images[0]) and np.array_equal(given.labels[:1437], digits.train_labels)
    assert given.images[0, 14, 27, 0] == digits.train_images[0, 4, 7, 0]
    again = demo.make_task(arguments, PAPER, 1)
    assert all(np.array_equal(p, again.params[key]) for key, p in given.params.items())


class Fake:
    """A worker that returns what it was told to."""

    def __init__(self, name, loss=2.0, **grads):
        self.name, self.found, self.asked = name, (loss, {key: np.array(g) for key, g in grads.items()}), []

    def call(self, method):
        self.asked.append(method)
        return self.found if method == "gradients" else None


def test_the_same_gradients_up_to_rounding_are_accepted():
    workers = [Fake("plain", a=[1.0, 100.0]), Fake("fast", 2.0001, a=[1.001, 100.0])]
    found = demo.check_agreement(workers)
    assert found["fast"] == pytest.approx({"a": 1e-5, "loss": 5e-5}) and workers[0].asked[-1] == "forget_peak"


@pytest.mark.parametrize("other, said", [
    (Fake("fast", a=[1.0, 100.1]), "fast: got a 1.0e-03 away from that of plain, wanted at most 1e-04; nothing was timed"),
    (Fake("fast", a=[np.nan, 100.0]), "fast: got a nan away"), (Fake("fast", 2.01, a=[1.0, 100.0]), "fast: got loss 5.0e-03 away"),
    (Fake("fast", np.nan, a=[1.0, 100.0]), "fast: got loss nan away"),
    (Fake("fast", b=[1.0, 100.0]), "fast: got gradients of b, wanted those of a; nothing was timed")])
def test_other_gradients_are_refused(other, said):
    with pytest.raises(RuntimeError, match=f"^{re.escape(said)}"):
        demo.check_agreement([Fake("plain", a=[1.0, 100.0]), other])


def test_turns_are_taken_step_by_step_and_the_first_do_not_count(hasty):
    log = []

    class Turn(Fake):
        def call(self, method):
            log.append(self.name)
            return method, len(log)
    found = demo.take_turns([Turn("plain"), Turn("fast"), Turn("sgemm")], 5, warm=1)
    assert found["sgemm"] == [("rate", k) for k in (5, 7, 12, 14, 16)]
    assert found["plain"] == [("timed", k) for k in (6, 8, 10, 15, 17)] and log[3:6] == ["fast", "sgemm", "plain"]


def test_a_worker_that_fails_says_why_and_one_that_is_killed_too():
    with Worker("plain") as worker:
        worker.begin(task())
        with pytest.raises(RuntimeError, match="^plain: AttributeError: .*no attribute 'dance'$"):
            worker.call("dance")
    with Worker("plain") as worker:
        worker.begin(task())
        os.kill(worker._process.pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match=r"^plain: its process died with code -9; too little memory\?$"):
            worker.call("timed")
    assert not worker._process.is_alive()


def test_a_point_that_does_not_fit_is_left_out(hasty, monkeypatch, capsys):
    def start(stack, names, given):
        raise RuntimeError("plain: MemoryError: votes")
    monkeypatch.setattr(demo, "start", start)
    curves = demo.scaling(demo.build_parser().parse_args(["--quick"]), demo.QUICK)
    assert all(curve == {"plain": [], "fast": []} for curve in curves.values())
    assert re.search(r"^routing rounds .*\n +2  left out: plain: MemoryError: votes$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="Linux tells and forgets the peak")
def test_the_peak_is_in_bytes_and_can_be_forgotten():
    contenders.forget_peak()
    before = contenders.peak_memory()
    np.ones(2 ** 25)
    high = contenders.peak_memory()
    assert 2 ** 27 < high - before < 2 ** 29
    assert contenders.forget_peak() and contenders.peak_memory() < high
