"""Small networks that learn from each other: together each becomes better than it was alone (Hinton's talk of 2021, T21).

Ten small mlps with different first weights learn the labels, and their ensemble, the mean of their probabilities, is better than each of
them. The same ten, from the same first weights on the same images in the same order, learn again: after a start alone, so that they do
not become too similar, each is also asked to agree with the softened answers of the others. The single networks are then better;
the ensemble is not much better than they are. With --different each is told the labels of its own tenth of the images only, and hears of
the others what they have learned from theirs. Then it draws, into --out:

    networks.png              the errors of the networks and of their ensemble, alone and together
    learning_curves.png       their errors after each few epochs

    python -m demos.co_distillation                           the embedded digits, under a minute
    python -m demos.co_distillation --different               each is told a tenth of the labels
    python -m demos.co_distillation --seeds 3                 three times ten networks, mean and spread over the seeds
    python -m demos.co_distillation --data mnist              networks of 200 and 200 units, ten minutes
    python -m demos.co_distillation --data mnist --resume     go on after a kill, from the last minute's checkpoint

The test images choose nothing and are read once, at the end; --hold-out N judges on N training images instead. The last line of the
default, half an image more or less on another BLAS:
test errors of the mean network alone 10.7, ensemble 9.0; together 9.3, ensemble 9.0 of 360
"""
import numpy as np

from demos import command, teacher, training
from tinycaps import plot
from tinycaps.backend import asarray
from tinycaps.distillation import co_distillation_gradients
from tinycaps.ops import soften
from tinycaps.ops import init_mlp, mlp_forward

SMALL = dict(hidden=[30, 30], epochs=60, alone_epochs=20, batch=50, learning_rate=0.05, shift=0, warp=False)
LARGE = dict(hidden=[200, 200], epochs=20, alone_epochs=4, batch=100, learning_rate=0.05, shift=0, warp=False)
ALONE, TOGETHER = "alone", "together"


def build_parser():
    """Return the argument parser."""
    p, at_least_one = command.parser("co_distillation", __doc__), command.whole_number(1)
    p.add_argument("--networks", type=command.whole_number(2), default=10, metavar="N", help="default 10")
    p.add_argument("--different", action="store_true", help="tell each network the labels of its own part of the images only")
    p.add_argument("--temperature", type=command.temperature, default=2.0, metavar="T", help="of the others' answers (default 2)")
    p.add_argument("--agreement", type=command.positive_number, default=1.0, metavar="W",
                   help="weight of the others' answers, that of the labels being 1 (default 1)")
    p.add_argument("--hidden", nargs="+", type=at_least_one, metavar="N",
                   help=f"units of each layer of a network; default {teacher.words(SMALL['hidden'])} or {teacher.words(LARGE['hidden'])}")
    p.add_argument("--alone-epochs", type=at_least_one, metavar="N",
                   help=f"before they begin to agree; default {SMALL['alone_epochs']} or {LARGE['alone_epochs']}")
    p.add_argument("--seeds", type=at_least_one, default=1, metavar="N", help="how often all is done, from --seed on (default 1)")
    training.add_arguments(p, SMALL, LARGE, "the networks; the default is divided by the root of their number with --different")
    return p


def answers(params, images, prefixes):
    """Return the probabilities of each network, (A, n, k)."""
    return np.stack([soften(teacher.logits_of(params, images, lambda params, x: mlp_forward(params, x, prefix))) for prefix in prefixes])


def count_wrong(params, images, labels, prefixes):
    """Return how many images each network misreads, and how many their ensemble, the mean of their probabilities."""
    found = answers(params, images, prefixes)
    return [teacher.count_wrong(each, labels) for each in found], teacher.count_wrong(found.mean(axis=0), labels)


def train_networks(name, arguments, data, seed, agreement):
    """Train all networks from the first weights of a seed, to agree by so much after a start alone."""
    prefixes, rng = [f"net{k}." for k in range(arguments.networks)], np.random.default_rng(seed)
    sizes, params = teacher.sizes_of(data, arguments.hidden), {}
    for prefix in prefixes:
        params |= init_mlp(rng, sizes, prefix)
    owner = rng.permutation(len(data.train_labels)) % arguments.networks
    told = asarray(owner == np.arange(arguments.networks)[:, None], arguments.device) if arguments.different else None
    labels = asarray(data.train_labels, arguments.device)

    def gradients(params, x, which, rng):
        _, epoch, _ = rng.bit_generator.seed_seq.entropy                # what a step needs is drawn from (seed, epoch, step)
        weight = agreement if epoch > arguments.alone_epochs else 0.0
        return co_distillation_gradients(params, x.reshape(len(x), -1), labels[which], prefixes, arguments.temperature, weight,
                                         None if told is None else told[:, which])

    def error_of(params, images, labels):
        wrong, ensemble = count_wrong(params, images, labels, prefixes)
        return {"error": np.mean(wrong) / len(labels), "error ensemble": ensemble / len(labels)}

    agree = dict(agreement=agreement, temperature=arguments.temperature, alone_epochs=arguments.alone_epochs) if agreement else {}
    trained = teacher.learn(f"networks {name}", params, gradients, data, np.arange(len(data.train_labels)), arguments, seed=seed,
                            epochs=arguments.epochs, learning_rate=arguments.learning_rate, error_of=error_of, resume=arguments.resume,
                            augment=training.augmentation(arguments), hidden=arguments.hidden, networks=arguments.networks,
                            different=arguments.different, shift=arguments.shift, warp=arguments.warp, **agree)
    wrong, ensemble = count_wrong(trained.params, *data[2:], prefixes)
    return trained, {"wrong": wrong, "mean": float(np.mean(wrong)), "spread": float(np.std(wrong)), "ensemble": ensemble}


def draw(log, found, count, arguments):
    """Write the figures: of the curves those of the first seed, of the networks all."""
    groups = {name: (np.concatenate([each["wrong"] for each in runs]) / count, np.mean([each["ensemble"] for each in runs]) / count)
              for name, runs in found.items()}
    plot.save(plot.spread(groups, training.judged(arguments)[1], "ensemble"), arguments.out / "networks.png")
    teacher.draw_curves([line for line in log if line["seed"] == arguments.seed], arguments, ("error", "error ensemble"))


def main(argv=None):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = command.Record("co_distillation", argv, arguments)
    command.prepare(arguments)
    data = training.load_data(arguments)
    given = arguments.learning_rate
    training.fill_in(arguments, data, SMALL, LARGE)
    if arguments.different and not given:
        arguments.learning_rate /= arguments.networks ** 0.5            # a batch tells each network fewer labels: more noise
    if arguments.alone_epochs >= arguments.epochs:
        raise ValueError(f"alone-epochs: got {arguments.alone_epochs}, wanted fewer than the {arguments.epochs} epochs")
    found, log, seconds = {ALONE: [], TOGETHER: []}, [], 0.0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        for name, agreement in (ALONE, 0.0), (TOGETHER, arguments.agreement):
            trained, result = train_networks(name, arguments, data, seed, agreement)
            found[name].append({"seed": seed, **result})
            log, seconds = log + [{"seed": seed, **line} for line in trained.log], seconds + trained.seconds
    count, (word, judged_on) = len(data.test_labels), training.judged(arguments)
    draw(log, found, count, arguments)
    training.write_log(arguments, log)
    summary = {name: {key: {"mean": float(np.mean([run[key] for run in runs])), "spread": float(np.std([run[key] for run in runs]))}
                      for key in ("mean", "ensemble")} for name, runs in found.items()}
    record.write(wrong=found, over_seeds=summary, judged=count, judged_on=judged_on, training_minutes=round(seconds / 60, 2))
    for name, runs in found.items():
        for run in runs:
            print(f"{name}, seed {run['seed']}: networks {run['mean']:.1f} ± {run['spread']:.1f}, ensemble {run['ensemble']} "
                  f"of {count:,} {word} images wrong")
    print(f"training took {seconds:.0f} s in all; figures and run.json are in {arguments.out}, checkpoints in runs")
    told = [f"{name} {summary[name]['mean']['mean']:.1f}, ensemble {summary[name]['ensemble']['mean']:.1f}" for name in found]
    over = f", mean of {arguments.seeds} seeds" if arguments.seeds > 1 else ""
    print(f"{word} errors of the mean network {'; '.join(told)} of {count:,}{over}")
    return int(arguments.min_accuracy is not None and 1 - summary[TOGETHER]["mean"]["mean"] / count < arguments.min_accuracy)


if __name__ == "__main__":
    command.run(main)
