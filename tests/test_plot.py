"""Each figure holds what it is told to show; nothing is shown, and nothing needs pyplot."""
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
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


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_reconstructions_stand_under_their_images(n, channels):
    x, again = images(n, 6, 5, channels), images(n, 6, 5, channels)
    figure = drawn(plot.reconstructions(x, again, [f"{k} read as 0" for k in range(n)], np.arange(n) % 2 == 0))
    assert len(figure.axes) == 2 * n and all(len(ax.images) == 1 for ax in figure.axes)
    for k in range(n):
        for ax, image in (figure.axes[k], x[k]), (figure.axes[n + k], again[k]):
            expected = image if channels == 3 else image.mean(axis=-1)
            np.testing.assert_allclose(ax.images[0].get_array(), expected)
        assert figure.axes[k].get_title() == f"{k} read as 0"
        assert figure.axes[k].title.get_color() == (plot.WRONG if k % 2 else plot.CORRECT)


def test_pixels_out_of_range_are_clipped():
    figure = drawn(plot.reconstructions(images(1, 4, 4, 1) + 5, images(1, 4, 4, 1) - 5, ["x"], [True]))
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
        plot.save(plot.reconstructions(x[0], x[0], ["", "", ""], [True] * 3), "b.png")
        plot.save(plot.pose_sweep(x, np.zeros(3), ""), "c.png")
        plot.save(plot.coupling_rounds(x[0, 0], [np.ones((4, 2))], [np.ones(2)], (2, 2)), "d.png")
        plot.save(plot.step_size_errors({"x": ([1], [1])}, {}), "e.png")
        plot.save(plot.scaling({"x": {"y": [(1, 1, 1)]}}), "f.png")
        assert "matplotlib.pyplot" not in sys.modules"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
