"""Measurements are drawn as they are."""
import numpy as np

from tests.plot.figures import drawn
from tinycaps import plot


def test_step_size_errors_have_a_line_for_each_curve_and_level():
    steps = np.logspace(-8, -1, 8)
    curves = {"forward": (steps, steps), "central": (steps, steps ** 2)}
    ax, = drawn(plot.step_size_errors(curves, {"Ridders": 1e-12})).axes
    assert [line.get_label() for line in ax.lines] == ["forward", "central", "Ridders"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_legend() is not None


def test_scaling_has_a_column_for_each_quantity_with_time_above_memory():
    curves = {"batch": {"plain": [(1, 0.1, 2 ** 30), (16, 0.2, 2 ** 31)],
                        "fast": [(1, 0.1, 2 ** 29), (16, 0.1, 2 ** 29)]},
              "rounds": {"plain": [(1, 0.3, 2 ** 30), (2, 0.3, 2 ** 30)],
                         "fast": []}}
    (time, time_by_rounds), (memory, memory_by_rounds) = axes = np.reshape(
        drawn(plot.scaling(curves)).axes, (2, 2))
    assert [ax.get_xlabel() for ax in (memory, memory_by_rounds)] == ["batch", "rounds"]
    assert [ax.get_xscale() for ax in (memory, memory_by_rounds)] == ["log", "linear"]
    assert {ax.get_yscale() for ax in axes.ravel()} == {"log"}
    seconds, gibibytes = ([line.get_ydata() for line in ax.lines] for ax in (time, memory))
    np.testing.assert_allclose(seconds, [[0.1, 0.2], [0.1, 0.1]])
    np.testing.assert_allclose(gibibytes, [[1, 2], [0.5, 0.5]])
    assert [line.get_label() for line in time.lines] == ["plain", "fast"]
    assert time.get_legend() is not None
    assert list(memory.get_xticks()) == [1, 16]
    assert list(time_by_rounds.lines[0].get_xdata()) == [1, 2]


def test_scaling_of_nothing():
    drawn(plot.scaling({"batch": {"plain": [], "fast": []}}))
