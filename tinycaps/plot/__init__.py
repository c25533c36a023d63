"""Figures: each function returns a matplotlib Figure, and shows and saves nothing."""
from .base import COLOURS, CORRECT, WRONG, save
from .capsules import coupling_rounds, pose_sweep, reconstructions
from .curves import learning_curves
from .distillation import error_curves, image_rows, soft_targets, spread
from .forward_forward import goodness_histograms, label_goodness, layer_curves, receptive_fields
from .measurements import scaling, step_size_errors

__all__ = ["COLOURS", "CORRECT", "WRONG", "coupling_rounds", "error_curves", "goodness_histograms", "image_rows", "label_goodness",
           "layer_curves", "learning_curves", "pose_sweep", "receptive_fields", "reconstructions", "save", "scaling", "soft_targets",
           "spread", "step_size_errors"]
