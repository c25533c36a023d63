"""Drawing primitives that know no topic: each returns a matplotlib Figure and saves nothing."""
from .base import COLOURS, CORRECT, MARKERS, WRONG, empty_figure, save, show, tidy
from .curves import error_curves, learning_curves
from .measurements import scaling, step_size_errors
from .networks import error_bars, spread
from .pictures import image_rows, image_table

__all__ = ["COLOURS", "CORRECT", "MARKERS", "WRONG", "empty_figure", "error_bars", "error_curves",
           "image_rows", "image_table", "learning_curves", "save", "scaling", "show", "spread",
           "step_size_errors", "tidy"]
