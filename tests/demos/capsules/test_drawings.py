"""Figures of capsules hold what they are given."""
import numpy as np
import pytest

from demos.capsules import drawings
from tests.plot.figures import drawn, images, texts

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


@pytest.mark.parametrize("rounds, classes", [(3, 5), (1, 1)])
def test_coupling_rounds_average_over_the_types_at_a_place(rounds, classes):
    coupling = [RNG.random((2 * 3 * 4, classes)) for _ in range(rounds)]
    lengths = [RNG.random(classes) for _ in range(rounds)]
    figure = drawn(drawings.coupling_rounds(images(RNG, 8, 8, 1), coupling, lengths, (2, 3)))
    axes = np.array(figure.axes[:rounds * (classes + 1)]).reshape(rounds, classes + 1)
    assert len(figure.axes) == axes.size + 1                                    # the colour bar too
    assert [len(ax.images) for ax in axes[:, 0]] == [1] + [0] * (rounds - 1)
    for t in range(rounds):
        for j in range(classes):
            ax, c = axes[t, j + 1], coupling[t][:, j]
            by_hand = [[sum(c[(y * 3 + x) * 4 + kind] for kind in range(4)) / 4 for x in range(3)]
                       for y in range(2)]
            np.testing.assert_allclose(ax.images[0].get_array(), by_hand, rtol=1e-12)
            low, high = np.min(by_hand), np.max(by_hand)
            length = lengths[t][j]
            assert ax.get_xlabel() == f"c {low:.2f} to {high:.2f}\n‖v‖ = {length:.2f}"
    limits = {ax.images[0].get_clim() for ax in axes[:, 1:].ravel()}
    assert limits == {(0, 1)}           # one colour means one number everywhere, on a true scale
