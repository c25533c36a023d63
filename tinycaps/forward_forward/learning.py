"""What a batch teaches: gradients for `tinycaps.train.train`, supervised or not, and the step that they are followed by."""
from ..checks import check_shapes
from ..ops.linear import linear_forward
from ..ops.softmax import cross_entropy_backward, cross_entropy_forward
from ..optim import sgd
from .label_pixels import write_labels, write_neutral
from .negatives import hybrid_negatives, wrong_labels
from .network import check_batch, ff_backward, ff_features, ff_forward


def predictor_gradients(params, features, labels):
    """Return loss, gradients and logits of the linear softmax on what the layers have learned; nothing goes down to them.

    Parameters
    ----------
    params : dict
        Of which ``"softmax.W"`` and ``"softmax.bias"`` are used.
    features : array (n, f)
        From `ff_features`.
    labels : integer array (n,)

    Returns
    -------
    loss : 0-d array
        Nats, mean over samples.
    grads : dict
    logits : array (n, k)
    """
    logits, _ = linear_forward(features, params["softmax.W"], params["softmax.bias"])
    loss, cache = cross_entropy_forward(logits, labels)
    dlogits = cross_entropy_backward(1.0, cache)
    return loss, {"softmax.W": features.T @ dlogits, "softmax.bias": dlogits.sum(axis=0)}, logits


def supervised_gradients(params, images, labels, rng, config, hard=True):
    """Learn from images that carry a label: the true one is positive, a wrong one negative (H22 section 3.3).

    1. The neutral label: the predictor says what it takes each image for, and learns.
    2. A wrong label is drawn for each image, from what the predictor takes for likely, or uniformly.
    3. Every layer tells the image with the true label from that with the wrong one.

    Parameters
    ----------
    params : dict
    images : array (n, h, w, c)
    labels : integer array (n,)
    rng : numpy.random.Generator
    config : FFConfig
    hard : bool
        Draw from the predictor's distribution over the wrong classes.

    Returns
    -------
    loss : 0-d array
        Mean over the layers, nats.
    grads : dict
        With the keys of params; the running means have theirs in place of a gradient.

    Raises
    ------
    ValueError, TypeError
        If there is a single class, a label is out of range, or the images do not fit.

    Notes
    -----
    Same as the paper, with the running means of Hinton's Matlab.
    """
    check_batch(params, images, config)
    neutral = write_neutral(images, config.classes, config.label_strength)
    _, grads, logits = predictor_gradients(params, ff_features(params, neutral, config), labels)
    wrong = wrong_labels(labels, config.classes, rng, logits if hard else None)
    x_pos, x_neg = (write_labels(images, each, config.classes, config.label_strength) for each in (labels, wrong))
    loss, layers = _layer_gradients(params, x_pos, x_neg, config)
    return loss, layers | grads


def unsupervised_gradients(params, images, labels, rng, config):
    """Learn from images alone: negative is a mixture of two of them (H22 section 3.2).

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
        With the keys of params.

    Raises
    ------
    ValueError, TypeError
        If the images do not fit.

    Notes
    -----
    Same as the paper.
    """
    check_batch(params, images, config)
    x_pos, x_neg = (x.reshape(len(x), -1) for x in (images, hybrid_negatives(images, rng)))
    return _layer_gradients(params, x_pos, x_neg, config)


def ff_update(params, grads, state, learning_rate, predictor_rate=20.0, momentum=0.9, weight_decay=0.004, predictor_decay=0.003):
    """Follow the gradients with momentum and weight decay, in place; the predictor at its own rate. Running means are taken over.

    Parameters
    ----------
    params, grads, state : dict
        As for `tinycaps.optim.sgd`.
    learning_rate : float
        Of the layers; the predictor's is ``predictor_rate`` times as large.
    predictor_rate, momentum, weight_decay, predictor_decay : float

    Raises
    ------
    ValueError
        If params and grads have other keys.

    Notes
    -----
    Hinton's Matlab, in other units: it averages its gradients, (1 − momentum) times our velocity, and leaves out the 2 of
    ∂y²/∂y. Its rates 0.01 and 0.1 are 0.0005 and 0.01 here, its decays 0.002 and 0.003 are 0.004 and 0.003. They act through the
    velocity here and beside it there, which is the same but for some ten steps of delay; and here the predictor's bias learns too.
    """
    if grads.keys() != params.keys():
        wrong = sorted(grads.keys() ^ params.keys())
        raise ValueError(f"grads: got other keys than params ({', '.join(wrong)} in one of them only), wanted the same")
    rates = {"layer": (learning_rate, weight_decay), "predictor": (learning_rate * predictor_rate, predictor_decay)}
    groups = {"layer": {}, "predictor": {}}
    for key, p in params.items():
        if key.endswith("mean_activity"):
            check_shapes(**{f"params[{key!r}]": (p, p.shape), f"grads[{key!r}]": (grads[key], p.shape)})
            p[...] = grads[key]
        else:
            groups["predictor" if key.startswith("softmax") else "layer"][key] = p
    for name, group in groups.items():
        rate, decay = rates[name]
        sgd(group, {key: grads[key] for key in group}, state, rate, momentum, decay)


def _layer_gradients(params, x_pos, x_neg, config):
    losses, caches = ff_forward(params, x_pos, x_neg, config)
    grads = ff_backward(caches)
    for k, cache in enumerate(caches):
        key = f"{k}.mean_activity"
        grads[key] = params[key] if cache.mean_activity is None else cache.mean_activity
    return sum(losses) / len(losses), grads
