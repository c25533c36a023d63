"""Ordinary pairs that no paper of ours owns. Each is `out, cache = op_forward(...)` and `gradients = op_backward(dout, cache)`."""
from .activations import relu_backward, relu_forward, sigmoid_backward, sigmoid_forward
from .conv import conv2d_backward, conv2d_forward
from .dropout import dropout_backward, dropout_forward
from .linear import linear_backward, linear_forward
from .margin_loss import margin_loss_backward, margin_loss_forward
from .mlp import init_mlp, mlp_backward, mlp_forward
from .pooling import max_pool_backward, max_pool_forward
from .soft_cross_entropy import (kl_divergence_backward, kl_divergence_forward, soft_cross_entropy_backward,
                                 soft_cross_entropy_forward, soften)
from .softmax import cross_entropy_backward, cross_entropy_forward, softmax_backward, softmax_forward
from .squared_error import squared_error_backward, squared_error_forward

__all__ = [
    "conv2d_backward", "conv2d_forward", "cross_entropy_backward", "cross_entropy_forward",
    "dropout_backward", "dropout_forward", "init_mlp", "kl_divergence_backward",
    "kl_divergence_forward", "linear_backward", "linear_forward", "margin_loss_backward",
    "margin_loss_forward", "max_pool_backward", "max_pool_forward", "mlp_backward", "mlp_forward",
    "relu_backward", "relu_forward", "sigmoid_backward", "sigmoid_forward",
    "soft_cross_entropy_backward", "soft_cross_entropy_forward", "soften", "softmax_backward",
    "softmax_forward", "squared_error_backward", "squared_error_forward",
]
