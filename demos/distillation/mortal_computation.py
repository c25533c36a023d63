"""Weights die with their hardware, knowledge does not: it is taught to other hardware (T21).

Hinton's talk of 2021. Every unit of a piece of analog hardware has a gain and an offset of its own
that nobody has measured, and noise. A network learns the labels on one such piece, by gradients
that take all gains for one. Its weights copied to other pieces are worth little there. But other
networks, that begin anew on those pieces, learn from its soft answers, and then know what it knew.
What you will see: the errors of all of them, and in --out

    hardware.png          the errors of the teacher at home, of its weights elsewhere, of students
    learning_curves.png   their errors in the course of training

    python -m demos mortal_computation                half a minute
    python -m demos mortal_computation --gain-spread 0.1 --offset-spread 0.1
                                                      better hardware: copies survive
    python -m demos mortal_computation --data mnist   networks of 300 and 300 units, ten minutes

A run that was killed goes on with --resume. The test images are read once, at the end; --hold-out N
evaluates on N training images instead. The last line of the default, an image or two more or less
on another BLAS:
test errors 8 at home, 182.4 by copied weights, 11.0 by taught students, of 360
"""
import zlib
from functools import partial

import numpy as np

from demos.distillation import mlps
from demos.distillation.teaching import student_loss
from demos.harness.arguments import (add_training_arguments, describe_defaults, deviation, fill_in,
                                     make_parser, temperature, whole_number)
from demos.harness.data import augmentation, judged, load_data
from demos.harness.learn import check_begun, describe_training, learn, optimiser
from demos.harness.record import Record, write_log
from demos.harness.run import exit_code, prepare
from tinycaps import plot
from tinycaps.backend import asarray
from tinycaps.distillation import draw_hardware, hardware_mlp_backward, hardware_mlp_forward
from tinycaps.ops import init_mlp, soften

SMALL = dict(hidden=[100, 100], epochs=60, batch=50, learning_rate=0.02, shift=0, warp=True)
LARGE = dict(hidden=[300, 300], epochs=20, batch=100, learning_rate=0.02, shift=2, warp=False)
HOME, COPIED, TAUGHT = ("the teacher\non its hardware", "its weights\non other hardware",
                        "students\non that hardware")

HOME_TRAINING = "teacher at home"


def build_parser():
    """Return the argument parser."""
    parser = make_parser("mortal_computation", __doc__)
    add = parser.add_argument
    add("--pieces", type=whole_number(1), default=5, metavar="N",
        help="of other hardware (default 5)")
    add("--gain-spread", type=deviation, default=0.5, metavar="X",
        help="standard deviation of the logarithm of a unit's gain (default 0.5)")
    add("--offset-spread", type=deviation, default=0.5, metavar="X",
        help="of a unit's offset (default 0.5)")
    add("--noise", type=deviation, default=0.1, metavar="X",
        help="standard deviation of the noise (default 0.1)")
    add("--temperature", type=temperature, default=20.0, metavar="T",
        help="of the soft targets (default 20)")
    add("--hidden", nargs="+", type=whole_number(1), metavar="N",
        help=f"units of each layer; {describe_defaults(SMALL, LARGE, 'hidden')}")
    add_training_arguments(parser, SMALL, LARGE,
                           "all networks; it falls to zero in the second half")
    return parser


def on_hardware(arguments, sizes, piece):
    """Return the forward of an mlp on a piece of hardware: (params, x, rng) -> logits, cache.

    The rng is for the noise.
    """
    rng = np.random.default_rng([arguments.seed, 1 + piece])
    drawn = draw_hardware(rng, sizes, arguments.gain_spread, arguments.offset_spread)
    hardware = {key: asarray(value, arguments.device) for key, value in drawn.items()}

    def forward(params, x, rng):
        drawn = [arguments.noise * rng.standard_normal((len(x), m), np.float32) for m in sizes[1:]]
        noise = [asarray(each, arguments.device) for each in drawn]
        return hardware_mlp_forward(params, x, hardware, noise)
    return forward


def describe(name, arguments, teacher_logits=None):
    """Return the Training of a network, on labels or from a teacher's logits."""
    names = ["hidden", "gain_spread", "offset_spread", "noise"]
    if teacher_logits is None:
        names, settings = [*names, "shift", "warp"], {}
    else:
        names, settings = [*names, "temperature"], {"teacher_crc32": zlib.crc32(teacher_logits)}
    return describe_training(name, arguments, epochs=arguments.epochs,
                             learning_rate=arguments.learning_rate, momentum=mlps.MOMENTUM,
                             **settings, **{key: getattr(arguments, key) for key in names})


def train_on(name, forward, arguments, data, sizes, piece, teacher_logits=None):
    """Train a network on a piece of hardware.

    Without a teacher's logits it learns labels and moved images; with them it learns from these,
    softened, and from images as they are.
    """
    on_labels = teacher_logits is None
    labels = asarray(data.train_labels, arguments.device)
    if not on_labels:
        targets = asarray(soften(teacher_logits, arguments.temperature), arguments.device)

    def gradients(params, batch, now):
        images, which = batch
        logits, cache = forward(params, images.reshape(len(images), -1), now.rng)
        loss, dlogits = student_loss(logits, labels[which], None if on_labels else targets[which],
                                     arguments.temperature, hard_weight=0.0)
        return loss, hardware_mlp_backward(dlogits, cache, known=False)

    evaluate = mlps.evaluation(arguments, data,
                               partial(logits_of, forward=forward, arguments=arguments))
    params = init_mlp(np.random.default_rng([arguments.seed, 1 + piece, 1]), sizes)
    return learn(describe(name, arguments, teacher_logits), params, gradients,
                 (data.train_images, np.arange(len(data.train_labels))), arguments,
                 evaluate=evaluate, update=optimiser(mlps.momentum_update, arguments),
                 augment=augmentation(arguments) if on_labels else None)


def logits_of(params, images, forward, arguments):
    """Return a network's logits on its hardware, on the host; the noise is always the same."""
    rng = np.random.default_rng(arguments.seed)
    return mlps.logits_of(params, images, partial(forward, rng=rng))


def main(argv):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = Record("mortal_computation", argv, arguments)
    prepare(arguments)
    data = load_data(arguments)
    fill_in(arguments, data, SMALL, LARGE)
    check_begun(arguments, describe(HOME_TRAINING, arguments))
    sizes = mlps.sizes_of(data, arguments.hidden)
    home, *others = (on_hardware(arguments, sizes, k) for k in range(1 + arguments.pieces))
    teacher = train_on(HOME_TRAINING, home, arguments, data, sizes, 0)
    answers = logits_of(teacher.params, data.train_images, home, arguments)
    students = [train_on(f"student on piece {k}", forward, arguments, data, sizes, k, answers)
                for k, forward in enumerate(others, 1)]

    def wrong_of(params, forward):
        logits = logits_of(params, data.test_images, forward, arguments)
        return mlps.count_wrong(logits, data.test_labels)

    wrong = {HOME: [wrong_of(teacher.params, home)],
             COPIED: [wrong_of(teacher.params, forward) for forward in others],
             TAUGHT: [wrong_of(student.params, forward)
                      for student, forward in zip(students, others)]}
    count, (word, whose) = len(data.test_labels), judged(arguments)
    groups = {name: (np.array(each) / count, None) for name, each in wrong.items()}
    plot.save(plot.spread(groups, whose), arguments.out / "hardware.png")
    log = [line for each in (teacher, *students) for line in each.log]
    mlps.draw_curves(log, arguments)
    write_log(arguments, log)
    seconds = sum(each.seconds for each in (teacher, *students))
    means = {name: float(np.mean(each)) for name, each in wrong.items()}
    record.write(means[TAUGHT] / count, baseline=means[COPIED] / count,
                 wrong={name.replace("\n", " "): each for name, each in wrong.items()},
                 judged=count, judged_on=whose, training_minutes=round(seconds / 60, 2))
    for k in range(arguments.pieces):
        print(f"hardware {1 + k}: {wrong[COPIED][k]} of {count:,} {word} images wrong with the "
              f"teacher's weights, {wrong[TAUGHT][k]} by the student that learned from its answers")
    print(f"training took {seconds:.0f} s in all; figures and run.json are in {arguments.out}, "
          "checkpoints in runs")
    print(f"{word} errors {means[HOME]:.0f} at home, {means[COPIED]:.1f} by copied weights, "
          f"{means[TAUGHT]:.1f} by taught students, of {count:,}")
    return exit_code(arguments, means[TAUGHT] / count)
