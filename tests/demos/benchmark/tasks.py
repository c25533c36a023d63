"""Small tasks for the contenders of the benchmark."""
import numpy as np

from demos.benchmark import capsnet_fast, capsnet_plain, forward_forward_plain
from demos.benchmark.capsnet import CAPSNET
from demos.benchmark.contender import Task
from demos.benchmark.forward_forward import FORWARD_FORWARD
from tinycaps.capsules import CapsNetConfig, init_capsnet
from tinycaps.environment import sgemm_rate
from tinycaps.forward_forward import FFConfig

SMALL = CapsNetConfig(image_shape=(9, 9, 2), conv_channels=6, conv_kernel=2, primary_types=3,
                      primary_dims=4, primary_kernel=3, classes=5, class_dims=7, iterations=2,
                      decoder_hidden=(8,), reconstruction_weight=0.01)
FF = FFConfig(image_shape=(3, 4, 2), classes=5, hidden=(17, 16, 15), label_strength=2.0)
EVERY = {"capsnet": {f"{part} {way}" for part in CAPSNET.parts[:-1]
                     for way in ("forward", "backward")} | {"optimiser", "step"},
         "forward-forward": {*FORWARD_FORWARD.parts, "step"}}
OURS = {"capsnet plain": capsnet_plain.Plain, "capsnet fast": capsnet_fast.Fast,
        "forward-forward plain": forward_forward_plain.Plain}


def task(device="cpu", config=SMALL, n=4):
    rng = np.random.default_rng(0)
    params = {key: p + rng.standard_normal(p.shape).astype("float32") / 9
              for key, p in init_capsnet(rng, config).items()}
    images = rng.random((n, *config.image_shape), "float32")
    return Task(config, params, images, rng.integers(0, config.classes, n), device)


def ff_task(device="cpu", config=FF, n=6, seed=0):
    rng = np.random.default_rng(0)
    params = FORWARD_FORWARD.draw(rng, config)
    images = rng.random((n, *config.image_shape), "float32")
    return Task(config, params, images, rng.integers(0, config.classes, n), device, seed)


def compete(name, device="cpu"):
    """Return a contender of ours with a small task, and the names of its parts."""
    network = name.rpartition(" ")[0]
    return OURS[name]((task if network == "capsnet" else ff_task)(device)), EVERY[network]


class Multiply:
    """A meter of the limit that takes no time."""

    def __init__(self, task):
        pass

    def rate(self):
        return sgemm_rate("cpu", 256, 0.01)
