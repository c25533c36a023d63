"""A student that was never shown a 3 knows 3s, from its teacher's soft answers (D15).

Hinton, Vinyals, Dean 2015. The teacher is that of the demo distillation. One student sees its soft
targets of all digits but 3s: to it the 3 is a mythical digit, and it misclassifies many, mostly
because the bias of that class has become far too low. With this one number raised, it misclassifies
far fewer. Another student sees 7s and 8s alone: with the biases of these two lowered, it knows
something of all ten. What you will see: errors before and after the shift, and in --out

    bias_shift.png   the errors of both students against what is added to the biases

The shift is chosen on the training images that a student is not shown: all those of a class it must
not see, and every twelfth image of the others (of the embedded digits every fifth), which counts
twelve times (five times). The paper's choice, the best shift on the test images, is reported
alongside.

    python -m demos omitted_digit                        half a minute, less after distillation
    python -m demos omitted_digit --omit 8 --only 0 1    other digits
    python -m demos omitted_digit --data mnist           the published networks, an hour
    python -m demos omitted_digit --moved                students see moved images

--epochs is that of the students; --shift and --warp move the teacher's images, and with --moved the
students' too. A teacher that has been trained once is found again in runs/; students go on with
--resume. The test images are read once, at the end; --hold-out N evaluates on N training images
instead. The last line of the default, a few images more or less on another BLAS:
test errors 11 to 5 of 360 by a shift of the bias of 3, never shown (8 to 0 of its 48); \
279 to 88 by that of 7 8, shown alone
"""
from functools import partial
from typing import NamedTuple

import numpy as np

from demos.distillation import teaching
from demos.distillation.mlps import count_wrong as count_wrong_of_all
from demos.distillation.mlps import logits_of
from demos.harness.arguments import is_small, make_parser, whole_number
from demos.harness.data import judged, load_data
from demos.harness.learn import check_begun
from demos.harness.record import Record, write_log
from demos.harness.run import exit_code, prepare
from tinycaps import plot
from tinycaps.distillation import choose_bias_shift
from tinycaps.ops import mlp_forward

SHIFTS = np.round(np.arange(-20, 20.01, 0.1), 1)
BEFORE, CHOSEN = "no shift", "chosen on training images not shown"
PAPER = "the paper's choice, best on the images judged"


class Lesson(NamedTuple):
    """What a student is shown, and whose biases are wrong afterwards."""

    name: str
    shown: list
    never: list
    shifted: list


class Answers(NamedTuple):
    """A student's answers to a set of images."""

    logits: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    """How often each image counts."""


def build_parser():
    """Return the argument parser."""
    parser, label = make_parser("omitted_digit", __doc__), whole_number(0)
    parser.add_argument("--omit", type=label, default=3, metavar="K",
                        help="class that one student is never shown (default 3)")
    parser.add_argument("--only", nargs="+", type=label, default=[7, 8], metavar="K",
                        help="classes that the other student is shown alone (default 7 8)")
    teaching.add_arguments(parser)
    return parser


def plan(arguments, labels, aside, tested):
    """Return both lessons for a transfer set with these labels.

    Among the labels set aside there must be some of the classes shown, to choose the shift, and
    among those tested some of the classes never shown.
    """
    there, omit, only = np.unique(labels).tolist(), arguments.omit, sorted(set(arguments.only))
    if set(there) <= {omit}:
        raise ValueError(f"data: got a transfer set that is empty without class {omit}, wanted "
                         "images of others, not set aside")
    for name, classes in ("omit", {omit}), ("only", set(only)):
        if classes - set(there):
            raise ValueError(f"{name}: got class {min(classes - set(there))}, wanted one of "
                             f"{', '.join(map(str, there))}")
        if name == "only" and classes == set(there):
            raise ValueError("only: got every class, wanted some that the student is never shown")
    lessons = [
        Lesson(f"student never shown a {omit}", [k for k in there if k != omit], [omit], [omit]),
        Lesson(f"student shown only {' '.join(map(str, only))}", only,
               [k for k in there if k not in only], only)]
    for lesson in lessons:
        for use, classes, given in (("choose the shift", lesson.shown, aside),
                                    ("judge it", lesson.never, tested)):
            if not np.isin(given, classes).any():
                raise ValueError(f"data: got no {' or '.join(map(str, classes))} to {use} for the "
                                 f"{lesson.name}, wanted some")
    return lessons


def count_wrong(answers, lesson, shift):
    """Return how many images are misclassified with shifted biases, in all and of never shown."""
    shifted = np.isin(np.arange(answers.logits.shape[1]), lesson.shifted)
    missed = (answers.logits + shift * shifted).argmax(axis=1) != answers.labels
    never = np.isin(answers.labels, lesson.never)
    return int(answers.counts[missed].sum()), int(answers.counts[missed & never].sum())


def judge(lesson, test, not_shown):
    """Return a student's errors on the test images for three shifts.

    These are none, the best one on training images not shown, and the best one on test images.
    """
    shifts = [0.0] + [float(choose_bias_shift(logits, labels, lesson.shifted, SHIFTS, counts)[0])
                      for logits, labels, counts in (not_shown, test)]
    keys = "shift", "wrong", "wrong of those never shown"
    return {name: dict(zip(keys, (shift, *count_wrong(test, lesson, shift))))
            for name, shift in zip((BEFORE, CHOSEN, PAPER), shifts)}


def panel(lesson, cases, answers):
    """Return a student's curves for the figure, near the chosen shifts; answers are by name."""
    found = [case["shift"] for case in cases.values()]
    shifts = SHIFTS[(SHIFTS >= min(found) - 2) & (SHIFTS <= max(found) + 2)]
    curves = {}
    for name, each in answers.items():
        wrong = np.array([count_wrong(each, lesson, shift) for shift in shifts])
        never = np.isin(each.labels, lesson.never)
        counts = each.counts.sum(), each.counts[never].sum()
        for what, errors in zip(("all", "never shown"), (wrong / counts).T):
            curves[f"{name}, {what}"] = list(zip(shifts, errors))
    return {"curves": curves, "places": {name: cases[name]["shift"] for name in (CHOSEN, PAPER)}}


def teach(lesson, arguments, data, aside, teacher):
    """Train a student on what its lesson shows; return it, and the mask of what it was shown."""
    shown = np.isin(data.train_labels, lesson.shown) & ~aside
    transfer = data._replace(train_images=data.train_images[shown],
                             train_labels=data.train_labels[shown])
    student = teaching.train_student(
        lesson.name, arguments, transfer, partial(mlp_forward, teacher.params),
        logits_of(teacher.params, transfer.train_images), arguments.hidden,
        arguments.soft_learning_rate, arguments.temperature, hard_weight=0.0)
    return student, shown


def main(argv):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = Record("omitted_digit", argv, arguments)
    prepare(arguments)
    data = load_data(arguments)
    teaching.fill_in(arguments, data)
    thinning = 5 if is_small(data.train_images) else 12
    labels, (word, whose) = data.train_labels, judged(arguments)
    aside = np.arange(len(labels)) % thinning == 0
    lessons = plan(arguments, labels[~aside], labels[aside], data.test_labels)
    check_begun(arguments, teaching.describe_teacher(arguments))
    teacher = teaching.train_teacher(arguments, data)
    log, minutes = teacher.log, {"teacher": teacher.seconds / 60}
    results, panels = {}, {}
    for lesson in lessons:
        student, shown = teach(lesson, arguments, data, aside, teacher)
        counts = np.where(np.isin(labels, lesson.shown), thinning, 1)
        answers = {word: Answers(logits_of(student.params, data.test_images), data.test_labels,
                                 np.ones_like(data.test_labels)),
                   "training": Answers(logits_of(student.params, data.train_images[~shown]),
                                       labels[~shown], counts[~shown])}
        results[lesson.name] = judge(lesson, *answers.values())
        title = f"{lesson.name},\nbias of {' '.join(map(str, lesson.shifted))} shifted"
        panels[title] = panel(lesson, results[lesson.name], answers)
        log, minutes[lesson.name] = log + student.log, student.seconds / 60

    plot.save(plot.error_curves(panels, "added to the bias"), arguments.out / "bias_shift.png")
    write_log(arguments, log)
    count = len(data.test_labels)
    unseen = {lesson.name: int(np.isin(data.test_labels, lesson.never).sum()) for lesson in lessons}
    (before, after), (worse, better) = ([results[lesson.name][name] for name in (BEFORE, CHOSEN)]
                                        for lesson in lessons)
    record.write(after["wrong"] / count, baseline=before["wrong"] / count, students=results,
                 judged=count, judged_on=whose, judged_of_those_never_shown=unseen,
                 set_aside=int(aside.sum()),
                 teacher_wrong=count_wrong_of_all(logits_of(teacher.params, data.test_images),
                                                  data.test_labels),
                 training_minutes={name: round(each, 2) for name, each in minutes.items()})
    for lesson in lessons:
        for name, case in results[lesson.name].items():
            print(f"{lesson.name}, {case['shift']:+.1f} ({name}): {case['wrong']} of {count:,} "
                  f"{word} images wrong, {case['wrong of those never shown']} of the "
                  f"{unseen[lesson.name]:,} never shown")
    print(f"training took {60 * sum(minutes.values()):.0f} s in all; figure and run.json are in "
          f"{arguments.out}, checkpoints in runs")
    first, second = lessons
    never = [case["wrong of those never shown"] for case in (before, after)]
    print(f"{word} errors {before['wrong']} to {after['wrong']} of {count:,} by a shift of the "
          f"bias of {first.never[0]}, never shown ({never[0]} to {never[1]} of its "
          f"{unseen[first.name]:,}); {worse['wrong']} to {better['wrong']} by that of "
          f"{' '.join(map(str, second.shown))}, shown alone")
    return exit_code(arguments, after["wrong"] / count)
