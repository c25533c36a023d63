"""Networks of this room: mlps from images to logits, their errors, and how they step."""
import numpy as np

from demos.harness.data import count_classes, watched, watched_on
from tinycaps import plot
from tinycaps.backend import get_xp, to_numpy
from tinycaps.ops import mlp_forward
from tinycaps.optim import sgd

MOMENTUM = 0.9


def sizes_of(data, hidden):
    """Return the sizes of an mlp from images to classes."""
    return [data.train_images[0].size, *hidden, count_classes(data)]


def logits_of(params, images, forward=mlp_forward, batch=1000):
    """Return a network's logits of images, both on the host; a batch is run at a time."""
    xp = get_xp(next(iter(params.values())))
    flat = images.reshape(len(images), -1)
    return np.concatenate([to_numpy(forward(params, xp.asarray(flat[k:k + batch]))[0])
                           for k in range(0, len(flat), batch)])


def count_wrong(logits, labels):
    """Return how many images are misclassified."""
    return int((logits.argmax(axis=1) != labels).sum())


def evaluation(arguments, data, logits_of=logits_of):
    """Return the function params -> {"error": error rate} on the images that are watched."""
    images, labels = watched(arguments, data)
    return lambda params: {"error": count_wrong(logits_of(params, images), labels) / len(labels)}


def momentum_update(params, grads, state, learning_rate):
    """Step down the gradient with momentum."""
    sgd(params, grads, state, learning_rate, MOMENTUM)


def draw_curves(log, arguments, errors=("error",)):
    """Write a figure of the errors of every network in the course of its training."""
    curves = {}
    for line in log:
        for error in errors:
            if error in line:
                suffix = error.replace("error ", ", ").removeprefix("error")
                curve = curves.setdefault(line["network"] + suffix, [])
                curve.append((line["epoch"], line[error]))
    plot.save(plot.error_curves({watched_on(arguments): {"curves": curves}}, "epoch"),
              arguments.out / "learning_curves.png")
