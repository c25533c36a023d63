"""A student that was never shown a 3 knows 3s, from what its teacher thinks of other digits (Hinton, Vinyals, Dean 2015, section 3).

The teacher is that of demos.distillation. One student sees its soft targets of all digits but 3s: to it the 3 is a mythical digit, and it
misreads many, mostly because the bias of that class has become far too low: with this one number raised, it misreads far fewer.
Another student sees 7s and 8s alone: with the biases of these two lowered, it knows something of all ten. The number is chosen on the
training images that a student is not shown: all those of a class it must not see, and every twelfth (of the embedded digits every fifth)
image of the others, which stands for twelve (five). Beside it stands the paper's choice, the best one on the test images. Then it draws,
into --out:

    bias_shift.png            the errors of both students against what is added to the biases

    python -m demos.omitted_digit                             the embedded digits, half a minute
    python -m demos.omitted_digit --omit 8 --only 0 1         other digits
    python -m demos.omitted_digit --data mnist                the published networks, an hour where the teacher is not yet trained
    python -m demos.omitted_digit --moved                     students see moved images, for as many epochs as their teacher
    python -m demos.omitted_digit --data mnist --resume       go on after a kill, from the last minute's checkpoint

--epochs is that of the students, and --shift and --warp move the teacher's images alone without --moved. The test images are read once,
at the end; --hold-out N judges on N training images instead. The last line of the default, an image or two more or less on another BLAS:
test errors 14 to 4 of 360 by a shift of the bias of 3, never shown (10 to 0 of its 48); 273 to 85 by that of 7 8, shown alone
"""
from functools import partial
from typing import NamedTuple

import numpy as np

from demos import command, teacher, training
from tinycaps import plot
from tinycaps.distillation import choose_bias_shift
from tinycaps.ops import mlp_forward

SHIFTS = np.round(np.arange(-20, 20.01, 0.1), 1)
BEFORE, CHOSEN, PAPER = "no shift", "chosen on training images not shown", "the paper's choice, best on the images judged"


class Lesson(NamedTuple):
    """What a student is shown, and whose biases are wrong afterwards."""

    name: str
    shown: list
    never: list
    shifted: list


class Answers(NamedTuple):
    """A student's, to some images."""

    logits: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    """How many images each stands for."""


def build_parser():
    """Return the argument parser."""
    p = command.parser("omitted_digit", __doc__)
    p.add_argument("--omit", type=command.whole_number(0), default=3, metavar="K", help="class that one student is never shown (default 3)")
    p.add_argument("--only", nargs="+", type=command.whole_number(0), default=[7, 8], metavar="K",
                   help="classes that the other student is shown alone (default 7 8)")
    teacher.add_arguments(p)
    return p


def plan(arguments, labels, aside, judged):
    """Return both lessons, for a transfer set with such labels; some of the classes shown must be set aside, and some of those never shown
    be judged."""
    there, omit, only = np.unique(labels).tolist(), arguments.omit, sorted(set(arguments.only))
    if set(there) <= {omit}:
        raise ValueError(f"data: got a transfer set that is empty without class {omit}, wanted images of others, not set aside")
    for name, classes in ("omit", {omit}), ("only", set(only)):
        if classes - set(there):
            raise ValueError(f"{name}: got class {min(classes - set(there))}, wanted one of {', '.join(map(str, there))}")
        if name == "only" and classes == set(there):
            raise ValueError("only: got every class, wanted some that the student is never shown")
    lessons = [Lesson(f"student never shown a {omit}", [k for k in there if k != omit], [omit], [omit]),
               Lesson(f"student shown only {' '.join(map(str, only))}", only, [k for k in there if k not in only], only)]
    for lesson in lessons:
        for use, classes, given in ("choose the shift", lesson.shown, aside), ("judge it", lesson.never, judged):
            if not np.isin(given, classes).any():
                raise ValueError(f"data: got no {' or '.join(map(str, classes))} to {use} for the {lesson.name}, wanted some")
    return lessons


def count_wrong(part, lesson, shift):
    """Return how many images are misread, and how many of those never shown, when the biases are shifted."""
    missed = (part.logits + shift * np.isin(np.arange(part.logits.shape[1]), lesson.shifted)).argmax(axis=1) != part.labels
    return int(part.counts[missed].sum()), int(part.counts[missed & np.isin(part.labels, lesson.never)].sum())


def judge(lesson, test, not_shown):
    """Return a student's errors on the test images for three shifts: none, the best on training images not shown, and the best."""
    shifts = [0.0]
    for logits, labels, counts in not_shown, test:
        shifts.append(float(choose_bias_shift(logits, labels, lesson.shifted, SHIFTS, counts)[0]))
    return {name: dict(zip(("shift", "wrong", "wrong of those never shown"), (shift, *count_wrong(test, lesson, shift))))
            for name, shift in zip((BEFORE, CHOSEN, PAPER), shifts)}


def panel(lesson, cases, parts):
    """Return the curves of a student for the figure, about the shifts that were chosen; parts are names to what was judged."""
    found = [case["shift"] for case in cases.values()]
    shifts = SHIFTS[(SHIFTS >= min(found) - 2) & (SHIFTS <= max(found) + 2)]
    curves = {}
    for name, part in parts.items():
        wrong = np.array([count_wrong(part, lesson, shift) for shift in shifts])
        counts = part.counts.sum(), part.counts[np.isin(part.labels, lesson.never)].sum()
        for what, errors in zip(("all", "never shown"), (wrong / counts).T):
            curves[f"{name}, {what}"] = list(zip(shifts, errors))
    return {"curves": curves, "places": {name: cases[name]["shift"] for name in (CHOSEN, PAPER)}}


def main(argv=None):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = command.Record("omitted_digit", argv, arguments)
    command.prepare(arguments)
    data = training.load_data(arguments)
    teacher.fill_in(arguments, data)
    thinning = 5 if training.is_small(data) else 12
    aside = np.arange(len(data.train_labels)) % thinning == 0
    lessons = plan(arguments, data.train_labels[~aside], data.train_labels[aside], data.test_labels)
    word, judged_on = training.judged(arguments)
    trained = teacher.train_teacher(arguments, data)
    log, minutes, results, panels = trained.log, {"teacher": trained.seconds / 60}, {}, {}
    for lesson in lessons:
        may_show = np.isin(data.train_labels, lesson.shown)
        shown = may_show & ~aside
        transfer = data._replace(train_images=data.train_images[shown], train_labels=data.train_labels[shown])
        student = teacher.train_student(lesson.name, arguments, transfer, partial(mlp_forward, trained.params),
                                        teacher.logits_of(trained.params, transfer.train_images), arguments.hidden,
                                        arguments.soft_learning_rate, arguments.temperature, hard_weight=0.0)
        not_shown = aside | ~may_show
        parts = {word: (*data[2:], np.ones_like(data.test_labels)),
                 "training": (data.train_images[not_shown], data.train_labels[not_shown], np.where(may_show[not_shown], thinning, 1))}
        parts = {name: Answers(teacher.logits_of(student.params, images), *rest) for name, (images, *rest) in parts.items()}
        results[lesson.name] = judge(lesson, *parts.values())
        panels[f"{lesson.name},\nbias of {' '.join(map(str, lesson.shifted))} shifted"] = panel(lesson, results[lesson.name], parts)
        log, minutes[lesson.name] = log + student.log, student.seconds / 60

    plot.save(plot.error_curves(panels, "added to the bias"), arguments.out / "bias_shift.png")
    training.write_log(arguments, log)
    count = len(data.test_labels)
    unseen = {lesson.name: int(np.isin(data.test_labels, lesson.never).sum()) for lesson in lessons}
    record.write(students=results, judged=count, judged_on=judged_on, judged_of_those_never_shown=unseen, set_aside=int(aside.sum()),
                 teacher_wrong=teacher.count_wrong(teacher.logits_of(trained.params, data.test_images), data.test_labels),
                 training_minutes={name: round(each, 2) for name, each in minutes.items()})
    for lesson in lessons:
        for name, case in results[lesson.name].items():
            print(f"{lesson.name}, {case['shift']:+.1f} ({name}): {case['wrong']} of {count:,} {word} images wrong, "
                  f"{case['wrong of those never shown']} of the {unseen[lesson.name]:,} never shown")
    print(f"training took {60 * sum(minutes.values()):.0f} s in all; figure and run.json are in {arguments.out}, checkpoints in runs")
    first, second = ([results[lesson.name][name]["wrong"] for name in (BEFORE, CHOSEN)] for lesson in lessons)
    rest = [results[lessons[0].name][name]["wrong of those never shown"] for name in (BEFORE, CHOSEN)]
    never = lessons[0].never[0]
    print(f"{word} errors {first[0]} to {first[1]} of {count:,} by a shift of the bias of {never}, never shown "
          f"({rest[0]} to {rest[1]} of its {unseen[lessons[0].name]:,}); "
          f"{second[0]} to {second[1]} by that of {' '.join(map(str, lessons[1].shown))}, shown alone")
    return int(arguments.min_accuracy is not None and 1 - first[1] / count < arguments.min_accuracy)


if __name__ == "__main__":
    command.run(main)
