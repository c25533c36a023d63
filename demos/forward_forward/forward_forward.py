"""Layers that learn alone: forward-forward, without backpropagation (Hinton 2022).

Every layer is shown real images with their true label in the first pixels, positive data, and the same with a wrong label, negative
data, and makes its own goodness, the sum of its squared activities, large for the one and small for the other. No layer hears from
those above. An image is read by trying every label, or by a softmax that looks on, or by trying the softmax's five best, the
shortlist. While it learns, the demo prints the goodness of positive and negative data in each layer; then it draws, into --out:

    learning_curves.png       the loss of the training batches, the error of the three readouts
    layer_curves.png          how each layer parts positive from negative data, and what it would read alone
    goodness_histograms.png   how far apart they are at the end
    receptive_fields.png      what units of the first layer look for, and the labels that they like
    label_goodness.png        some images, and how good the network finds them with each label

    python -m demos.forward_forward                             the embedded digits, under a minute
    python -m demos.forward_forward --negatives hybrid          without labels: two images mixed are negative; then a softmax on top
    python -m demos.forward_forward --goal minimise             little goodness for positive data: works as well
    python -m demos.forward_forward --data mnist                Hinton's 3 x 1000 units, half an hour; --epochs 2 for a glimpse
    python -m demos.forward_forward --data mnist --resume       go on after a kill, from the last minute's checkpoint

The test images choose nothing and are read once, at the end; --hold-out N judges on N training images instead. The last line of the
default: test error 1.11 % by goodness, 1.11 % by softmax, 1.11 % by the shortlist (4, 4, 4 of 360 wrong); an image or two more or less
on another BLAS.
"""
import dataclasses
import zlib
from functools import partial

import numpy as np

from demos import command, training
from tinycaps import plot
from tinycaps.backend import asarray, to_numpy
from tinycaps.checkpoint import load_checkpoint
from tinycaps.forward_forward import (FFConfig, fast_supervised_gradients, fast_unsupervised_gradients, ff_features, ff_forward, ff_update,
                                      hybrid_negatives, init_ff, label_goodness, layer_report, make_room, predictor_gradients,
                                      predictor_logits, readout_errors, vote, write_labels, wrong_labels)
from tinycaps.forward_forward.network import FIRST_HEARD
from tinycaps.optim import flat_then_linear
from tinycaps.fast.parallel import parallel
from tinycaps.train import train
from tinycaps.fast.workspace import Workspace

SMALL = dict(hidden=[300, 300, 300], epochs=100, batch=20, learning_rate=5e-4, weight_decay=0.004, label_strength=1.0, shift=0, warp=True,
             predictor_epochs=50, evaluate_every=10)
LARGE = dict(hidden=[1000, 1000, 1000], epochs=100, batch=100, learning_rate=5e-4, weight_decay=0.004, label_strength=1.0, shift=0,
             warp=False, predictor_epochs=20, evaluate_every=5)
READOUTS = {"goodness": "goodness", "softmax": "softmax", "shortlist": "the shortlist"}
SHOWN = 20


def build_parser():
    """Return the argument parser."""
    p = command.parser("forward_forward", __doc__)
    at_least_one = command.whole_number(1)
    p.add_argument("--negatives", choices=("hard", "random", "hybrid"), default="hard",
                   help="images with a wrong label that the network takes for likely, or with any wrong label, or two images mixed, "
                        "to learn without labels (default hard)")
    p.add_argument("--goal", choices=("maximise", "minimise"), default="maximise", help="what to do with the goodness of positive data")
    p.add_argument("--hidden", nargs="+", type=at_least_one, metavar="N",
                   help=f"units of each layer; default {' '.join(map(str, SMALL['hidden']))} for small images, "
                        f"else {' '.join(map(str, LARGE['hidden']))}")
    training.add_arguments(p, SMALL, LARGE, "the layers; it falls to zero in the second half")
    p.add_argument("--weight-decay", type=command.not_negative, metavar="X",
                   help=f"of the layers; default {SMALL['weight_decay']}, or {LARGE['weight_decay']}")
    p.add_argument("--label-strength", type=command.positive_number, metavar="X",
                   help=f"value of the label pixel; default {SMALL['label_strength']}, or {LARGE['label_strength']}")
    p.add_argument("--theta", type=command.positive_number, metavar="X", help="threshold on goodness; default: the units of a layer")
    p.add_argument("--predictor-epochs", type=at_least_one, metavar="N",
                   help=f"of the softmax that follows on hybrid; default {SMALL['predictor_epochs']}, or {LARGE['predictor_epochs']}")
    p.add_argument("--evaluate-every", type=at_least_one, metavar="N",
                   help=f"epochs; default {SMALL['evaluate_every']}, or {LARGE['evaluate_every']}")
    return p


def fit_config(arguments, data):
    """Return the network that the arguments ask for."""
    classes = training.count_classes(data)
    if classes < 2:
        raise ValueError(f"classes: got {classes}, wanted at least 2: with a single class no label is wrong")
    return FFConfig(image_shape=data.train_images.shape[1:], classes=classes, hidden=arguments.hidden, theta=arguments.theta,
                    goal=arguments.goal, label_strength=arguments.label_strength)


def with_room(data, arguments):
    """Return the data with room for the label, if there is to be one, and the function that moves the pictures in a batch."""
    move = training.augmentation(arguments)
    if arguments.negatives == "hybrid":
        if len(data.train_images) % arguments.batch == 1:
            raise ValueError(f"batch: got {arguments.batch}, which leaves one of the {len(data.train_images)} training images alone, "
                             "wanted another: two are mixed")
        return data, move
    train_images, test_images = make_room(data.train_images, data.test_images, classes=training.count_classes(data))
    rows = train_images.shape[1] - data.train_images.shape[1]
    return (data._replace(train_images=train_images, test_images=test_images),
            lambda x, rng: np.concatenate([x[:, :rows], move(x[:, rows:], rng)], axis=1))


def on_device(parts, arguments):
    """Return images and labels where the network lies."""
    return [asarray(part, arguments.device) for part in parts]


def samples(params, images, labels, config, arguments):
    """Return positive and negative data as the layers learn from, always the same for the same predictor."""
    rng = np.random.default_rng(arguments.seed)
    if arguments.negatives == "hybrid":
        return [x.reshape(len(x), -1) for x in (images, hybrid_negatives(images, rng))]
    wrong = wrong_labels(labels, config.classes, rng, predictor_logits(params, images, config) if arguments.negatives == "hard" else None)
    return [write_labels(images, each, config.classes, config.label_strength) for each in (labels, wrong)]


def errors_of(params, images, labels, config, arguments):
    """Return the part of images that each readout gets wrong."""
    if arguments.negatives == "hybrid":
        logits = predictor_logits(params, images, config, neutral=False)
        return {"softmax": float((logits.argmax(axis=1) != labels).mean())}
    return readout_errors(params, images, labels, config)


def tell(errors):
    """Say errors in words."""
    return ", ".join(f"{100 * errors[key]:.2f} % by {name}" for key, name in READOUTS.items() if key in errors)


def show(line):
    """Print what an evaluation has found."""
    from tqdm import tqdm
    parts = [f"epoch {line['epoch']}"]
    if "sample loss" in line:
        layers = " ".join(f"{layer['goodness+']:.2f}/{layer['goodness-']:.2f}" for layer in by_layers(line, {}))
        parts += [f"loss {line['sample loss']:.3f}", f"goodness+/- {layers} theta"]
    if "error softmax" in line:
        parts.append("error " + tell({key[6:]: value for key, value in line.items() if key.startswith("error ")}))
    with tqdm.external_write_mode():
        print("; ".join(parts), flush=True)


def learn(arguments, data, augment, config, gradients, params, epochs, evaluate, folder, resume, **about):
    """Train parameters by a rate that is flat through the first half and then falls to zero; return the log and the seconds."""
    steps = epochs * -(-len(data.train_images) // arguments.batch)
    settings = {name: getattr(arguments, name) for name in ("negatives", "learning_rate", "weight_decay", "shift", "warp")}
    with parallel(np):                              # no threads of the BLAS's own, which would take the cores of the fast gradients
        return train(gradients, params, data.train_images, data.train_labels, epochs=epochs, batch=arguments.batch, seed=arguments.seed,
                     update=partial(ff_update, weight_decay=arguments.weight_decay), augment=augment, evaluate=evaluate, show=show,
                     evaluate_every=arguments.evaluate_every, folder=folder, resume=resume,
                     learning_rate=lambda step: flat_then_linear(arguments.learning_rate, step, steps),
                     about={"config": dataclasses.asdict(config), "epochs": epochs, **settings, **about})


def fit(arguments, data, augment, config, folder):
    """Train a network, in a folder; return its parameters, the log and the seconds."""
    watched, judged = (on_device(parts, arguments) for parts in (training.some(*data[:2]), training.watched(arguments, data)))

    def watch(params):
        losses, caches = ff_forward(params, *samples(params, *watched, config, arguments), config)
        return {"sample loss": float(sum(losses)) / len(losses)} | layer_report(caches, config)

    def judge(params):
        return {f"error {name}": error for name, error in errors_of(params, *judged, config, arguments).items()}

    teach = partial(learn, arguments, data, augment, config)
    params = {key: asarray(p, arguments.device) for key, p in init_ff(np.random.default_rng(arguments.seed), config).items()}
    if arguments.negatives != "hybrid":
        gradients = partial(fast_supervised_gradients, config=config, workspace=Workspace(), hard=arguments.negatives == "hard")
        return params, *teach(gradients, params, arguments.epochs, lambda params: watch(params) | judge(params), folder, arguments.resume)

    predictor = {key: params.pop(key) for key in ("softmax.W", "softmax.bias")}
    gradients = partial(fast_unsupervised_gradients, config=config, workspace=Workspace())
    log, seconds = teach(gradients, params, arguments.epochs, watch, folder, arguments.resume)
    print("now a softmax on what the layers have learned", flush=True)

    def on_top(predictor, x, labels, rng):
        return predictor_gradients(predictor, ff_features(params, x.reshape(len(x), -1), config), labels)[:2]

    below, path = zlib.crc32(b"".join(to_numpy(p).tobytes() for p in params.values())), folder / "predictor" / "checkpoint.npz"
    resume = arguments.resume and path.exists() and load_checkpoint(path).about.get("layers_crc32") == below
    above, more = teach(on_top, predictor, arguments.predictor_epochs, lambda predictor: judge(params | predictor), path.parent, resume,
                        layers_crc32=below)
    return params | predictor, log + [line for line in above if "loss" not in line], seconds + more


def learned(W, start):
    """Return weights without what weight decay has left of their random start."""
    return W - start * ((W * start).sum() / (start * start).sum())


def favourites(label_weights, count):
    """Return so many units that like a label: the greatest admirer of each label, then the second greatest of each, and so on."""
    best, liking = label_weights.argmax(axis=0), label_weights.max(axis=0)
    ranks = np.zeros(len(best), int)
    for label in range(len(label_weights)):
        admirers = np.flatnonzero(best == label)
        ranks[admirers[liking[admirers].argsort()[::-1]]] = np.arange(len(admirers))
    return np.lexsort((best, ranks))[:count]


def draw(params, data, config, goodness, log, arguments):
    """Write the figures; goodness is that of positive and of negative data, by layers."""
    out, judged_on = arguments.out, training.judged(arguments)[1] if arguments.hold_out else "training images"
    names = [f"error {name}" for name in READOUTS if any(f"error {name}" in line for line in log)]
    plot.save(plot.learning_curves(log, judged_on, names), out / "learning_curves.png")
    plot.save(plot.layer_curves(log, judged_on), out / "layer_curves.png")
    plot.save(plot.goodness_histograms(*goodness), out / "goodness_histograms.png")

    W, k = learned(to_numpy(params["0.W"]), init_ff(np.random.default_rng(arguments.seed), config)["0.W"]), config.classes
    fields = W.T.reshape(-1, *config.image_shape)
    if arguments.negatives == "hybrid":
        units = (W ** 2).sum(axis=0).argsort()[:-SHOWN - 1:-1]
        plot.save(plot.receptive_fields(fields[units]), out / "receptive_fields.png")
        return
    units = favourites(W[:k], SHOWN)
    plot.save(plot.receptive_fields(fields[units, label_rows(config):], W[:k, units].T), out / "receptive_fields.png")

    images = data.test_images[:training.WATCHED]
    found = label_goodness(params, asarray(images, arguments.device), config)
    chosen, found = to_numpy(vote(found)), to_numpy(found[:, FIRST_HEARD:].sum(axis=1)) / sum(config.thetas[FIRST_HEARD:])
    labels = data.test_labels[:training.WATCHED]
    right = np.flatnonzero(chosen == labels)
    of_each_class = np.sort(np.unique(labels[right], return_index=True)[1])
    shown = np.concatenate([right[of_each_class][:5], np.flatnonzero(chosen != labels)[:3]])
    plot.save(plot.label_goodness(images[shown, label_rows(config):], found[shown], data.test_labels[shown], chosen[shown]),
              out / "label_goodness.png")


def label_rows(config):
    """Return how many rows of an image the label pixels reach into, one less if that is all of them."""
    h, w, c = config.image_shape
    return min(-(-config.classes // (w * c)), h - 1)


def by_layers(report, errors):
    """Return what is known of each layer, and its error alone, if it has one."""
    count = sum(key.startswith("misjudged ") for key in report)
    return [{name: report[f"{name} {k}"] for name in ("goodness+", "goodness-", "misjudged")} | {"error": errors.get(f"layer {k}")}
            for k in range(count)]


def print_table(layers):
    """Print what is known of each layer."""
    print("layer   goodness of positive data   of negative data   misjudged   error alone")
    for k, layer in enumerate(layers):
        alone = "none" if layer["error"] is None else f"{100 * layer['error']:.2f} %"
        print(f"{k:5}{layer['goodness+']:22.2f} theta{layer['goodness-']:13.2f} theta{100 * layer['misjudged']:10.2f} %{alone:>14}")


def main(argv=None):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = command.Record("forward_forward", argv, arguments)
    command.prepare(arguments)
    data = training.load_data(arguments)
    training.fill_in(arguments, data, SMALL, LARGE)
    data, augment = with_room(data, arguments)
    config = fit_config(arguments, data)
    size = sum(p.size for key, p in init_ff(np.random.default_rng(0), config).items() if not key.endswith("mean_activity"))
    print(f"{len(data.train_images):,} images of {'x'.join(map(str, config.image_shape))}, {config.classes} classes; "
          f"layers of {', '.join(map(str, config.hidden))}, {size:,} parameters; {arguments.negatives} negatives", flush=True)
    folder = training.run_folder(f"forward_forward-{arguments.negatives}-{arguments.goal}", arguments)
    with training.resumable(folder):
        params, log, seconds = fit(arguments, data, augment, config, folder)
    word, judged_on = training.judged(arguments)
    errors = errors_of(params, *on_device(data[2:], arguments), config, arguments)
    _, caches = ff_forward(params, *samples(params, *on_device(training.some(*data[2:]), arguments), config, arguments), config)
    layers = by_layers(layer_report(caches, config), errors)
    print_table(layers)
    halves = [[to_numpy(part) / t for part, t in zip(parts, config.thetas)] for parts in zip(*(c.goodness.reshape(2, -1) for c in caches))]
    training.write_log(arguments, log)
    count = len(data.test_images)
    wrong = {name: round(error * count) for name, error in errors.items()}
    record.write(errors=errors, wrong=wrong, judged=count, judged_on=judged_on, layers=layers, epochs=arguments.epochs,
                 training_minutes=round(seconds / 60, 2), parameters=size, config=dataclasses.asdict(config),
                 evaluations=[line for line in log if "loss" not in line])
    draw(params, data, config, halves, log, arguments)
    heard = [name for name in READOUTS if name in errors]
    print(f"trained in {seconds:.0f} s; figures and run.json are in {arguments.out}, the checkpoint in {folder}")
    print(f"{word} error {tell(errors)} ({', '.join(str(wrong[name]) for name in heard)} of {count:,} wrong)")
    return int(arguments.min_accuracy is not None and 1 - errors[heard[0]] < arguments.min_accuracy)


if __name__ == "__main__":
    command.run(main)
