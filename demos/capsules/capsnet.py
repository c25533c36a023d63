"""CapsNet learns to read digits, and shows what its capsules mean (Sabour, Frosst, Hinton 2017).

Trained from nothing on real images: by default the 1,797 small ones that come with the package, with ``--data mnist`` the
published network on the full MNIST, with ``--data FILE.npz`` your own. Then it draws, into --out:

    learning_curves.png     the loss of the training batches, the error after each epoch
    reconstructions.png     test images, and how the decoder redraws them from one capsule
    pose_sweep.png          each dimension of a capsule moved by ±0.25: thickness, slant, ... (S17 Figure 4)
    coupling.png            how the primary capsules divide themselves among the classes, round by round

and writes network.npz, the trained network in half precision, for every demo that has a --checkpoint.

    python -m demos.capsnet                                        under a minute, no network needed
    python -m demos.capsnet --data mnist --epochs 1 --shift 0      the published network, four minutes
    python -m demos.capsnet --data mnist --resume                  go on after a kill, from the last minute's checkpoint
    python -m demos.capsnet --predict IMAGE.png ...                read your own images with the network that the same --data and --seed
                                                                   left, or for digits the one that comes with the package

The test images choose nothing: the number of epochs is fixed beforehand, and --hold-out N judges on N training images instead.
The last line of the default: test error 0.83 % (3 of 360 wrong); one image more or less on another BLAS.
"""
import dataclasses
from pathlib import Path

import numpy as np

from demos import command, training
from tinycaps import plot
from tinycaps.backend import asarray, get_xp, to_numpy
from tinycaps.capsules import (DIGITS, PAPER, PLAIN, capsnet_forward, capsnet_loss_backward,
                               capsnet_loss_forward, decoder_forward, init_capsnet,
                               length_forward, load_capsnet, mask_forward, predict, save_capsnet)
from tinycaps.fast import choose_network
from tinycaps.data import ink_margin, load_image
from tinycaps.optim import exponential_decay
from tinycaps.train import train

SMALL = dict(epochs=50, batch=32, learning_rate=4e-3, decay=0.93, shift=0, warp=True)
LARGE = dict(epochs=10, batch=128, learning_rate=1e-3, decay=0.9, shift=2, warp=False)
SHOWN = 12


def add_arguments(parser, large, data="digits"):
    """Give a parser the arguments of every training of a CapsNet; large are the defaults for large images."""
    training.add_arguments(parser, SMALL, large, "Adam at the start", data)
    parser.add_argument("--decay", type=command.positive_number, metavar="X",
                        help=f"the learning rate is multiplied by this in an epoch; default {SMALL['decay']}, or {large['decay']}")
    parser.add_argument("--plain", action="store_true", help="use the readable network even where the fast one pays")


def build_parser():
    """Return the argument parser."""
    p = command.parser("capsnet", __doc__)
    add_arguments(p, LARGE)
    p.add_argument("--iterations", type=command.whole_number(1), default=3, metavar="R", help="routing rounds (default 3)")
    p.add_argument("--predict", nargs="+", type=Path, metavar="IMAGE.png", help="read images instead of training")
    p.add_argument("--checkpoint", type=Path, metavar="FILE", help="a trained network for --predict; default: "
                   "what this --data and --seed left in runs/, or for digits the network that comes with the package")
    return p


def fit_config(data, iterations):
    """Return the published network for large images, the small one for small images."""
    preset = DIGITS if training.is_small(data) else PAPER
    return dataclasses.replace(preset, image_shape=data.train_images.shape[1:], classes=training.count_classes(data), iterations=iterations)


def describe(arguments, data, config):
    """Return what a checkpoint tells about its network: all that its reader needs, and a resumed run must share."""
    settings = {name: getattr(arguments, name) for name in ("learning_rate", "decay", "shift", "warp")}
    return {"config": dataclasses.asdict(config), "images": data.train_images.shape, "margin": ink_margin(data.train_images), **settings}


def choose(arguments, config):
    """Return the network that trains, and why it is this one."""
    return (PLAIN, "plain network, as asked") if arguments.plain else choose_network(config, arguments.batch)


def fit(arguments, data, config, folder, watched, resume):
    """Train a network, in a folder; return its parameters, the log with its errors on the watched images and labels, and the seconds."""
    network, reason = choose(arguments, config)
    print(reason, flush=True)

    def gradients(params, x, labels, rng):
        loss, cache = capsnet_loss_forward(params, x, labels, config, network)
        return loss, capsnet_loss_backward(1.0, cache)

    def evaluate(params):
        return {"error": float((predict(params, watched_images, config, arguments.batch, network) != watched_labels).mean())}

    params = init_capsnet(np.random.default_rng(arguments.seed), config)
    params = {key: asarray(p, arguments.device) for key, p in params.items()}
    watched_images, watched_labels = (asarray(part, arguments.device) for part in watched)
    steps = -(-len(data.train_images) // arguments.batch)
    log, seconds = train(
        gradients, params, data.train_images, data.train_labels, epochs=arguments.epochs, batch=arguments.batch, seed=arguments.seed,
        augment=training.augmentation(arguments), evaluate=evaluate, folder=folder, resume=resume,
        learning_rate=lambda step: exponential_decay(arguments.learning_rate, step, arguments.decay, steps),
        about=describe(arguments, data, config))
    judged = any("error" in line and line["epoch"] == arguments.epochs for line in log)
    return params, log if judged else [*log, {"epoch": arguments.epochs, **evaluate(params)}], seconds


def redraw(params, v, labels, config):
    """Return the decoder's images of the labelled capsules."""
    return to_numpy(decoder_forward(params, mask_forward(v, labels)[0], config)[0])


def draw(params, images, labels, config, out):
    """Write the figures that show what the network does with some images."""
    xp = get_xp(params["digit.W"])
    images = xp.asarray(images)
    v, cache = capsnet_forward(params, images, config)
    lengths = length_forward(v)[0]
    found = lengths.argmax(axis=1)
    captions = [f"{label} read as {k}" for label, k in zip(labels, to_numpy(found))]
    plot.save(plot.reconstructions(to_numpy(images), {"redrawn": redraw(params, v, found, config)}, captions, to_numpy(found) == labels),
              out / "reconstructions.png")

    offsets = np.linspace(-0.25, 0.25, 11)
    moved = offsets[None, :, None] * np.eye(config.class_dims)[:, None, :]                               # (q, m, q)
    first = int(found[0])
    swept = np.tile(to_numpy(v[:1]), (moved.shape[0] * moved.shape[1], 1, 1))
    swept[:, first] += moved.reshape(-1, config.class_dims).astype(swept.dtype)
    drawn = redraw(params, xp.asarray(swept), found[:1].repeat(len(swept)), config)
    plot.save(plot.pose_sweep(drawn.reshape(*moved.shape[:2], *config.image_shape), offsets, f"the capsule of class {first}, one "
                              "dimension moved in each row"), out / "pose_sweep.png")

    coupling = [to_numpy(c[0]) for c in cache.routing.coupling]
    rounds = [to_numpy(length_forward(v_t[:1])[0][0]) for v_t in cache.routing.v]
    plot.save(plot.coupling_rounds(to_numpy(images[0]), coupling, rounds, config.grid), out / "coupling.png")


def find_trained(arguments):
    """Return the path of the trained network that reads images; None for the one that comes with the package."""
    path = training.run_folder("capsnet", arguments) / "checkpoint.npz"
    if arguments.checkpoint or path.exists():
        return arguments.checkpoint or path
    if arguments.data != "digits":
        raise FileNotFoundError(f"checkpoint: got {path}, which does not exist, wanted one to predict with: "
                                "train first (python -m demos.capsnet), or name it with --checkpoint")
    return None


def read_images(arguments):
    """Classify the user's own images with a trained network, and draw their reconstructions."""
    trained = find_trained(arguments)
    params, config, about = load_capsnet(trained)
    print(f"read by {trained or 'the network that comes with the package'}")
    params = {key: asarray(p, arguments.device) for key, p in params.items()}
    images = np.stack([load_image(image, config.image_shape, about["margin"]) for image in arguments.predict])
    v, _ = capsnet_forward(params, asarray(images, arguments.device), config)
    lengths = to_numpy(length_forward(v)[0])
    order = lengths.argsort(axis=1)[:, ::-1]
    for image, length, classes in zip(arguments.predict, lengths, order):
        print(f"{image}: " + ", ".join(f"{k} ({length[k]:.2f})" for k in classes[:3]))
    captions = [f"read as {classes[0]}" for classes in order]
    redrawn = {"redrawn": redraw(params, v, asarray(order[:, 0], arguments.device), config)} if config.reconstruction_weight else {}
    plot.save(plot.reconstructions(images, redrawn, captions, np.ones(len(images), bool)), arguments.out / "predicted.png")
    print(f"drawn in {arguments.out / 'predicted.png'}" + ("" if redrawn else ", without reconstructions: this network has no decoder"))


def main(argv=None):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    if arguments.checkpoint and not arguments.predict:
        raise ValueError("checkpoint: got one without --predict, wanted images to read with it (to go on training: --resume)")
    record = command.Record("capsnet", argv, arguments)
    command.prepare(arguments)
    if arguments.predict:
        return read_images(arguments)
    data = training.load_data(arguments)
    config = fit_config(data, arguments.iterations)
    training.fill_in(arguments, data, SMALL, LARGE)
    size = sum(p.size for p in init_capsnet(np.random.default_rng(0), config).values())
    print(f"{len(data.train_images):,} images of {'x'.join(map(str, config.image_shape))}, {config.classes} classes; "
          f"{config.primary_capsules:,} primary capsules, {size:,} parameters, {config.iterations} routing rounds")
    folder = training.run_folder("capsnet", arguments)
    with training.resumable(folder):
        params, log, seconds = fit(arguments, data, config, folder, data[2:], arguments.resume)
    judged, judged_on = training.judged(arguments)
    plot.save(plot.learning_curves(log, judged_on), arguments.out / "learning_curves.png")
    draw(params, data.test_images[:SHOWN], data.test_labels[:SHOWN], config, arguments.out)
    error = [line["error"] for line in log if "error" in line][-1]
    wrong = round(error * len(data.test_images))
    save_capsnet(arguments.out / "network.npz", params, describe(arguments, data, config))
    training.write_log(arguments, log)
    record.write(error=error, wrong=wrong, judged=len(data.test_images), judged_on=judged_on, parameters=size,
                 training_seconds=round(seconds, 1), config=dataclasses.asdict(config))
    print(f"trained in {seconds:.0f} s; figures and run.json are in {arguments.out}, the checkpoint in {folder}")
    print(f"{judged} error {100 * error:.2f} % ({wrong} of {len(data.test_images):,} wrong)")
    return int(arguments.min_accuracy is not None and 1 - error < arguments.min_accuracy)


if __name__ == "__main__":
    command.run(main)
