"""Distillation: a small network learns from the answers of a large one (D15).

A soft target is the softmax of a teacher's logits at a temperature T: probabilities of all classes,
where a label names one. At high T the small ones grow large enough to be learned from, and they say
which wrong answers the teacher finds likely: this 2 looks like a 3 and not at all like a 7.

In reading order:

    ops.soft_cross_entropy  the softmax at a temperature, and the cross entropy with soft targets
    distillation_loss       soft targets and labels mixed, where the T² comes from, logit matching
    bias_shift              the class that the student was never shown
    co_distillation         networks that learn from each other
    hardware                mortal computation: weights that die with their hardware
"""
from .bias_shift import choose_bias_shift
from .co_distillation import co_distillation_gradients, others_answers
from .distillation_loss import (distillation_loss_backward, distillation_loss_forward,
                                logit_matching_backward, logit_matching_forward)
from .hardware import draw_hardware, hardware_mlp_backward, hardware_mlp_forward

__all__ = [
    "choose_bias_shift", "co_distillation_gradients", "distillation_loss_backward",
    "distillation_loss_forward", "draw_hardware", "hardware_mlp_backward", "hardware_mlp_forward",
    "logit_matching_backward", "logit_matching_forward", "others_answers",
]
