"""Forward-forward: every layer learns alone, from the goodness of positive and negative data (H22).

To be read in this order:

layer                  a pair with an objective of its own, whose backward returns no dx
goodness               G = Σ y², p(positive) = σ(G − θ), and the loss of one layer
peer_normalisation     no unit far more or far less active than its peers
length_normalisation   what a layer shows to the next: its direction, not its length
label_pixels           the label, true, wrong or neutral, in the first pixels
negatives              wrong labels, uniform or hard; hybrid images for learning without labels
config                 sizes and choices
network                a stack of layers, and a linear softmax alongside
learning               gradients of a batch, and the step that follows
readouts               the class of an image, by softmax, by goodness or by both
reports                errors of all readouts, and how each layer judges
"""
from .config import FFConfig
from .goodness import (goodness_backward, goodness_forward, goodness_loss_backward,
                       goodness_loss_forward, positive_probability)
from .label_pixels import make_room, write_labels, write_neutral
from .layer import ff_layer_loss_backward, ff_layer_loss_forward
from .learning import ff_update, predictor_gradients, supervised_gradients, unsupervised_gradients
from .length_normalisation import length_normalise_backward, length_normalise_forward
from .negatives import hybrid_images, hybrid_masks, hybrid_negatives, wrong_labels
from .network import ff_activities, ff_backward, ff_features, ff_forward, init_ff
from .peer_normalisation import peer_normalisation_backward, peer_normalisation_forward
from .readouts import label_goodness, predict, predictor_logits, vote
from .reports import layer_report, readout_errors

__all__ = [
    "FFConfig", "ff_activities", "ff_backward", "ff_features", "ff_forward",
    "ff_layer_loss_backward", "ff_layer_loss_forward", "ff_update", "goodness_backward",
    "goodness_forward", "goodness_loss_backward", "goodness_loss_forward", "hybrid_images",
    "hybrid_masks", "hybrid_negatives", "init_ff", "label_goodness", "layer_report",
    "length_normalise_backward", "length_normalise_forward", "make_room",
    "peer_normalisation_backward", "peer_normalisation_forward", "positive_probability",
    "predict", "predictor_gradients", "predictor_logits", "readout_errors",
    "supervised_gradients", "unsupervised_gradients", "vote", "write_labels", "write_neutral",
    "wrong_labels",
]
