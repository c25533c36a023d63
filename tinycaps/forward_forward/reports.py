"""What a network gets wrong, and how each of its layers judges: numbers for a log (H22)."""
from ..backend import get_xp
from ..checks import check_labels, door, named_xp
from .config import FFConfig
from .goodness import positive_probability
from .readouts import check_predicted, label_goodness, predictor_logits, shortlist, vote


def check_labelled(params, images, labels, config, batch=1000):
    """Raise unless images, labels and parameters fit the config."""
    check_predicted(params, images, config)
    check_labels(labels, len(images), config.classes)
    named_xp(images=images, labels=labels)


@door(check_labelled)
def readout_errors(params: dict, images, labels, config: FFConfig, batch=1000):
    """Return the error rates of all readouts, and of every layer's goodness alone.

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
        Fractions of all images: ``"softmax"``, ``"goodness"``, ``"shortlist"``, and ``"layer 0"``,
        ``"layer 1"``, …
    """
    xp = get_xp(images)
    logits = predictor_logits(params, images, config, batch)
    goodness = label_goodness(params, images, config, batch=batch)
    best = shortlist(logits)
    # CuPy's take_along_axis has no default axis.
    chosen = vote(xp.take_along_axis(goodness, best[:, None, :], axis=2))
    answers = {"softmax": logits.argmax(axis=1), "goodness": vote(goodness),
               "shortlist": best[xp.arange(len(best)), chosen]}
    answers |= {f"layer {k}": goodness[:, k].argmax(axis=1) for k in range(goodness.shape[1])}
    return {name: float((answer != labels).mean()) for name, answer in answers.items()}


def layer_report(caches, config):
    """Report how each layer judges positive and negative samples.

    Parameters
    ----------
    caches : list of FFLayerCache
        From `ff_forward`.
    config : FFConfig

    Returns
    -------
    report : dict of float
        For layer 0 ``"goodness+ 0"`` and ``"goodness- 0"``, the means divided by θ, and
        ``"misjudged 0"``, the fraction of samples on the wrong side of θ; and so on.
    """
    report = {}
    for k, (cache, theta) in enumerate(zip(caches, config.thetas)):
        n = len(cache.goodness) // 2
        positive = positive_probability(cache.goodness, theta, config.goal) > 0.5
        missed, false = float((~positive[:n]).mean()), float(positive[n:].mean())
        report |= {f"goodness+ {k}": float(cache.goodness[:n].mean()) / theta,
                   f"goodness- {k}": float(cache.goodness[n:].mean()) / theta,
                   f"misjudged {k}": (missed + false) / 2}
    return report
