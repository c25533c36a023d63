"""A small network learns from a large one's soft answers what labels do not say (D15).

Distillation: Hinton, Vinyals, Dean 2015. The teacher is a large mlp with dropout and limited
weights, trained on moved images. Two smaller students, with no regularisation and no moved images,
begin with the same weights and see the same images in the same order: one learns from the labels,
the other only from the teacher's probabilities at temperature 20, the soft targets. Some of what
the teacher has learned from moved images and dropout reaches the student, although it sees neither:
with each of five seeds it makes 4 or 5 errors of 360, and the student on labels 7 or 9. With
--moved both see moved images too. What you will see: the errors of all three, and in --out

    errors.png              the errors of the teacher and of its two students
    soft_targets.png        some images, and the teacher's answers at temperatures 1, 2, 5 and 20
    lookalikes.png          the 2s that look most like 3s to the teacher, and those most like 7s
    temperature_sweep.png   with --sweep: students of three sizes at three temperatures

    python -m demos distillation                    half a minute
    python -m demos distillation --seeds 5          teacher and students five times, two minutes
    python -m demos distillation --temperature 4 --hard-weight 0.1
    python -m demos distillation --sweep            one more minute
    python -m demos distillation --checkpoint --temperature 2
                                                    taught by the packaged CapsNet; or name another
    python -m demos distillation --data mnist       the published networks, an hour
    python -m demos distillation --data mnist --moved
                                                    students see moved images, another hour

--epochs is that of the students; --shift and --warp move the teacher's images, and with --moved the
students' too; --min-accuracy applies to the student on soft targets. A teacher that has been
trained once is found again in runs/, here and by omitted_digit; students go on with --resume. The
test images are read once, at the end; --hold-out N evaluates on N training images instead. The last
line of the default, a few images more or less on another BLAS:
test error 0.83 % teacher, 1.94 % student on labels, 1.39 % student on soft targets (3, 7, 5 of 360)
"""
from argparse import Namespace
from functools import partial
from statistics import mean
from typing import NamedTuple

import numpy as np

from demos.distillation import drawings, teaching
from demos.distillation.mlps import count_wrong, logits_of
from demos.harness.arguments import fraction, is_small, make_parser, whole_number
from demos.harness.data import judged, load_data
from demos.harness.learn import check_begun
from demos.harness.record import Record, write_log
from demos.harness.run import exit_code, prepare
from tinycaps import plot
from tinycaps.backend import asarray, get_xp
from tinycaps.capsules import length_forward, load_capsnet
from tinycaps.fast import choose_network
from tinycaps.ops import mlp_forward, soften

SWEEP = {True: (100, 30, 10), False: (800, 300, 30)}
"""Units in each hidden layer of the students of a sweep, for small images and for large ones."""
SWEEP_TEMPERATURES = (3.0, 8.0, 20.0)
SHOWN_TEMPERATURES = (1.0, 2.0, 5.0, 20.0)
SHOWN = 8
RARE = 50
"""Of its class, one image in this many is as doubtful as the one whose soft targets are drawn."""
TEACHER_BATCH = 100
"""Images that the teacher answers together: few, for a CapsNet needs much memory."""
LOOKALIKES = 2, 3, 7
"""A class, and the two that its images are compared with."""
LABELS, SOFT = "student on labels", "student on soft targets"
MAIN = "teacher", LABELS, SOFT


class Outcome(NamedTuple):
    """What came out of one seed."""

    logits: np.ndarray
    """The teacher's, of the training images."""
    wrong: dict
    """Errors on the test images by network."""
    log: list
    minutes: dict
    parameters: dict


def build_parser():
    """Return the argument parser."""
    parser = make_parser("distillation", __doc__)
    add = parser.add_argument
    add("--sweep", action="store_true", help="also teach students of three sizes at three "
        "temperatures")
    add("--hard-weight", type=fraction, default=0.0, metavar="W",
        help="weight of the labels, from 0 to 1, for the student on soft targets; 1 makes it the "
             "other student (default 0)")
    add("--seeds", type=whole_number(1), default=1, metavar="N",
        help="teacher and students anew with N seeds, from --seed on (default 1)")
    add("--checkpoint", nargs="?", const="", metavar="FILE",
        help="let a trained CapsNet teach: a network.npz or checkpoint.npz; without FILE, the one "
             "that comes with the package")
    teaching.add_arguments(parser)
    return parser


def capsnet_teacher(path, data, device):
    """Return the params of a trained CapsNet, and a forward that answers in logits.

    These are the log odds log(‖v_k‖ / (1 − ‖v_k‖)). The length ‖v_k‖ is the probability that an
    entity of class k is there, whatever else is. If exactly one is there, the probability that it
    is of class k is in proportion to its odds: the softmax of the log odds.
    """
    params, config, about = load_capsnet(path)
    came, wanted = tuple(about["images"]), data.train_images.shape
    if came != wanted:
        raise ValueError(f"checkpoint: got a network that was trained on images {came}, wanted "
                         f"these training images, {wanted}")
    params = {key: asarray(p, device) for key, p in params.items()}
    network, _ = choose_network(config, TEACHER_BATCH)

    def forward(params, x):
        v, _ = network.forward(params, x.reshape(-1, *config.image_shape), config)
        length, _ = length_forward(v)
        return get_xp(length).log(length / (1 - length)), None

    return params, forward


def find_teacher(arguments, data):
    """Return the teacher's params and forward, and the log and seconds of its training."""
    if arguments.checkpoint is not None:
        path = arguments.checkpoint or None
        return *capsnet_teacher(path, data, arguments.device), [], 0.0
    trained = teaching.train_teacher(arguments, data)
    return trained.params, mlp_forward, trained.log, trained.seconds


def plan(arguments, small):
    """Return the students to be taught: name to (hidden, temperature, hard weight)."""
    labels, hidden, weight = (1.0, 1.0), tuple(arguments.hidden), arguments.hard_weight

    def soft(temperature):
        return labels if weight == 1 else (temperature, weight)
    students = {LABELS: (hidden, *labels), SOFT: (hidden, *soft(arguments.temperature))}
    for units in SWEEP[small] if arguments.sweep else ():
        hidden = (units,) * len(arguments.hidden)
        for temperature in SWEEP_TEMPERATURES:
            students[f"{units} units at T = {temperature:g}"] = hidden, *soft(temperature)
        students[f"{units} units on labels"] = hidden, *labels
    return students


def lookalikes(logits, labels, label, other, count):
    """Return the indices of the images of a class that the teacher finds most like another."""
    images = np.flatnonzero(labels == label)
    return images[soften(logits[images])[:, other].argsort()[::-1][:count]]


def draw(data, logits, errors, arguments):
    """Write the figures; logits are a teacher's of the training images, errors (seeds) by name."""
    groups = {name.replace(" on ", "\non "): errors[name] for name in MAIN}
    title = "Two students that begin alike, and their teacher" + (
        "; a dot for each seed" if arguments.seeds > 1 else "")
    plot.save(plot.error_bars(groups, judged(arguments)[1], title), arguments.out / "errors.png")
    plot.save(soft_targets_figure(data, logits), arguments.out / "soft_targets.png")
    if logits.shape[1] > max(LOOKALIKES):
        plot.save(lookalikes_figure(data, logits), arguments.out / "lookalikes.png")
    if arguments.sweep:
        sizes = SWEEP[is_small(data.train_images)]
        curves = {f"{units} units": [(t, mean(errors[f"{units} units at T = {t:g}"]))
                                     for t in SWEEP_TEMPERATURES] for units in sizes}
        levels = {f"{units} units": mean(errors[f"{units} units on labels"]) for units in sizes}
        panels = {f"{judged(arguments)[1]}; dashed: on labels": dict(curves=curves, levels=levels)}
        plot.save(plot.error_curves(panels, "temperature", "log"),
                  arguments.out / "temperature_sweep.png")


def soft_targets_figure(data, logits):
    """Draw a doubtful image of each class and the teacher's answers at several temperatures."""
    labels, certainty = data.train_labels, soften(logits).max(axis=1)
    members = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    shown = [which[certainty[which].argsort()[len(which) // RARE]] for which in members]
    answers = np.stack([soften(logits[shown], each) for each in SHOWN_TEMPERATURES])
    title = (f"Training images, each among the {100 // RARE} % of its class of which the teacher "
             "is least certain; blue: the true class")
    return drawings.soft_targets(data.train_images[shown], answers, SHOWN_TEMPERATURES,
                                 labels[shown], title)


def lookalikes_figure(data, logits):
    """Draw the images of a class that the teacher finds most like two others."""
    label, *others = LOOKALIKES
    rows, captions = {}, []
    for other in others:
        which = lookalikes(logits, data.train_labels, label, other, SHOWN)
        rows[f"the {label}s that look most like {other}s, and the teacher's probability of a "
             f"{other}"] = data.train_images[which]
        captions.append([f"{p:.1g}" for p in soften(logits[which])[:, other]])
    return plot.image_rows(rows, captions)


def teach_all(arguments, data):
    """Train a teacher and its students with one seed, and count their errors."""
    params, forward, log, seconds = find_teacher(arguments, data)
    logits, test_logits = (logits_of(params, images, forward, TEACHER_BATCH)
                           for images in (data.train_images, data.test_images))
    taught, networks, minutes = {}, {}, {"teacher": seconds / 60}
    for name, student in plan(arguments, is_small(data.train_images)).items():
        if student not in taught:
            hidden, temperature, hard_weight = student
            on_labels = hard_weight == 1
            rate = arguments.learning_rate if on_labels else arguments.soft_learning_rate
            taught[student] = teaching.train_student(
                name, arguments, data, partial(forward, params), logits, hidden, rate, temperature,
                hard_weight)
            minutes[name], log = taught[student].seconds / 60, log + taught[student].log
        networks[name] = taught[student].params

    found = {"teacher": test_logits} | {name: logits_of(params, data.test_images)
                                        for name, params in networks.items()}
    wrong = {name: count_wrong(answers, data.test_labels) for name, answers in found.items()}
    parameters = {name: sum(p.size for p in params.values()) for name, params in networks.items()}
    return Outcome(logits, wrong, [{"seed": arguments.seed, **line} for line in log], minutes,
                   parameters)


def main(argv):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = Record("distillation", argv, arguments)
    prepare(arguments)
    data = load_data(arguments)
    teaching.fill_in(arguments, data)
    check_begun(arguments, teaching.describe_teacher(arguments), teaching.describe_student(
        LABELS, arguments, arguments.hidden, arguments.learning_rate, temperature=1.0,
        hard_weight=1.0))
    outcomes = [teach_all(Namespace(**vars(arguments) | {"seed": seed}), data)
                for seed in range(arguments.seed, arguments.seed + arguments.seeds)]

    count, (word, whose) = len(data.test_labels), judged(arguments)
    counts, minutes = (together([getattr(each, key) for each in outcomes])
                       for key in ("wrong", "minutes"))
    errors = {name: [number / count for number in each] for name, each in counts.items()}
    wrong, error = ({name: mean(each) for name, each in found.items()}
                    for found in (counts, errors))
    draw(data, outcomes[0].logits, errors, arguments)
    write_log(arguments, [line for outcome in outcomes for line in outcome.log])
    record.write(error[SOFT], baseline=error[LABELS], seeds=errors[SOFT], errors=error,
                 wrong=wrong, wrong_by_seed=counts, judged=count, judged_on=whose,
                 training_minutes={name: round(sum(each), 2) for name, each in minutes.items()},
                 parameters=outcomes[0].parameters)
    for name in wrong if arguments.seeds > 1 else list(wrong)[len(MAIN):]:
        print(f"{name:>23}: {', '.join(map(str, counts[name]))} of {count:,} wrong")
    print(f"training took {60 * sum(map(sum, minutes.values())):.0f} s in all; figures and "
          f"run.json are in {arguments.out}, checkpoints in runs")
    rates = ", ".join(f"{100 * error[name]:.2f} % {name}" for name in MAIN)
    numbers = ", ".join(f"{wrong[name]:g}" for name in MAIN)
    over = f", mean of {arguments.seeds} seeds" if arguments.seeds > 1 else ""
    print(f"{word} error {rates} ({numbers} of {count:,}{over})")
    return exit_code(arguments, error[SOFT])


def together(outcomes):
    """Return dicts with the same keys, one for each seed, as a dict of lists."""
    return {key: [each[key] for each in outcomes] for key in outcomes[0]}
