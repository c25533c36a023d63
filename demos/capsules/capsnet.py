"""CapsNet learns to read digits, and shows what its capsules mean (Sabour et al. 2017).

The network is trained from random weights: by default on the 1,797 small digits that come with the
package, with --data mnist the published network on the full MNIST. What you will see, in --out:

    learning_curves.png   the loss of the training batches, the error after each epoch
    reconstructions.png   a test image of each class, and what the decoder makes of one capsule
    pose_sweep.png        the dimensions of a capsule that change its image most, moved by ±0.25
    coupling.png          how the primary capsules divide themselves among the classes, by round
    network.npz           the trained network in half precision, for any demo with --checkpoint

    python -m demos capsnet                                     a minute
    python -m demos capsnet --data mnist --epochs 1 --shift 0   the published network, four minutes
    python -m demos capsnet --data mnist --resume               go on after a kill
    python -m demos capsnet --data FILE.npz                     your own images and labels
    python -m demos capsnet --predict IMAGE ...                 read your own PNG or JPEG images

Routing is also switched off: the trained network is tested once more with one round of routing, in
which every class gets the same share. It hardly matters on the digits. With five seeds three rounds
make 3, 3, 2, 1, 2 errors of 360, and one round, in the same networks, 5, 4, 2, 1, 2. --iterations 1
trains without routing.

--predict takes the network last trained with the same --data and --seed, or the packaged one. The
test images are read once, at the end; --hold-out N evaluates on N training images instead. The
last line of the default, one image more or less on another BLAS:
test error 0.83 % (3 of 360 wrong)
"""
import dataclasses
import glob
import shlex
from pathlib import Path

import numpy as np

from demos.capsules import drawings
from demos.capsules.read_images import read_images, redraw
from demos.harness.arguments import (add_training_arguments, describe_defaults, fill_in, is_small,
                                     make_parser, positive_number, whole_number)
from demos.harness.data import (augmentation, count_classes, judged, load_data, watched,
                                watched_on)
from demos.harness.learn import check_begun, describe_training, learn, optimiser, runs_named
from demos.harness.record import Record, write_log
from demos.harness.run import exit_code, prepare
from tinycaps import plot
from tinycaps.backend import asarray, get_xp, to_numpy
from tinycaps.capsules import (DIGITS, PAPER, PLAIN, capsnet_forward, capsnet_loss_backward,
                               capsnet_loss_forward, init_capsnet, length_forward, predict,
                               save_capsnet)
from tinycaps.data import ink_margin
from tinycaps.fast import choose_network
from tinycaps.optim import adam, exponential_decay

SMALL = dict(epochs=50, batch=32, learning_rate=4e-3, decay=0.93, shift=0, warp=True)
LARGE = dict(epochs=10, batch=128, learning_rate=1e-3, decay=0.9, shift=2, warp=False)
ACROSS = 12
"""Images in a line of the figure of reconstructions."""
OFFSETS = np.linspace(-0.25, 0.25, 11)
"""Added to a dimension of a capsule."""
SWEPT = 8
"""Dimensions, at most, that are drawn."""
PREDICTS = {"predict", "checkpoint", "data", "seed", "quick", "device", "out"}
"""What --predict takes: the images, which network reads them, and where."""


def add_arguments(parser, large):
    """Add the arguments of every training of a CapsNet; large: the defaults for large images."""
    add_training_arguments(parser, SMALL, large, "Adam, at the start")
    parser.add_argument("--decay", type=positive_number, metavar="X",
                        help="factor on the learning rate for each epoch; "
                             + describe_defaults(SMALL, large, "decay"))


def build_parser():
    """Return the argument parser."""
    parser = make_parser("capsnet", __doc__)
    add_arguments(parser, LARGE)
    add = parser.add_argument
    add("--iterations", type=whole_number(1), default=3, metavar="R",
        help="routing rounds (default 3)")
    add("--predict", nargs="+", type=Path, metavar="IMAGE",
        help="read PNG or JPEG images, do not train")
    add("--checkpoint", type=Path, metavar="FILE",
        help="a trained network for --predict; default: the last one in runs/ with this --data "
             "and --seed, or for digits the one that comes with the package")
    return parser


def fit_config(data, iterations):
    """Return the published network for large images, the small one for small images."""
    return dataclasses.replace(
        DIGITS if is_small(data.train_images) else PAPER, image_shape=data.train_images.shape[1:],
        classes=count_classes(data), iterations=iterations)


def describe(name, arguments, data, config):
    """Return the Training of a CapsNet; its settings hold all that a reader of the file needs."""
    return describe_training(
        name, arguments, epochs=arguments.epochs, learning_rate=arguments.learning_rate,
        decay=arguments.decay, shift=arguments.shift, warp=arguments.warp,
        config=dataclasses.asdict(config), images=data.train_images.shape,
        margin=ink_margin(data.train_images))


def choose(arguments, config):
    """Return the network that trains, and the reason in one line."""
    if arguments.plain:
        return PLAIN, "plain network, as asked"
    return choose_network(config, arguments.batch)


def fit(training, arguments, data, config):
    """Train a CapsNet; return what comes out."""
    network, reason = choose(arguments, config)
    images, labels = watched(arguments, data)
    print(reason, flush=True)

    def gradients(params, batch, now):
        loss, cache = capsnet_loss_forward(params, *batch, config, network)
        return loss, capsnet_loss_backward(1.0, cache)

    def evaluate(params):
        return {"error": error_of(params, images, labels, arguments, config, network)}

    return learn(
        training, init_capsnet(np.random.default_rng(arguments.seed), config), gradients,
        (data.train_images, data.train_labels), arguments, update=optimiser(adam, arguments),
        schedule=lambda rate, step, steps: exponential_decay(
            rate, step, arguments.decay, steps / arguments.epochs),
        augment=augmentation(arguments), evaluate=evaluate, evaluate_every=1, shares_work=True)


def classify(params, images, arguments, config, network):
    """Return the classes of images that lie on the host, on the host."""
    images = asarray(images, arguments.device)
    return to_numpy(predict(params, images, config, arguments.batch, network))


def error_of(params, images, labels, arguments, config, network):
    """Return the error rate on images that lie on the host."""
    return float((classify(params, images, arguments, config, network) != labels).mean())


def count_without_routing(params, data, arguments, config):
    """Return how many test images a trained network misclassifies with one round of routing.

    In the first round all parents get the same share of a child: nothing is routed.
    """
    config = dataclasses.replace(config, iterations=1)
    network = choose(arguments, config)[0]
    return int((classify(params, data.test_images, arguments, config, network)
                != data.test_labels).sum())


def choose_images(found, labels):
    """Return the first image of each class, in order, then misclassified ones that fill the line.

    Parameters
    ----------
    found, labels : integer arrays (n,)
    """
    first = np.unique(labels, return_index=True)[1]
    wrong = np.setdiff1d(np.flatnonzero(found != labels), first)
    return np.concatenate([first, wrong[:-len(first) % ACROSS]])


def draw(params, images, labels, config, out):
    """Write the figures that show what the network does with some images."""
    xp = get_xp(params["digit.W"])
    v, cache = capsnet_forward(params, xp.asarray(images), config)
    found = length_forward(v)[0].argmax(axis=1)
    captions = [f"{label} read as {k}" for label, k in zip(labels, to_numpy(found))]
    rows = {"image": images, "redrawn": redraw(params, v, found, config)}
    plot.save(plot.image_table(rows, captions, to_numpy(found) == labels, ACROSS),
              out / "reconstructions.png")
    plot.save(sweep_figure(params, v, to_numpy(found), labels, config), out / "pose_sweep.png")
    coupling = [to_numpy(c[0]) for c in cache.routing.coupling]
    lengths = [to_numpy(length_forward(v_t[:1])[0][0]) for v_t in cache.routing.v]
    plot.save(drawings.coupling_rounds(images[0], coupling, lengths), out / "coupling.png")


def sweep(params, v, label, config):
    """Return images (q, m, h, w, c) of one image's capsule v (1, j, q), each dimension moved."""
    moved = OFFSETS[:, None] * np.eye(config.class_dims)[:, None]               # (q, m, q)
    swept = to_numpy(v).repeat(moved[..., 0].size, axis=0)
    swept[:, label] += moved.reshape(-1, config.class_dims).astype(swept.dtype)
    xp = get_xp(v)
    drawn = redraw(params, xp.asarray(swept), xp.asarray([label] * len(swept)), config)
    return drawn.reshape(*moved.shape[:2], *config.image_shape)


def sweep_figure(params, v, found, labels, config):
    """Draw the dimensions that change the image most, of the capsule whose image changes most.

    It is chosen among those of correctly classified images.
    """
    swept = [sweep(params, v[n:n + 1], k, config) for n, k in enumerate(found)]
    change = np.ptp(swept, axis=2).mean(axis=(2, 3, 4))                         # (n, q)
    most = (change.sum(axis=1) * (found == labels)).argmax()
    shown = change[most].argsort()[::-1][:SWEPT]
    title = (f"The image of a class-{found[most]} capsule, a dimension moved in each row:\nof its "
             f"{config.class_dims} dimensions the {len(shown)} that change it most, in order")
    return drawings.pose_sweep(swept[most][shown], OFFSETS, shown, title)


def find_trained(arguments):
    """Return the file of the network that reads images; None for the one in the package."""
    if arguments.checkpoint:
        return arguments.checkpoint
    name = runs_named("capsnet", arguments, arguments.seed)
    found = Path().glob(f"{glob.escape(str(name))}-{'[0-9a-f]' * 8}/checkpoint.npz")
    last = max(found, key=lambda path: path.stat().st_mtime, default=None)
    if not last and arguments.data != "digits":
        words = ["--data", arguments.data, *["--seed", str(arguments.seed)] * bool(arguments.seed),
                 *["--quick"] * arguments.quick]
        raise FileNotFoundError(f"checkpoint: got none in {name}-*, wanted one to predict with: "
                                f"train first (python -m demos capsnet {shlex.join(words)}), or "
                                "name it with --checkpoint")
    return last


def check_predicts(arguments):
    """Refuse arguments that do not go together: a checkpoint to train, a setting to predict."""
    if arguments.checkpoint and not arguments.predict:
        raise ValueError("checkpoint: got one without --predict, wanted images to read with it "
                         "(to go on training: --resume)")
    defaults = vars(build_parser().parse_args([]))
    for name, value in vars(arguments).items():
        if arguments.predict and name not in PREDICTS and value != defaults[name]:
            raise ValueError(f"{name.replace('_', '-')}: got it with --predict, wanted it in a "
                             "training only")


def main(argv):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    check_predicts(arguments)
    record = Record("capsnet", argv, arguments)
    prepare(arguments)
    if arguments.predict:
        return read_images(arguments, find_trained(arguments))
    data = load_data(arguments)
    config = fit_config(data, arguments.iterations)
    fill_in(arguments, data, SMALL, LARGE)
    training = describe("capsnet", arguments, data, config)
    check_begun(arguments, training)
    size = sum(p.size for p in init_capsnet(np.random.default_rng(0), config).values())
    print(f"{len(data.train_images):,} images of {'x'.join(map(str, config.image_shape))}, "
          f"{config.classes} classes; {config.primary_capsules:,} primary capsules, {size:,} "
          f"parameters, {config.iterations} routing rounds")

    trained = fit(training, arguments, data, config)
    found = classify(trained.params, data.test_images, arguments, config,
                     choose(arguments, config)[0])
    wrong = int((found != data.test_labels).sum())
    without = count_without_routing(trained.params, data, arguments, config)
    plot.save(plot.learning_curves(trained.log, watched_on(arguments)),
              arguments.out / "learning_curves.png")
    shown = choose_images(found, data.test_labels)
    draw(trained.params, data.test_images[shown], data.test_labels[shown], config, arguments.out)
    save_capsnet(arguments.out / "network.npz", trained.params, training.settings)
    write_log(arguments, trained.log)
    (word, whose), count = judged(arguments), len(data.test_images)
    error = wrong / count
    record.write(error, wrong=wrong, wrong_with_one_round=without, judged=count,
                 judged_on=whose, parameters=size, training_seconds=round(trained.seconds, 1),
                 config=dataclasses.asdict(config))
    print(f"trained in {trained.seconds:.0f} s; figures and run.json are in {arguments.out}, "
          f"the checkpoint in {training.folder}")
    if config.iterations > 1:
        print(f"routing switched off: the same network with 1 round instead of "
              f"{config.iterations}, not trained again, has {without} of {count:,} wrong")
    print(f"{word} error {100 * error:.2f} % ({wrong} of {count:,} wrong)")
    return exit_code(arguments, error)
