"""Figures are saved whole, shown by nobody, and need no pyplot."""
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
        x = np.zeros((3, 4, 4, 1))
        plot.save(plot.learning_curves([], "x"), "a.png")
        plot.save(plot.image_table({"image": x}, ["", "", ""], [True] * 3), "b.png")
        plot.save(plot.step_size_errors({"x": ([1], [1])}, {}), "e.png")
        plot.save(plot.scaling({"x": {"y": [(1, 1, 1)]}}), "f.png")
        plot.save(plot.image_rows({"": x}, ["abc"]), "l.png")
        plot.save(plot.error_curves({"": {"curves": {"x": [(1, 1)]}}}, "x"), "m.png")
        plot.save(plot.spread({"x": ([1], 1)}, "y"), "n.png")
        plot.save(plot.error_bars({"x": [1]}, "y"), "o.png")
        assert "matplotlib.pyplot" not in sys.modules"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")

