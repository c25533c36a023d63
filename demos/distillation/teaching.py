"""A teacher, trained or found, and its students: what distillation and omitted_digit share.

A teacher is any function from images to logits. What is trained lies in runs/, in a folder named
after its settings: the same teacher serves both demos, and is trained once.
"""
import zlib
from functools import partial

import numpy as np

from demos.distillation.mlps import MOMENTUM, evaluation, momentum_update, sizes_of
from demos.harness import arguments as harness
from demos.harness.data import augmentation
from demos.harness.learn import count_steps, describe_training, learn, optimiser
from tinycaps.backend import asarray, get_xp
from tinycaps.distillation import distillation_loss_backward, distillation_loss_forward
from tinycaps.ops import (cross_entropy_backward, cross_entropy_forward, init_mlp, mlp_backward,
                          mlp_forward, soften)
from tinycaps.optim import adam, limit_norms, rising_momentum, sgd

SMALL = dict(teacher_hidden=[400, 400], teacher_epochs=100, teacher_learning_rate=0.5,
             dropout=[0.0, 0.2], largest_norm=3.0, batch=50, shift=0, warp=True,
             hidden=[100, 100], epochs=50, learning_rate=0.2, soft_learning_rate=0.012)
LARGE = dict(teacher_hidden=[1200, 1200], teacher_epochs=150, teacher_learning_rate=0.5,
             dropout=[0.2, 0.5], largest_norm=3.0, batch=100, shift=2, warp=False,
             hidden=[800, 800], epochs=60, learning_rate=0.1, soft_learning_rate=0.001)
QUICK = dict(epochs=2, teacher_epochs=2)
TEACHER_MOMENTA = 0.5, 0.99
"""At its beginning, and in the second half of its training."""


def add_arguments(parser):
    """Add the arguments of a teacher and of its students to a parser."""
    add, at_least_one = parser.add_argument, harness.whole_number(1)
    defaults = partial(harness.describe_defaults, SMALL, LARGE)
    add("--temperature", type=harness.temperature, default=20.0, metavar="T",
        help="of the soft targets (default 20)")
    add("--hidden", nargs="+", type=at_least_one, metavar="N",
        help=f"units of a student's layers; {defaults('hidden')}")
    add("--moved", action="store_true",
        help="show students moved images, as the teacher sees, and its answers to those; --epochs "
             "is then by default that of the teacher")
    add("--soft-learning-rate", type=harness.positive_number, metavar="X",
        help=f"of students on soft targets, Adam's; {defaults('soft_learning_rate')}")
    harness.add_training_arguments(
        parser, SMALL, LARGE, "students on labels; every rate falls to zero in the second half")
    add("--teacher-hidden", nargs="+", type=at_least_one, metavar="N",
        help=f"units of the teacher's layers; {defaults('teacher_hidden')}")
    add("--teacher-epochs", type=at_least_one, metavar="N", help=defaults("teacher_epochs"))
    add("--teacher-learning-rate", type=harness.positive_number, metavar="X",
        help=defaults("teacher_learning_rate"))
    add("--dropout", nargs=2, type=harness.fraction_below_one, metavar="P",
        help="fraction of the pixels, and of the hidden units, that the teacher drops; "
             + defaults("dropout"))
    add("--largest-norm", type=harness.positive_number, metavar="X",
        help="of the incoming weights of each of the teacher's units; "
             + defaults("largest_norm"))


def fill_in(arguments, data):
    """Set the arguments that were not given."""
    given = arguments.epochs
    harness.fill_in(arguments, data, SMALL, LARGE, QUICK)
    if arguments.moved:
        arguments.epochs = given or arguments.teacher_epochs
        if not (arguments.shift or arguments.warp):
            raise ValueError("moved: got --shift 0 and no --warp, wanted images that move")


def teacher_update(params, grads, state, learning_rate, rise, largest_norm, update=sgd):
    """Step down the gradient; keep the incoming weights of each unit short.

    The momentum rises for the given number of steps.
    """
    state["step"] = state.get("step", 0) + 1
    momentum = rising_momentum(state["step"], rise, *TEACHER_MOMENTA)
    update(params, grads, state, (1 - momentum) * learning_rate, momentum)
    limit_norms(params, largest_norm)


def teacher_gradients(params, batch, now, dropout):
    """Return loss and gradients of a batch, with dropout of pixels and of hidden units."""
    images, labels = batch
    x, xp = images.reshape(len(images), -1), get_xp(images)
    widths = [W.shape[0] for key, W in params.items() if key.endswith(".W")]
    rates = dropout[:1] + dropout[1:] * (len(widths) - 1)
    masks = [now.rng.random((len(x), width), dtype=np.float32) >= rate
             for width, rate in zip(widths, rates)]
    dropouts = [(xp.asarray(mask), rate) for mask, rate in zip(masks, rates)]
    logits, cache = mlp_forward(params, x, dropouts=dropouts)
    loss, loss_cache = cross_entropy_forward(logits, labels)
    return loss, mlp_backward(cross_entropy_backward(1.0, loss_cache), cache)


def describe_teacher(arguments):
    """Return the Training of the teacher."""
    names = "teacher_hidden", "dropout", "largest_norm", "shift", "warp"
    return describe_training(
        "teacher", arguments, epochs=arguments.teacher_epochs, momentum=TEACHER_MOMENTA,
        learning_rate=arguments.teacher_learning_rate,
        **{name: getattr(arguments, name) for name in names})


def train_teacher(arguments, data):
    """Train the teacher on moved images, or go on with it, or find it finished."""
    steps = count_steps(len(data.train_labels), arguments.batch, arguments.teacher_epochs)
    params = init_mlp(np.random.default_rng(arguments.seed),
                      sizes_of(data, arguments.teacher_hidden))
    return learn(describe_teacher(arguments), params,
                 partial(teacher_gradients, dropout=arguments.dropout),
                 (data.train_images, data.train_labels), arguments, resume=True,
                 evaluate=evaluation(arguments, data), augment=augmentation(arguments),
                 update=partial(teacher_update, rise=steps / 2, update=optimiser(sgd, arguments),
                                largest_norm=arguments.largest_norm))


def student_loss(logits, labels, soft_targets, temperature, hard_weight):
    """Return the loss of a student's logits and its gradient; without soft targets, on labels."""
    if soft_targets is None:
        loss, cache = cross_entropy_forward(logits, labels)
        return loss, cross_entropy_backward(1.0, cache)
    loss, cache = distillation_loss_forward(logits, labels, soft_targets, temperature, hard_weight)
    return loss, distillation_loss_backward(1.0, cache)


def describe_student(name, arguments, hidden, learning_rate, temperature, hard_weight,
                     teacher_logits=None):
    """Return the Training of a student; if it learns on labels alone, no teacher decides it."""
    if hard_weight == 1:
        settings = {"momentum": MOMENTUM}
    else:
        settings = {"optimiser": "adam", "temperature": temperature,
                    "teacher_crc32": zlib.crc32(teacher_logits.tobytes())}
    if arguments.moved:
        settings |= {"shift": arguments.shift, "warp": arguments.warp}
    return describe_training(name, arguments, epochs=arguments.epochs, hidden=hidden,
                             learning_rate=learning_rate, hard_weight=hard_weight, **settings)


def train_student(name, arguments, data, answer, teacher_logits, hidden, learning_rate,
                  temperature, hard_weight):
    """Train a student on the labels and on its teacher's softened logits, weighted.

    A student has neither dropout nor limits to its weights. Without --moved the teacher's logits
    of the training images stay the same from epoch to epoch and are given as ``teacher_logits``;
    with it, the teacher's forward ``answer`` is called in every step.
    """
    on_labels, moved = hard_weight == 1, arguments.moved
    labels = asarray(data.train_labels, arguments.device)
    soft_targets = None
    if not (on_labels or moved):
        soft_targets = asarray(soften(teacher_logits, temperature), arguments.device)

    def gradients(params, batch, now):
        images, which = batch
        x = images.reshape(len(images), -1)
        if moved and not on_labels:
            targets = soften(answer(x)[0], temperature)
        else:
            targets = None if on_labels else soft_targets[which]
        logits, cache = mlp_forward(params, x)
        loss, dlogits = student_loss(logits, labels[which], targets, temperature, hard_weight)
        return loss, mlp_backward(dlogits, cache)

    training = describe_student(name, arguments, hidden, learning_rate, temperature, hard_weight,
                                teacher_logits)
    sizes = [data.train_images[0].size, *hidden, teacher_logits.shape[1]]
    return learn(training, init_mlp(np.random.default_rng(arguments.seed), sizes), gradients,
                 (data.train_images, np.arange(len(data.train_labels))), arguments,
                 evaluate=evaluation(arguments, data),
                 update=optimiser(momentum_update if on_labels else adam, arguments),
                 augment=augmentation(arguments) if moved else None)
