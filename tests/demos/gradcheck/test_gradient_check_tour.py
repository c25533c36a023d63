"""The tour leaves no pair out, tells right from wrong by its exit code, and draws the V of the step sizes."""
import json

import numpy as np
import pytest

from demos import gradient_check_tour as demo
from tinycaps import forward_forward, ops


@pytest.fixture
def short(monkeypatch):
    """A tour of two pairs, which are all there are."""
    def tour(rng):
        yield ops.relu_forward, ops.relu_backward, [rng.standard_normal((2, 3))], {}
        yield ops.linear_forward, ops.linear_backward, [rng.standard_normal(shape) for shape in ((2, 3), (3, 4), (4,))], {}

    monkeypatch.setattr(demo, "tour", tour)
    monkeypatch.setattr(demo, "all_pairs", lambda: {"relu_forward", "linear_forward"})


def test_every_pair_is_on_the_tour():
    visited = [forward.__name__ for forward, *_ in demo.tour(np.random.default_rng(0))]
    assert len(visited) == len(set(visited))
    assert set(visited) == demo.all_pairs()
    assert {"softmax_forward", "routing_forward", "capsnet_loss_forward", "ff_layer_loss_forward", "hardware_mlp_forward",
            "distillation_loss_forward"} <= demo.all_pairs()


def test_what_is_left_out_has_a_backward_that_is_no_derivative_on_purpose():
    assert demo.NO_PAIR == {"ff_forward"} and not demo.NO_PAIR & demo.all_pairs()
    assert all(hasattr(forward_forward, name) for name in ("ff_forward", "ff_backward"))    # see tests/forward_forward/test_network.py


def test_right_gradients(short, tmp_path, capsys):
    assert demo.main(["--out", str(tmp_path)]) == 0
    head, *rows, where, last = capsys.readouterr().out.splitlines()
    assert [row.split()[:2] for row in rows] == [["relu:", "x"], ["linear:", "x"], ["linear:", "W"], ["linear:", "bias"]]
    assert str(tmp_path) in where and last.startswith("4 gradients of 2 pairs right, 0 wrong; estimated errors below 1e-")
    results = json.loads((tmp_path / "run.json").read_text())["results"]
    assert (results["gradients"], results["pairs"], results["wrong"]) == (4, 2, 0)
    assert 0 < (tmp_path / "step_size.png").stat().st_size < 100_000


def test_a_forgotten_pair_fails(short, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "all_pairs", lambda: {"relu_forward", "linear_forward", "new_forward"})
    assert demo.main(["--out", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "PROBLEM: new_forward: not on the tour" in printed and "2 pairs right, 1 wrong" in printed


def test_a_wrong_gradient_fails(short, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ops, "relu_backward", lambda dy, cache: -dy * (cache > 0))
    assert demo.main(["--out", str(tmp_path)]) == 1
    assert "3 gradients of 2 pairs right, 1 wrong" in capsys.readouterr().out


def test_the_figure_shows_truncation_and_rounding():
    ax, = demo.step_size_figure(0).axes
    forward, central, complex_step = (dict(zip(np.round(np.log10(line.get_xdata()), 2), line.get_ydata())) for line in ax.lines[:3])
    truth, estimate = (line.get_ydata()[0] for line in ax.lines[3:])
    assert min(forward.values()) > 1e-10 and 1e-13 < min(central.values()) < 1e-10
    assert forward[-15] > 1e-3 < forward[0] and central[-15] > 1e-3 < central[0]
    np.testing.assert_allclose(central[-1] / central[-2], 100, rtol=0.2)        # the error of a central difference is c h²
    np.testing.assert_allclose(forward[-2] / forward[-3], 10, rtol=0.2)         # that of a forward difference c h
    assert max(complex_step[k] for k in range(-15, -8)) < 1e-14
    assert truth < 8 * estimate < 1e-10
