"""Small networks that learn from each other: each becomes better than it was alone (T21).

Hinton's talk of 2021. Ten small mlps with different first weights are each given the labels of a
tenth of the images, their own. Their ensemble, the mean of their probabilities, is much better than
each of them. The same ten, from the same first weights on the same images in the same order, learn
again: after a start alone, so that they do not become too similar, each also learns to agree with
the softened answers of the others on all images, and so learns what they have learned from theirs.
With each of five seeds the single networks make less than half the errors that they made alone,
about as many as the ensemble did. With --same each has the labels of all images. What you will see:
the errors of networks and ensemble, alone and together, and in --out

    networks.png          the errors of the networks and of their ensemble, alone and together
    learning_curves.png   their errors in the course of training

    python -m demos co_distillation            each network has a tenth of the labels; a minute
    python -m demos co_distillation --same     every network has all labels
    python -m demos co_distillation --seeds 5  five times ten networks, mean and spread
    python -m demos co_distillation --data mnist --different
                                               networks of 200 and 200 units, ten minutes

A run that was killed goes on with --resume. The test images are read once, at the end; --hold-out N
evaluates on N training images instead. The last line of the default, an image or two more or less
on another BLAS:
test errors of the mean network alone 36.5, ensemble 19.0; together 17.0, ensemble 18.0 of 360
"""
import numpy as np

from demos.distillation import mlps
from demos.harness.arguments import (add_training_arguments, describe_defaults, fill_in,
                                     make_parser, positive_number, temperature, whole_number)
from demos.harness.data import augmentation, judged, load_data, watched
from demos.harness.learn import check_begun, describe_training, learn, optimiser
from demos.harness.record import Record, write_log
from demos.harness.run import exit_code, prepare
from tinycaps import plot
from tinycaps.backend import asarray
from tinycaps.distillation import co_distillation_gradients
from tinycaps.ops import init_mlp, mlp_forward, soften

SMALL = dict(different=True, hidden=[30, 30], epochs=60, alone_epochs=20, batch=50,
             learning_rate=0.05, shift=0, warp=False)
LARGE = dict(different=False, hidden=[200, 200], epochs=20, alone_epochs=4, batch=100,
             learning_rate=0.05, shift=0, warp=False)
QUICK = dict(epochs=2, alone_epochs=1)
ALONE, TOGETHER = "alone", "together"


def build_parser():
    """Return the argument parser."""
    parser, at_least_one = make_parser("co_distillation", __doc__), whole_number(1)
    add = parser.add_argument
    add("--networks", type=whole_number(2), default=10, metavar="N", help="default 10")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--different", action="store_true", default=None,
                       help="give each network the labels of its own fraction of the images only; "
                            "default for small images")
    which.add_argument("--same", action="store_false", dest="different", default=None,
                       help="give every network all labels; default for large images")
    add("--temperature", type=temperature, default=2.0, metavar="T",
        help="of the others' answers (default 2)")
    add("--agreement", type=positive_number, default=1.0, metavar="W",
        help="weight of the others' answers, the weight of the labels being 1 (default 1)")
    add("--hidden", nargs="+", type=at_least_one, metavar="N",
        help=f"units of each layer of a network; {describe_defaults(SMALL, LARGE, 'hidden')}")
    add("--alone-epochs", type=at_least_one, metavar="N",
        help=f"before they begin to agree; {describe_defaults(SMALL, LARGE, 'alone_epochs')}")
    add("--seeds", type=at_least_one, default=1, metavar="N",
        help="repeat everything with N seeds, from --seed on (default 1)")
    add_training_arguments(parser, SMALL, LARGE, "the networks; the default is divided by the root "
                           "of their number where each has labels of its own")
    return parser


def probabilities(params, images, prefixes):
    """Return the probabilities of each network, (A, n, k)."""
    return np.stack([soften(mlps.logits_of(params, images,
                                           lambda params, x: mlp_forward(params, x, prefix)))
                     for prefix in prefixes])


def count_wrong(params, images, labels, prefixes):
    """Return how many images each network misclassifies, and how many their ensemble does.

    The ensemble is the mean of their probabilities.
    """
    found = probabilities(params, images, prefixes)
    return ([mlps.count_wrong(each, labels) for each in found],
            mlps.count_wrong(found.mean(axis=0), labels))


def describe(name, arguments, seed, agreement):
    """Return the Training of all networks of a seed."""
    names = ["hidden", "networks", "different", "shift", "warp"]
    names += ["agreement", "temperature", "alone_epochs"] if agreement else []
    return describe_training(f"networks {name}", arguments, epochs=arguments.epochs, seed=seed,
                             learning_rate=arguments.learning_rate, momentum=mlps.MOMENTUM,
                             **{key: getattr(arguments, key) for key in names})


def train_networks(name, arguments, data, seed, agreement):
    """Train all networks from the first weights of a seed; agreement weighs the others' answers."""
    prefixes, rng = [f"net{k}." for k in range(arguments.networks)], np.random.default_rng(seed)
    sizes, params, told = mlps.sizes_of(data, arguments.hidden), {}, None
    for prefix in prefixes:
        params |= init_mlp(rng, sizes, prefix)
    owner = rng.permutation(len(data.train_labels)) % arguments.networks
    if arguments.different:
        told = asarray(owner == np.arange(arguments.networks)[:, None], arguments.device)
    labels = asarray(data.train_labels, arguments.device)
    watched_images, watched_labels = watched(arguments, data)

    def gradients(params, batch, now):
        images, which = batch
        weight = agreement if now.epoch > arguments.alone_epochs else 0.0
        return co_distillation_gradients(
            params, images.reshape(len(images), -1), labels[which], prefixes,
            arguments.temperature, weight, None if told is None else told[:, which])

    def evaluate(params):
        wrong, ensemble = count_wrong(params, watched_images, watched_labels, prefixes)
        count = len(watched_labels)
        return {"error": np.mean(wrong) / count, "error ensemble": ensemble / count}

    trained = learn(describe(name, arguments, seed, agreement), params, gradients,
                    (data.train_images, np.arange(len(data.train_labels))), arguments,
                    evaluate=evaluate, update=optimiser(mlps.momentum_update, arguments),
                    augment=augmentation(arguments))
    wrong, ensemble = count_wrong(trained.params, *data[2:], prefixes)
    return trained, {"wrong": wrong, "mean": float(np.mean(wrong)), "spread": float(np.std(wrong)),
                     "ensemble": ensemble}


def draw(log, found, count, arguments):
    """Write the figures: of the curves those of the first seed, of the networks all."""
    groups = {name: (np.concatenate([each["wrong"] for each in runs]) / count,
                     np.mean([each["ensemble"] for each in runs]) / count)
              for name, runs in found.items()}
    plot.save(plot.spread(groups, judged(arguments)[1], "ensemble"), arguments.out / "networks.png")
    first = [line for line in log if line["seed"] == arguments.seed]
    mlps.draw_curves(first, arguments, ("error", "error ensemble"))


def over_seeds(runs, key):
    """Return mean and spread of a result over the seeds."""
    values = [run[key] for run in runs]
    return {"mean": float(np.mean(values)), "spread": float(np.std(values))}


def main(argv):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = Record("co_distillation", argv, arguments)
    prepare(arguments)
    data = load_data(arguments)
    given = arguments.learning_rate
    fill_in(arguments, data, SMALL, LARGE, QUICK)
    if arguments.different and not given:
        # A batch holds fewer labels of each network: more noise.
        arguments.learning_rate /= arguments.networks ** 0.5
    if arguments.alone_epochs >= arguments.epochs:
        raise ValueError(f"alone-epochs: got {arguments.alone_epochs}, wanted fewer than the "
                         f"{arguments.epochs} epochs")
    check_begun(arguments, describe(ALONE, arguments, arguments.seed, 0.0))
    found, log, seconds = {ALONE: [], TOGETHER: []}, [], 0.0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        for name, agreement in (ALONE, 0.0), (TOGETHER, arguments.agreement):
            trained, result = train_networks(name, arguments, data, seed, agreement)
            found[name].append({"seed": seed, **result})
            log += [{"seed": seed, **line} for line in trained.log]
            seconds += trained.seconds
    count, (word, whose) = len(data.test_labels), judged(arguments)
    draw(log, found, count, arguments)
    write_log(arguments, log)
    summary = {name: {key: over_seeds(runs, key) for key in ("mean", "ensemble")}
               for name, runs in found.items()}
    error, baseline = (summary[name]["mean"]["mean"] / count for name in (TOGETHER, ALONE))
    record.write(error, baseline=baseline, seeds=[run["mean"] / count for run in found[TOGETHER]],
                 wrong=found, over_seeds=summary, judged=count, judged_on=whose,
                 training_minutes=round(seconds / 60, 2))
    for name, runs in found.items():
        for run in runs:
            print(f"{name}, seed {run['seed']}: networks {run['mean']:.1f} ± {run['spread']:.1f}, "
                  f"ensemble {run['ensemble']} of {count:,} {word} images wrong")
    print(f"training took {seconds:.0f} s in all; figures and run.json are in {arguments.out}, "
          "checkpoints in runs")
    errors = [f"{name} {each['mean']['mean']:.1f}, ensemble {each['ensemble']['mean']:.1f}"
              for name, each in summary.items()]
    over = f", mean of {arguments.seeds} seeds" if arguments.seeds > 1 else ""
    print(f"{word} errors of the mean network {'; '.join(errors)} of {count:,}{over}")
    return exit_code(arguments, error)
