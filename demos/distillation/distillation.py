"""A small network learns from the soft answers of a large one what labels do not tell (Hinton, Vinyals, Dean 2015).

The teacher is a large mlp with dropout and limited weights, trained on jittered images. Two smaller students, without any
regularisation and without jitter, begin with the same weights and see the same images in the same order: one is told the labels, the
other only what the teacher answers at temperature 20, the soft targets. Part of what the teacher has learned from jitter and dropout
comes across, although the student sees neither. With --moved both see moved images too. Then it draws, into --out:

    learning_curves.png       the error of the teacher and of its students after each few epochs
    soft_targets.png          some images, and what the teacher thinks of them at temperatures 1, 2, 5 and 20
    lookalikes.png            the 2s that look most like 3s to the teacher, and those that look most like 7s
    temperature_sweep.png     with --sweep: how well students of three sizes do at three temperatures

    python -m demos.distillation                              the embedded digits, under a minute
    python -m demos.distillation --temperature 4 --hard-weight 0.1
    python -m demos.distillation --sweep                      also students of three sizes, each at three temperatures, another minute
    python -m demos.distillation --checkpoint --temperature 2
                                                              another teacher: the CapsNet that comes with the package; or name one
    python -m demos.distillation --data mnist                 the published networks, an hour; --teacher-epochs 2 --epochs 2 for a glimpse
    python -m demos.distillation --data mnist --moved         students see moved images, for as many epochs as the teacher, one more hour
    python -m demos.distillation --data mnist --resume        go on after a kill, from the last minute's checkpoint

--epochs is that of the students, --shift and --warp move the teacher's images alone without --moved, and --min-accuracy asks the student
on soft targets. What is trained lies in runs/, wherever --out is: a teacher that has been trained once is found again, here and by
demos.omitted_digit, students with --resume. The test images choose nothing and are read once, at the end; --hold-out N judges on N
training images instead. The last line of the default, an image or two more or less on another BLAS:
test error 0.83 % teacher, 2.78 % student on labels, 1.39 % student on soft targets (3, 10, 5 of 360 wrong)
"""
from functools import partial

import numpy as np

from demos import command, teacher, training
from tinycaps import plot
from tinycaps.backend import asarray, get_xp
from tinycaps.fast import choose_network
from tinycaps.capsules import length_forward, load_capsnet
from tinycaps.ops import soften
from tinycaps.ops import mlp_forward

SWEEP = {True: (100, 30, 10), False: (800, 300, 30)}
"""Units in each hidden layer of the students of a sweep, for small images and for large ones."""
SWEEP_TEMPERATURES = (3.0, 8.0, 20.0)
SHOWN_TEMPERATURES = (1.0, 2.0, 5.0, 20.0)
SHOWN = 8
RARE = 50
"""One image in so many is as doubtful as those whose soft targets are drawn."""
TEACHER_BATCH = 100
"""Images that the teacher answers together: few, for a CapsNet needs much memory."""
LOOKALIKES = 2, 3, 7
"""A class, and the two that its images are held against."""
LABELS, SOFT = "student on labels", "student on soft targets"
MAIN = "teacher", LABELS, SOFT


def build_parser():
    """Return the argument parser."""
    p = command.parser("distillation", __doc__)
    p.add_argument("--sweep", action="store_true", help="also teach students of three sizes at three temperatures")
    p.add_argument("--hard-weight", type=command.share, default=0.0, metavar="W",
                   help="0 to 1: how much a student of soft targets listens to the labels as well; 1 is the other student (default 0)")
    p.add_argument("--checkpoint", nargs="?", const="", metavar="FILE",
                   help="let a trained CapsNet be the teacher: a network.npz or checkpoint.npz; alone, the one that comes with the package")
    teacher.add_arguments(p)
    return p


def capsnet_teacher(path, data, device):
    """Return the params of a trained CapsNet, and a forward that answers in logits: the log odds log(‖v_k‖ / (1 − ‖v_k‖)).

    The length ‖v_k‖ is the probability that an entity of class k is there, whatever else is. If exactly one is there, the probability
    that it is that of class k is in proportion to its odds: the softmax of the log odds.
    """
    params, config, about = load_capsnet(path)
    came, wanted = tuple(about["images"]), data.train_images.shape
    if came != wanted:
        raise ValueError(f"checkpoint: got a network that was trained on images {came}, wanted these training images, {wanted}")
    params, (network, _) = {key: asarray(p, device) for key, p in params.items()}, choose_network(config, TEACHER_BATCH)

    def forward(params, x):
        length, _ = length_forward(network.forward(params, x.reshape(-1, *config.image_shape), config)[0])
        return get_xp(length).log(length / (1 - length)), None

    return params, forward


def find_teacher(arguments, data):
    """Return the teacher's params and forward, and the log and seconds of its training."""
    if arguments.checkpoint is not None:
        return *capsnet_teacher(arguments.checkpoint or None, data, arguments.device), [], 0.0
    trained = teacher.train_teacher(arguments, data)
    return trained.params, mlp_forward, trained.log, trained.seconds


def plan(arguments, small):
    """Return the students to be taught: name to (hidden, temperature, hard weight); alone on labels both are 1."""
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
    """Return the indices of the images of a class that look most like another class, by the teacher's probabilities."""
    images = np.flatnonzero(labels == label)
    return images[soften(logits[images])[:, other].argsort()[::-1][:count]]


def draw(data, logits, log, errors, arguments):
    """Write the figures; logits are the teacher's of the training images."""
    out = arguments.out
    teacher.draw_curves([line for line in log if line["network"] in MAIN], arguments)
    labels, classes = data.train_labels, logits.shape[1]
    certainty, members = soften(logits).max(axis=1), [np.flatnonzero(labels == k) for k in np.unique(labels)]
    shown = [which[certainty[which].argsort()[len(which) // RARE]] for which in members]
    answers = np.stack([soften(logits[shown], temperature) for temperature in SHOWN_TEMPERATURES])
    title = f"Training images, each among the {100 // RARE} % of its class of which the teacher is least certain; blue: the true class"
    plot.save(plot.soft_targets(data.train_images[shown], answers, SHOWN_TEMPERATURES, labels[shown], title), out / "soft_targets.png")

    if classes > max(LOOKALIKES):
        label, *others = LOOKALIKES
        found = {other: lookalikes(logits, labels, label, other, SHOWN) for other in others}
        rows = {f"the {label}s that look most like {other}s, and the teacher's probability of a {other}": data.train_images[which]
                for other, which in found.items()}
        captions = [[f"{p:.1g}" for p in soften(logits[which])[:, other]] for other, which in found.items()]
        plot.save(plot.image_rows(rows, captions), out / "lookalikes.png")

    if arguments.sweep:
        sizes = SWEEP[training.is_small(data)]
        curves = {f"{units} units": [(t, errors[f"{units} units at T = {t:g}"]) for t in SWEEP_TEMPERATURES] for units in sizes}
        levels = {f"{units} units": errors[f"{units} units on labels"] for units in sizes}
        title = f"{training.judged(arguments)[1]}; dashed: on labels"
        panels = {title: {"curves": curves, "levels": levels}}
        plot.save(plot.error_curves(panels, "temperature", "log"), out / "temperature_sweep.png")


def main(argv=None):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = command.Record("distillation", argv, arguments)
    command.prepare(arguments)
    data = training.load_data(arguments)
    teacher.fill_in(arguments, data)
    params, forward, log, seconds = find_teacher(arguments, data)
    logits, test_logits = (teacher.logits_of(params, images, forward, TEACHER_BATCH) for images in (data.train_images, data.test_images))
    taught, networks, minutes = {}, {}, {"teacher": seconds / 60}
    for name, student in plan(arguments, training.is_small(data)).items():
        if student not in taught:
            hidden, temperature, hard_weight = student
            rate = arguments.learning_rate if hard_weight == 1 else arguments.soft_learning_rate
            taught[student] = teacher.train_student(name, arguments, data, partial(forward, params), logits, hidden, rate, temperature,
                                                    hard_weight)
            minutes[name], log = taught[student].seconds / 60, log + taught[student].log
        networks[name] = taught[student].params

    found = {"teacher": test_logits} | {name: teacher.logits_of(params, data.test_images) for name, params in networks.items()}
    wrong = {name: teacher.count_wrong(answers, data.test_labels) for name, answers in found.items()}
    count, (word, judged_on) = len(data.test_labels), training.judged(arguments)
    errors = {name: number / count for name, number in wrong.items()}
    draw(data, logits, log, errors, arguments)
    training.write_log(arguments, log)
    record.write(errors=errors, wrong=wrong, judged=count, judged_on=judged_on,
                 training_minutes={name: round(each, 2) for name, each in minutes.items()},
                 parameters={name: sum(p.size for p in params.values()) for name, params in networks.items()})
    for name in list(networks)[2:]:
        print(f"{name:>22}: {wrong[name]} of {count:,} wrong")
    print(f"training took {60 * sum(minutes.values()):.0f} s in all; figures and run.json are in {arguments.out}, checkpoints in runs")
    told = ", ".join(f"{100 * errors[name]:.2f} % {name}" for name in MAIN)
    print(f"{word} error {told} ({', '.join(str(wrong[name]) for name in MAIN)} of {count:,} wrong)")
    return int(arguments.min_accuracy is not None and 1 - errors[SOFT] < arguments.min_accuracy)


if __name__ == "__main__":
    command.run(main)
