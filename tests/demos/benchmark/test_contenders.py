"""The contenders compute the same, time what they say they time, and report their memory."""
import dataclasses
import importlib.util
import os
import signal

import numpy as np
import pytest

from demos.benchmark import __main__ as demo
from demos.benchmark import capsnet_plain, contender, forward_forward_plain
from demos.benchmark.capsnet import CAPSNET
from demos.benchmark.contender import Stopwatch
from demos.benchmark.forward_forward import FORWARD_FORWARD, UPDATE
from demos.benchmark.measure import check_agreement, make_task
from demos.benchmark.worker import Worker
from tests import stand_in
from tests.demos.benchmark.tasks import EVERY, FF, OURS, SMALL, compete, ff_task, task
from tinycaps.capsules import PAPER, capsnet
from tinycaps.fast import capsnet as fast_capsnet
from tinycaps.fast import convolutions
from tinycaps.forward_forward import FFConfig, learning

ours = pytest.mark.parametrize("name", OURS)
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None,
                                 reason="PyTorch is not installed")


@needs_torch
@pytest.mark.parametrize("config", [SMALL, CAPSNET.quick])
@pytest.mark.parametrize("tuned", [False, True])
def test_pytorch_computes_the_same_and_learns(config, tuned):
    from demos.benchmark import capsnet_torch as torch
    given = task(config=config)
    ours, theirs = capsnet_plain.Plain(given), (torch.Tuned if tuned else torch.AsInstalled)(given)
    for _ in range(2):                                  # the second round is where Adam came to
        (loss, grads), (loss_there, grads_there) = ours.gradients(), theirs.gradients()
        np.testing.assert_allclose(loss_there, loss, rtol=1e-5)
        assert grads_there.keys() == grads.keys()
        for key, g in grads.items():
            np.testing.assert_allclose(grads_there[key], g, atol=1e-4 * abs(g).max(), err_msg=key)
        assert ours.step(True).keys() == theirs.timed().keys() == EVERY["capsnet"]


@needs_torch
@pytest.mark.parametrize("config", [FF, FORWARD_FORWARD.quick, FFConfig(
    image_shape=(3, 4, 2), classes=5, hidden=(9, 8), theta=3.0)])
@pytest.mark.parametrize("tuned", [False, True])
def test_pytorch_computes_the_same_forward_forward_and_learns(monkeypatch, config, tuned):
    from demos.benchmark import forward_forward_torch as torch
    for key, value in dict(learning_rate=0.05, predictor_rate=3.0, weight_decay=0.1,
                           predictor_decay=0.2).items():
        monkeypatch.setitem(UPDATE, key, value)
    given = ff_task(config=config)
    given.images[0] = 0                                                 # nothing but its label
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


def test_laps_belong_to_the_part_that_ends_and_add_up(monkeypatch):
    ticks, waits = iter([10.0, 11.0, 13.0, 16.0, 20.0, 20.0]), []
    monkeypatch.setattr(contender.time, "perf_counter", lambda: next(ticks))
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
        assert all(vars(module)[function] is not before[module][function]
                   for module, functions in ends.items() for function in functions)
        1 / 0
    assert all(vars(module) == before[module] for module in ends)


@ours
def test_every_part_is_timed_and_nothing_is_left_over(name):
    contender, every = compete(name)
    laps = contender.timed()
    assert laps.keys() == every and min(laps.values()) > 0
    np.testing.assert_allclose(sum(laps.values()) - laps["step"], laps["step"], rtol=0.05)


@pytest.mark.parametrize("name, part, module, function", [
    ("capsnet plain", "routing forward", capsnet, "routing_forward"),
    ("capsnet plain", "routing backward", capsnet, "routing_backward"),
    ("capsnet plain", "primary backward", capsnet, "squash_backward"),
    ("capsnet fast", "routing forward", fast_capsnet, "sliced_routing_forward"),
    ("capsnet fast", "primary forward", convolutions, "products_forward"),
    ("capsnet fast", "conv1 forward", convolutions, "_conv1_forward"),
    ("capsnet fast", "conv1 backward", convolutions, "_conv1_backward"),
    ("forward-forward plain", "neutral pass and predictor", learning, "ff_features"),
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
    (loss, grads), (host_loss, host_grads) = there.gradients(), host.gradients()
    np.testing.assert_allclose(loss, host_loss, rtol=1e-6)
    assert all(isinstance(g, np.ndarray) for g in grads.values())
    assert grads.keys() == host_grads.keys()
    waits.clear()
    assert there.timed().keys() == every and len(waits) == 1 + len(every) + 2
    assert there.peak() == 123


def test_arithmetic_of_the_published_network():
    direct, fast = CAPSNET.arithmetic(PAPER, 128)
    gflop = 2e-9 * 128
    assert direct["conv1"] == [gflop * 400 * 81 * 256] * 2
    assert direct["primary"] == pytest.approx([48.9, 97.8], rel=1e-3)
    votes = 1152 * 160
    assert direct["predictions"] == pytest.approx([gflop * votes * 8, 2 * gflop * votes * 8])
    assert direct["routing"] == pytest.approx([gflop * votes * 5, gflop * votes * 9])   # by lines
    decoder = gflop * (160 * 512 + 512 * 1024 + 1024 * 784)
    assert direct["decoder and losses"] == pytest.approx([decoder, 2 * decoder])
    bias = gflop * 400 * 256
    both = [fast["primary"][k] + fast["conv1"][k] - direct["conv1"][k] - bias for k in (0, 1)]
    assert round(both[0], 1) == 15.7 and round(sum(both)) == 41         # as fourier_plan says


def test_arithmetic_of_published_forward_forward():
    direct, same = FORWARD_FORWARD.arithmetic(FFConfig(), 100)
    layers, predictor = (2e-9 * 100 * count for count in (784 * 1000 + 2 * 10 ** 6, 2000 * 10))
    assert direct == same
    assert direct["neutral pass and predictor"] == pytest.approx([layers + predictor, predictor])
    assert direct["layers"] == pytest.approx([2 * layers] * 2)
    assert round(sum(map(sum, direct.values())), 3) == 2.792            # 0.2 (5 · 2.784 + 2 · 0.02)


def test_published_forward_forward_begins_where_wrong_labels_matter_to_every_layer():
    arguments = demo.build_parser().parse_args([])
    given = make_task(arguments, FORWARD_FORWARD, FFConfig(), 20)
    (_, grads), (_, others) = (forward_forward_plain.Plain(given._replace(seed=seed)).gradients()
                               for seed in (0, 1))
    for k in range(3):
        difference = abs(grads[f"{k}.W"] - others[f"{k}.W"]).max()
        assert difference > 0.01 * abs(grads[f"{k}.W"]).max()
    assert all(abs(g).max() > 0 for g in grads.values())


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
def test_a_contender_that_computes_something_else_is_refused(changed):
    def local(name, **changed):
        return Local(name, forward_forward_plain.Plain(ff_task(**changed)))
    check_agreement([local("plain"), local("torch")])
    with pytest.raises(RuntimeError, match="^torch: got .* away from that of plain, wanted at mo"):
        check_agreement([local("plain"), local("torch", **changed)])


def test_every_step_has_its_own_wrong_labels_and_a_look_at_the_gradients_changes_nothing(
        monkeypatch):
    monkeypatch.setitem(UPDATE, "learning_rate", 0.0)       # so that nothing else changes the loss
    contender = forward_forward_plain.Plain(ff_task(config=dataclasses.replace(FF, peer_weight=0)))
    (first, _), (again, _) = contender.gradients(), contender.gradients()
    contender.step(False)
    assert first == again != contender.gradients()[0]


def test_a_turn_of_many_steps_reports_their_mean():
    one, steps = contender.Contender(), iter([{"layers": 1.0, "step": 4.0},
                                              {"layers": 2.0, "step": 6.0}])
    one.device, one.step = "cpu", lambda parts: next(steps)
    assert one.timed(2) == {"layers": 1.5, "step": 5.0}


def test_a_worker_that_fails_says_why_and_one_that_is_killed_too():
    def start():
        worker = Worker("plain", CAPSNET.contenders["plain"])
        worker.begin(task())
        return worker
    with start() as worker:
        with pytest.raises(RuntimeError, match="^plain: AttributeError: .*no attribute 'dance'$"):
            worker.call("dance")
    with start() as worker:
        os.kill(worker._process.pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match="^plain: its process died with code -9; too little"):
            worker.call("timed")
    assert not worker._process.is_alive()


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="only Linux can forget")
def test_the_peak_is_in_bytes_and_can_be_forgotten():
    contender.forget_peak()
    before = contender.peak_memory()
    np.ones(2 ** 25)
    high = contender.peak_memory()
    assert 2 ** 27 < high - before < 2 ** 29
    assert contender.forget_peak() and contender.peak_memory() < high
