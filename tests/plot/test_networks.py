"""Every network has its dot."""
import numpy as np

from tests.plot.figures import drawn, texts
from tinycaps import plot


def test_spread_has_a_dot_for_each_network_and_joins_those_that_belong_together():
    groups = {"teacher": ([0.1], None),
              "copied": ([0.5, 0.6, 0.7], 0.55),
              "taught": (np.array([0.2, 0.1, 0.3]), None)}
    ax, = drawn(plot.spread(groups, "test images", "ensemble")).axes
    dots, crowd = (collection.get_offsets() for collection in ax.collections)
    np.testing.assert_allclose(dots[:, 1], [10, 50, 60, 70, 20, 10, 30])
    np.testing.assert_allclose(dots[:, 0].round(), [0, 1, 1, 1, 2, 2, 2])
    np.testing.assert_allclose(crowd, [[1, 55]])
    joined = [line.get_ydata() for line in ax.lines]
    np.testing.assert_allclose(joined, [[50, 20], [60, 10], [70, 30]])
    assert texts(ax.get_xticklabels()) == list(groups)
    assert texts(ax.get_legend().get_texts()) == ["one network", "ensemble"]


def test_spread_without_a_crowd_has_no_legend():
    assert drawn(plot.spread({"alone": ([0.1], None)}, "test images")).axes[0].get_legend() is None


def test_error_bars_are_as_high_as_the_mean_and_every_seed_has_a_dot():
    groups = {"labels": [0.02, 0.04], "soft targets": [0.01, 0.01, 0.04]}
    ax, = drawn(plot.error_bars(groups, "test images", "a title")).axes
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], [3, 2])
    dots = [np.asarray(collection.get_offsets())[:, 1] for collection in ax.collections]
    np.testing.assert_allclose(np.concatenate(dots), [2, 4, 1, 1, 4])
    assert texts(ax.texts) == ["3.00 %", "2.00 %"]
    assert texts(ax.get_xticklabels()) == list(groups)
    assert ax.get_ylim()[0] == 0 and ax.get_title() == "a title"
