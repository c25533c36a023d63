"""The class of an image, read out in three ways (H22).

softmax      one pass with the neutral label, and the linear predictor
goodness     one pass with each label; the one with the highest goodness is the answer
shortlist    the predictor's five best, and their goodness: half the passes, nearly the same answers

The first two are the paper's (§3.3), the third is from Hinton's talks on it.
"""
from ..backend import get_xp
from ..checks import check_choice, check_count, check_finite, check_labels, door, named_xp
from ..ops.linear import linear_forward
from .config import FIRST_HEARD, FFConfig
from .goodness import GOALS, goodness_forward
from .label_pixels import check_room, write_labels, write_neutral
from .network import check_batch, ff_activities, ff_features

READOUTS = ("softmax", "goodness", "shortlist")
SHORTLIST = 5
"""Candidates that the predictor passes on to goodness."""


def check_predicted(params, images, config, batch=1000, neutral=True):
    """Raise unless images and parameters, the predictor's included, fit the config."""
    check_batch(params, images, config, config.predictor_shapes)
    check_finite(images=images)
    if neutral:
        check_room(images, config.classes)


@door(check_predicted)
def predictor_logits(params: dict, images, config: FFConfig, batch=1000, neutral=True):
    """Return the predictor's logits, from one pass with the neutral label.

    Parameters
    ----------
    params : dict
    images : array (n, h, w, c)
    config : FFConfig
    batch : int
        Images in one pass; bounds the memory.
    neutral : bool
        False leaves the images as they are, for layers that have learned without labels.

    Returns
    -------
    logits : array (n, k)
        The largest is the answer.

    Notes
    -----
    Same as the paper: a linear softmax on all layers but the first.
    """
    def one(images):
        x = images.reshape(len(images), -1)
        if neutral:
            x = write_neutral(x, config.classes, config.label_strength)
        features = ff_features(params, x, config)
        return linear_forward(features, params["softmax.W"], params["softmax.bias"])[0]
    return _in_batches(one, batch, images)


def check_tried(params, images, config, candidates=None, batch=1000):
    """Raise unless images, the layers' parameters and candidate labels fit the config."""
    check_batch(params, images, config)
    check_finite(images=images)
    check_room(images, config.classes)
    if candidates is not None:
        named_xp(images=images, candidates=candidates)
        if candidates.ndim != 2 or len(candidates) != len(images):
            raise ValueError(f"candidates: got shape {candidates.shape}, wanted ({len(images)}, j)")
        check_labels(candidates.ravel(), candidates.size, config.classes, "candidates")


@door(check_tried)
def label_goodness(params: dict, images, config: FFConfig, candidates=None, batch=1000):
    """Return the goodness of each layer for each label tried, from one pass with each.

    Parameters
    ----------
    params : dict
    images : array (n, h, w, c)
    config : FFConfig
    candidates : integer array (n, j), optional
        Labels to try for each image; by default all.
    batch : int

    Returns
    -------
    goodness : array (n, layers, j)
        With the sign turned where the goodness of positive data is minimised: more is better.

    Notes
    -----
    Same as the paper. `vote` sums over all layers but the first.
    """
    xp = get_xp(images)
    if candidates is None:
        candidates = xp.arange(config.classes)[None, :].repeat(len(images), axis=0)

    def one(images, candidates):
        tried = []
        for labels in candidates.T:
            x = write_labels(images, labels, config.classes, config.label_strength)
            activities = ff_activities(params, x, config)
            tried.append(xp.stack([goodness_forward(y)[0] for y in activities], axis=1))
        return GOALS[config.goal] * xp.stack(tried, axis=2)
    return _in_batches(one, batch, images, candidates)


@door(goodness="n,layers,j")
def vote(goodness):
    """Return the column with the most goodness, summed over all layers but the first.

    Parameters
    ----------
    goodness : array (n, layers, j)
        From `label_goodness`.

    Returns
    -------
    integer array (n,)
    """
    return goodness[:, FIRST_HEARD:].sum(axis=1).argmax(axis=1)


def check_readout(params, images, config, readout="shortlist", batch=1000):
    """Raise unless there is such a readout, and images and parameters fit the config."""
    check_choice(READOUTS, readout=readout)
    (check_tried if readout == "goodness" else check_predicted)(params, images, config)


@door(check_readout)
def predict(params: dict, images, config: FFConfig, readout="shortlist", batch=1000):
    """Return the class of each image.

    Parameters
    ----------
    params : dict
    images : array (n, h, w, c)
    config : FFConfig
    readout : "softmax", "goodness" or "shortlist"
    batch : int

    Returns
    -------
    labels : integer array (n,)

    Notes
    -----
    A network that has learned without labels has the predictor alone: `predictor_logits` with
    ``neutral=False``.
    """
    if readout == "goodness":
        return vote(label_goodness(params, images, config, batch=batch))
    logits = predictor_logits(params, images, config, batch)
    if readout == "softmax":
        return logits.argmax(axis=1)
    best = shortlist(logits)
    chosen = vote(label_goodness(params, images, config, best, batch))
    return best[get_xp(images).arange(len(best)), chosen]


def shortlist(logits):
    """Return the predictor's best, best first, (n, 5)."""
    return logits.argsort(axis=1)[:, :-SHORTLIST - 1:-1]


def _in_batches(function, batch, *arrays):
    """Apply a function to slices of arrays, and put the results together."""
    check_count(batch=batch)
    pieces = [function(*(a[k:k + batch] for a in arrays)) for k in range(0, len(arrays[0]), batch)]
    return get_xp(arrays[0]).concatenate(pieces)
