"""Distillation: what a large network knows, told to a small one by its soft answers (D15).

soft_targets        softmax at a temperature, soft cross entropy, KL divergence: read this first
distillation_loss   soft and hard targets mixed, with the T²; matching of logits
bias_shift          the class that the student was never shown
co_distillation     networks that learn from each other
hardware            mortal computation: weights that die with their hardware, knowledge that does not
"""
from .bias_shift import choose_bias_shift
from .co_distillation import co_distillation_gradients, others_answers
from .distillation_loss import distillation_loss_backward, distillation_loss_forward, logit_matching_backward, logit_matching_forward
from .hardware import draw_hardware, hardware_mlp_backward, hardware_mlp_forward

__all__ = [
    "choose_bias_shift", "co_distillation_gradients", "distillation_loss_backward",
    "distillation_loss_forward", "draw_hardware", "hardware_mlp_backward", "hardware_mlp_forward",
    "logit_matching_backward", "logit_matching_forward", "others_answers",
]
