"""Figures of capsules hold what they are given."""
import numpy as np
import pytest
from matplotlib.colors import to_hex

from demos.capsules import drawings
from tests.plot.figures import drawn, images, texts
from tinycaps import plot

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3])
def test_pose_sweep_lays_dimensions_in_rows_and_offsets_in_columns(channels):
    x = images(RNG, 4, 3, 6, 5, channels)
    figure = drawn(drawings.pose_sweep(x, np.array([-0.25, 0, 0.25]), [3, 1, 16, 2], "class 7"))
    ax, = figure.axes
    sheet = ax.images[0].get_array()
    assert sheet.shape[:2] == (4 * 62, 3 * 52)          # each pixel 10 times as large, a frame of 1
    for q in range(4):
        for m in range(3):
            tile = sheet[q * 62 + 1:q * 62 + 61:10, m * 52 + 1:m * 52 + 51:10]
            np.testing.assert_array_equal(tile, x[q, m] if channels == 3 else x[q, m, :, :, 0])
    assert texts(ax.get_xticklabels()) == ["-0.25", "+0.00", "+0.25"]
    assert texts(ax.get_yticklabels()) == ["3", "1", "16", "2"]
    assert ax.get_title() == "class 7"


@pytest.mark.parametrize("rounds, classes", [(3, 10), (1, 1), (2, 50)])
def test_every_primary_capsule_is_a_dot_in_each_class_of_each_round(rounds, classes):
    coupling = [RNG.random((24, classes)) for _ in range(rounds)]
    lengths = [RNG.random(classes) for _ in range(rounds)]
    figure = drawn(drawings.coupling_rounds(images(RNG, 8, 8, 1), coupling, lengths))
    picture, *axes = [ax for part in figure.subfigs for ax in part.axes]
    assert len(picture.images) == 1 and len(axes) == 2 * rounds
    for t, (dots, bars) in enumerate(np.reshape(axes, (2, rounds)).T):
        for j, cloud in enumerate(dots.collections):
            x, y = cloud.get_offsets().T
            np.testing.assert_array_equal(y, coupling[t][:, j])
            assert (abs(x - j) < 0.5).all() and len(set(x)) == 24
        assert len(dots.collections) == classes and dots.lines[0].get_ydata()[0] == 1 / classes
        np.testing.assert_array_equal([bar.get_height() for bar in bars.patches], lengths[t])
        assert dots.get_ylim() == bars.get_ylim() == (0, 1)     # a true scale, the same everywhere
        blue = [to_hex(bar.get_facecolor()).upper() == plot.CORRECT for bar in bars.patches]
        assert np.flatnonzero(blue).tolist() == [lengths[-1].argmax()]
