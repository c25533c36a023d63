"""The tour leaves no pair out, separates wrong from correct, and draws the V of the step sizes."""
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import tinycaps
from demos.gradcheck import gradient_check_tour as demo
from demos.gradcheck import points
from tests.demos.calls import call, results
from tinycaps import forward_forward, ops
from tinycaps.checks import door


@door(x="n,m", W="m,k", labels="n < k", mask="bool n,m", weight="")
def new_forward(x, W, labels, mask, weight, bias=None, scale=2.0):
    """A pair that the tour has never seen: only its door says what it takes."""
    cache = x, W, labels, mask, weight, scale
    return scale * weight * ((x * mask) @ W)[np.arange(len(labels)), labels], cache


def new_backward(dy, cache):
    x, W, labels, mask, weight, scale = cache
    dz = np.zeros((len(x), W.shape[1]))
    dz[np.arange(len(labels)), labels] = scale * weight * dy
    return mask * (dz @ W.T), (x * mask).T @ dz


@pytest.fixture
def short(monkeypatch):
    """A tour of two pairs."""
    pairs = {"relu": (ops.relu_forward, ops.relu_backward),
             "linear": (ops.linear_forward, ops.linear_backward)}
    monkeypatch.setattr(points, "find_pairs", lambda: dict(pairs))
    return pairs


def test_every_exported_pair_is_found_and_has_a_point():
    expected = {name.removesuffix("_forward")
                for room in pkgutil.iter_modules(tinycaps.__path__) if room.ispkg
                for name in getattr(importlib.import_module(f"tinycaps.{room.name}"), "__all__", ())
                if name.endswith("_forward")}
    found = [op for op, *_ in points.find_points(0)]
    assert len(found) == len(set(found)) and set(found) == expected - {"ff"}
    assert {"softmax", "routing", "capsnet_loss", "ff_layer_loss", "hardware_mlp",
            "distillation_loss", "fourier_conv2d"} <= set(found)


def test_what_is_left_out_has_a_backward_that_is_no_derivative_on_purpose():
    assert points.NO_DERIVATIVE == {"ff_forward"}   # see tests/forward_forward/test_network.py
    assert hasattr(forward_forward, "ff_forward") and hasattr(forward_forward, "ff_backward")


def test_what_departs_from_the_gradient_by_default_is_checked_with_its_exact_settings():
    point = {op: (forward, keywords) for op, forward, _, _, keywords in points.find_points(0)}
    for op, departing in points.DEPARTURES.items():
        forward, exact = point[op]
        defaults = inspect.signature(forward).parameters
        assert {name: defaults[name].default for name in departing} == departing
        assert all(exact[name] != value for name, value in departing.items())


def test_the_tour_says_how_far_the_default_of_a_forward_forward_layer_is_off(empty, monkeypatch,
                                                                             capsys):
    pair = forward_forward.ff_layer_loss_forward, forward_forward.ff_layer_loss_backward
    monkeypatch.setattr(points, "find_pairs", lambda: {"ff_layer_loss": pair})
    assert call(demo) == 0
    said, = (line for line in capsys.readouterr().out.splitlines() if "on purpose" in line)
    (_, forward, backward, inputs, keywords), = points.find_points(0)
    exact, default = (backward(1.0, forward(*inputs, **keywords | dict(exact=flag))[1])
                      for flag in (True, False))
    off_by = max(abs(exact[k] - default[k]).max() / abs(exact[k]).max() for k in range(2))
    assert off_by > 1e-3
    assert said == ("not the gradient, on purpose: ff_layer_loss with exact=False, its default, is "
                    f"off by up to {off_by:.1%} of the largest entry")
    assert results(demo)["departures"] == {"ff_layer_loss": off_by}


def test_no_point_is_given_that_the_tour_does_not_use():
    rng, pairs = np.random.default_rng(0), points.find_pairs()
    given = [op for room in points.ROOMS for op in room(rng)]
    assert len(given) == len(set(given)) and set(given) <= pairs.keys()
    assert points.WITH_INPUT <= pairs.keys()


def test_a_door_says_enough_to_draw_a_point():
    inputs, keywords = points.draw_point(new_forward, new_backward, np.random.default_rng(0))
    (n, m), (rows, k) = (each.shape for each in inputs)
    assert rows == m and len({n, m, k}) == 3
    assert keywords.keys() == {"labels", "mask", "weight"}
    assert keywords["labels"].shape == (n,) and keywords["labels"].max() < k
    assert keywords["mask"].shape == (n, m) and keywords["mask"].dtype == bool
    assert np.shape(keywords["weight"]) == ()


def test_a_new_pair_is_on_the_tour_without_a_line_about_it(short, empty, monkeypatch, capsys):
    monkeypatch.setattr(points, "find_pairs", lambda: short | {"new": (new_forward, new_backward)})
    assert call(demo) == 0
    assert "6 gradients of 3 pairs correct, 0 wrong" in capsys.readouterr().out


def test_correct_gradients(short, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(demo) == 0
    _, *rows, where, last = capsys.readouterr().out.splitlines()
    assert [row.split()[:2] for row in rows] == [["relu:", "x"], ["linear:", "x"], ["linear:", "W"],
                                                 ["linear:", "bias"]]
    assert "out/gradient_check_tour" in where
    assert last.startswith("4 gradients of 2 pairs correct, 0 wrong; estimated errors below 1e-")
    found = results(demo)
    assert (found["gradients"], found["pairs"], found["wrong"], found["error"]) == (4, 2, 0, 0)
    figure = tmp_path / "out/gradient_check_tour/step_size.png"
    assert 0 < figure.stat().st_size < 100_000


def test_a_pair_without_a_point_fails(short, empty, monkeypatch, capsys):
    bare = new_forward.__wrapped__, new_backward
    monkeypatch.setattr(points, "find_pairs", lambda: short | {"new": bare})
    assert call(demo) == 1
    printed = capsys.readouterr().out
    assert "PROBLEM: new: got no point" in printed
    assert "4 gradients of 3 pairs correct, 1 wrong" in printed


def test_a_wrong_gradient_fails(short, empty, monkeypatch, capsys):
    wrong = ops.relu_forward, lambda dy, cache: -ops.relu_backward(dy, cache)
    monkeypatch.setattr(points, "find_pairs", lambda: short | {"relu": wrong})
    assert call(demo) == 1
    assert "3 gradients of 2 pairs correct, 1 wrong" in capsys.readouterr().out
    assert results(demo)["error"] == 0.25


def test_the_figure_shows_truncation_and_rounding():
    ax, = demo.step_size_figure(0).axes
    forward, central, complex_step = (
        dict(zip(np.round(np.log10(line.get_xdata()), 2), line.get_ydata()))
        for line in ax.lines[:3])
    truth, estimate = (line.get_ydata()[0] for line in ax.lines[3:])
    assert min(forward.values()) > 1e-10 and 1e-13 < min(central.values()) < 1e-10
    assert forward[-15] > 1e-3 < forward[0] and central[-15] > 1e-3 < central[0]
    # The error of a central difference is c h², that of a forward difference c h.
    np.testing.assert_allclose(central[-1] / central[-2], 100, rtol=0.2)
    np.testing.assert_allclose(forward[-2] / forward[-3], 10, rtol=0.2)
    assert max(complex_step[k] for k in range(-15, -8)) < 1e-14
    assert truth < 8 * estimate < 1e-10
