"""A CapsNet and a CNN as the functions that `tinycaps.probes` asks.

The gradient of an image's loss goes back through the whole network, by the backwards that train it:

    CapsNet   dlength = loss_backward        the margin loss, or cross entropy with length as logits
              dv = length_backward           each length into its capsule
              dx = capsnet_backward          through all rounds of routing, or with stop_gradient
                                             through the votes of the last alone
    CNN       dlogits = cross_entropy_backward
              dx = cnn_backward
"""
import dataclasses
from typing import NamedTuple

from tinycaps.backend import get_xp, to_numpy
from tinycaps.capsules import (capsnet_backward, capsnet_forward, cnn_backward, cnn_forward,
                               decoder_forward, length_backward, length_forward, mask_forward)
from tinycaps.ops import (cross_entropy_backward, cross_entropy_forward, margin_loss_backward,
                          margin_loss_forward)
from tinycaps.probes import in_batches, principal_components

CROSS_ENTROPY = cross_entropy_forward, cross_entropy_backward
MARGIN = margin_loss_forward, margin_loss_backward


class Asked(NamedTuple):
    """A network as `tinycaps.probes` knows it."""

    forward: object
    input_gradient: object
    pose: object
    reconstruct: object
    """None without a decoder."""


def ask_capsnet(params, config, loss=CROSS_ENTROPY, batch=128):
    """Return a CapsNet as functions of images; its scores are the lengths of its capsules.

    Parameters
    ----------
    params : dict
    config : CapsNetConfig
        Its ``stop_gradient`` decides which gradient an attack sees.
    loss : pair
        `CROSS_ENTROPY`, or `MARGIN`, whose gradient is zero for images classified with room to
        spare.
    batch : int
    """
    loss_forward, loss_backward = loss

    def forward(images):
        return length_forward(capsnet_forward(params, images, config)[0])[0]

    def input_gradient(images, labels):
        v, capsnet = capsnet_forward(params, images, config)
        lengths, length = length_forward(v)
        _, cache = loss_forward(lengths, labels)
        dlength = loss_backward(float(len(images)), cache)          # a mean: n times that of each
        _, dx = capsnet_backward(length_backward(dlength, length), capsnet, input_gradient=True)
        return dx

    def pose(images, classes):
        v, _ = capsnet_forward(params, images, config)
        return v[get_xp(v).arange(len(v)), classes]

    def reconstruct(images):
        v, _ = capsnet_forward(params, images, config)
        masked, _ = mask_forward(v, length_forward(v)[0].argmax(axis=1))
        return decoder_forward(params, masked, config)[0]

    decoder = in_batches(reconstruct, batch) if config.reconstruction_weight else None
    return Asked(in_batches(forward, batch), in_batches(input_gradient, batch),
                 in_batches(pose, batch), decoder)


def ask_cnn(params, config, train_images, size, batch=128):
    """Return a CNN as functions of images; its scores are logits, it has no reconstruction.

    Its pose is the last hidden layer, which comes out as the logits if the last linear map is made
    the identity, along the given number of principal components over the training images.

    Parameters
    ----------
    params : dict
    config : CNNConfig
    train_images : array (n, h, w, c)
    size : int
        That of the capsules' poses.
    batch : int
    """
    W, units = params["output.0.W"], config.hidden[-1]
    xp, wide = get_xp(W), dataclasses.replace(config, classes=units)
    identity = params | {"output.0.W": xp.eye(units, dtype=W.dtype),
                         "output.0.bias": xp.zeros(units, W.dtype)}

    def forward(images):
        return cnn_forward(params, images, config)[0]

    def input_gradient(images, labels):
        logits, cnn = cnn_forward(params, images, config)
        _, cache = cross_entropy_forward(logits, labels)
        return cnn_backward(cross_entropy_backward(float(len(images)), cache), cnn,
                            input_gradient=True)[1]

    features = in_batches(lambda images: cnn_forward(identity, images, wide)[0], batch)
    project = principal_components(to_numpy(features(train_images)), size)
    return Asked(in_batches(forward, batch), in_batches(input_gradient, batch),
                 lambda images, classes: xp.asarray(project(to_numpy(features(images)))), None)
