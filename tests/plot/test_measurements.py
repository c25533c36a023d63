"""Measurements are drawn as they are."""
import numpy as np

from tests.plot.figures import drawn
from tinycaps import plot


def test_step_size_errors_have_a_line_for_each_curve_and_level():
    steps = np.logspace(-8, -1, 8)
    ax, = drawn(plot.step_size_errors({"forward": (steps, steps), "central": (steps, steps ** 2)}, {"Ridders": 1e-12})).axes
    assert [line.get_label() for line in ax.lines] == ["forward", "central", "Ridders"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_legend() is not None


def test_scaling_has_a_column_for_each_quantity_with_time_above_memory():
    curves = {"batch": {"plain": [(1, 0.1, 2 ** 30), (16, 0.2, 2 ** 31)], "fast": [(1, 0.1, 2 ** 29), (16, 0.1, 2 ** 29)]},
              "rounds": {"plain": [(1, 0.3, 2 ** 30), (2, 0.3, 2 ** 30)], "fast": []}}
    axes = np.array(drawn(plot.scaling(curves)).axes).reshape(2, 2)
    assert [ax.get_xlabel() for ax in axes[1]] == ["batch", "rounds"]
    assert [ax.get_xscale() for ax in axes[1]] == ["log", "linear"] and {ax.get_yscale() for ax in axes.ravel()} == {"log"}
    drawn_lines = [[line.get_ydata() for line in ax.lines] for ax in axes[:, 0]]
    np.testing.assert_allclose(drawn_lines, [[[0.1, 0.2], [0.1, 0.1]], [[1, 2], [0.5, 0.5]]])
    assert [line.get_label() for line in axes[0, 0].lines] == ["plain", "fast"] and axes[0, 0].get_legend() is not None
    assert list(axes[1, 0].get_xticks()) == [1, 16] and list(axes[0, 1].lines[0].get_xdata()) == [1, 2]
    drawn(plot.scaling({"batch": {"plain": [], "fast": []}}))
