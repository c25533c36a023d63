"""Capsules with dynamic routing: Sabour, Frosst, Hinton 2017 (S17), from squash to the whole network.

Read in this order: squash, predictions, routing, length, margin_loss, mask, decoder, config, capsnet, capsnet_loss; then baseline. For
speed: ops/fourier_plan, fast_capsnet, and choose_network between the two. trained reads a network that has learned.
"""
from .baseline import (CNN_DIGITS, CNN_PAPER, CNNConfig, cnn_backward, cnn_forward, cnn_loss_backward, cnn_loss_forward,
                       init_cnn)
from .capsnet import PLAIN, CapsNetCache, Network, capsnet_backward, capsnet_forward, init_capsnet, predict
from .capsnet_loss import CapsNetLossCache, capsnet_loss_backward, capsnet_loss_forward
from .config import DIGITS, PAPER, CapsNetConfig
from .decoder import decoder_backward, decoder_forward, init_decoder
from .length import length_backward, length_forward
from .mask import mask_backward, mask_forward
from .predictions import predictions_backward, predictions_forward
from .routing import RoutingCache, routing_backward, routing_forward
from .squash import squash_backward, squash_forward
from .trained import TrainedCapsNet, load_capsnet, save_capsnet

__all__ = [
    "CNNConfig", "CNN_DIGITS", "CNN_PAPER", "CapsNetCache", "CapsNetConfig", "CapsNetLossCache",
    "DIGITS", "Network", "PAPER", "PLAIN", "RoutingCache", "TrainedCapsNet", "capsnet_backward",
    "capsnet_forward", "capsnet_loss_backward", "capsnet_loss_forward", "cnn_backward",
    "cnn_forward", "cnn_loss_backward", "cnn_loss_forward", "decoder_backward", "decoder_forward",
    "init_capsnet", "init_cnn", "init_decoder", "length_backward", "length_forward",
    "load_capsnet", "mask_backward", "mask_forward", "predict", "predictions_backward",
    "predictions_forward", "routing_backward", "routing_forward", "save_capsnet",
    "squash_backward", "squash_forward",
]
