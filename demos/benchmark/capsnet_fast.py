"""The contender "fast": the fast twin of CapsNet, and Adam in blocks."""
from functools import partial

import numpy as np

from demos.benchmark.capsnet_plain import Plain
from tinycaps.fast import capsnet, convolutions, fast_network, in_blocks, parallel
from tinycaps.optim import adam


class Fast(Plain):
    """The fast twin, with the BLAS held to one thread throughout, as in training."""

    update = staticmethod(in_blocks(adam))
    during = staticmethod(partial(parallel, np))
    ends = {
        convolutions: {
            "_conv1_forward": (None, "conv1 forward"),
            "_conv1_backward": ("primary backward", None)},
        capsnet: {
            "sliced_squash_forward": (None, "primary forward"),
            "sliced_predictions_forward": (None, "predictions forward"),
            "sliced_routing_forward": (None, "routing forward"),
            "sliced_routing_backward": ("decoder and losses backward", "routing backward"),
            "sliced_predictions_backward": (None, "predictions backward")}}

    def __init__(self, task):
        super().__init__(task)
        self.network = fast_network()
