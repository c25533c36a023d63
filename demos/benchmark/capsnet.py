"""CapsNet in the benchmark: forward, backward and Adam; its sizes and arithmetic."""
from demos.benchmark.contender import Network
from tinycaps.capsules import PAPER, CapsNetConfig, init_capsnet
from tinycaps.fast.fourier_plan import fourier_plan

PARTS = ("conv1", "primary", "predictions", "routing", "decoder and losses", "optimiser")
"""All but the last have a forward and a backward; squash counts as primary, freeing memory at the
end as optimiser."""


def arithmetic(config, n):
    """Return GFLOP of a step of n images, by the direct algorithm and by the fast one.

    The multiplications and additions of the matrix products are counted; all else is small. A
    backward costs twice its forward, for it has two gradients to make; that of conv1 only one. The
    rounds of routing are counted line by line.
    """
    (h, w, channels), (rows, columns) = config.image_shape, config.grid
    c, f, r = config.conv_channels, config.primary_types * config.primary_dims, config.iterations
    k, s, taps = config.primary_kernel, config.primary_stride, config.conv_kernel ** 2
    pixels = n * (h - config.conv_kernel + 1) * (w - config.conv_kernel + 1)
    votes = n * config.primary_capsules * config.classes * config.class_dims
    layers = (config.classes * config.class_dims, *config.decoder_hidden, h * w * channels)
    conv1 = pixels * taps * channels * c
    primary = n * rows * columns * k * k * c * f
    decoder = n * sum(a * b for a, b in zip(layers, layers[1:]))
    direct = {"conv1": (conv1, conv1), "primary": (primary, 2 * primary),
              "predictions": (votes * config.primary_dims, 2 * votes * config.primary_dims),
              "routing": (votes * (2 * r - 1), votes * (4 * r - 3)),
              "decoder and losses": (decoder, 2 * decoder)}
    R, points = fourier_plan(h - config.conv_kernel + 1, k, s).B_T.shape
    # conv1: the bias as one more row of the kernel, and V = Bᵀ x.
    conv1 += pixels * c + R * points * n * s * s * c
    products = R * n * s * s * c * f                                    # M = V U
    transforms = R * (k * k * c * f + n * rows * columns * f)           # U = G w, y = Aᵀ M
    fast = direct | {"conv1": (conv1, conv1),
                     "primary": (products + transforms, 2 * products + transforms)}
    return [{part: [2e-9 * count for count in counts] for part, counts in each.items()}
            for each in (direct, fast)]


CAPSNET = Network(
    contenders={"plain": "demos.benchmark.capsnet_plain.Plain",
                "fast": "demos.benchmark.capsnet_fast.Fast",
                "torch": "demos.benchmark.capsnet_torch.AsInstalled",
                "torch tuned": "demos.benchmark.capsnet_torch.Tuned"},
    parts=PARTS, paper=PAPER, batch=128, draw=init_capsnet, arithmetic=arithmetic,
    quick=CapsNetConfig(conv_channels=16, primary_types=4, decoder_hidden=(32, 64)),
    scales={
        "images in a batch": {size: {} for size in (1, 2, 4, 8, 16, 32, 64, 128, 256)},
        "routing rounds": {size: {"iterations": size} for size in (1, 2, 3, 4, 5)},
        "types of primary capsules, 36 each": {size: {"primary_types": size}
                                               for size in (8, 16, 32, 64)},
        "pixels along an image": {size: {"image_shape": (size, size, 1)}
                                  for size in (20, 24, 28, 32, 36, 40, 44)},
    })
