"""Each figure holds what it is told to show; nothing is shown, and nothing needs pyplot."""
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread

from tinycaps import plot

ROOT = Path(__file__).parents[1]
RNG = np.random.default_rng(0)
LOG = [{"step": 1, "epoch": 0.5, "loss": 1.0}, {"step": 2, "epoch": 1.0, "loss": 0.5}, {"step": 2, "epoch": 1, "error": 0.25},
       {"step": 3, "epoch": 1.5, "loss": 0.3}, {"step": 4, "epoch": 2, "error": 0.125}]


def images(*shape):
    return RNG.random(shape).astype(np.float32)


def drawn(figure):
    """Draw a figure, warnings being errors, and return it."""
    assert isinstance(figure, Figure)
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    return figure


def test_learning_curves_by_hand():
    left, right = drawn(plot.learning_curves(LOG, "held-out images")).axes
    assert left.lines[0].get_xydata().tolist() == [[0.5, 1.0], [1.0, 0.5], [1.5, 0.3]]
    assert right.lines[0].get_xydata().tolist() == [[1, 25.0], [2, 12.5]]               # percent
    assert left.get_yscale() == "log" and right.get_ylim()[0] == 0
    assert "held-out images (%)" in right.get_ylabel()


@pytest.mark.parametrize("log", [[], LOG[:1], LOG[2:3], [{"step": 1, "epoch": 1, "error": 0.0}]])
def test_learning_curves_of_hardly_anything(log):
    assert len(drawn(plot.learning_curves(log, "test images")).axes) == 2


def test_several_errors_get_a_curve_each_and_a_legend():
    log = [{"epoch": 1, "error goodness": 0.2, "error softmax": 0.25}, {"epoch": 2, "error goodness": 0.1, "error softmax": 0.125}]
    right = drawn(plot.learning_curves(log, "test images", ("error goodness", "error softmax"))).axes[1]
    assert [line.get_xydata().tolist() for line in right.lines] == [[[1, 20], [2, 10]], [[1, 25], [2, 12.5]]]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["goodness", "softmax"]
    assert len({line.get_color() for line in right.lines}) == 2


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_reconstructions_stand_under_their_images(n, channels):
    x, again = images(n, 6, 5, channels), images(n, 6, 5, channels)
    figure = drawn(plot.reconstructions(x, {"again": again}, [f"{k} read as 0" for k in range(n)], np.arange(n) % 2 == 0))
    assert len(figure.axes) == 2 * n and all(len(ax.images) == 1 for ax in figure.axes)
    for k in range(n):
        for ax, image in (figure.axes[k], x[k]), (figure.axes[n + k], again[k]):
            expected = image if channels == 3 else image.mean(axis=-1)
            np.testing.assert_allclose(ax.images[0].get_array(), expected)
        assert figure.axes[k].get_title() == f"{k} read as 0"
        assert figure.axes[k].title.get_color() == (plot.WRONG if k % 2 else plot.CORRECT)


@pytest.mark.parametrize("n, across, lines", [(4, 5, 1), (5, 5, 1), (6, 5, 2), (7, 3, 3), (2, 1, 2), (13, 12, 2)])
def test_many_reconstructions_wrap_into_lines(n, across, lines):
    rows = {"image": images(n, 6, 5, 1), "as read": images(n, 6, 5, 1), "as labelled": images(n, 6, 5, 1)}
    settings, width = {} if across == 12 else {"across": across}, min(n, across)        # twelve unless told
    redrawn, captions = dict(list(rows.items())[1:]), [f"caption {k}" for k in range(n)]
    figure = drawn(plot.reconstructions(rows["image"], redrawn, captions, np.arange(n) % 2 == 0, **settings))
    axes = np.array(figure.axes).reshape(lines, 3, width)
    for k in range(n):
        column = axes[k // width, :, k % width]
        for ax, (name, pictures) in zip(column, rows.items()):
            np.testing.assert_allclose(ax.images[0].get_array(), pictures[k, :, :, 0])
            assert ax.axison and ax.get_ylabel() == (name if k % width == 0 else "")
        assert [ax.get_title() for ax in column] == [f"caption {k}", "", ""]
        assert column[0].title.get_color() == (plot.WRONG if k % 2 else plot.CORRECT)
    left = axes[-1, :, n - (lines - 1) * width:].ravel()
    assert not any(ax.axison or ax.images or ax.get_title() for ax in left)


def test_pixels_out_of_range_are_clipped():
    figure = drawn(plot.reconstructions(images(1, 4, 4, 1) + 5, {"again": images(1, 4, 4, 1) - 5}, ["x"], [True]))
    assert [(ax.images[0].get_array().min(), ax.images[0].get_array().max()) for ax in figure.axes] == [(1, 1), (0, 0)]


@pytest.mark.parametrize("channels", [1, 3])
def test_pose_sweep_lays_dimensions_in_rows_and_offsets_in_columns(channels):
    x = images(4, 3, 6, 5, channels)
    figure = drawn(plot.pose_sweep(x, np.array([-0.25, 0, 0.25]), "the capsule of class 7"))
    ax, = figure.axes
    sheet = ax.images[0].get_array()
    assert sheet.shape[:2] == (4 * 62, 3 * 52)                           # each pixel 10 times as large, in a frame of 1
    for q in range(4):
        for m in range(3):
            tile = sheet[q * 62 + 1:q * 62 + 61:10, m * 52 + 1:m * 52 + 51:10]
            np.testing.assert_array_equal(tile, x[q, m] if channels == 3 else x[q, m, :, :, 0])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["-0.25", "+0.00", "+0.25"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "2", "3", "4"]
    assert ax.get_title() == "the capsule of class 7"


@pytest.mark.parametrize("rounds, classes", [(3, 10), (1, 1)])
def test_coupling_rounds_average_over_the_types_at_a_place(rounds, classes):
    coupling = [RNG.random((2 * 3 * 4, classes)) for _ in range(rounds)]
    lengths = [RNG.random(classes) for _ in range(rounds)]
    figure = drawn(plot.coupling_rounds(images(8, 8, 1), coupling, lengths, (2, 3)))
    axes = np.array(figure.axes[:rounds * (classes + 1)]).reshape(rounds, classes + 1)
    assert len(figure.axes) == axes.size + 1                                            # and the colour bar
    assert [len(ax.images) for ax in axes[:, 0]] == [1] + [0] * (rounds - 1)
    for t in range(rounds):
        for j in range(classes):
            by_hand = [[np.mean([coupling[t][(y * 3 + x) * 4 + kind, j] for kind in range(4)]) for x in range(3)] for y in range(2)]
            np.testing.assert_allclose(axes[t, j + 1].images[0].get_array(), by_hand, rtol=1e-12)
            assert axes[t, j + 1].get_xlabel() == f"‖v‖ = {lengths[t][j]:.2f}"
    limits = {ax.images[0].get_clim() for ax in axes[:, 1:].ravel()}
    assert len(limits) == 1                                                             # one colour means one number everywhere


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


def layer_log(layers, alone):
    return [{"epoch": epoch, "loss": 1.0} for epoch in (1, 2)] + [
        {"epoch": epoch, **{f"{name} {k}": value * epoch + k for k in range(layers) for name, value in
                            [("goodness+", 1.5), ("goodness-", 0.5), ("misjudged", 0.1)] + [("error layer", 0.2)] * alone}}
        for epoch in (1, 2)]


@pytest.mark.parametrize("layers", [2, 3, 9])
@pytest.mark.parametrize("alone", [False, True])
def test_layer_curves_by_hand(layers, alone):
    goodness, misjudged, *errors = drawn(plot.layer_curves(layer_log(layers, alone), "held-out images")).axes
    assert len(errors) == alone
    curves = [line.get_xydata().tolist() for line in goodness.lines]
    for k in range(layers):
        assert curves[2 * k:2 * k + 2] == [[[1, 1.5 + k], [2, 3 + k]], [[1, 0.5 + k], [2, 1 + k]]]
        assert goodness.lines[2 * k].get_color() == goodness.lines[2 * k + 1].get_color() == misjudged.lines[k].get_color()
        for ax, value in zip([misjudged, *errors], (0.1, 0.2)):
            np.testing.assert_allclose(ax.lines[k].get_xydata(), [[1, 100 * (value + k)], [2, 100 * (2 * value + k)]])
    assert [text.get_text() for text in goodness.get_legend().get_texts()] == ["positive data", "negative data"]
    assert [text.get_text() for text in misjudged.get_legend().get_texts()] == [f"layer {k}" for k in range(layers)]


@pytest.mark.parametrize("log", [[], LOG])
def test_layer_curves_of_nothing(log):
    assert [ax.lines[0].get_xydata().size for ax in drawn(plot.layer_curves(log, "test images")).axes[1:] if ax.lines] == []


@pytest.mark.parametrize("n", [1, 4, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_receptive_fields_have_their_labels_beside_them(n, channels):
    fields, weights = images(n, 6, 5, channels) - 0.5, images(n, 10) - 0.5
    for axes, step in (drawn(plot.receptive_fields(fields)).axes, 1), (drawn(plot.receptive_fields(fields, weights)).axes, 2):
        for k in range(n):
            drawing, = axes[step * k].images
            np.testing.assert_allclose(drawing.get_array(), fields[k].mean(axis=-1))
            low, high = drawing.get_clim()
            assert high == -low == pytest.approx(abs(fields[k].mean(axis=-1)).max())            # zero is white
        assert not any(ax.axison for ax in axes[step * n:])
    for k in range(n):
        bars = axes[2 * k + 1].patches
        np.testing.assert_allclose([bar.get_width() for bar in bars], weights[k])
        assert [to_hex(bar.get_facecolor()).upper() for bar in bars] == [plot.CORRECT if w > 0 else plot.WRONG for w in weights[k]]


def test_goodness_histograms_count_every_sample_and_mark_the_threshold():
    positive, negative = [RNG.random(50) + 1, RNG.random(50) * 3], [RNG.random(40), np.zeros(40)]
    axes = drawn(plot.goodness_histograms(positive, negative)).axes
    assert [ax.get_title() for ax in axes] == ["layer 0", "layer 1"]
    for ax in axes:
        heights = [bar.get_height() for bar in ax.patches]
        assert sum(heights[:len(heights) // 2]) == 50 and sum(heights[len(heights) // 2:]) == 40
        assert ax.lines[0].get_xdata() == [1, 1]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n, k", [(3, 10), (1, 2)])
def test_label_goodness_marks_the_true_label_and_the_choice(n, k, sign):
    goodness, labels, chosen = sign * (RNG.random((n, k)) + 0.1), np.zeros(n, int), np.arange(n) % 2
    x = images(n, 6, 5, 1)
    axes = drawn(plot.label_goodness(x, goodness, labels, chosen)).axes
    for j in range(n):
        np.testing.assert_allclose(axes[j].images[0].get_array(), x[j].mean(axis=-1))
        assert axes[j].get_title() == f"0 read as {j % 2}"
        bars = axes[n + j].patches
        np.testing.assert_allclose([bar.get_height() for bar in bars], goodness[j])
        colours = [to_hex(bar.get_facecolor()).upper() for bar in bars]
        assert colours[0] == plot.CORRECT and (colours[1] == plot.WRONG) == (j % 2 == 1) and colours.count(plot.WRONG) == j % 2
    assert axes[n].get_ylabel().startswith("−") == (sign < 0)


@pytest.mark.parametrize("n, k, temperatures", [(3, 10, (1, 2, 5, 20)), (1, 2, (1,))])
def test_soft_targets_stand_beside_their_images(n, k, temperatures):
    x, p, labels = images(n, 6, 5, 1), RNG.random((len(temperatures), n, k)), np.arange(n) % k
    axes = np.array(drawn(plot.soft_targets(x, p, temperatures, labels, "what it thinks")).axes).reshape(n, 1 + len(temperatures))
    for row, image, answers, label in zip(axes, x, p.swapaxes(0, 1), labels):
        np.testing.assert_allclose(row[0].images[0].get_array(), image.mean(axis=-1))
        for ax, expected, top in zip(row[1:], answers, p.max(axis=(1, 2))):
            np.testing.assert_allclose([bar.get_height() for bar in ax.patches], expected)
            blue = [to_hex(bar.get_facecolor()).upper() == plot.CORRECT for bar in ax.patches]
            assert blue == [j == label for j in range(k)] and ax.get_ylim() == (0, top)
    assert [ax.get_title() for ax in axes[0, 1:]] == [f"T = {temperature:g}" for temperature in temperatures]


def test_rows_of_images_may_be_of_different_lengths():
    rows = {"threes": images(3, 6, 5, 1), "sevens": images(1, 6, 5, 1), "none": images(0, 6, 5, 1)}
    axes = np.array(drawn(plot.image_rows(rows, [["a", "b", "c"], ["d"], []])).axes).reshape(3, 3)
    for row, x, captions in zip(axes, rows.values(), (["a", "b", "c"], ["d"], [])):
        assert [ax.get_title() for ax in row] == captions + [""] * (3 - len(captions))
        for ax, image in zip(row, x):
            np.testing.assert_allclose(ax.images[0].get_array(), image.mean(axis=-1))
        assert not any(ax.axison for ax in row[len(x):])


def test_error_curves_by_hand():
    panels = {"left": {"curves": {"a": [(1, 0.5), (2, 0.25)], "b": [(1, 0.1)]}, "levels": {"b": 0.2}, "places": {"here": 1.5}},
              "right": {"curves": {}}}
    left, right = drawn(plot.error_curves(panels, "temperature", "log")).axes
    a, b, level, place = left.lines
    assert a.get_xydata().tolist() == [[1, 50], [2, 25]] and b.get_xydata().tolist() == [[1, 10]]
    assert level.get_ydata() == [20, 20] and level.get_color() == b.get_color() != a.get_color() and place.get_xdata() == [1.5, 1.5]
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["a", "b", "here"]
    assert (left.get_title(), right.get_title(), left.get_xscale(), left.get_ylim()[0]) == ("left", "right", "log", 0)
    assert [text.get_text() for text in left.get_xticklabels()] == ["1", "2"]
    assert not right.lines and right.get_legend() is None


def test_spread_has_a_dot_for_each_network_and_joins_those_that_belong_together():
    groups = {"teacher": ([0.1], None), "copied": ([0.5, 0.6, 0.7], 0.55), "taught": (np.array([0.2, 0.1, 0.3]), None)}
    ax, = drawn(plot.spread(groups, "test images", "ensemble")).axes
    dots, crowd = (collection.get_offsets() for collection in ax.collections)
    np.testing.assert_allclose(dots[:, 1], [10, 50, 60, 70, 20, 10, 30])
    np.testing.assert_allclose(dots[:, 0].round(), [0, 1, 1, 1, 2, 2, 2])
    np.testing.assert_allclose(crowd, [[1, 55]])
    np.testing.assert_allclose([line.get_ydata() for line in ax.lines], [[50, 20], [60, 10], [70, 30]])
    assert [label.get_text() for label in ax.get_xticklabels()] == list(groups)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one network", "ensemble"]
    assert drawn(plot.spread({"alone": ([0.1], None)}, "test images")).axes[0].get_legend() is None


def test_a_saved_figure_is_a_png(tmp_path):
    plot.save(plot.learning_curves(LOG, "test images"), tmp_path / "new" / "curves.png")
    assert imread(tmp_path / "new" / "curves.png").ndim == 3
    assert os.listdir(tmp_path / "new") == ["curves.png"]


def test_a_figure_that_cannot_be_drawn_leaves_the_old_one(tmp_path):
    class Broken(Figure):
        def savefig(self, file, **kwargs):
            file.write(b"half")
            raise RuntimeError("out of ink")
    (tmp_path / "curves.png").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="out of ink"):
        plot.save(Broken(), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes() == b"old" and os.listdir(tmp_path) == ["curves.png"]


def test_pyplot_is_never_imported_and_matplotlib_only_when_drawing(tmp_path):
    code = """if True:
        import sys
        import numpy as np
        from tinycaps import plot
        assert "matplotlib" not in sys.modules
        x = np.zeros((2, 3, 4, 4, 1))
        plot.save(plot.learning_curves([], "x"), "a.png")
        plot.save(plot.reconstructions(x[0], {"again": x[0]}, ["", "", ""], [True] * 3), "b.png")
        plot.save(plot.pose_sweep(x, np.zeros(3), ""), "c.png")
        plot.save(plot.coupling_rounds(x[0, 0], [np.ones((4, 2))], [np.ones(2)], (2, 2)), "d.png")
        plot.save(plot.step_size_errors({"x": ([1], [1])}, {}), "e.png")
        plot.save(plot.scaling({"x": {"y": [(1, 1, 1)]}}), "f.png")
        plot.save(plot.layer_curves([], "test images"), "g.png")
        plot.save(plot.receptive_fields(x[0], np.ones((3, 2))), "h.png")
        plot.save(plot.goodness_histograms([np.ones(2)], [np.zeros(2)]), "i.png")
        plot.save(plot.label_goodness(x[0], np.ones((3, 2)), [0, 1, 0], [0, 0, 1]), "j.png")
        plot.save(plot.soft_targets(x[0], np.ones((1, 3, 2)), [1], [0, 1, 0], ""), "k.png")
        plot.save(plot.image_rows({"": x[0]}, ["abc"]), "l.png")
        plot.save(plot.error_curves({"": {"curves": {"x": [(1, 1)]}}}, "x"), "m.png")
        plot.save(plot.spread({"x": ([1], 1)}, "y"), "n.png")
        assert "matplotlib.pyplot" not in sys.modules"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
