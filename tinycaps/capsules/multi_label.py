"""Several digits in one image, such as the two overlapping ones of MultiMNIST (S17 section 6).

Every class has a margin loss of its own, so several may be present: T_k is 1 for each of them. The
decoder runs once for each digit. It sees the capsule of that digit alone and is compared with that
digit alone, so a capsule must know which ink is its own.
"""
from typing import NamedTuple

from ..backend import get_xp
from ..checks import check_count, check_labels, check_shapes, door, named_xp
from ..ops import (margin_loss_backward, margin_loss_forward, sigmoid_cross_entropy_backward,
                   sigmoid_cross_entropy_forward, squared_error_backward, squared_error_forward)
from .baseline import check_cnn, cnn_backward, cnn_forward
from .capsnet import PLAIN, Network, check_capsnet
from .config import CapsNetConfig, CNNConfig
from .decoder import decoder_backward, decoder_forward
from .length import length_backward, length_forward
from .mask import mask_backward, mask_forward


class MultiLabelCache(NamedTuple):
    """The two terms of the loss, for the log, and what the backward needs."""

    margin_loss: object
    reconstruction_error: object
    """Before it is weighted; None without a decoder."""
    weight: float
    network: Network
    capsnet: object
    length: tuple
    margin: tuple
    reconstruction: tuple | None


def check_multi_labels(x, labels, classes):
    """Check labels of either form: (n, d) integers, or bool (n, k)."""
    if getattr(labels, "ndim", 0) != 2:
        came = f"shape {labels.shape}" if hasattr(labels, "shape") else type(labels).__name__
        raise ValueError(f"labels: got {came}, wanted (n, d) classes, or bool (n, {classes})")
    if labels.dtype.kind == "b":
        if labels.shape != (len(x), classes):
            raise ValueError(f"labels: got shape {labels.shape}, wanted ({len(x)}, {classes})")
    elif not 1 <= labels.shape[1] <= classes:
        raise ValueError(f"labels: got {labels.shape[1]} digits in an image, wanted 1..{classes}")
    else:
        check_labels(labels.reshape(-1), len(x) * labels.shape[1], classes)
    named_xp(x=x, labels=labels)


def check_capsnet_multi_label_loss(params, x, labels, digits, config, network=PLAIN):
    """Check all that the ops within rely on: images, parameters, labels, and single digits."""
    check_capsnet(params, x, config, decoder=config.reconstruction_weight > 0)
    check_multi_labels(x, labels, config.classes)
    if not config.reconstruction_weight:
        return
    if labels.dtype.kind == "b" or digits is None:
        raise ValueError(f"reconstruction_weight: got {config.reconstruction_weight} without the "
                         "single digits, wanted 0, or labels (n, d) and digits (n, d, h, w, c)")
    check_shapes(x=(x, "n,h,w,c"), digits=(digits, (len(x), labels.shape[1], *x.shape[1:])))


def present_classes(labels, classes):
    """Return which classes an image shows, as bool (n, k).

    Parameters
    ----------
    labels : integer array (n, d), or bool array (n, k)
        The classes of the d digits of each image; bool labels are returned as they are.
    classes : int
        k.
    """
    if labels.dtype.kind == "b":
        return labels
    return (labels[:, :, None] == get_xp(labels).arange(classes)).any(axis=1)


@door(check_capsnet_multi_label_loss)
def capsnet_multi_label_loss_forward(params: dict, x, labels, digits, config: CapsNetConfig,
                                     network=PLAIN):
    """Find the digits that overlap in each image, redraw each by itself, and score both.

        v = capsnet(x)                                          [a]
        length_k = ‖v_k‖                                        [b]
        T_k = 1 if any label_d = k, else 0                      [c]
        margin = margin_loss(length, T)                         [d]
        v_d = v for every digit d                               [e]
        masked_d,k = [k = label_d] v_d,k                        [f]
        image_d = decoder(masked_d)                             [g]
        error = Σ_d ‖image_d − digit_d‖²                        [h]
        loss = margin + w error,   w = 0.0005                   [i]

    Parameters
    ----------
    params : dict
    x : array (n, h, w, c)
        Pixels in [0, 1].
    labels : integer array (n, d), or bool array (n, k)
        The classes of the d digits of each image, in any order. With a reconstruction weight of 0
        also True where class k is there: any number of classes in an image.
    digits : array (n, d, h, w, c), or None
        Each digit as it would be seen alone; None with a reconstruction weight of 0.
    config : CapsNetConfig
    network : Network
        The plain one, or the fast one from `tinycaps.fast.choose_network`.

    Returns
    -------
    loss : 0-d array
        Mean over images.

    Notes
    -----
    Same as the paper. With one digit it is `capsnet_loss_forward`. The cache is a
    `MultiLabelCache`, in which the log finds the two terms.
    Loops: tests.reference.capsules.capsnet_multi_label_loss
    """
    weight = config.reconstruction_weight
    v, capsnet = network.forward(params, x, config)                                 # [a]
    lengths, length = length_forward(v)                                             # [b]
    T = present_classes(labels, config.classes)                                     # [c -]
    margin_loss, margin = margin_loss_forward(lengths, T)                           # [d]
    loss, error, reconstruction = margin_loss, None, None
    if weight:
        d = labels.shape[1]
        shown = v.repeat(d, axis=0)                                                 # [e]
        masked, mask = mask_forward(shown, labels.reshape(-1))                      # [f]
        image, decoder = decoder_forward(params, masked, config)                    # [g]
        mean, squared_error = squared_error_forward(image, digits.reshape(image.shape))  # [h]
        error = d * mean                                                            # [h]
        loss = margin_loss + weight * error                                         # [i]
        reconstruction = d, mask, decoder, squared_error
    return loss, MultiLabelCache(margin_loss, error, weight, network, capsnet, length, margin,
                                 reconstruction)


@door(dloss="", cache=("",))
def capsnet_multi_label_loss_backward(dloss, cache):
    """dloss () -> grads: the forward from bottom to top, keys as in params.

    v takes a path to the loss through its lengths, and one through the decoder for each digit; dv
    is the sum of what comes back along all of them.
    """
    grads, dv = {}, 0
    if cache.reconstruction:
        d, mask, decoder, squared_error = cache.reconstruction
        derror = cache.weight * dloss                           # [i] and dmargin = dloss
        dimage = squared_error_backward(d * derror, squared_error)  # [h] of n d images the mean
        grads, dmasked = decoder_backward(dimage, decoder)      # [g]
        dshown = mask_backward(dmasked, mask)                   # [f]
        dv = dshown.reshape(-1, d, *dshown.shape[1:]).sum(axis=1)   # [e] v was used for each digit
    dlength = margin_loss_backward(dloss, cache.margin)         # [d]
    dv = dv + length_backward(dlength, cache.length)            # [b] the other path of v
    return cache.network.backward(dv, cache.capsnet) | grads    # [a]


def check_cnn_multi_label_loss(params, x, labels, config, mask=None):
    """Check all that the ops within rely on: images, parameters, mask and labels."""
    check_cnn(params, x, config, mask)
    check_multi_labels(x, labels, config.classes)


@door(check_cnn_multi_label_loss)
def cnn_multi_label_loss_forward(params: dict, x, labels, config: CNNConfig, mask=None):
    """Score the baseline's logits by a sigmoid cross entropy for each class.

        logits = cnn(x)                                         [a]
        T_k = 1 if any label_d = k, else 0                      [b]
        loss = sigmoid_cross_entropy(logits, T)                 [c]

    Parameters
    ----------
    params, x, config, mask
        As for `cnn_forward`.
    labels : integer array (n, d), or bool array (n, k)
        The classes of the d digits of each image, or True where class k is there.

    Returns
    -------
    loss : 0-d array
        Nats, mean over images, sum over classes.

    Notes
    -----
    Same as the paper.
    Loops: tests.reference.capsules.cnn_multi_label_loss
    """
    logits, cnn = cnn_forward(params, x, config, mask)                              # [a]
    T = present_classes(labels, config.classes)                                     # [b -]
    loss, cross_entropy = sigmoid_cross_entropy_forward(logits, T)                  # [c]
    return loss, (loss, cnn, cross_entropy)


@door(dloss="", cache=("",))
def cnn_multi_label_loss_backward(dloss, cache):
    """dloss () -> grads: the forward from bottom to top, keys as in params."""
    _, cnn, cross_entropy = cache
    dlogits = sigmoid_cross_entropy_backward(dloss, cross_entropy)                  # [c]
    return cnn_backward(dlogits, cnn)                                               # [a]


def most_present(scores, count=2):
    """Return the classes (n, count) of the largest lengths or logits (n, k), the largest first.

    Raises
    ------
    ValueError
        If there are fewer classes than are asked for.
    """
    check_count(count=count)
    if count > scores.shape[1]:
        raise ValueError(f"count: got {count}, wanted at most the {scores.shape[1]} classes")
    return scores.argsort(axis=1)[:, ::-1][:, :count]
