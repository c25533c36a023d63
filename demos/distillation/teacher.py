"""What the demos of distillation share: a teacher, trained or found, its students, and how both learn.

A teacher is any function from images to logits. What is trained lies in runs/, in a folder named after its settings: the same teacher
serves every demo, and is trained once.
"""
import json
import zlib
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from demos import command, training
from tinycaps import plot
from tinycaps.backend import asarray, get_xp, to_numpy
from tinycaps.distillation import distillation_loss_backward, distillation_loss_forward
from tinycaps.ops import soften
from tinycaps.ops import cross_entropy_backward, cross_entropy_forward, init_mlp, mlp_backward, mlp_forward
from tinycaps.optim import adam, flat_then_linear, limit_norms, rising_momentum, sgd
from tinycaps.train import train

SMALL = dict(teacher_hidden=[400, 400], teacher_epochs=100, teacher_learning_rate=0.5, dropout=[0.0, 0.2], largest_norm=3.0, batch=50,
             shift=0, warp=True, hidden=[100, 100], epochs=50, learning_rate=0.2, soft_learning_rate=0.012)
LARGE = dict(teacher_hidden=[1200, 1200], teacher_epochs=150, teacher_learning_rate=0.5, dropout=[0.2, 0.5], largest_norm=3.0, batch=100,
             shift=2, warp=False, hidden=[800, 800], epochs=60, learning_rate=0.1, soft_learning_rate=0.001)
MOMENTUM = 0.9
TEACHER_MOMENTA = 0.5, 0.99
"""At its beginning, and in the second half of its training."""
EVALUATIONS = 10


class Trained(NamedTuple):
    """A network, and how it was trained."""

    params: dict
    log: list
    seconds: float


def add_arguments(parser):
    """Give a parser the arguments of a teacher and of its students."""
    p, at_least_one = parser, command.whole_number(1)

    def defaults(name):
        return " or ".join(dict.fromkeys(words(each[name]) for each in (SMALL, LARGE)))

    p.add_argument("--temperature", type=command.temperature, default=20.0, metavar="T", help="of the soft targets (default 20)")
    p.add_argument("--hidden", nargs="+", type=at_least_one, metavar="N", help=f"units of a student's layers; default {defaults('hidden')}")
    p.add_argument("--moved", action="store_true",
                   help="students see images moved as the teacher's are, and are told what it answers to those; --epochs is then by "
                   "default that of the teacher")
    p.add_argument("--soft-learning-rate", type=command.positive_number, metavar="X",
                   help=f"of students of soft targets, Adam's; default {defaults('soft_learning_rate')}")
    training.add_arguments(p, SMALL, LARGE, "students on labels; every rate falls to zero in the second half")
    p.add_argument("--teacher-hidden", nargs="+", type=at_least_one, metavar="N", help=f"default {defaults('teacher_hidden')}")
    p.add_argument("--teacher-epochs", type=at_least_one, metavar="N", help=f"default {defaults('teacher_epochs')}")
    p.add_argument("--teacher-learning-rate", type=command.positive_number, metavar="X",
                   help=f"default {defaults('teacher_learning_rate')}")
    p.add_argument("--dropout", nargs=2, type=command.less_than_all, metavar="P",
                   help=f"part of the pixels, and of the hidden units, that the teacher must do without; default {defaults('dropout')}")
    p.add_argument("--largest-norm", type=command.positive_number, metavar="X",
                   help=f"of the incoming weights of each of the teacher's units; default {defaults('largest_norm')}")


def fill_in(arguments, data):
    """Set the arguments that were not given."""
    given = arguments.epochs
    training.fill_in(arguments, data, SMALL, LARGE)
    if arguments.moved:
        arguments.epochs = given or arguments.teacher_epochs
        if not (arguments.shift or arguments.warp):
            raise ValueError("moved: got --shift 0 and no --warp, wanted images that move")


def words(value):
    """Return a number or several as they are typed."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def sizes_of(data, hidden):
    """Return the sizes of an mlp from images to classes."""
    return [data.train_images[0].size, *hidden, training.count_classes(data)]


def logits_of(params, images, forward=mlp_forward, batch=1000):
    """Return a network's logits of images that lie on the host, on the host; so many are looked at together."""
    xp = get_xp(next(iter(params.values())))
    flat = images.reshape(len(images), -1)
    return np.concatenate([to_numpy(forward(params, xp.asarray(flat[k:k + batch]))[0]) for k in range(0, len(flat), batch)])


def count_wrong(logits, labels):
    """Return how many images are misread."""
    return int((logits.argmax(axis=1) != labels).sum())


def step(params, grads, state, learning_rate):
    """Step down the gradient with momentum."""
    sgd(params, grads, state, learning_rate, MOMENTUM)


def teacher_step(params, grads, state, learning_rate, rise, largest_norm):
    """Step down the gradient with momentum that rises for so many steps; keep the incoming weights of each unit short."""
    state["step"] = state.get("step", 0) + 1
    momentum = rising_momentum(state["step"], rise, *TEACHER_MOMENTA)
    sgd(params, grads, state, (1 - momentum) * learning_rate, momentum)
    limit_norms(params, largest_norm)


def learn(name, params, gradients, data, labels, arguments, *, epochs, learning_rate, error_of, resume, seed=None, update=step,
          augment=None, **settings):
    """Train a network in a folder of its own; the learning rate is flat through the first half and then falls to zero.

    Parameters
    ----------
    name : str
        What is trained, in a word: for its folder, and for the lines printed.
    params : dict
    gradients : function
        For `tinycaps.train.train`.
    data : Dataset
        Whose training images are learned.
    labels : integer array (n,)
        What `gradients` gets with the images; often their indices.
    arguments : argparse.Namespace
    epochs : int
    learning_rate : float
    error_of : function (params, images, labels) -> dict
        Errors for the log.
    resume : bool
        Go on from the checkpoint, if there is one.
    seed : int, optional
        Of the order of the images; by default that of the arguments.
    update, augment : functions
        For `tinycaps.train.train`.
    **settings
        Whatever else decides what comes out.

    Returns
    -------
    Trained
    """
    seed = arguments.seed if seed is None else seed
    settings = {"momentum": MOMENTUM} | settings | {"data": arguments.data, "held_out": arguments.hold_out, "seed": seed,
                                                    "epochs": epochs, "learning_rate": learning_rate, "batch": arguments.batch}
    if arguments.data not in training.LOADERS:
        settings["file_crc32"] = zlib.crc32(Path(arguments.data).read_bytes())
    folder = training.run_folder(name.replace(" ", "-"), arguments)
    folder = folder.with_name(f"{folder.name}-{zlib.crc32(json.dumps(settings, sort_keys=True).encode()):08x}")
    judged, every = training.watched(arguments, data), -(-epochs // EVALUATIONS)
    batch, steps = min(arguments.batch, len(labels)), count_steps(arguments, labels, epochs)
    params = {key: asarray(p, arguments.device) for key, p in params.items()}
    with training.resumable(folder):
        log, seconds = train(
            gradients, params, data.train_images, labels, epochs=epochs, batch=batch, folder=folder, about=settings,
            seed=seed, update=update, learning_rate=lambda step: flat_then_linear(learning_rate, step, steps), augment=augment,
            evaluate=lambda params: error_of(params, *judged), evaluate_every=every, show=partial(show, name, arguments),
            resume=resume and (folder / "checkpoint.npz").exists())
    return Trained(params, [{"network": name, **line} for line in log], seconds)


def count_steps(arguments, labels, epochs):
    """Return how many steps a training takes."""
    return epochs * -(-len(labels) // min(arguments.batch, len(labels)))


def show(name, arguments, line):
    """Print what an evaluation has found."""
    from tqdm import tqdm
    told = ", ".join(f"{key} {100 * value:.2f} %" for key, value in line.items() if key.startswith("error"))
    with tqdm.external_write_mode():
        print(f"{name}: epoch {line['epoch']}, {told} on {'held-out' if arguments.hold_out else 'its'} training images", flush=True)


def draw_curves(log, arguments, errors=("error",)):
    """Write a figure of the errors of every network after each few epochs."""
    curves = {}
    for line in log:
        for error in errors:
            if error in line:
                name = line["network"] + error.replace("error ", ", ").removeprefix("error")
                curves.setdefault(name, []).append((line["epoch"], line[error]))
    judged_on = training.judged(arguments)[1] if arguments.hold_out else "training images, unmoved"
    plot.save(plot.error_curves({judged_on: {"curves": curves}}, "epoch"), arguments.out / "learning_curves.png")


def error_of(params, images, labels):
    """Return the part of images that an mlp misreads."""
    return {"error": count_wrong(logits_of(params, images), labels) / len(images)}


def teacher_gradients(params, x, labels, rng, dropout):
    """Return loss and gradients of a batch, with dropout of pixels and of hidden units."""
    x, xp = x.reshape(len(x), -1), get_xp(x)
    widths = [W.shape[0] for key, W in params.items() if key.endswith(".W")]
    rates = dropout[:1] + dropout[1:] * (len(widths) - 1)
    dropouts = [(xp.asarray(rng.random((len(x), width), dtype=np.float32) >= rate), rate) for width, rate in zip(widths, rates)]
    logits, cache = mlp_forward(params, x, dropouts=dropouts)
    loss, loss_cache = cross_entropy_forward(logits, labels)
    return loss, mlp_backward(cross_entropy_backward(1.0, loss_cache), cache)


def train_teacher(arguments, data):
    """Train the teacher on jittered images, or go on with it, or find it finished."""
    params = init_mlp(np.random.default_rng(arguments.seed), sizes_of(data, arguments.teacher_hidden))
    settings = {name: getattr(arguments, name) for name in ("teacher_hidden", "dropout", "largest_norm", "shift", "warp")}
    rise = count_steps(arguments, data.train_labels, arguments.teacher_epochs) / 2
    return learn("teacher", params, partial(teacher_gradients, dropout=arguments.dropout), data, data.train_labels, arguments,
                 epochs=arguments.teacher_epochs, learning_rate=arguments.teacher_learning_rate, error_of=error_of, resume=True,
                 update=partial(teacher_step, rise=rise, largest_norm=arguments.largest_norm), augment=training.augmentation(arguments),
                 momentum=TEACHER_MOMENTA, **settings)


def listen(logits, labels, soft_targets, temperature, hard_weight):
    """Return the loss of a student's logits, and its gradient: from labels alone where there are no soft targets."""
    if soft_targets is None:
        loss, cache = cross_entropy_forward(logits, labels)
        return loss, cross_entropy_backward(1.0, cache)
    loss, cache = distillation_loss_forward(logits, labels, soft_targets, temperature, hard_weight)
    return loss, distillation_loss_backward(1.0, cache)


def train_student(name, arguments, data, answers, teacher_logits, hidden, learning_rate, temperature, hard_weight):
    """Train a student, without dropout or limits to its weights, on the labels and on its teacher's softened logits.

    `teacher_logits` are those of all training images, which stay the same from epoch to epoch. With --moved they do not: then the teacher's
    forward, `answers`, is asked in every step.
    """
    labels, alone, moved = asarray(data.train_labels, arguments.device), hard_weight == 1, arguments.moved
    soft_targets = None if alone or moved else asarray(soften(teacher_logits, temperature), arguments.device)
    settings = {} if alone else {"optimiser": "adam", "momentum": None, "temperature": temperature,
                                 "teacher_crc32": zlib.crc32(teacher_logits.tobytes())}
    if moved:
        settings |= {"shift": arguments.shift, "warp": arguments.warp}

    def gradients(params, x, which, rng):
        x = x.reshape(len(x), -1)
        told = None if alone else soften(answers(x)[0], temperature) if moved else soft_targets[which]
        logits, cache = mlp_forward(params, x)
        loss, dlogits = listen(logits, labels[which], told, temperature, hard_weight)
        return loss, mlp_backward(dlogits, cache)

    params = init_mlp(np.random.default_rng(arguments.seed), [data.train_images[0].size, *hidden, teacher_logits.shape[1]])
    return learn(name, params, gradients, data, np.arange(len(data.train_labels)), arguments, learning_rate=learning_rate,
                 epochs=arguments.epochs, error_of=error_of, resume=arguments.resume, update=step if alone else adam, hidden=hidden,
                 hard_weight=hard_weight, augment=training.augmentation(arguments) if moved else None, **settings)
