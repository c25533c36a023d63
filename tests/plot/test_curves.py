"""Curves hold the numbers that they are given."""
import pytest

from tests.plot.figures import drawn, texts
from tinycaps import plot

LOG = [{"step": 1, "epoch": 0.5, "loss": 1.0},
       {"step": 2, "epoch": 1.0, "loss": 0.5},
       {"step": 2, "epoch": 1, "error": 0.25},
       {"step": 3, "epoch": 1.5, "loss": 0.3},
       {"step": 4, "epoch": 2, "error": 0.125}]


def points(line):
    return line.get_xydata().tolist()


def test_learning_curves_by_hand():
    left, right = drawn(plot.learning_curves(LOG, "held-out images")).axes
    assert points(left.lines[0]) == [[0.5, 1.0], [1.0, 0.5], [1.5, 0.3]]
    assert points(right.lines[0]) == [[1, 25.0], [2, 12.5]]                     # percent
    assert left.get_yscale() == "log" and right.get_ylim()[0] == 0
    assert "held-out images (%)" in right.get_ylabel()


@pytest.mark.parametrize("log", [[], LOG[:1], LOG[2:3], [{"step": 1, "epoch": 1, "error": 0.0}]])
def test_learning_curves_of_hardly_anything(log):
    assert len(drawn(plot.learning_curves(log, "test images")).axes) == 2


def test_several_errors_get_a_curve_each_and_a_legend():
    log = [{"epoch": 1, "error goodness": 0.2, "error softmax": 0.25},
           {"epoch": 2, "error goodness": 0.1, "error softmax": 0.125}]
    errors = "error goodness", "error softmax"
    _, right = drawn(plot.learning_curves(log, "test images", errors)).axes
    goodness, softmax = right.lines
    assert points(goodness) == [[1, 20], [2, 10]] and points(softmax) == [[1, 25], [2, 12.5]]
    assert texts(right.get_legend().get_texts()) == ["goodness", "softmax"]
    assert goodness.get_color() != softmax.get_color()


def test_error_curves_by_hand():
    panels = {"left": {"curves": {"a": [(1, 0.5), (2, 0.25)], "b": [(1, 0.1)]},
                       "levels": {"b": 0.2}, "places": {"here": 1.5}},
              "right": {"curves": {}}}
    left, right = drawn(plot.error_curves(panels, "temperature", "log")).axes
    a, b, level, place = left.lines
    assert points(a) == [[1, 50], [2, 25]] and points(b) == [[1, 10]]
    assert level.get_ydata() == [20, 20] and place.get_xdata() == [1.5, 1.5]
    assert level.get_color() == b.get_color() != a.get_color()
    assert texts(left.get_legend().get_texts()) == ["a", "b", "here"]
    assert (left.get_title(), right.get_title()) == ("left", "right")
    assert left.get_xscale() == "log" and left.get_ylim()[0] == 0
    assert texts(left.get_xticklabels()) == ["1", "2"]
    assert not right.lines and right.get_legend() is None
