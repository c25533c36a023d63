"""Figures of forward-forward hold what they are given."""
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from demos.forward_forward import drawings
from tests.plot.figures import drawn, images
from tinycaps import plot


RNG = np.random.default_rng(0)


def layer_log(layers, alone):
    return [{"epoch": epoch, "loss": 1.0} for epoch in (1, 2)] + [
        {"epoch": epoch, **{f"{name} {k}": value * epoch + k for k in range(layers) for name, value in
                            [("goodness+", 1.5), ("goodness-", 0.5), ("misjudged", 0.1)] + [("error layer", 0.2)] * alone}}
        for epoch in (1, 2)]


@pytest.mark.parametrize("layers", [2, 3, 9])
@pytest.mark.parametrize("alone", [False, True])
def test_layer_curves_by_hand(layers, alone):
    goodness, misjudged, *errors = drawn(drawings.layer_curves(layer_log(layers, alone), "held-out images")).axes
    assert len(errors) == alone
    curves = [line.get_xydata().tolist() for line in goodness.lines]
    for k in range(layers):
        assert curves[2 * k:2 * k + 2] == [[[1, 1.5 + k], [2, 3 + k]], [[1, 0.5 + k], [2, 1 + k]]]
        assert goodness.lines[2 * k].get_color() == goodness.lines[2 * k + 1].get_color() == misjudged.lines[k].get_color()
        for ax, value in zip([misjudged, *errors], (0.1, 0.2)):
            np.testing.assert_allclose(ax.lines[k].get_xydata(), [[1, 100 * (value + k)], [2, 100 * (2 * value + k)]])
    assert [text.get_text() for text in goodness.get_legend().get_texts()] == ["positive data", "negative data"]
    assert [text.get_text() for text in misjudged.get_legend().get_texts()] == [f"layer {k}" for k in range(layers)]


@pytest.mark.parametrize("log", [[], [{"step": 1, "epoch": 1, "error": 0.25}]])
def test_layer_curves_of_nothing(log):
    assert [ax.lines[0].get_xydata().size for ax in drawn(drawings.layer_curves(log, "test images")).axes[1:] if ax.lines] == []


@pytest.mark.parametrize("n", [1, 4, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_receptive_fields_have_their_labels_beside_them(n, channels):
    fields, weights = images(RNG, n, 6, 5, channels) - 0.5, images(RNG, n, 10) - 0.5
    for axes, step in (drawn(drawings.receptive_fields(fields)).axes, 1), (drawn(drawings.receptive_fields(fields, weights)).axes, 2):
        for k in range(n):
            drawing, = axes[step * k].images
            np.testing.assert_allclose(drawing.get_array(), fields[k].mean(axis=-1))
            low, high = drawing.get_clim()
            assert high == -low == pytest.approx(abs(fields[k].mean(axis=-1)).max())            # zero is white
        assert not any(ax.axison for ax in axes[step * n:])
    for k in range(n):
        bars = axes[2 * k + 1].patches
        np.testing.assert_allclose([bar.get_width() for bar in bars], weights[k])
        colours = [to_hex(bar.get_facecolor()).upper() for bar in bars]
        assert colours == [drawings.EXCITES if w > 0 else drawings.INHIBITS for w in weights[k]]


def test_the_bars_have_the_colours_of_the_images():
    from matplotlib import colormaps
    low, high = np.array(colormaps["PuOr_r"]([0.2, 0.8]))[:, :3]
    for wanted, found in (low, drawings.INHIBITS), (high, drawings.EXCITES):
        np.testing.assert_allclose(to_rgb(found), wanted, atol=0.05)


def test_goodness_histograms_count_every_sample_and_mark_the_threshold():
    positive, negative = [RNG.random(50) + 1, RNG.random(50) * 3], [RNG.random(40), np.zeros(40)]
    axes = drawn(drawings.goodness_histograms(positive, negative)).axes
    assert [ax.get_title() for ax in axes] == ["layer 0", "layer 1"]
    for ax in axes:
        heights = [bar.get_height() for bar in ax.patches]
        assert sum(heights[:len(heights) // 2]) == 50 and sum(heights[len(heights) // 2:]) == 40
        assert ax.lines[0].get_xdata() == [1, 1]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n, k", [(3, 10), (1, 2)])
def test_label_goodness_marks_the_true_label_and_the_choice(n, k, sign):
    goodness, labels, chosen = sign * (RNG.random((n, k)) + 0.1), np.zeros(n, int), np.arange(n) % 2
    x = images(RNG, n, 6, 5, 1)
    axes = drawn(drawings.label_goodness(x, goodness, labels, chosen)).axes
    for j in range(n):
        np.testing.assert_allclose(axes[j].images[0].get_array(), x[j].mean(axis=-1))
        assert axes[j].get_title() == f"0 read as {j % 2}"
        bars = axes[n + j].patches
        np.testing.assert_allclose([bar.get_height() for bar in bars], goodness[j])
        colours = [to_hex(bar.get_facecolor()).upper() for bar in bars]
        assert colours[0] == plot.CORRECT and (colours[1] == plot.WRONG) == (j % 2 == 1) and colours.count(plot.WRONG) == j % 2
    assert axes[n].get_ylabel().startswith("−") == (sign < 0)
