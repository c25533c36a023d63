"""Capsules with dynamic routing: Sabour, Frosst, Hinton 2017 (S17), from squash to the network.

Read in this order:

squash        a vector's length becomes a probability
predictions   what each lower capsule expects each parent to be
routing       which parent gets how much of it, and the gradient through all rounds
length        the probability that an entity is there
mask          the decoder sees one capsule only
decoder       an image drawn from that capsule
config        the sizes of the published network and of a small one
capsnet       all of these from pixels to class capsules
capsnet_loss  the training objective, with the margin loss from `tinycaps.ops`
baseline      the convolutional network that CapsNet is compared with
multi_label   both on images of several digits, which are told apart and redrawn one by one
trained       a network that has learned, in a small file

The fast twins of routing and capsnet, and the choice between fast and plain, are in
`tinycaps.fast`.
"""
from .baseline import cnn_backward, cnn_forward, cnn_loss_backward, cnn_loss_forward, init_cnn
from .capsnet import (PLAIN, CapsNetCache, Network, capsnet_backward, capsnet_forward,
                      class_lengths, init_capsnet, predict)
from .capsnet_loss import CapsNetLossCache, capsnet_loss_backward, capsnet_loss_forward
from .config import (CNN_DIGITS, CNN_PAPER, CNN_TWO_DIGITS, DIGITS, PAPER, TWO_DIGITS,
                     CapsNetConfig, CNNConfig)
from .decoder import decoder_backward, decoder_forward, init_decoder
from .length import length_backward, length_forward
from .mask import mask_backward, mask_forward
from .multi_label import (MultiLabelCache, capsnet_multi_label_loss_backward,
                          capsnet_multi_label_loss_forward, cnn_multi_label_loss_backward,
                          cnn_multi_label_loss_forward, most_present, present_classes)
from .predictions import predictions_backward, predictions_forward
from .routing import RoutingCache, routing_backward, routing_forward
from .squash import squash_backward, squash_forward
from .trained import TrainedCapsNet, load_capsnet, save_capsnet

__all__ = [
    "CNNConfig", "CNN_DIGITS", "CNN_PAPER", "CNN_TWO_DIGITS", "CapsNetCache", "CapsNetConfig",
    "CapsNetLossCache", "DIGITS", "MultiLabelCache", "Network", "PAPER", "PLAIN", "RoutingCache",
    "TWO_DIGITS", "TrainedCapsNet", "capsnet_backward", "capsnet_forward", "capsnet_loss_backward",
    "capsnet_loss_forward", "capsnet_multi_label_loss_backward", "capsnet_multi_label_loss_forward",
    "class_lengths", "cnn_backward", "cnn_forward", "cnn_loss_backward", "cnn_loss_forward",
    "cnn_multi_label_loss_backward", "cnn_multi_label_loss_forward", "decoder_backward",
    "decoder_forward", "init_capsnet", "init_cnn", "init_decoder", "length_backward",
    "length_forward", "load_capsnet", "mask_backward", "mask_forward", "most_present", "predict",
    "predictions_backward", "predictions_forward", "present_classes", "routing_backward",
    "routing_forward", "save_capsnet", "squash_backward", "squash_forward",
]
