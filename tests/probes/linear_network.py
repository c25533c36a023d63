"""A network whose answers can be worked out on paper: scores x W, its loss that of one class."""
import numpy as np

from tinycaps.ops import cross_entropy_backward, cross_entropy_forward

SHAPE = (6, 5, 1)
CLASSES = 3


def linear_network(xp, seed=0):
    """Return forward and input gradient of a linear classifier with cross entropy."""
    rng = np.random.default_rng(seed)
    W = xp.asarray(rng.standard_normal((30, CLASSES)))

    def forward(images):
        return images.reshape(len(images), -1) @ W

    def input_gradient(images, labels):
        _, cache = cross_entropy_forward(forward(images), labels)
        dlogits = cross_entropy_backward(float(len(images)), cache)
        return (dlogits @ W.T).reshape(images.shape)
    return forward, input_gradient


def draw_images(xp, n=8, seed=0):
    """Return images of pixels in [0, 1], and labels."""
    rng = np.random.default_rng(seed)
    return xp.asarray(rng.random((n, *SHAPE))), xp.asarray(np.arange(n) % CLASSES)
