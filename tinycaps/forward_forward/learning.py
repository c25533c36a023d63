"""Gradients of a batch for `tinycaps.train.train`, supervised or not, and the step that follows."""
from ..checks import check_shapes, door
from ..ops.linear import linear_backward, linear_forward
from ..ops.softmax import cross_entropy_backward, cross_entropy_forward
from ..optim import check_update, sgd
from .config import FFConfig
from .label_pixels import check_written, write_labels, write_neutral
from .negatives import check_classes, hybrid_negatives, wrong_labels
from .network import check_batch, ff_backward, ff_features, ff_forward


def check_predictor(params, features, labels):
    """Raise unless features, labels and the predictor fit."""
    W, bias = params.get("softmax.W"), params.get("softmax.bias")
    predictor = {"softmax.W": (W, "f,k"), "softmax.bias": (bias, "k")}
    check_shapes(features=(features, "n,f"), **predictor, labels=(labels, "n < k"))


@door(check_predictor)
def predictor_gradients(params: dict, features, labels):
    """Return loss, gradients and logits of the linear softmax on what the layers have learned.

        logits = features W + bias                                  [a]
        loss = cross_entropy(logits, labels)                        [b]

    Parameters
    ----------
    params : dict
        Of which ``"softmax.W"`` and ``"softmax.bias"`` are used.
    features : array (n, f)
        From `ff_features`; no gradient goes down to them.
    labels : integer array (n,)

    Returns
    -------
    loss : 0-d array
        Nats, mean over samples.
    grads : dict
    logits : array (n, k)
    """
    logits, linear = linear_forward(features, params["softmax.W"], params["softmax.bias"])  # [a]
    loss, cross_entropy = cross_entropy_forward(logits, labels)             # [b]
    dlogits = cross_entropy_backward(1.0, cross_entropy)                    # [b]
    _, dW, dbias = linear_backward(dlogits, linear, input_gradient=False)   # [a]
    return loss, {"softmax.W": dW, "softmax.bias": dbias}, logits


def check_supervised(params, images, labels, rng, config, hard=True):
    """Raise unless images, labels and parameters fit the config."""
    check_batch(params, images, config, config.mean_shapes | config.predictor_shapes)
    check_classes(config.classes)
    check_written(images, labels, config.classes)


@door(check_supervised)
def supervised_gradients(params: dict, images, labels, rng, config: FFConfig, hard=True):
    """Learn from labelled images: true labels are positive, wrong ones negative (H22 §3.3).

        1. The predictor sees each image with the neutral label, gives its logits, and learns.
        2. A wrong label is drawn for each image, by those logits or uniformly.
        3. Every layer learns to separate images with true labels from those with wrong ones.

    Parameters
    ----------
    params : dict
    images : array (n, h, w, c)
    labels : integer array (n,)
    rng : numpy.random.Generator
    config : FFConfig
    hard : bool
        Draw by the predictor's logits.

    Returns
    -------
    loss : 0-d array
        Mean over the layers, nats.
    grads : dict
        With the keys of params. Entries of running means are their new values.

    Notes
    -----
    Same as the paper, with the running means of Hinton's Matlab.
    """
    classes, strength = config.classes, config.label_strength
    features = ff_features(params, write_neutral(images, classes, strength), config)        # 1
    _, grads, logits = predictor_gradients(params, features, labels)
    wrong = wrong_labels(labels, classes, rng, logits if hard else None)                    # 2
    x_pos = write_labels(images, labels, classes, strength)                                 # 3
    x_neg = write_labels(images, wrong, classes, strength)
    loss, layers = _layer_gradients(params, x_pos, x_neg, config)
    return loss, layers | grads


def check_unsupervised(params, images, labels, rng, config):
    """Raise unless images and parameters fit the config."""
    check_batch(params, images, config, config.mean_shapes)


@door(check_unsupervised)
def unsupervised_gradients(params: dict, images, labels, rng, config: FFConfig):
    """Learn from images alone: mixtures of two images are negative (H22 §3.2).

    Parameters
    ----------
    params : dict
        Without the predictor, which is trained afterwards.
    images : array (n, h, w, c)
    labels : anything
        Not used.
    rng : numpy.random.Generator
    config : FFConfig

    Returns
    -------
    loss : 0-d array
        Mean over the layers, nats.
    grads : dict
        With the keys of params. Entries of running means are their new values.

    Notes
    -----
    Same as the paper.
    """
    x_pos, x_neg = (x.reshape(len(x), -1) for x in (images, hybrid_negatives(images, rng)))
    return _layer_gradients(params, x_pos, x_neg, config)


@door(check_update)
def ff_update(params: dict, grads: dict, state: dict, learning_rate, predictor_rate=20.0,
              momentum=0.9, weight_decay=0.004, predictor_decay=0.003):
    """Step down the gradients, in place; the predictor has a rate and a decay of its own.

        layers       sgd at learning_rate
        predictor    sgd at learning_rate · predictor_rate
        mean_activity_m ← a_m

    Parameters
    ----------
    params, grads, state : dict
        As for `tinycaps.optim.sgd`.
    learning_rate, predictor_rate, momentum, weight_decay, predictor_decay : float

    Notes
    -----
    The rule of Hinton's Matlab, in other units. That averages its gradients, which makes them
    (1 − momentum) times our velocity, and leaves out the 2 of ∂y²/∂y, so that

        layers       its rate 0.01 is 0.0005 here, and a decay of 0.002 there is 0.004 here
        predictor    its rate 0.1 is 0.01 here, and a decay of 0.003 there is 0.003 here

    The layers' 0.002 is the value of the public port ff-py; a public copy of the Matlab has 0.001.
    Decay acts through the velocity here and directly on the weights there, the same but for a delay
    of about ten steps. Here the predictor's bias learns too.
    """
    layers, predictor = {}, {}
    for key, p in params.items():
        if key.endswith("mean_activity"):
            p[...] = grads[key]
        else:
            (predictor if key.startswith("softmax") else layers)[key] = p
    sgd(layers, {key: grads[key] for key in layers}, state, learning_rate, momentum, weight_decay)
    sgd(predictor, {key: grads[key] for key in predictor}, state, learning_rate * predictor_rate,
        momentum, predictor_decay)


def _layer_gradients(params, x_pos, x_neg, config):
    """Return the mean of the layers' losses, and each layer's gradients of its own."""
    losses, caches = ff_forward(params, x_pos, x_neg, config)
    grads = ff_backward(caches)
    for k, cache in enumerate(caches):
        key = f"{k}.mean_activity"
        grads[key] = params[key] if cache.mean_activity is None else cache.mean_activity
    return sum(losses) / len(losses), grads
