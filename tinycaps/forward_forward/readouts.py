"""Three ways to ask a forward-forward network for the class, and what each layer would say alone (H22 section 3.3)."""
from ..backend import get_xp
from ..checks import check_count, check_images, check_labels, named_xp
from ..ops.linear import linear_forward
from .goodness import GOALS, goodness_forward, positive_probability
from .label_pixels import write_labels, write_neutral
from .network import FIRST_HEARD, check_batch, ff_activities, ff_features

SHORTLIST = 5
"""Candidates that the predictor hands to goodness."""


def predictor_logits(params, images, config, batch=1000, neutral=True):
    """Ask the predictor: one pass with the neutral label.

    Parameters
    ----------
    params : dict
    images : array (n, h, w, c)
    config : FFConfig
    batch : int
        Images looked at together; bounds the memory.
    neutral : bool
        False leaves the images as they are, for layers that have learned without labels.

    Returns
    -------
    logits : array (n, k)
        Their largest is the fast readout.

    Raises
    ------
    ValueError, TypeError
        If the images do not fit, or a pixel is NaN or infinite.

    Notes
    -----
    Same as the paper: a linear softmax on all layers but the first.
    """
    check_batch(params, images, config)

    def one(images):
        x = write_neutral(images, config.classes, config.label_strength) if neutral else images.reshape(len(images), -1)
        features = ff_features(params, x, config)
        return linear_forward(features, params["softmax.W"], params["softmax.bias"])[0]
    return _in_batches(one, batch, images)


def label_goodness(params, images, config, candidates=None, batch=1000):
    """Try labels: one pass for each candidate.

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
        How well each layer likes each candidate: its goodness, with the sign turned where positive data shall have little.

    Raises
    ------
    ValueError, TypeError
        If the images or candidates do not fit, or a pixel is NaN or infinite.

    Notes
    -----
    Same as the paper, where the label with the highest goodness, summed over all layers but the first, is the answer: see `vote`.
    """
    check_batch(params, images, config)
    xp = named_xp(images=images)
    if candidates is None:
        candidates = xp.arange(config.classes)[None, :].repeat(len(images), axis=0)
    named_xp(images=images, candidates=candidates)
    if candidates.ndim != 2 or len(candidates) != len(images):
        raise ValueError(f"candidates: got shape {candidates.shape}, wanted ({len(images)}, j)")

    def one(images, candidates):
        tried = []
        for labels in candidates.T:
            x = write_labels(images, labels, config.classes, config.label_strength)
            tried.append(xp.stack([goodness_forward(y)[0] for y in ff_activities(params, x, config)], axis=1))
        return GOALS[config.goal] * xp.stack(tried, axis=2)
    return _in_batches(one, batch, images, candidates)


def vote(goodness):
    """Return the column with the most goodness over all layers but the first.

    Parameters
    ----------
    goodness : array (n, layers, j)
        From `label_goodness`.

    Returns
    -------
    integer array (n,)
    """
    return goodness[:, FIRST_HEARD:].sum(axis=1).argmax(axis=1)


def predict(params, images, config, readout="shortlist", batch=1000):
    """Return the class of each image.

    Parameters
    ----------
    params : dict
    images : array (n, h, w, c)
    config : FFConfig
    readout : "softmax", "goodness" or "shortlist"
        One pass and the predictor; one pass for every label and the goodness; or the predictor's five best and their goodness.
    batch : int

    Returns
    -------
    labels : integer array (n,)

    Raises
    ------
    ValueError, TypeError
        If there is no such readout, or the images do not fit.

    Notes
    -----
    The first two are the paper's. The third is from Hinton's talks on it: half the passes, nearly the same answers. A network that has
    learned without labels has the predictor alone: `predictor_logits` with ``neutral=False``.
    """
    if readout not in ("softmax", "goodness", "shortlist"):
        raise ValueError(f"readout: got {readout!r}, wanted softmax, goodness or shortlist")
    if readout == "goodness":
        return vote(label_goodness(params, images, config, batch=batch))
    logits = predictor_logits(params, images, config, batch)
    if readout == "softmax":
        return logits.argmax(axis=1)
    best = _shortlist(logits)
    chosen = vote(label_goodness(params, images, config, best, batch))
    return best[get_xp(images).arange(len(best)), chosen]


def readout_errors(params, images, labels, config, batch=1000):
    """Count the errors of all readouts, and of every layer alone.

    Parameters
    ----------
    params : dict
    images : array (n, h, w, c)
    labels : integer array (n,)
    config : FFConfig
    batch : int

    Returns
    -------
    errors : dict of float
        Parts of all images, for ``"softmax"``, ``"goodness"``, ``"shortlist"``, and ``"layer 0"``, ``"layer 1"``, …, by the goodness
        of one layer.

    Raises
    ------
    ValueError, TypeError
        If a label is out of range, or the images do not fit.
    """
    check_labels(labels, len(images), config.classes)
    xp = named_xp(images=images, labels=labels)
    logits = predictor_logits(params, images, config, batch)
    goodness = label_goodness(params, images, config, batch=batch)
    best = _shortlist(logits)
    shortlist = vote(xp.take_along_axis(goodness, best[:, None, :], axis=2))
    answers = {"softmax": logits.argmax(axis=1), "goodness": vote(goodness),
               "shortlist": best[xp.arange(len(best)), shortlist]}
    answers |= {f"layer {k}": goodness[:, k].argmax(axis=1) for k in range(goodness.shape[1])}
    return {name: float((answer != labels).mean()) for name, answer in answers.items()}


def layer_report(caches, config):
    """Tell how each layer judges positive and negative samples.

    Parameters
    ----------
    caches : list of FFLayerCache
        From `ff_forward`.
    config : FFConfig

    Returns
    -------
    report : dict of float
        ``"goodness+ 0"`` and ``"goodness- 0"``, the means of layer 0 divided by θ; ``"misjudged 0"``, the part of samples on the wrong
        side of θ; and so on for every layer.
    """
    report = {}
    for k, cache in enumerate(caches):
        n, theta = len(cache.goodness) // 2, config.thetas[k]
        positive = positive_probability(cache.goodness, theta, config.goal) > 0.5
        report |= {f"goodness+ {k}": float(cache.goodness[:n].mean()) / theta, f"goodness- {k}": float(cache.goodness[n:].mean()) / theta,
                   f"misjudged {k}": (float((~positive[:n]).mean()) + float(positive[n:].mean())) / 2}
    return report


def _shortlist(logits):
    """Return the predictor's best, best first, (n, 5)."""
    return logits.argsort(axis=1)[:, :-SHORTLIST - 1:-1]


def _in_batches(function, batch, *arrays):
    check_images(arrays[0])
    check_count(batch=batch)
    parts = [function(*(a[k:k + batch] for a in arrays)) for k in range(0, len(arrays[0]), batch)]
    return get_xp(arrays[0]).concatenate(parts)
