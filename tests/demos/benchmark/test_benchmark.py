"""The benchmark refuses to compare what is not the same, and survives without PyTorch."""
import importlib.util
import json
import os
import re
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from demos.benchmark import __main__ as demo
from demos.benchmark import measure
from demos.benchmark.capsnet import CAPSNET
from demos.benchmark.forward_forward import FORWARD_FORWARD
from tests.demos.benchmark.tasks import EVERY
from tests.demos.calls import call, refused, results
from tinycaps.capsules import PAPER
from tinycaps.data import load_digits

FEW = CAPSNET._replace(scales={what: dict([*sizes.items()][:2])
                               for what, sizes in CAPSNET.scales.items()})
CONTENDERS = {"capsnet": ["plain", "fast", "torch", "torch tuned"],
              "forward-forward": ["plain", "torch", "torch tuned"]}
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None,
                                 reason="PyTorch is not installed")


@pytest.fixture
def hasty(tmp_path, monkeypatch):
    """An empty current folder, no pauses, a quick meter, few points in each curve."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(measure, "PAUSE", 0)
    for name in measure.METERS:
        monkeypatch.setitem(measure.METERS, name, "tests.demos.benchmark.tasks.Multiply")
    monkeypatch.setitem(demo.NETWORKS, "capsnet", FEW)


@pytest.fixture
def no_torch(monkeypatch):
    monkeypatch.setattr(measure, "find_spec", lambda name: None)


def test_quick_prints_nothing_but_json_and_leaves_record_and_figure(hasty, no_torch, capsys):
    assert call(demo, "--quick", "--json", "--scaling", "--repeats", 5) == 0
    printed, out = capsys.readouterr(), "out/benchmark"
    found = json.loads(printed.out)
    assert found["results"] == results(demo)
    assert sorted(os.listdir(out)) == ["run.json", "scaling.png"]
    assert np.ptp(imread(f"{out}/scaling.png")) > 0.5
    found = found["results"]
    contenders, limit = found["contenders"], found["limit_gflops"]
    assert list(contenders) == ["plain", "fast"] and found["torch"] is None
    assert found["batch"] == 8 and found["sgemm_gflops"]["sgemm"]["median"] == limit > 0
    assert found["unit"] == "seconds of a step"
    assert found["error"] == contenders["fast"]["seconds"]["median"]
    assert found["baseline"] == contenders["plain"]["seconds"]["median"]
    for each in contenders.values():
        seconds = each["seconds"]
        assert len(each["steps"]) == 5 and seconds["min"] == min(each["steps"])
        assert seconds["min"] <= seconds["median"] <= seconds["max"]
        assert each["parts"].keys() | {"step"} == EVERY["capsnet"]
        assert 10e6 < each["library_bytes"] or not os.path.exists("/proc/self/status")
        assert 10e6 < each["peak_bytes"] < 4e9
        assert each["useful_gflops"] * seconds["median"] == pytest.approx(0.1050, rel=1e-3)
        for kind in "useful", "actual":
            rate = each[f"{kind}_of_sgemm"] * limit
            assert each[f"{kind}_gflops"] == pytest.approx(rate, rel=1e-12)
    for what, sizes in FEW.scales.items():
        for points in found["scaling"][what].values():
            assert [point[0] for point in points] == [*sizes][1:3] and np.all(np.array(points) > 0)
    said = printed.err
    assert "PyTorch is not installed" in said
    assert "fast computes what plain does: loss and 11 gradients" in said
    assert all(part in said for part in CAPSNET.parts)
    assert "OPENBLAS_CORETYPE" in said.splitlines()[0]
    assert re.fullmatch(r"fast: \S+ s for a step of 8 images; \S+ times as fast as plain",
                        said.rstrip().splitlines()[-1])


def test_quick_forward_forward_reports_the_seconds_of_an_epoch(hasty, no_torch, capsys):
    assert call(demo, "--quick", "--network", "forward-forward", "--repeats", 5) == 0
    printed, found = capsys.readouterr().out, results(demo)
    assert os.listdir("out/benchmark") == ["run.json"] and found["network"] == "forward-forward"
    assert found["batch"] == 8 and list(found["contenders"]) == ["plain"]
    plain = found["contenders"]["plain"]
    assert plain["parts"].keys() | {"step"} == EVERY["forward-forward"]
    seconds = plain["seconds"]["median"]
    assert found["error"] == seconds and "baseline" not in found
    line = f"plain: {seconds:#.3g} s for a step of 8 images, {7500 * seconds:.1f} s for an epoch"
    assert printed.rstrip().splitlines()[-1] == f"{line} of 60,000"
    assert re.search(r"^seconds +plain$", printed, re.MULTILINE)
    assert "\nepoch of 60,000 images" in printed
    assert all(f"\n  {part} " in printed for part in FORWARD_FORWARD.parts)


@pytest.mark.parametrize("words, batch", [([], 128), (["--network", "forward-forward"], 100),
                                          (["--batch", 3], 3)])
def test_each_network_has_its_own_batch(empty, monkeypatch, capsys, words, batch):
    def compare(arguments, network, config):
        assert network is demo.NETWORKS[arguments.network] and config is network.paper
        assert arguments.batch == batch
        raise RuntimeError("seen")
    monkeypatch.setattr(demo, "compare", compare)
    assert call(demo, *words) == 2 and capsys.readouterr().err == "error: seen\n"


def test_a_broken_pytorch_costs_the_comparison_and_nothing_else(hasty, tmp_path, monkeypatch,
                                                                capsys):
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch is gone')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(measure, "find_spec", lambda name: name)
    assert call(demo, "--quick", "--repeats", 5) == 0
    printed = capsys.readouterr().out
    assert "torch: ImportError: libtorch is gone: going on without it\n" in printed
    assert "of sgemm" in printed


@needs_torch
@pytest.mark.parametrize("network", CONTENDERS)
def test_quick_with_pytorch(hasty, capsys, network):
    before = dict(os.environ)
    assert call(demo, "--quick", "--network", network, "--repeats", 5) == 0
    assert os.environ == before
    found = results(demo)
    assert list(found["contenders"]) == CONTENDERS[network] and found["torch"]["malloc"] == {}
    assert all(each["parts"].keys() | {"step"} == EVERY[network]
               for each in found["contenders"].values())
    assert found["sgemm_gflops"].keys() == {"sgemm", "torch sgemm"}
    assert found["baseline"] == found["contenders"]["torch tuned"]["seconds"]["median"]
    assert re.search(r"times as fast as torch +\d.* 1\.00 +\d", capsys.readouterr().out)


MISTAKES = {
    "few repeats": (["--repeats", "4"], "repeats", "at least 5"),
    "no batch": (["--batch", "0"], "batch", "at least 1"),
    "unknown data": (["--data", "nope"], "data", "invalid choice: 'nope'"),
    "unknown network": (["--network", "nope"], "network", "invalid choice: 'nope'"),
    "scaling of the other": (["--network", "forward-forward", "--scaling"], "scaling",
                             "wanted capsnet"),
    "unknown device": (["--device", "tpu"], "device", "invalid choice: 'tpu'"),
    "no gpu": (["--device", "gpu"], "device", "wanted CuPy"),
    "out is a file": (["--out", "plain"], "out", "wanted a folder"),
}


@pytest.mark.parametrize("words, name, wanted", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_code_2_before_any_process(empty, monkeypatch, capsys, words,
                                                             name, wanted):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(measure, "Worker", None)
    (empty / "plain").write_text("mine")
    assert call(demo, "--quick", *words) == 2
    captured = capsys.readouterr()
    refused(captured, name, wanted)
    assert captured.out == "" and os.listdir() == ["plain"]


def test_images_of_any_size_and_number():
    arguments, digits = demo.build_parser().parse_args([]), load_digits()
    given = measure.make_task(arguments, CAPSNET, PAPER, 1500)
    images = given.images
    assert images.shape == (1500, 28, 28, 1) and images.dtype == np.float32
    assert images.flags.c_contiguous and np.array_equal(images[1437], images[0])
    assert np.array_equal(given.labels[:1437], digits.train_labels)
    assert images[0, 14, 27, 0] == digits.train_images[0, 4, 7, 0]
    again = measure.make_task(arguments, CAPSNET, PAPER, 1)
    assert all(np.array_equal(p, again.params[key]) for key, p in given.params.items())


class Fake:
    """A worker that returns what it was given."""

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
    assert workers[0].asked[-1] == "forget_peak"


@pytest.mark.parametrize("other, said", [
    (Fake("fast", a=[1.0, 100.1]), "fast: got a 1.0e-03 away from that of plain"),
    (Fake("fast", a=[np.nan, 100.0]), "fast: got a nan away"),
    (Fake("fast", 2.01, a=[1.0, 100.0]), "fast: got loss 5.0e-03 away"),
    (Fake("fast", np.nan, a=[1.0, 100.0]), "fast: got loss nan away"),
    (Fake("fast", b=[1.0, 100.0]), "fast: got gradients of b, wanted those of a")])
def test_other_gradients_are_refused(other, said):
    with pytest.raises(RuntimeError, match=f"^{said}.*nothing was timed$"):
        measure.check_agreement([Fake("plain", a=[1.0, 100.0]), other])


def test_turns_are_taken_step_by_step_and_the_first_do_not_count(hasty):
    log = []

    class Turn(Fake):
        def call(self, method, *steps):
            log.append(self.name)
            return method, len(log), *steps
    workers = [Turn("plain"), Turn("fast"), Turn("sgemm")]
    found = measure.take_turns(workers, 5, warm=1, steps=4)
    assert found["sgemm"] == [("rate", k) for k in (5, 7, 12, 14, 16)]
    assert found["plain"] == [("timed", k, 4) for k in (6, 8, 10, 15, 17)]
    assert log[3:6] == ["fast", "sgemm", "plain"]


def test_a_point_that_does_not_fit_is_left_out(hasty, monkeypatch, capsys):
    def start(stack, contenders, given):
        assert list(contenders) == ["plain", "fast"]
        raise RuntimeError("plain: MemoryError: votes")
    monkeypatch.setattr(measure, "start", start)
    arguments = demo.build_parser().parse_args(["--quick", "--batch", "8"])
    curves = measure.scaling(arguments, FEW, CAPSNET.quick)
    assert all(curve == {"plain": [], "fast": []} for curve in curves.values())
    assert re.search(r"^routing rounds .*\n +2  left out: plain: MemoryError: votes$",
                     capsys.readouterr().out, re.MULTILINE)
