"""The margin loss (S17 Eq. 4)."""
import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import (close, defaults, on, on_device, refuses, refuses_bad_dloss,
                             refuses_bad_labels, refuses_two_memories, stays_float32)
from tinycaps.ops import margin_loss_backward, margin_loss_forward
from tinycaps.gradcheck import assert_gradients

LENGTH, LABELS = np.random.default_rng(0).random((5, 3)), np.array([2, 0, 2, 1, 0])
SEVERAL = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [0, 1, 1]], bool)
OTHERS = dict(present=0.8, absent=0.25, down_weight=0.7)
settings = pytest.mark.parametrize("settings", [{}, OTHERS], ids=["paper", "others"])


@settings
def test_equals_the_loops(xp, settings):
    loss, _ = margin_loss_forward(*on(xp, LENGTH, LABELS), **settings)
    assert loss.shape == ()
    want = [reference.margin_loss(row, label, **settings) for row, label in zip(LENGTH, LABELS)]
    close(loss, sum(want) / 5)


@settings
def test_gradients(xp, settings):
    assert_gradients(margin_loss_forward, margin_loss_backward, *on(xp, LENGTH, LABELS), **settings)


@settings
def test_several_classes_equal_the_loops_and_the_gradients_are_right(xp, settings):
    length, labels = on(xp, LENGTH, SEVERAL)
    want = [reference.margin_loss(row, [*np.flatnonzero(there)], **settings)
            for row, there in zip(LENGTH, SEVERAL)]
    close(margin_loss_forward(length, labels, **settings)[0], sum(want) / 5)
    assert_gradients(margin_loss_forward, margin_loss_backward, length, labels, **settings)


def test_several_classes_by_hand(xp):
    # Classes 0 and 1 are 0.2 and 0.8 too short, class 2 is 0.2 too long.
    loss, cache = margin_loss_forward(*on(xp, np.array([[0.7, 0.1, 0.3]]),
                                          np.array([[True, True, False]])))
    close(loss, 0.04 + 0.64 + 0.02)
    close(margin_loss_backward(1.0, cache), [[-0.4, -1.6, 0.2]])


def test_a_class_and_the_set_of_that_class_are_the_same(xp):
    one_hot = LABELS[:, None] == np.arange(3)
    length, labels, one_hot = on(xp, LENGTH, LABELS, one_hot)
    (loss, cache), (other, others) = (margin_loss_forward(length, each)
                                      for each in (labels, one_hot))
    close(other, loss)
    close(margin_loss_backward(1.0, others), margin_loss_backward(1.0, cache))


def test_margin_loss_by_hand(xp):
    length = np.array([[0.7, 0.3, 0.05], [0.05, 0.95, 0.1]])
    loss, cache = margin_loss_forward(*on(xp, length, np.array([0, 1])))
    # First: true class 0.2 too short, 0.04; class 1 by 0.2 too long, ½·0.04; class 2 short enough.
    # Second: nothing to blame.
    close(loss, (0.04 + 0.02) / 2)
    # −2·0.2 and ½·2·0.2, over 2 samples.
    close(margin_loss_backward(1.0, cache), [[-0.2, 0.1, 0.0], [0.0, 0.0, 0.0]])
    close(margin_loss_backward(3.0, cache), [[-0.6, 0.3, 0.0], [0.0, 0.0, 0.0]])


def test_within_the_margins_there_is_neither_loss_nor_gradient(xp):
    length = np.array([[0.1, 0.9, 0.0], [0.99, 0.05, 0.1]])
    loss, cache = margin_loss_forward(*on(xp, length, np.array([1, 0])))
    assert loss == 0 and not margin_loss_backward(1.0, cache).any()


def test_repeating_the_batch_changes_nothing(xp):
    length, labels = on(xp, LENGTH, LABELS)
    twice, _ = margin_loss_forward(xp.concatenate([length, length]),
                                   xp.concatenate([labels, labels]))
    close(twice, margin_loss_forward(length, labels)[0])


def test_capsules_of_length_zero_lose_for_the_true_class_alone(xp):
    loss, cache = margin_loss_forward(*on(xp, np.zeros((2, 3)), np.array([2, 0])))
    close(loss, 0.81)
    close(margin_loss_backward(1.0, cache), [[0, 0, -0.9], [-0.9, 0, 0]])


def test_float32_stays_float32(xp):
    loss, cache = margin_loss_forward(*on(xp, LENGTH.astype("float32"), LABELS))
    stays_float32(xp, loss, margin_loss_backward(loss, cache), margin_loss_backward(0.5, cache))


def test_bad_input(xp):
    length, labels = on(xp, LENGTH[:2], LABELS[:2])
    refuses(ValueError, "length", "(n, k)", margin_loss_forward, length[0], labels)
    refuses(TypeError, "length", "floating-point numbers",
            margin_loss_forward, length.astype("int64"), labels)
    refuses(ValueError, "length", "at least one along every axis",
            margin_loss_forward, length[:0], labels[:0])
    for name, wanted in dict(present="[0, 1]", absent="[0, 1]", down_weight="at least 0").items():
        for number in float("nan"), -0.1, float("inf"):
            refuses(ValueError, name, wanted, margin_loss_forward, length, labels, **{name: number})
    refuses_bad_labels(xp, lambda labels: margin_loss_forward(length, labels))
    several, = on(xp, SEVERAL[:2])
    refuses(ValueError, "labels", "with k = 3", margin_loss_forward, length, several[:, :2])
    refuses(ValueError, "labels", "with n = 2", margin_loss_forward, length, several[:1])
    _, cache = margin_loss_forward(length.astype("float32"), labels)
    refuses_bad_dloss(xp, margin_loss_backward, cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    length, labels = on(xp, LENGTH, LABELS)
    refuses_two_memories("length, labels", margin_loss_forward, length, LABELS)
    refuses_two_memories("length, labels", margin_loss_forward, LENGTH, labels)
    _, cache = margin_loss_forward(length, labels)
    refuses_two_memories(r"cache\[0\], cache\[1\], dloss", margin_loss_backward, np.ones(()), cache)


def test_defaults_are_those_of_the_paper():
    # S17 section 3: m⁺ = 0.9, m⁻ = 0.1, λ = 0.5.
    assert defaults(margin_loss_forward) == dict(present=0.9, absent=0.1, down_weight=0.5)
