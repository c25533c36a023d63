"""Weights die with their hardware, knowledge does not: it is told to other hardware by soft targets (Hinton's talk of 2021, T21).

Every unit of a piece of analog hardware has a gain and an offset of its own that nobody has measured, and noise. A network learns the
labels on one such piece, by gradients that take all gains for one. Its weights copied to other pieces are worth little there. But other
networks, that begin anew on those pieces, learn from its answers, and then know what it knew. Then it draws, into --out:

    hardware.png              the errors of the teacher at home, of its weights on other hardware, and of the students there
    learning_curves.png       their errors after each few epochs

    python -m demos.mortal_computation                        the embedded digits, under a minute
    python -m demos.mortal_computation --gain-spread 0.1 --offset-spread 0.1       better hardware: copies survive
    python -m demos.mortal_computation --data mnist           networks of 300 and 300 units, ten minutes
    python -m demos.mortal_computation --data mnist --resume  go on after a kill, from the last minute's checkpoint

The test images choose nothing and are read once, at the end; --hold-out N judges on N training images instead. The last line of the
default, an image or two more or less on another BLAS:
test errors 8 at home, 182.6 by copied weights, 11.8 by taught students, of 360
"""
import zlib
from functools import partial

import numpy as np

from demos import command, teacher, training
from tinycaps import plot
from tinycaps.backend import asarray
from tinycaps.distillation import draw_hardware, hardware_mlp_backward, hardware_mlp_forward
from tinycaps.ops import soften
from tinycaps.ops import init_mlp

SMALL = dict(hidden=[100, 100], epochs=60, batch=50, learning_rate=0.02, shift=0, warp=True)
LARGE = dict(hidden=[300, 300], epochs=20, batch=100, learning_rate=0.02, shift=2, warp=False)
HOME, COPIED, TAUGHT = "the teacher\non its hardware", "its weights\non other hardware", "students\non that hardware"


def build_parser():
    """Return the argument parser."""
    p = command.parser("mortal_computation", __doc__)
    p.add_argument("--pieces", type=command.whole_number(1), default=5, metavar="N", help="of other hardware (default 5)")
    p.add_argument("--gain-spread", type=command.spread, default=0.5, metavar="X",
                   help="standard deviation of the logarithm of a unit's gain (default 0.5)")
    p.add_argument("--offset-spread", type=command.spread, default=0.5, metavar="X", help="of a unit's offset (default 0.5)")
    p.add_argument("--noise", type=command.spread, default=0.1, metavar="X", help="standard deviation of the noise (default 0.1)")
    p.add_argument("--temperature", type=command.temperature, default=20.0, metavar="T", help="of the soft targets (default 20)")
    p.add_argument("--hidden", nargs="+", type=command.whole_number(1), metavar="N",
                   help=f"units of each layer; default {teacher.words(SMALL['hidden'])} or {teacher.words(LARGE['hidden'])}")
    training.add_arguments(p, SMALL, LARGE, "all networks; it falls to zero in the second half")
    return p


def on_hardware(arguments, sizes, piece):
    """Return the forward of an mlp on a piece of hardware, (params, x, rng) -> logits, cache; rng is for the noise."""
    drawn = draw_hardware(np.random.default_rng([arguments.seed, 1 + piece]), sizes, arguments.gain_spread, arguments.offset_spread)
    hardware = {key: asarray(value, arguments.device) for key, value in drawn.items()}

    def forward(params, x, rng):
        noise = [asarray(arguments.noise * rng.standard_normal((len(x), m), np.float32), arguments.device) for m in sizes[1:]]
        return hardware_mlp_forward(params, x, hardware, noise)
    return forward


def train_on(name, forward, arguments, data, sizes, piece, teacher_logits=None):
    """Train a network on a piece of hardware: on labels and moved images, or on a teacher's softened logits of the images as they are."""
    alone = teacher_logits is None
    labels = asarray(data.train_labels, arguments.device)
    soft_targets = None if alone else asarray(soften(teacher_logits, arguments.temperature), arguments.device)

    def gradients(params, x, which, rng):
        logits, cache = forward(params, x.reshape(len(x), -1), rng)
        loss, dlogits = teacher.listen(logits, labels[which], None if alone else soft_targets[which], arguments.temperature, 0.0)
        return loss, hardware_mlp_backward(dlogits, cache, known=False)

    def error_of(params, images, labels):
        return {"error": teacher.count_wrong(logits_of(params, images, forward, arguments), labels) / len(labels)}

    settings = {key: getattr(arguments, key) for key in ("hidden", "gain_spread", "offset_spread", "noise")}
    if alone:
        augment = training.augmentation(arguments)
        settings |= {"shift": arguments.shift, "warp": arguments.warp}
    else:
        augment = None
        settings |= {"teacher_crc32": zlib.crc32(teacher_logits.tobytes()), "temperature": arguments.temperature}
    params = init_mlp(np.random.default_rng([arguments.seed, 1 + piece, 1]), sizes)
    return teacher.learn(name, params, gradients, data, np.arange(len(labels)), arguments, epochs=arguments.epochs, augment=augment,
                         learning_rate=arguments.learning_rate, error_of=error_of, resume=arguments.resume, **settings)


def logits_of(params, images, forward, arguments):
    """Return a network's logits on its hardware, on the host; the noise is always the same."""
    return teacher.logits_of(params, images, partial(forward, rng=np.random.default_rng(arguments.seed)))


def main(argv=None):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = command.Record("mortal_computation", argv, arguments)
    command.prepare(arguments)
    data = training.load_data(arguments)
    training.fill_in(arguments, data, SMALL, LARGE)
    sizes = teacher.sizes_of(data, arguments.hidden)
    home, *others = (on_hardware(arguments, sizes, piece) for piece in range(1 + arguments.pieces))
    trained = train_on("teacher at home", home, arguments, data, sizes, 0)
    answers = logits_of(trained.params, data.train_images, home, arguments)
    students = [train_on(f"student on piece {k}", forward, arguments, data, sizes, k, answers) for k, forward in enumerate(others, 1)]

    def wrong_of(params, forward):
        return teacher.count_wrong(logits_of(params, data.test_images, forward, arguments), data.test_labels)

    wrong = {HOME: [wrong_of(trained.params, home)], COPIED: [wrong_of(trained.params, forward) for forward in others],
             TAUGHT: [wrong_of(student.params, forward) for student, forward in zip(students, others)]}
    count, (word, judged_on) = len(data.test_labels), training.judged(arguments)
    groups = {name: (np.array(each) / count, None) for name, each in wrong.items()}
    plot.save(plot.spread(groups, judged_on), arguments.out / "hardware.png")
    log = [line for each in (trained, *students) for line in each.log]
    teacher.draw_curves(log, arguments)
    training.write_log(arguments, log)
    seconds = sum(each.seconds for each in (trained, *students))
    record.write(wrong={name.replace("\n", " "): each for name, each in wrong.items()}, judged=count, judged_on=judged_on,
                 training_minutes=round(seconds / 60, 2))
    for k in range(arguments.pieces):
        print(f"hardware {1 + k}: {wrong[COPIED][k]} of {count:,} {word} images wrong with the teacher's weights, "
              f"{wrong[TAUGHT][k]} by the student that learned from its answers")
    print(f"training took {seconds:.0f} s in all; figures and run.json are in {arguments.out}, checkpoints in runs")
    means = {name: np.mean(each) for name, each in wrong.items()}
    print(f"{word} errors {means[HOME]:.0f} at home, {means[COPIED]:.1f} by copied weights, {means[TAUGHT]:.1f} by taught students, "
          f"of {count:,}")
    return int(arguments.min_accuracy is not None and 1 - means[TAUGHT] / count < arguments.min_accuracy)


if __name__ == "__main__":
    command.run(main)
