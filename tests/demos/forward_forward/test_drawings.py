"""Figures of forward-forward hold what they are given."""
import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

from demos.forward_forward import drawings
from tests.plot.figures import drawn, images, texts
from tinycaps import plot

RNG = np.random.default_rng(0)


def layer_log(layers, alone):
    """A log of two epochs; layer k has value * epoch + k, for each value."""
    values = {"goodness+": 1.5, "goodness-": 0.5, "misjudged": 0.1}
    if alone:
        values["error layer"] = 0.2
    log = [{"epoch": epoch, "loss": 1.0} for epoch in (1, 2)]
    for epoch in (1, 2):
        log.append({"epoch": epoch})
        for name, value in values.items():
            log[-1] |= {f"{name} {k}": value * epoch + k for k in range(layers)}
    return log


@pytest.mark.parametrize("layers", [2, 3, 9])
@pytest.mark.parametrize("alone", [False, True])
def test_layer_curves_by_hand(layers, alone):
    figure = drawn(drawings.layer_curves(layer_log(layers, alone), "held-out images"))
    goodness, misjudged, *errors = figure.axes
    assert len(errors) == alone
    curves = [line.get_xydata().tolist() for line in goodness.lines]
    for k in range(layers):
        assert curves[2 * k] == [[1, 1.5 + k], [2, 3 + k]]
        assert curves[2 * k + 1] == [[1, 0.5 + k], [2, 1 + k]]
        same_layer = *goodness.lines[2 * k:2 * k + 2], misjudged.lines[k]
        assert len({line.get_color() for line in same_layer}) == 1
        for ax, value in zip([misjudged, *errors], (0.1, 0.2)):
            percent = [[1, 100 * (value + k)], [2, 100 * (2 * value + k)]]
            np.testing.assert_allclose(ax.lines[k].get_xydata(), percent)
    assert texts(goodness.get_legend().get_texts()) == ["positive data", "negative data"]
    assert texts(misjudged.get_legend().get_texts()) == [f"layer {k}" for k in range(layers)]


@pytest.mark.parametrize("log", [[], [{"step": 1, "epoch": 1, "error": 0.25}]])
def test_layer_curves_of_nothing(log):
    _, *others = drawn(drawings.layer_curves(log, "test images")).axes
    assert others and not any(len(ax.lines) for ax in others)


@pytest.mark.parametrize("n", [1, 4, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_receptive_fields_have_their_labels_alongside(n, channels):
    fields, weights = images(RNG, n, 6, 5, channels) - 0.5, images(RNG, n, 10) - 0.5
    for step, arguments in (1, [fields]), (2, [fields, weights]):
        axes = drawn(drawings.receptive_fields(*arguments)).axes
        for k in range(n):
            drawing, = axes[step * k].images
            field = fields[k].mean(axis=-1)
            np.testing.assert_allclose(drawing.get_array(), field)
            low, high = drawing.get_clim()
            assert high == -low == pytest.approx(abs(field).max())                  # zero is white
        assert not any(ax.axison for ax in axes[step * n:])
    for k in range(n):
        bars = axes[2 * k + 1].patches
        np.testing.assert_allclose([bar.get_width() for bar in bars], weights[k])
        colours = [to_hex(bar.get_facecolor()).upper() for bar in bars]
        assert colours == [drawings.EXCITES if w > 0 else drawings.INHIBITS for w in weights[k]]


def test_the_bars_have_the_colours_of_the_images():
    low, high = np.array(colormaps["PuOr_r"]([0.2, 0.8]))[:, :3]
    for wanted, found in (low, drawings.INHIBITS), (high, drawings.EXCITES):
        np.testing.assert_allclose(to_rgb(found), wanted, atol=0.05)


def test_goodness_histograms_count_every_sample_and_mark_the_threshold():
    positive = [RNG.random(50) + 1, RNG.random(50) * 3]
    negative = [RNG.random(40), np.zeros(40)]
    axes = drawn(drawings.goodness_histograms(positive, negative)).axes
    assert [ax.get_title() for ax in axes] == ["layer 0", "layer 1"]
    for ax in axes:
        of_positive, of_negative = np.reshape([bar.get_height() for bar in ax.patches], (2, -1))
        assert of_positive.sum() == 50 and of_negative.sum() == 40
        assert ax.lines[0].get_xdata() == [1, 1]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n, k", [(3, 10), (1, 2)])
def test_label_goodness_marks_the_true_label_and_the_choice(n, k, sign):
    x, goodness = images(RNG, n, 6, 5, 1), sign * (RNG.random((n, k)) + 0.1)
    labels, chosen = np.zeros(n, int), np.arange(n) % 2
    axes = drawn(drawings.label_goodness(x, goodness, labels, chosen)).axes
    for j in range(n):
        np.testing.assert_allclose(axes[j].images[0].get_array(), x[j].mean(axis=-1))
        assert axes[j].get_title() == f"0 read as {j % 2}"
        bars = axes[n + j].patches
        np.testing.assert_allclose([bar.get_height() for bar in bars], goodness[j])
        colours = [to_hex(bar.get_facecolor()).upper() for bar in bars]
        assert colours[0] == plot.CORRECT
        wrong = [label for label, colour in enumerate(colours) if colour == plot.WRONG]
        assert wrong == ([1] if j % 2 else [])
    assert axes[n].get_ylabel().startswith("−") == (sign < 0)
