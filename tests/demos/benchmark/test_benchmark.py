"""The benchmark times what it says, compares only what is the same, and needs no PyTorch."""
import dataclasses
import importlib.util
import json
import os
import re
import signal
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from demos.benchmark import __main__ as demo
from demos.benchmark import (capsnet_fast, capsnet_plain, contender, forward_forward_plain,
                             measure)
from demos.benchmark.capsnet import CAPSNET
from demos.benchmark.contender import Contender, Stopwatch, Task
from demos.benchmark.forward_forward import FORWARD_FORWARD, UPDATE
from demos.benchmark.worker import Worker
from tests import stand_in
from tests.demos.calls import call, refused
from tinycaps import fast
from tinycaps.capsules import PAPER, CapsNetConfig, capsnet, init_capsnet
from tinycaps.data import load_digits
from tinycaps.forward_forward import FFConfig, learning

SMALL = CapsNetConfig(image_shape=(9, 9, 2), conv_channels=6, conv_kernel=2, primary_types=3,
                      primary_dims=4, primary_kernel=3, classes=5, class_dims=7, iterations=2,
                      decoder_hidden=(8,), reconstruction_weight=0.01)
FF = FFConfig(image_shape=(3, 4, 2), classes=5, hidden=(17, 16, 15), label_strength=2.0)
EVERY = {"capsnet": {f"{part} {way}" for part in CAPSNET.parts[:-1]
                     for way in ("forward", "backward")} | {"optimiser", "step"},
         "forward-forward": {"neutral pass and predictor", "layers", "optimiser", "step"}}
OURS = {"capsnet plain": capsnet_plain.Plain, "capsnet fast": capsnet_fast.Fast,
        "forward-forward plain": forward_forward_plain.Plain}
ours = pytest.mark.parametrize("name", OURS)
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None,
                                 reason="PyTorch is not installed")


def task(device="cpu", config=SMALL, n=4):
    rng = np.random.default_rng(0)
    params = {key: p + rng.standard_normal(p.shape).astype("float32") / 9
              for key, p in init_capsnet(rng, config).items()}
    images = rng.random((n, *config.image_shape), "float32")
    return Task(config, params, images, rng.integers(0, config.classes, n), device)


def ff_task(device="cpu", config=FF, n=6, seed=0):
    rng = np.random.default_rng(0)
    params = FORWARD_FORWARD.draw(rng, config)
    images = rng.random((n, *config.image_shape), "float32")
    return Task(config, params, images, rng.integers(0, config.classes, n), device, seed)


def compete(name, device="cpu"):
    """Return a contender of ours with a small task, and the names of its parts."""
    network = name.rpartition(" ")[0]
    given = (task if network == "capsnet" else ff_task)(device)
    return OURS[name](given), EVERY[network]


def run_json(folder):
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


@pytest.fixture
def hasty(monkeypatch):
    """No pauses, one point in each curve."""
    monkeypatch.setattr(measure, "PAUSE", 0)
    monkeypatch.setitem(demo.NETWORKS, "capsnet", CAPSNET._replace(
        scales={what: dict([*sizes.items()][:2]) for what, sizes in CAPSNET.scales.items()}))


@pytest.fixture
def no_torch(monkeypatch):
    monkeypatch.setattr(measure, "find_spec", lambda name: None)


def test_quick_prints_nothing_but_json_and_leaves_record_and_figure(hasty, no_torch, tmp_path,
                                                                    capsys):
    assert call(demo, "--quick", "--json", "--scaling", "--repeats", 5, "--out", tmp_path) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found == run_json(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["run.json", "scaling.png"]
    assert np.ptp(imread(tmp_path / "scaling.png")) > 0.5
    results = found["results"]
    assert list(results["contenders"]) == ["plain", "fast"]
    assert results["torch"] is None and results["batch"] == 8
    limit = results["limit_gflops"]
    assert results["sgemm_gflops"]["sgemm"]["median"] == limit > 0
    for name, each in results["contenders"].items():
        seconds = each["seconds"]
        assert len(each["steps"]) == 5
        assert seconds["min"] == min(each["steps"]) <= seconds["median"] <= seconds["max"]
        assert each["parts"].keys() | {"step"} == EVERY["capsnet"]
        assert 10e6 < each["library_bytes"] or not os.path.exists("/proc/self/status")
        assert 10e6 < each["peak_bytes"] < 4e9
        np.testing.assert_allclose(each["useful_gflops"] * seconds["median"], 0.1050, rtol=1e-3)
        for rate in "useful", "actual":
            np.testing.assert_allclose(each[f"{rate}_of_sgemm"] * limit, each[f"{rate}_gflops"])
    for what, sizes in demo.NETWORKS["capsnet"].scales.items():
        for points in results["scaling"][what].values():
            assert [point[0] for point in points] == [*sizes][1:3] and np.all(np.array(points) > 0)
    assert "PyTorch is not installed" in printed.err
    assert "fast computes what plain does: loss and 11 gradients" in printed.err
    assert all(f"\n  {part} " in printed.err for part in CAPSNET.parts)
    first, *_, last = printed.err.rstrip().splitlines()
    assert "OPENBLAS_CORETYPE" in first
    assert re.fullmatch(r"fast: \S+ s for a step of 8 images; \S+ times as fast as plain", last)
    assert max(map(len, re.split("[\r\n]", printed.err))) <= 140


def test_quick_forward_forward_reports_the_seconds_of_an_epoch(hasty, no_torch, tmp_path, capsys):
    words = "--quick", "--network", "forward-forward", "--repeats", 5, "--out", tmp_path
    assert call(demo, *words) == 0
    printed = capsys.readouterr().out
    results = run_json(tmp_path)["results"]
    assert os.listdir(tmp_path) == ["run.json"]
    assert results["network"] == "forward-forward" and results["batch"] == 8
    assert list(results["contenders"]) == ["plain"]
    each = results["contenders"]["plain"]
    assert each["parts"].keys() | {"step"} == EVERY["forward-forward"]
    seconds = each["seconds"]["median"]
    assert printed.rstrip().splitlines()[-1] == (
        f"plain: {seconds:#.3g} s for a step of 8 images, "
        f"{7500 * seconds:.1f} s for an epoch of 60,000")
    assert max(map(len, re.split("[\r\n]", printed))) <= 140 and "actual" not in printed
    assert re.search(r"^seconds +plain$", printed, re.MULTILINE)
    assert re.search(rf"^epoch of 60,000 images +{7500 * seconds:.1f}$", printed, re.MULTILINE)
    assert all(f"\n  {part} " in printed for part in FORWARD_FORWARD.parts)


@pytest.mark.parametrize("words, batch", [([], 128), (["--network", "forward-forward"], 100),
                                          (["--batch", 3], 3)])
def test_each_network_has_its_own_batch(monkeypatch, tmp_path, words, batch):
    def compare(arguments, network, config):
        assert network == demo.NETWORKS[arguments.network]
        assert config == network.paper and arguments.batch == batch
        raise RuntimeError("seen")
    monkeypatch.setattr(demo, "compare", compare)
    with pytest.raises(RuntimeError, match="^seen$"):
        demo.main([*map(str, words), "--out", str(tmp_path)])


def test_a_broken_pytorch_costs_the_comparison_and_nothing_else(hasty, tmp_path, monkeypatch,
                                                                capsys):
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch is gone')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(measure, "find_spec", lambda name: name)
    assert call(demo, "--quick", "--repeats", 5, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "torch: ImportError: libtorch is gone: going on without it\n" in printed
    assert "of sgemm" in printed


@needs_torch
@pytest.mark.parametrize("network", EVERY)
def test_quick_with_pytorch(hasty, tmp_path, capsys, network):
    before = dict(os.environ)
    assert call(demo, "--quick", "--network", network, "--repeats", 5, "--out", tmp_path) == 0
    assert os.environ == before
    results = run_json(tmp_path)["results"]
    names = [name.removeprefix(f"{network} ") for name in OURS if name.startswith(network)]
    assert list(results["contenders"]) == [*names, "torch", "torch tuned"]
    assert results["torch"]["malloc"] == {}
    for each in results["contenders"].values():
        assert each["parts"].keys() | {"step"} == EVERY[network]
    assert results["sgemm_gflops"].keys() == {"sgemm", "torch sgemm"}
    assert re.search(r"times as fast as torch +\d.* 1\.00 +\d", capsys.readouterr().out)


@needs_torch
@pytest.mark.parametrize("config", [SMALL, CAPSNET.quick])
@pytest.mark.parametrize("tuned", [False, True])
def test_pytorch_computes_the_same_and_learns(config, tuned):
    from demos.benchmark import capsnet_torch as torch
    given = task(config=config)
    ours, theirs = capsnet_plain.Plain(given), (torch.Tuned if tuned else torch.AsInstalled)(given)
    for _ in range(2):
        (loss, grads), (loss_there, grads_there) = ours.gradients(), theirs.gradients()
        np.testing.assert_allclose(loss_there, loss, rtol=1e-5)
        assert grads_there.keys() == grads.keys()
        for key, g in grads.items():
            np.testing.assert_allclose(grads_there[key], g, atol=1e-4 * abs(g).max(), err_msg=key)
        # The second round begins where Adam came to.
        assert ours.step(True).keys() == theirs.timed().keys() == EVERY["capsnet"]


@needs_torch
@pytest.mark.parametrize("config", [
    FF, FORWARD_FORWARD.quick,
    FFConfig(image_shape=(3, 4, 2), classes=5, hidden=(9, 8), theta=3.0)])
@pytest.mark.parametrize("tuned", [False, True])
def test_pytorch_computes_the_same_forward_forward_and_learns(monkeypatch, config, tuned):
    from demos.benchmark import forward_forward_torch as torch
    monkeypatch.setitem(UPDATE, "learning_rate", 0.05)
    monkeypatch.setitem(UPDATE, "predictor_rate", 3.0)
    monkeypatch.setitem(UPDATE, "weight_decay", 0.1)
    monkeypatch.setitem(UPDATE, "predictor_decay", 0.2)
    given = ff_task(config=config)
    given.images[0] = 0                                                     # nothing but its label
    ours = forward_forward_plain.Plain(given)
    theirs = (torch.Tuned if tuned else torch.AsInstalled)(given)
    for _ in range(4):
        (loss, grads), (loss_there, grads_there) = ours.gradients(), theirs.gradients()
        np.testing.assert_allclose(loss_there, loss, rtol=1e-5)
        assert grads_there.keys() == grads.keys() == ours.params.keys()
        for key, g in grads.items():
            np.testing.assert_allclose(grads_there[key], g, atol=1e-4 * abs(g).max(), err_msg=key)
        assert ours.step(True).keys() == theirs.timed().keys() == EVERY["forward-forward"]
        for name, parameter, _, back in theirs.model.named():
            p = ours.params[name]
            np.testing.assert_allclose(back(parameter).detach(), p, atol=1e-5 * abs(p).max(),
                                       err_msg=name)


MISTAKES = {
    "few repeats": (["--repeats", "4"], "repeats", "got '4', wanted an integer of at least 5"),
    "no batch": (["--batch", "0"], "batch", "got '0', wanted an integer of at least 1"),
    "unknown data": (["--data", "nope"], "data", "mnist"),
    "unknown network": (["--network", "nope"], "network", "forward-forward"),
    "scaling of the other": (["--network", "forward-forward", "--scaling"], "scaling",
                             "got --network forward-forward, wanted capsnet"),
    "unknown device": (["--device", "tpu"], "device", "gpu"),
    "no gpu": (["--device", "gpu"], "device", "got 'gpu', wanted CuPy"),
    "out is a file": (["--out", "plain"], "out", "got plain, wanted a folder that can be written"),
}


@pytest.mark.parametrize("words, name, wanted", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_code_2_before_any_process(tmp_path, monkeypatch, capsys, words,
                                                             name, wanted):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(measure, "Worker", None)
    (tmp_path / "plain").write_text("mine")
    assert call(demo, "--quick", *words) == 2
    captured = capsys.readouterr()
    refused(captured, name, wanted)
    assert captured.out == "" and os.listdir(tmp_path) == ["plain"]


def test_laps_belong_to_the_part_that_ends_and_add_up(monkeypatch):
    ticks = iter([10.0, 11.0, 13.0, 16.0, 20.0, 20.0])
    monkeypatch.setattr(contender.time, "perf_counter", lambda: next(ticks))
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


@ours
def test_watched_functions_are_there_and_left_as_they_were(name):
    ends, watch = OURS[name].ends, Stopwatch()
    before = {module: dict(vars(module)) for module in ends}
    with pytest.raises(ZeroDivisionError), watch.watching(ends):
        for module, names in ends.items():
            assert all(vars(module)[each] is not before[module][each] for each in names)
        1 / 0
    assert all(vars(module) == before[module] for module in ends)


@ours
def test_every_part_is_timed_and_nothing_is_left_over(name):
    each, every = compete(name)
    laps = each.timed()
    assert laps.keys() == every and min(laps.values()) > 0
    np.testing.assert_allclose(sum(laps.values()) - laps["step"], laps["step"], rtol=0.05)


@pytest.mark.parametrize("name, part, module, function", [
    ("capsnet plain", "routing forward", capsnet, "routing_forward"),
    ("capsnet plain", "routing backward", capsnet, "routing_backward"),
    ("capsnet plain", "primary backward", capsnet, "squash_backward"),
    ("capsnet fast", "routing forward", fast.capsnet, "sliced_routing_forward"),
    ("capsnet fast", "routing backward", fast.capsnet, "sliced_routing_backward"),
    ("capsnet fast", "primary backward", fast.capsnet, "sliced_squash_backward"),
    ("capsnet fast", "primary forward", fast.convolutions, "products_forward"),
    ("capsnet fast", "conv1 backward", fast.convolutions, "_conv1_backward"),
    ("forward-forward plain", "neutral pass and predictor", learning, "ff_features"),
    ("forward-forward plain", "neutral pass and predictor", learning, "predictor_gradients"),
    ("forward-forward plain", "layers", learning, "wrong_labels"),
    ("forward-forward plain", "layers", learning, "ff_backward"),
    ("forward-forward plain", "optimiser", forward_forward_plain, "ff_update")])
def test_a_slow_function_slows_its_part(monkeypatch, name, part, module, function):
    quick = getattr(module, function)

    def slow(*arguments, **keywords):
        contender.time.sleep(0.2)
        return quick(*arguments, **keywords)
    monkeypatch.setattr(module, function, slow)
    laps = compete(name)[0].timed()
    assert laps[part] > 0.2 and laps["step"] - laps[part] < 0.2


@ours
def test_on_a_device_it_waits_for_the_parts_and_not_for_the_whole(monkeypatch, name):
    xp, waits = stand_in.activate(monkeypatch), []
    device = type("Device", (), {"synchronize": lambda self: waits.append(1)})
    monkeypatch.setattr(xp.cuda, "Device", device, raising=False)
    pool = type("Pool", (), {"total_bytes": lambda self: 123})
    monkeypatch.setattr(xp, "get_default_memory_pool", pool, raising=False)
    monkeypatch.setattr(xp.cuda.runtime, "memGetInfo", lambda: (2 ** 34, 2 ** 34), raising=False)
    (there, every), (host, _) = compete(name, "gpu"), compete(name)
    (loss_there, grads_there), (loss, grads) = there.gradients(), host.gradients()
    np.testing.assert_allclose(loss_there, loss, rtol=1e-6)
    assert all(isinstance(g, np.ndarray) for g in grads_there.values())
    assert grads_there.keys() == grads.keys()
    waits.clear()
    assert there.timed().keys() == every
    assert len(waits) == 1 + len(every) + 2 and there.peak() == 123


def test_arithmetic_of_the_published_network():
    direct, counted = CAPSNET.arithmetic(PAPER, 128)
    assert direct["conv1"] == [2e-9 * 128 * 400 * 81 * 256] * 2
    assert direct["primary"] == pytest.approx([48.9, 97.8], rel=1e-3)
    votes = 2e-9 * 128 * 1152 * 160
    assert direct["predictions"] == pytest.approx([votes * 8, 2 * votes * 8])
    assert direct["routing"] == pytest.approx([votes * lines for lines in (3 + 2, 5 + 2 + 2)])
    decoder = 2e-9 * 128 * (160 * 512 + 512 * 1024 + 1024 * 784)
    assert direct["decoder and losses"] == pytest.approx([decoder, 2 * decoder])
    bias = 2e-9 * 128 * 400 * 256
    both = [counted["primary"][k] + counted["conv1"][k] - direct["conv1"][k] - bias
            for k in (0, 1)]
    assert round(both[0], 1) == 15.7 and round(sum(both)) == 41             # as fourier_plan says


def test_arithmetic_of_published_forward_forward():
    direct, same = FORWARD_FORWARD.arithmetic(FFConfig(), 100)
    counts = 784 * 1000, 2 * 1000 * 1000, 2000 * 10
    first, above, predictor = (2e-9 * 100 * count for count in counts)
    assert direct["neutral pass and predictor"] == pytest.approx([first + above + predictor,
                                                                  predictor])
    assert direct["layers"] == pytest.approx([2 * (first + above)] * 2)
    assert round(sum(map(sum, direct.values())), 3) == 2.792        # 0.2 (5 · 2.784 + 2 · 0.02)
    assert same == direct


def test_images_of_any_size_and_number():
    arguments = demo.build_parser().parse_args([])
    given = measure.make_task(arguments, CAPSNET, PAPER, 1500)
    assert given.images.shape == (1500, 28, 28, 1) and given.images.dtype == np.float32
    assert given.images.flags.c_contiguous
    digits = load_digits()
    assert np.array_equal(given.images[1437], given.images[0])
    assert np.array_equal(given.labels[:1437], digits.train_labels)
    assert given.images[0, 14, 27, 0] == digits.train_images[0, 4, 7, 0]
    again = measure.make_task(arguments, CAPSNET, PAPER, 1)
    assert all(np.array_equal(p, again.params[key]) for key, p in given.params.items())


class Fake:
    """A worker that returns the given loss and gradients, and remembers what was asked."""

    def __init__(self, name, loss=2.0, **grads):
        self.name, self.asked = name, []
        self.found = loss, {key: np.array(g) for key, g in grads.items()}

    def call(self, method):
        self.asked.append(method)
        return self.found if method == "gradients" else None


def test_the_same_gradients_up_to_rounding_are_accepted():
    workers = [Fake("plain", a=[1.0, 100.0]), Fake("fast", 2.0001, a=[1.001, 100.0])]
    found = measure.check_agreement(workers)
    assert found["fast"] == pytest.approx({"a": 1e-5, "loss": 5e-5})
    assert all(worker.asked[-1] == "forget_peak" for worker in workers)


@pytest.mark.parametrize("other, said", [
    (Fake("fast", a=[1.0, 100.1]),
     "fast: got a 1.0e-03 away from that of plain, wanted at most 1e-04; nothing was timed"),
    (Fake("fast", a=[np.nan, 100.0]), "fast: got a nan away"),
    (Fake("fast", 2.01, a=[1.0, 100.0]), "fast: got loss 5.0e-03 away"),
    (Fake("fast", np.nan, a=[1.0, 100.0]), "fast: got loss nan away"),
    (Fake("fast", b=[1.0, 100.0]),
     "fast: got gradients of b, wanted those of a; nothing was timed")])
def test_other_gradients_are_refused(other, said):
    with pytest.raises(RuntimeError, match=f"^{re.escape(said)}"):
        measure.check_agreement([Fake("plain", a=[1.0, 100.0]), other])


class Local:
    """A contender in this process."""

    def __init__(self, name, contender):
        self.name, self.contender = name, contender

    def call(self, method):
        return getattr(self.contender, method)()


@pytest.mark.parametrize("changed", [
    dict(seed=1), dict(config=dataclasses.replace(FF, theta=20.0)),
    dict(config=dataclasses.replace(FF, peer_weight=0.02)),
    dict(config=dataclasses.replace(FF, label_strength=2.1))],
    ids=["wrong labels", "theta", "peers", "label pixels"])
def test_a_forward_forward_contender_that_computes_something_else_is_refused(changed):
    plain = forward_forward_plain.Plain
    measure.check_agreement([Local("plain", plain(ff_task())), Local("other", plain(ff_task()))])
    said = "^other: got .* away from that of plain, wanted at most 1e-04; nothing was timed$"
    with pytest.raises(RuntimeError, match=said):
        measure.check_agreement([Local("plain", plain(ff_task())),
                                 Local("other", plain(ff_task(**changed)))])


def test_published_forward_forward_begins_where_wrong_labels_matter_to_every_layer():
    given = measure.make_task(demo.build_parser().parse_args([]), FORWARD_FORWARD, FFConfig(), 20)
    (_, grads), (_, others) = (
        forward_forward_plain.Plain(given._replace(seed=seed)).gradients() for seed in (0, 1))
    for k in range(3):
        difference = abs(grads[f"{k}.W"] - others[f"{k}.W"]).max()
        assert difference > 0.01 * abs(grads[f"{k}.W"]).max()
    assert all(abs(g).max() > 0 for g in grads.values())


def test_every_step_has_its_own_wrong_labels_and_a_look_at_gradients_changes_nothing(monkeypatch):
    monkeypatch.setitem(UPDATE, "learning_rate", 0.0)       # so that nothing else changes the loss
    plain = forward_forward_plain.Plain(ff_task(config=dataclasses.replace(FF, peer_weight=0)))
    (first, _), (again, _) = plain.gradients(), plain.gradients()
    plain.step(False)
    assert first == again != plain.gradients()[0]


def test_turns_are_taken_step_by_step_and_the_first_do_not_count(hasty):
    log = []

    class Turn(Fake):
        def call(self, method, *steps):
            log.append(self.name)
            return method, len(log), *steps
    found = measure.take_turns([Turn("plain"), Turn("fast"), Turn("sgemm")], 5, warm=1, steps=4)
    assert found["sgemm"] == [("rate", k) for k in (5, 7, 12, 14, 16)]
    assert found["plain"] == [("timed", k, 4) for k in (6, 8, 10, 15, 17)]
    assert log[3:6] == ["fast", "sgemm", "plain"]


def test_a_turn_of_many_steps_returns_their_mean():
    each = Contender()
    each.device, steps = "cpu", iter([{"layers": 1.0, "step": 4.0}, {"layers": 2.0, "step": 6.0}])
    each.step = lambda parts: next(steps)
    assert each.timed(2) == {"layers": 1.5, "step": 5.0}


def test_a_worker_that_fails_says_why_and_one_that_is_killed_too():
    with Worker("plain", CAPSNET.contenders["plain"]) as worker:
        worker.begin(task())
        with pytest.raises(RuntimeError, match="^plain: AttributeError: .*no attribute 'dance'$"):
            worker.call("dance")
    with Worker("plain", CAPSNET.contenders["plain"]) as worker:
        worker.begin(task())
        os.kill(worker._process.pid, signal.SIGKILL)
        said = r"^plain: its process died with code -9; too little memory\?$"
        with pytest.raises(RuntimeError, match=said):
            worker.call("timed")
    assert not worker._process.is_alive()


def test_a_point_that_does_not_fit_is_left_out(hasty, monkeypatch, capsys):
    def start(stack, contenders, given):
        raise RuntimeError("plain: MemoryError: votes")
    monkeypatch.setattr(measure, "start", start)
    arguments = demo.build_parser().parse_args(["--quick", "--batch", "8"])
    curves = measure.scaling(arguments, demo.NETWORKS["capsnet"], CAPSNET.quick)
    assert all(curve == {"plain": [], "fast": []} for curve in curves.values())
    said = r"^routing rounds .*\n +2  left out: plain: MemoryError: votes$"
    assert re.search(said, capsys.readouterr().out, re.MULTILINE)


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"),
                    reason="only Linux reports and forgets the peak")
def test_the_peak_is_in_bytes_and_can_be_forgotten():
    contender.forget_peak()
    before = contender.peak_memory()
    np.ones(2 ** 25)
    high = contender.peak_memory()
    assert 2 ** 27 < high - before < 2 ** 29
    assert contender.forget_peak() and contender.peak_memory() < high
