"""Reports: errors of all readouts, and the judgement of each layer."""
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.forward_forward.networks import MANY, READOUTS, by_hand, many
from tests.ops.facts import on
from tinycaps.backend import to_numpy
from tinycaps.forward_forward import (ff_forward, label_goodness, layer_report, predict,
                                      readout_errors)


def test_errors_are_those_of_the_answers(xp):
    params, x = many(xp)
    labels = xp.asarray(np.random.default_rng(0).integers(0, 8, 30))
    errors = readout_errors(params, x, labels, MANY, batch=11)
    assert list(errors) == [*READOUTS, "layer 0", "layer 1", "layer 2"]
    assert {type(error) for error in errors.values()} == {float}
    for readout in READOUTS:
        assert errors[readout] == float((predict(params, x, MANY, readout) != labels).mean())
        assert readout_errors(params, x, predict(params, x, MANY, readout), MANY)[readout] == 0
    alone = to_numpy(label_goodness(params, x, MANY))
    for k in range(3):
        assert errors[f"layer {k}"] == (alone[:, k].argmax(axis=1) != to_numpy(labels)).mean()


@pytest.mark.parametrize("goal, misjudged", [("maximise", 0.25), ("minimise", 0.75)])
def test_report_by_hand(xp, goal, misjudged):
    params, _, config = by_hand(xp, goal)
    # First layer: 9 and 1 for positive, 1 and 1 for negative samples, θ = 2: one positive of four
    # samples on the wrong side.
    x_pos, x_neg = on(xp, np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    report = layer_report(ff_forward(params, x_pos, x_neg, config)[1], config)
    names = "goodness+", "goodness-", "misjudged"
    assert [(key, type(value)) for key, value in report.items()] == [
        (f"{name} {k}", float) for k in (0, 1) for name in names]
    assert [report[f"{name} 0"] for name in names] == [2.5, 0.5, misjudged]
    # Second layer: 1 and 4 against 4 and 4.
    assert [report[f"{name} 1"] for name in names] == [1.25, 2.0, 1 - misjudged]


def test_report_measures_in_units_of_theta(xp):
    params, _, config = by_hand(xp)
    x, = on(xp, np.array([[1.0, 0.0]]))
    config = replace(config, theta=4.5)
    report = layer_report(ff_forward(params, x, x, config)[1], config)
    assert (report["goodness+ 0"], report["misjudged 0"]) == (2.0, 0.5)


def test_a_sample_is_positive_where_its_probability_exceeds_a_half():
    # σ(±0.1) is 0.525 and 0.475. At θ itself the probability is a half: not positive.
    config = replace(MANY, theta=2.0)
    cache = SimpleNamespace(goodness=np.array([2.1, 2.0, 1.9, 1.9]))
    assert layer_report([cache], config)["misjudged 0"] == 0.25
