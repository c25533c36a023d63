"""CapsNet learns to read digits, and shows what its capsules mean (Sabour, Frosst, Hinton 2017).

Trained from nothing on real images: by default the 1,797 small ones that come with the package, with ``--data mnist`` the
published network on the full MNIST, with ``--data FILE.npz`` your own. Then it draws, into --out:

    learning_curves.png     the loss of the training batches, the error after each epoch
    reconstructions.png     test images, and how the decoder redraws them from one capsule
    pose_sweep.png          each dimension of a capsule moved by ±0.25: thickness, slant, ... (S17 Figure 4)
    coupling.png            how the primary capsules divide themselves among the classes, round by round

    python -m demos.capsnet                                        under a minute, no network needed
    python -m demos.capsnet --data mnist --epochs 1 --shift 0      the published network, four minutes
    python -m demos.capsnet --data mnist --resume                  go on after a kill, from the last minute's checkpoint
    python -m demos.capsnet --predict IMAGE.png ...                read your own images with the trained network

The test images choose nothing: the number of epochs is fixed beforehand, and --hold-out N judges on N training images instead.
The last line of the default: test error 0.83 % (3 of 360 wrong); one image more or less on another BLAS.
"""
import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

from demos import command
from tinycaps import plot
from tinycaps.backend import asarray, get_xp, to_numpy
from tinycaps.capsules import (DIGITS, PAPER, PLAIN, CapsNetConfig, capsnet_forward, capsnet_loss_backward, capsnet_loss_forward,
                               choose_network, decoder_forward, init_capsnet, length_forward, mask_forward, predict)
from tinycaps.checkpoint import load_checkpoint
from tinycaps.data import hold_out, ink_margin, load_digits, load_fashion_mnist, load_image, load_mnist, load_npz, random_shift, random_warp
from tinycaps.optim import exponential_decay
from tinycaps.train import train

LOADERS = {"digits": load_digits, "mnist": load_mnist, "fashion-mnist": load_fashion_mnist}
SMALL = dict(epochs=50, batch=32, learning_rate=4e-3, decay=0.93, shift=0, warp=True)
LARGE = dict(epochs=10, batch=128, learning_rate=1e-3, decay=0.9, shift=2, warp=False)
SHOWN = 12


def build_parser():
    """Return the argument parser."""
    p = command.parser("capsnet", __doc__)
    p.add_argument("--data", default="digits", metavar="NAME",
                   help="digits (default), mnist, fashion-mnist, or FILE.npz with images and labels")
    p.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    at_least_one = command.whole_number(1)
    p.add_argument("--epochs", type=at_least_one, metavar="N", help="default 50 for images up to 16 pixels, else 10")
    p.add_argument("--batch", type=at_least_one, metavar="N", help="default 32, or 128")
    p.add_argument("--learning-rate", type=command.positive_number, metavar="X", help="of Adam at the start; default 4e-3, or 1e-3")
    p.add_argument("--decay", type=command.positive_number, metavar="X",
                   help="the learning rate falls by this factor in an epoch; default 0.93, or 0.9")
    p.add_argument("--shift", type=command.whole_number(0), metavar="N", help="move images by up to N pixels; default 0, or 2")
    p.add_argument("--warp", action=argparse.BooleanOptionalAction, help="turn, stretch and move images a little; default for small images")
    p.add_argument("--iterations", type=at_least_one, default=3, metavar="R", help="routing rounds (default 3)")
    p.add_argument("--hold-out", type=at_least_one, metavar="N", help="judge on the last N training images, not on the test images")
    p.add_argument("--plain", action="store_true", help="train with the readable network even where the fast one pays")
    p.add_argument("--quick", action="store_true", help="two epochs on 256 images: does it run at all?")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in runs/")
    p.add_argument("--min-accuracy", type=command.share, metavar="X", help="exit code 1 if less than this part, 0 to 1, is read rightly")
    p.add_argument("--predict", nargs="+", type=Path, metavar="IMAGE.png", help="read images instead of training")
    p.add_argument("--checkpoint", type=Path, metavar="FILE", help="for --predict; default: the one that this --data and --seed wrote")
    return p


def load_data(arguments):
    """Return the Dataset that the arguments ask for."""
    if arguments.data in LOADERS:
        data = LOADERS[arguments.data]()
    elif arguments.data.endswith(".npz"):
        data = load_npz(arguments.data)
    else:
        raise ValueError(f"data: got {arguments.data!r}, wanted {', '.join(LOADERS)} or FILE.npz")
    if arguments.hold_out:
        if arguments.hold_out >= len(data.train_images):
            raise ValueError(f"hold-out: got {arguments.hold_out}, wanted fewer than the {len(data.train_images)} training images")
        data = hold_out(data, arguments.hold_out)
    if arguments.quick:
        data = type(data)(*(part[::len(part) // 256 or 1][:256] for part in data))
    return data


def fit_config(data, iterations):
    """Return the published network for large images, the small one for small images."""
    shape = data.train_images.shape[1:]
    preset = DIGITS if max(shape[:2]) <= 16 else PAPER
    classes = 1 + int(max(data.train_labels.max(), data.test_labels.max()))
    return dataclasses.replace(preset, image_shape=shape, classes=classes, iterations=iterations)


def fill_in(arguments, data):
    """Set the training arguments that were not given."""
    count, h, w, _ = data.train_images.shape
    defaults = SMALL if max(h, w) <= 16 else LARGE
    for name, value in (defaults | {"batch": min(defaults["batch"], count)}).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    if arguments.quick:
        arguments.epochs = 2


def run_folder(arguments):
    """Return where the checkpoint and the log of this run lie."""
    return Path("runs") / f"capsnet-{Path(arguments.data).name}-{arguments.seed}{'-quick' if arguments.quick else ''}"


def fit(arguments, data, config):
    """Train a network; return its parameters, the log and the seconds."""
    network, reason = (PLAIN, "plain network, as asked") if arguments.plain else choose_network(config, arguments.batch)
    print(reason)

    def gradients(params, x, labels, rng):
        loss, cache = capsnet_loss_forward(params, x, labels, config, network)
        return loss, capsnet_loss_backward(1.0, cache)

    def augment(x, rng):
        x = random_shift(x, rng, arguments.shift) if arguments.shift else x
        return random_warp(x, rng) if arguments.warp else x

    def evaluate(params):
        return {"error": float((predict(params, test_images, config, arguments.batch, network) != test_labels).mean())}

    params = init_capsnet(np.random.default_rng(arguments.seed), config)
    params = {key: asarray(p, arguments.device) for key, p in params.items()}
    test_images, test_labels = asarray(data.test_images, arguments.device), asarray(data.test_labels, arguments.device)
    steps = -(-len(data.train_images) // arguments.batch)
    settings = {name: getattr(arguments, name) for name in ("learning_rate", "decay", "shift", "warp")}
    log, seconds = train(
        gradients, params, data.train_images, data.train_labels, epochs=arguments.epochs, batch=arguments.batch, seed=arguments.seed,
        augment=augment, learning_rate=lambda step: exponential_decay(arguments.learning_rate, step, arguments.decay, steps),
        evaluate=evaluate, folder=run_folder(arguments), resume=arguments.resume,
        about={"config": dataclasses.asdict(config), "margin": ink_margin(data.train_images), **settings})
    return params, log or [{"epoch": arguments.epochs, **evaluate(params)}], seconds


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
    plot.save(plot.reconstructions(to_numpy(images), redraw(params, v, found, config), captions, to_numpy(found) == labels),
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


def read_images(arguments):
    """Classify the user's own images with a trained network, and draw their reconstructions."""
    path = arguments.checkpoint or run_folder(arguments) / "checkpoint.npz"
    if not path.exists():
        raise FileNotFoundError(f"checkpoint: got {path}, which does not exist, wanted one to predict with: "
                                "train first (python -m demos.capsnet), or name it with --checkpoint")
    found = load_checkpoint(path)
    try:
        config, margin = CapsNetConfig(**found.about["config"]), found.about["margin"]
    except (KeyError, TypeError):
        raise ValueError(f"checkpoint: got {path} of another network, wanted one that demos.capsnet wrote") from None
    params = {key: asarray(p, arguments.device) for key, p in found.params.items()}
    images = np.stack([load_image(image, config.image_shape, margin) for image in arguments.predict])
    v, _ = capsnet_forward(params, asarray(images, arguments.device), config)
    lengths = to_numpy(length_forward(v)[0])
    order = lengths.argsort(axis=1)[:, ::-1]
    for image, length, classes in zip(arguments.predict, lengths, order):
        print(f"{image}: " + ", ".join(f"{k} ({length[k]:.2f})" for k in classes[:3]))
    captions = [f"read as {classes[0]}" for classes in order]
    drawn = redraw(params, v, asarray(order[:, 0], arguments.device), config) if config.reconstruction_weight else images * 0
    plot.save(plot.reconstructions(images, drawn, captions, np.ones(len(images), bool)), arguments.out / "predicted.png")
    print(f"their reconstructions: {arguments.out / 'predicted.png'}")


def main(argv=None):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    if arguments.checkpoint and not arguments.predict:
        raise ValueError("checkpoint: got one without --predict, wanted images to read with it (to go on training: --resume)")
    record = command.Record("capsnet", argv, arguments)
    command.prepare(arguments)
    if arguments.predict:
        return read_images(arguments)
    data = load_data(arguments)
    config = fit_config(data, arguments.iterations)
    fill_in(arguments, data)
    size = sum(p.size for p in init_capsnet(np.random.default_rng(0), config).values())
    print(f"{len(data.train_images):,} images of {'x'.join(map(str, config.image_shape))}, {config.classes} classes; "
          f"{config.primary_capsules:,} primary capsules, {size:,} parameters, {config.iterations} routing rounds")
    try:
        params, log, seconds = fit(arguments, data, config)
    except KeyboardInterrupt:
        if (run_folder(arguments) / "checkpoint.npz").exists():
            print("the same command with --resume goes on from the last checkpoint", file=sys.stderr)
        raise
    judged_on = "held-out training images" if arguments.hold_out else "test images"
    plot.save(plot.learning_curves(log, judged_on), arguments.out / "learning_curves.png")
    draw(params, data.test_images[:SHOWN], data.test_labels[:SHOWN], config, arguments.out)
    error = [line["error"] for line in log if "error" in line][-1]
    wrong = round(error * len(data.test_images))
    (arguments.out / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log), encoding="utf-8")
    record.write(error=error, wrong=wrong, judged=len(data.test_images), judged_on=judged_on, parameters=size,
                 training_seconds=round(seconds, 1), config=dataclasses.asdict(config))
    print(f"trained in {seconds:.0f} s; figures and run.json are in {arguments.out}, the checkpoint in {run_folder(arguments)}")
    print(f"{'held-out' if arguments.hold_out else 'test'} error {100 * error:.2f} % ({wrong} of {len(data.test_images):,} wrong)")
    return int(arguments.min_accuracy is not None and 1 - error < arguments.min_accuracy)


if __name__ == "__main__":
    command.run(main)
