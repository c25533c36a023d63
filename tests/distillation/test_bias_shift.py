"""The bias of a class that the student was never shown (D15 section 3)."""
import numpy as np
import pytest

from tests.ops.facts import on, on_device, refuses, refuses_bad_labels, refuses_two_memories
from tinycaps.backend import to_numpy
from tinycaps.distillation import choose_bias_shift

LOGITS = np.array([[0.0, 3.0, 1.0],             # true class 2, read as such once it has more than 2 on top
                   [2.0, 0.0, 1.0],             # true class 0, misread once class 2 has more than 1
                   [6.0, 0.0, 1.0],             # true class 0, misread once it has more than 5
                   [0.0, 5.0, 1.0]])            # true class 2, read as such once it has more than 4
LABELS = np.array([2, 0, 0, 2])


def test_example_by_hand(xp):
    # Shift 0: the twos are misread. 1.5: the second as well. 3: the first is right now. 4.5: the last too. 6: the third is lost.
    logits, labels = on(xp, LOGITS, LABELS)
    assert choose_bias_shift(logits, labels, [2], [0, 1.5, 3, 4.5, 6]) == (4.5, [2, 3, 2, 1, 2])
    assert choose_bias_shift(logits, labels, [2], [0.0, 1.5]) == (0.0, [2, 3])
    assert choose_bias_shift(logits, labels, [2], [7.5]) == (7.5, [2])


def test_classes_are_shifted_together(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    # All of them: nothing changes. Class 1, which is in the way of the twos, alone: by 2.5 less one is right, by 4.5 less both.
    assert choose_bias_shift(logits, labels, [0, 1, 2], [-4, 0, 9])[1] == [2, 2, 2]
    assert choose_bias_shift(logits, labels, {1}, [-2.5, -4.5, 0]) == (-4.5, [1, 0, 2])
    # With class 2: both fall behind class 0, and no two is read any more; 9 more, and nothing is read as 0.
    assert choose_bias_shift(logits, labels, (1, 2), [-6, 0, 9]) == (-6, [2, 2, 4])


def test_ties_go_to_the_middle(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    # From 4 to 5 there is one error.
    assert choose_bias_shift(logits, labels, [2], [0, 4.1, 4.2, 4.4, 4.7, 4.9, 9]) == (4.4, [2, 1, 1, 1, 1, 1, 2])
    assert choose_bias_shift(logits, labels, [2], [4.9, 0, 4.2, 9, 4.7, 4.4, 4.1])[0] == 4.4          # in any order
    assert choose_bias_shift(logits, labels, [2], [4.25, 4.75])[0] == 4.25                             # of two the first


@pytest.mark.parametrize("classes", [[2], [0, 2]])
def test_no_other_class_and_no_argument_is_touched(xp, classes):
    rng = np.random.default_rng(0)
    hosts = rng.standard_normal((40, 3)), rng.integers(0, 3, 40)
    logits, labels = on(xp, *hosts)
    shifts = [-2.0, -0.5, 0.25, 3.0]
    wanted = []
    for shift in shifts:
        shifted = hosts[0].copy()
        shifted[:, classes] += shift
        wanted.append(int((shifted.argmax(axis=1) != hosts[1]).sum()))
    assert choose_bias_shift(logits, labels, classes, shifts)[1] == wanted
    assert np.array_equal(to_numpy(logits), hosts[0]) and np.array_equal(to_numpy(labels), hosts[1]) and len(shifts) == 4


def test_the_bias_of_an_unseen_class_is_found(xp):
    # A class that stood in no transfer set: its logit is 3.5 too low on every sample.
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 500)
    logits = rng.standard_normal((500, 10)) + 5 * (labels[:, None] == np.arange(10))
    logits[:, 3] -= 3.5
    shifts = list(np.arange(-8, 8.1, 0.5))
    shift, errors = choose_bias_shift(*on(xp, logits.astype("float32"), labels), [3], shifts)
    assert 3 <= shift <= 4 and min(errors) < errors[shifts.index(0)] / 2


def test_a_sample_that_stands_for_more_counts_as_so_many(xp):
    rng = np.random.default_rng(0)
    logits, labels, counts = rng.standard_normal((40, 3)), rng.integers(0, 3, 40), rng.integers(1, 5, 40)
    shifts = [-2.0, -0.5, 0.25, 3.0]
    repeated = choose_bias_shift(*on(xp, logits.repeat(counts, axis=0), labels.repeat(counts)), [2], shifts)
    assert choose_bias_shift(*on(xp, logits, labels), [2], shifts, *on(xp, counts)) == repeated
    # By hand: at 1.5 the second zero is misread as well as both twos, at 4.5 the first zero alone.
    assert choose_bias_shift(*on(xp, LOGITS, LABELS), [2], [1.5, 4.5], *on(xp, np.array([1, 9, 1, 2]))) == (4.5, [12, 9])


def test_numpys_numbers_will_do(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    shift, errors = choose_bias_shift(logits, labels, np.array([2]), np.array([0, 4.5]))
    assert shift == 4.5 and errors == [2, 1] and {type(each) for each in errors} == {int}


def test_bad_input(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    for classes in [], [3], [-1], [0, 5], [1.5], ["2"]:
        refuses(ValueError, f"classes: got {classes}, wanted some of 0..2", choose_bias_shift, logits, labels, classes, [0.0])
    for shifts, came in ([], "none"), ([0.0, np.nan], "[0.0, nan]"), ([np.inf], "[inf]"):
        refuses(ValueError, f"shifts: got {came}, wanted finite numbers to choose from", choose_bias_shift, logits, labels, [2], shifts)
    for kind, counts, message in ((ValueError, [1, 1, 1], "got shape (3,) from 1, wanted (4,) from 1"),
                                  (ValueError, [1, 0, 1, 1], "got shape (4,) from 0, wanted (4,) from 1"),
                                  (TypeError, [1.0] * 4, "got dtype float64, wanted an array of integers")):
        refuses(kind, f"counts: {message}", choose_bias_shift, logits, labels, [2], [0.0], *on(xp, np.array(counts)))
    refuses_bad_labels(xp, lambda labels: choose_bias_shift(logits[:2], labels, [2], [0.0]))
    refuses(ValueError, "logits: got shape (3,), wanted (n, k)", choose_bias_shift, logits[0], labels, [2], [0.0])
    refuses(ValueError, "logits: got shape (0, 3), wanted at least one along every axis",
            choose_bias_shift, logits[:0], labels[:0], [2], [0.0])
    refuses(TypeError, "logits: got list, wanted a NumPy or CuPy array", choose_bias_shift, LOGITS.tolist(), labels, [2], [0.0])


@on_device
def test_host_and_device_do_not_mix(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    refuses_two_memories("logits, labels", choose_bias_shift, logits, LABELS, [2], [0.0])
    refuses_two_memories("logits, labels", choose_bias_shift, LOGITS, labels, [2], [0.0])
    refuses_two_memories("logits, counts", choose_bias_shift, logits, labels, [2], [0.0], LABELS + 1)
