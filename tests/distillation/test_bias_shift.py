"""The bias of a class that the student was never shown (D15 section 3)."""
import numpy as np
import pytest

from tests.ops.facts import on, on_device, refuses, refuses_bad_labels, refuses_two_memories
from tests.reference import distillation as reference
from tinycaps.backend import to_numpy
from tinycaps.distillation import choose_bias_shift

LOGITS = np.array([[0.0, 3.0, 1.0],     # of class 2, classified so once it has more than 2 on top
                   [2.0, 0.0, 1.0],     # of class 0, misclassified once class 2 has more than 1
                   [6.0, 0.0, 1.0],     # of class 0, misclassified once class 2 has more than 5
                   [0.0, 5.0, 1.0]])    # of class 2, classified so once it has more than 4
LABELS = np.array([2, 0, 0, 2])
SHIFTS = [-2.0, -0.5, 0.25, 3.0]


def drawn():
    """Logits and labels of forty samples of three classes, and how many each stands for."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, 3)), rng.integers(0, 3, 40), rng.integers(1, 5, 40)


def test_choose_bias_shift_by_hand(xp):
    # Shift 0: both twos are wrong. 1.5: the first zero as well. 3: the first two is right now.
    # 4.5: the last two is right. 6: the second zero is wrong.
    logits, labels = on(xp, LOGITS, LABELS)
    shifts = [0, 1.5, 3, 4.5, 6]
    assert choose_bias_shift(logits, labels, [2], shifts) == (4.5, [2, 3, 2, 1, 2])
    assert choose_bias_shift(logits, labels, [2], [0.0, 1.5]) == (0.0, [2, 3])
    assert choose_bias_shift(logits, labels, [2], [7.5]) == (7.5, [2])


def test_classes_are_shifted_together(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    # All of them: nothing changes. Class 1 alone, which is in the way of the twos: with 2.5 less
    # one of them is right, with 4.5 less both.
    assert choose_bias_shift(logits, labels, [0, 1, 2], [-4, 0, 9])[1] == [2, 2, 2]
    assert choose_bias_shift(logits, labels, {1}, [-2.5, -4.5, 0]) == (-4.5, [1, 0, 2])
    # With class 2: both fall behind class 0, and every two is wrong; with 9 more every zero is.
    assert choose_bias_shift(logits, labels, (1, 2), [-6, 0, 9]) == (-6, [2, 2, 4])


def test_ties_go_to_the_middle(xp):
    logits, labels = on(xp, LOGITS, LABELS)

    def chosen(*shifts):
        return choose_bias_shift(logits, labels, [2], shifts)
    # From 4 to 5 there is one error.
    assert chosen(0, 4.1, 4.2, 4.4, 4.7, 4.9, 9) == (4.4, [2, 1, 1, 1, 1, 1, 2])
    assert chosen(4.9, 0, 4.2, 9, 4.7, 4.4, 4.1)[0] == 4.4                      # in any order
    assert chosen(4.25, 4.75)[0] == 4.25                                        # of two the first


@pytest.mark.parametrize("classes", [[2], [0, 2]])
def test_errors_equal_the_loops_and_no_argument_changes(xp, classes):
    hosts = drawn()
    arrays = on(xp, *hosts)
    logits, labels, counts = arrays
    wanted = [reference.errors_after_shift(*hosts, classes, shift) for shift in SHIFTS]
    assert choose_bias_shift(logits, labels, classes, SHIFTS, counts)[1] == wanted
    wanted = [reference.errors_after_shift(*hosts[:2], [1] * 40, classes, s) for s in SHIFTS]
    assert choose_bias_shift(logits, labels, classes, SHIFTS)[1] == wanted
    for array, host in zip(arrays, drawn()):
        assert np.array_equal(to_numpy(array), host)


def test_the_bias_of_an_unseen_class_is_found(xp):
    # A class that was in no transfer set: its logit is 3.5 too low on every sample.
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 500)
    logits = rng.standard_normal((500, 10)) + 5 * (labels[:, None] == np.arange(10))
    logits[:, 3] -= 3.5
    shifts = list(np.arange(-8, 8.1, 0.5))
    shift, errors = choose_bias_shift(*on(xp, logits.astype("float32"), labels), [3], shifts)
    assert 3 <= shift <= 4 and min(errors) < errors[shifts.index(0)] / 2


def test_a_count_stands_for_repetitions(xp):
    logits, labels, counts = drawn()
    repeated = on(xp, logits.repeat(counts, axis=0), labels.repeat(counts))
    wanted = choose_bias_shift(*repeated, [2], SHIFTS)
    logits, labels, counts = on(xp, logits, labels, counts)
    assert choose_bias_shift(logits, labels, [2], SHIFTS, counts) == wanted
    # By hand: at 1.5 the first zero is wrong, 9, and both twos, 1 + 2; at 4.5 the first zero alone.
    logits, labels, counts = on(xp, LOGITS, LABELS, np.array([1, 9, 1, 2]))
    assert choose_bias_shift(logits, labels, [2], [1.5, 4.5], counts) == (4.5, [12, 9])


def test_numpys_numbers_will_do(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    shift, errors = choose_bias_shift(logits, labels, np.array([2]), np.array([0, 4.5]))
    assert shift == 4.5 and errors == [2, 1] and {type(each) for each in errors} == {int}


def test_bad_choices(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    for classes in [], [3], [-1], [0, 5], [1.5], ["2"]:
        refuses(ValueError, "classes", "0..2", choose_bias_shift, logits, labels, classes, [0.0])
    for shifts in [], [0.0, np.nan], [np.inf]:
        refuses(ValueError, "shifts", "finite numbers",
                choose_bias_shift, logits, labels, [2], shifts)


def test_bad_arrays(xp):
    logits, labels = on(xp, LOGITS, LABELS)

    def choose(logits, labels, counts=None):
        return choose_bias_shift(logits, labels, [2], [0.0], counts)
    for error, counts, wanted in ((ValueError, [1, 1, 1], "(4,) from 1"),
                                  (ValueError, [1, 0, 1, 1], "(4,) from 1"),
                                  (TypeError, [1.0] * 4, "integers")):
        refuses(error, "counts", wanted, choose, logits, labels, xp.asarray(np.array(counts)))
    refuses_bad_labels(xp, lambda labels: choose(logits[:2], labels))
    refuses(ValueError, "logits", "(n, k)", choose, logits[0], labels)
    refuses(ValueError, "logits", "at least one", choose, logits[:0], labels[:0])
    refuses(TypeError, "logits", "NumPy or CuPy array", choose, LOGITS.tolist(), labels)


@on_device
def test_host_and_device_do_not_mix(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    refuses_two_memories("logits, labels", choose_bias_shift, logits, LABELS, [2], [0.0])
    refuses_two_memories("logits, labels", choose_bias_shift, LOGITS, labels, [2], [0.0])
    refuses_two_memories("logits, counts",
                         choose_bias_shift, logits, labels, [2], [0.0], LABELS + 1)
