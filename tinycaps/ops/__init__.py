"""Ordinary pairs that belong to none of the papers, and those that two topics need.

    activations          relu, sigmoid
    conv, pooling        over channel-last images; windows: where their windows lie
    dropout              the mask is an input
    linear, mlp          the linear map, and several with relu between them
    softmax              and the cross entropy of labels
    sigmoid_cross_entropy  of any number of classes that are there, each by itself
    margin_loss          long capsules for what is there, short ones for what is not (S17)
    soft_cross_entropy   temperature, soft targets, where T² comes from (D15)
    squared_error        a sum over pixels, a mean over samples
"""
from .activations import relu_backward, relu_forward, sigmoid_backward, sigmoid_forward
from .conv import conv2d_backward, conv2d_forward
from .dropout import dropout_backward, dropout_forward
from .linear import linear_backward, linear_forward
from .margin_loss import margin_loss_backward, margin_loss_forward
from .mlp import init_mlp, mlp_backward, mlp_forward
from .pooling import max_pool_backward, max_pool_forward
from .sigmoid_cross_entropy import (sigmoid_cross_entropy_backward,
                                    sigmoid_cross_entropy_forward)
from .soft_cross_entropy import (kl_divergence_backward, kl_divergence_forward,
                                 soft_cross_entropy_backward, soft_cross_entropy_forward, soften)
from .softmax import (cross_entropy_backward, cross_entropy_forward, softmax_backward,
                      softmax_forward)
from .squared_error import squared_error_backward, squared_error_forward

__all__ = [
    "conv2d_backward", "conv2d_forward", "cross_entropy_backward", "cross_entropy_forward",
    "dropout_backward", "dropout_forward", "init_mlp", "kl_divergence_backward",
    "kl_divergence_forward", "linear_backward", "linear_forward", "margin_loss_backward",
    "margin_loss_forward", "max_pool_backward", "max_pool_forward", "mlp_backward", "mlp_forward",
    "relu_backward", "relu_forward", "sigmoid_backward", "sigmoid_cross_entropy_backward",
    "sigmoid_cross_entropy_forward", "sigmoid_forward",
    "soft_cross_entropy_backward", "soft_cross_entropy_forward", "soften", "softmax_backward",
    "softmax_forward", "squared_error_backward", "squared_error_forward",
]
