"""What forward_forward prints and draws of a network and its training."""
import numpy as np

from demos.forward_forward import drawings
from demos.harness.data import WATCHED, judged
from demos.harness.learn import print_line
from tinycaps import plot
from tinycaps.backend import asarray, to_numpy
from tinycaps.forward_forward import init_ff, label_goodness, vote
from tinycaps.forward_forward.network import FIRST_HEARD

RANDOM = "softmax on random layers"
READOUTS = {"goodness": "goodness", "softmax": "softmax", "shortlist": "the shortlist",
            RANDOM: "softmax on layers left at random"}
SHOWN = 20
"""Units of the first layer that are drawn."""


def describe_errors(errors):
    """Return the errors of the readouts in words."""
    return ", ".join(f"{100 * errors[key]:.2f} % by {name}" for key, name in READOUTS.items()
                     if key in errors)


def show(line):
    """Print what an evaluation has found."""
    parts = [f"epoch {line['epoch']}"]
    if "sample loss" in line:
        layers = " ".join(f"{layer['goodness+']:.2f}/{layer['goodness-']:.2f}"
                          for layer in layer_table(line, {}))
        parts += [f"loss {line['sample loss']:.3f}", f"goodness+/- {layers} theta"]
    if any(key.startswith("error ") for key in line):
        parts.append("error " + describe_errors({key[6:]: value for key, value in line.items()
                                                 if key.startswith("error ")}))
    print_line("; ".join(parts))


def layer_table(report, errors):
    """Return, for each layer, what a report holds of it, and its own error if it has one."""
    count = sum(key.startswith("misjudged ") for key in report)
    names = "goodness+", "goodness-", "misjudged"
    return [{name: report[f"{name} {k}"] for name in names} | {"error": errors.get(f"layer {k}")}
            for k in range(count)]


def print_table(layers):
    """Print the goodness and the errors of each layer."""
    print("layer   goodness of positive data   of negative data   misjudged   error alone")
    for k, layer in enumerate(layers):
        alone = "none" if layer["error"] is None else f"{100 * layer['error']:.2f} %"
        print(f"{k:5}{layer['goodness+']:22.2f} theta{layer['goodness-']:13.2f} theta"
              f"{100 * layer['misjudged']:10.2f} %{alone:>14}")


def draw(params, data, config, caches, log, arguments):
    """Write the figures; caches are the layers' on positive and negative samples."""
    out, evaluated_on = arguments.out, "training images"
    if arguments.hold_out:
        evaluated_on = judged(arguments)[1]
    names = [f"error {name}" for name in READOUTS if any(f"error {name}" in line for line in log)]
    plot.save(plot.learning_curves(log, evaluated_on, names), out / "learning_curves.png")
    plot.save(drawings.layer_curves(log, evaluated_on), out / "layer_curves.png")
    goodness = zip(*(cache.goodness.reshape(2, -1) for cache in caches))
    goodness = [[to_numpy(each) / theta for each, theta in zip(layers, config.thetas)]
                for layers in goodness]
    plot.save(drawings.goodness_histograms(*goodness), out / "goodness_histograms.png")
    plot.save(fields_figure(params, config, arguments), out / "receptive_fields.png")
    if arguments.negatives != "hybrid":
        plot.save(goodness_figure(params, data, config, arguments), out / "label_goodness.png")


def fields_figure(params, config, arguments):
    """Draw what units of the first layer respond to, with labels or without."""
    start = init_ff(np.random.default_rng(arguments.seed), config)["0.W"]
    W, k = learned(to_numpy(params["0.W"]), start), config.classes
    fields = W.T.reshape(-1, *config.image_shape)
    if arguments.negatives == "hybrid":
        units = (W ** 2).sum(axis=0).argsort()[:-SHOWN - 1:-1]
        return drawings.receptive_fields(fields[units])
    units = favourites(W[:k], SHOWN)
    return drawings.receptive_fields(fields[units, label_rows(config):], W[:k, units].T)


def learned(W, start):
    """Return weights without what weight decay has left of their random start."""
    return W - start * ((W * start).sum() / (start * start).sum())


def favourites(label_weights, count):
    """Return units with large label weights: the largest of each label first, then the second."""
    best, size = label_weights.argmax(axis=0), label_weights.max(axis=0)
    ranks = np.zeros(len(best), int)
    for label in range(len(label_weights)):
        units = np.flatnonzero(best == label)
        ranks[units[size[units].argsort()[::-1]]] = np.arange(len(units))
    return np.lexsort((best, ranks))[:count]


def goodness_figure(params, data, config, arguments):
    """Draw five correctly classified images and three others, and their goodness by label."""
    images, labels = data.test_images[:WATCHED], data.test_labels[:WATCHED]
    found = label_goodness(params, asarray(images, arguments.device), config)
    total = to_numpy(found[:, FIRST_HEARD:].sum(axis=1)) / sum(config.thetas[FIRST_HEARD:])
    chosen = to_numpy(vote(found))
    right = np.flatnonzero(chosen == labels)
    of_each_class = np.sort(np.unique(labels[right], return_index=True)[1])
    shown = np.concatenate([right[of_each_class][:5], np.flatnonzero(chosen != labels)[:3]])
    return drawings.label_goodness(images[shown, label_rows(config):], total[shown],
                                   labels[shown], chosen[shown])


def label_rows(config):
    """Return how many rows of an image hold label pixels, one less if that is all of them."""
    h, w, c = config.image_shape
    return min(-(-config.classes // (w * c)), h - 1)
