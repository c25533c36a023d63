"""Figures are saved whole, and without pyplot, so in no window."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from tinycaps import plot

ROOT = Path(__file__).parents[2]


def test_a_saved_figure_is_a_png(tmp_path):
    plot.save(plot.learning_curves([], "test images"), tmp_path / "new" / "curves.png")
    assert imread(tmp_path / "new" / "curves.png").ndim == 3
    assert os.listdir(tmp_path / "new") == ["curves.png"]


def test_a_figure_that_cannot_be_drawn_leaves_the_old_one(tmp_path):
    class Broken(Figure):
        def savefig(self, file, **kwargs):
            file.write(b"half")
            raise RuntimeError("out of ink")
    path = tmp_path / "curves.png"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="out of ink"):
        plot.save(Broken(), path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["curves.png"]


EVERY_FIGURE = """if True:
    import sys
    import numpy as np
    from tinycaps import plot
    assert "matplotlib" not in sys.modules
    x = np.zeros((3, 4, 4, 1))
    figures = [
        plot.learning_curves([], "x"),
        plot.image_table({"image": x}, ["", "", ""], [True] * 3),
        plot.step_size_errors({"x": ([1], [1])}, {}),
        plot.scaling({"x": {"y": [(1, 1, 1)]}}),
        plot.image_rows({"": x}, ["abc"]),
        plot.error_curves({"": {"curves": {"x": [(1, 1)]}}}, "x"),
        plot.spread({"x": ([1], 1)}, "y"),
        plot.error_bars({"x": [1]}, "y"),
    ]
    plot.save(figures[0], "figure.png")
    assert "matplotlib.pyplot" not in sys.modules
"""


def test_pyplot_is_never_imported_and_matplotlib_only_when_drawing(tmp_path):
    # One figure is saved for all: what saving does is the same for each.
    command = [sys.executable, "-W", "error", "-c", EVERY_FIGURE]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True,
                          timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
