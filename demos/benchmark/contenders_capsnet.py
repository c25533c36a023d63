"""CapsNet in `demos.benchmark`: forward, backward and Adam, plain and fast, and the arithmetic of a step."""
from demos.contenders import Network, TinyCaps
from tinycaps.capsules import (PAPER, PLAIN, CapsNetConfig, capsnet, capsnet_loss_backward,
                               capsnet_loss_forward, fast_capsnet, init_capsnet)
from tinycaps.fast import fast_network
from tinycaps.fast.fourier_plan import fourier_plan
from tinycaps.optim import adam

PARTS = ("conv1", "primary", "predictions", "routing", "decoder and losses", "optimiser")
"""All but the last have a forward and a backward; squash counts as primary, giving memory back at the end as optimiser."""


class Plain(TinyCaps):
    """The network to read."""

    network = PLAIN
    module, ends = capsnet, {
        "relu_forward": (None, "conv1 forward"),
        "squash_forward": (None, "primary forward"),
        "predictions_forward": (None, "predictions forward"),
        "routing_forward": (None, "routing forward"),
        "routing_backward": ("decoder and losses backward", "routing backward"),
        "predictions_backward": (None, "predictions backward"),
        "relu_backward": ("primary backward", None)}

    def _differentiate(self):
        loss, cache = capsnet_loss_forward(self.params, self.images, self.labels, self.config, self.network)
        self.watch.lap("decoder and losses forward")
        grads = capsnet_loss_backward(1.0, cache)
        self.watch.lap("conv1 backward")
        return loss, grads

    def _update(self, grads):
        adam(self.params, grads, self.state)


class Fast(Plain):
    """Its fast twin."""

    module, ends = fast_capsnet, {
        "_conv1_forward": (None, "conv1 forward"),
        "_squash_forward": (None, "primary forward"),
        "_predictions_forward": (None, "predictions forward"),
        "_routing_forward": (None, "routing forward"),
        "_routing_backward": ("decoder and losses backward", "routing backward"),
        "_predictions_backward": (None, "predictions backward"),
        "_conv1_backward": ("primary backward", None)}

    def __init__(self, task):
        super().__init__(task)
        self.network = fast_network()


def arithmetic(config, n):
    """Return GFLOP of a step of n images, by the direct algorithm and by the fast one.

    Counted are the multiplications and additions of the matrix products; all else is small beside them. A backward costs twice its
    forward, for it has two gradients to make; that of conv1 only one. The rounds of routing are counted line by line.
    """
    (h, w, channels), (rows, columns), c = config.image_shape, config.grid, config.conv_channels
    k, s, f, r = config.primary_kernel, config.primary_stride, config.primary_types * config.primary_dims, config.iterations
    pixels = n * (h - config.conv_kernel + 1) * (w - config.conv_kernel + 1)
    votes = n * config.primary_capsules * config.classes * config.class_dims
    layers = (config.classes * config.class_dims, *config.decoder_hidden, h * w * channels)
    conv1 = pixels * config.conv_kernel ** 2 * channels * c
    primary = n * rows * columns * k * k * c * f
    decoder = n * sum(a * b for a, b in zip(layers, layers[1:]))
    direct = {"conv1": (conv1, conv1), "primary": (primary, 2 * primary),
              "predictions": (votes * config.primary_dims, 2 * votes * config.primary_dims),
              "routing": (votes * (2 * r - 1), votes * (4 * r - 3)), "decoder and losses": (decoder, 2 * decoder)}
    R, points = fourier_plan(h - config.conv_kernel + 1, k, s).B_T.shape
    conv1 += pixels * c + R * points * n * s * s * c                        # the bias as one more row of the kernel, and V = Bᵀ x
    products, transforms = R * n * s * s * c * f, R * (k * k * c * f + n * rows * columns * f)              # M = V U; U = G w, y = Aᵀ M
    fast = direct | {"conv1": (conv1, conv1), "primary": (products + transforms, 2 * products + transforms)}
    return [{part: [2e-9 * count for count in counts] for part, counts in each.items()} for each in (direct, fast)]


CAPSNET = Network(
    contenders={"plain": "demos.contenders_capsnet.Plain", "fast": "demos.contenders_capsnet.Fast",
                "torch": "demos.careful_torch_capsnet.AsInstalled", "torch tuned": "demos.careful_torch_capsnet.Tuned"},
    parts=PARTS, paper=PAPER, quick=CapsNetConfig(conv_channels=16, primary_types=4, decoder_hidden=(32, 64)), batch=128,
    draw=init_capsnet, arithmetic=arithmetic,
    scales={
        "images in a batch": {size: {} for size in (1, 2, 4, 8, 16, 32, 64, 128, 256)},
        "routing rounds": {size: {"iterations": size} for size in (1, 2, 3, 4, 5)},
        "types of primary capsules, 36 each": {size: {"primary_types": size} for size in (8, 16, 32, 64)},
        "pixels along an image": {size: {"image_shape": (size, size, 1)} for size in (20, 24, 28, 32, 36, 40, 44)},
    })
