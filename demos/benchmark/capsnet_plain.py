"""The contender "plain": CapsNet as it stands in `tinycaps.capsules`, the network to read."""
from demos.benchmark.contender import TinyCaps
from tinycaps.capsules import PLAIN, capsnet, capsnet_loss_backward, capsnet_loss_forward
from tinycaps.optim import adam


class Plain(TinyCaps):
    """The network to read, and Adam as its formula stands."""

    network, update = PLAIN, staticmethod(adam)
    ends = {capsnet: {
        "relu_forward": (None, "conv1 forward"),
        "squash_forward": (None, "primary forward"),
        "predictions_forward": (None, "predictions forward"),
        "routing_forward": (None, "routing forward"),
        "routing_backward": ("decoder and losses backward", "routing backward"),
        "predictions_backward": (None, "predictions backward"),
        "relu_backward": ("primary backward", None)}}

    def _differentiate(self):
        loss, cache = capsnet_loss_forward(self.params, self.images, self.labels, self.config,
                                           self.network)
        self.watch.lap("decoder and losses forward")
        grads = capsnet_loss_backward(1.0, cache)
        self.watch.lap("conv1 backward")
        return loss, grads

    def _update(self, grads):
        self.update(self.params, grads, self.state)
