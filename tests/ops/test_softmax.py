"""Softmax and cross entropy."""
import math

import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_bad_dloss,
                             refuses_bad_labels, refuses_two_memories, stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import (cross_entropy_backward, cross_entropy_forward, softmax_backward,
                          softmax_forward)

LABELS = np.array([2, 0, 2, 1, 0])
axes = pytest.mark.parametrize("axis", [-1, 0, 1])


@axes
def test_softmax_equals_the_loops(xp, axis):
    x, = draw((2, 4, 3))
    y, _ = softmax_forward(xp.asarray(x), axis=axis)
    close(y, np.apply_along_axis(reference.softmax, axis, x))


@axes
def test_softmax_gradients(xp, axis):
    assert_gradients(softmax_forward, softmax_backward, *on(xp, *draw((2, 4, 3))), axis=axis)


@axes
def test_probabilities_sum_to_one_and_gradients_to_zero(xp, axis):
    x, dy = on(xp, *draw((2, 4, 3), (2, 4, 3)))
    y, cache = softmax_forward(x, axis=axis)
    assert (y > 0).all()
    close(y.sum(axis=axis), np.ones_like(to_numpy(y.sum(axis=axis))))
    assert abs(to_numpy(softmax_backward(dy, cache).sum(axis=axis))).max() < 1e-14


def test_softmax_by_hand(xp):
    y, cache = softmax_forward(xp.asarray(np.log([[1.0, 2.0, 5.0]])))
    close(y, [[1 / 8, 2 / 8, 5 / 8]])
    # dy = (1, 0, 0): Σ dy y = 1/8, so dx = (1/8·7/8, −2/8·1/8, −5/8·1/8).
    dx = softmax_backward(xp.asarray(np.array([[1.0, 0.0, 0.0]])), cache)
    close(dx, [[7 / 64, -2 / 64, -5 / 64]])


def test_constant_added_to_all_logits_changes_nothing(xp):
    x, = on(xp, *draw((5, 3)))
    shift = xp.asarray(np.array([[1.0], [-3.0], [8.0], [0.5], [-20.0]]))
    labels = xp.asarray(LABELS)
    close(softmax_forward(x + shift)[0], softmax_forward(x)[0])
    close(cross_entropy_forward(x + shift, labels)[0], cross_entropy_forward(x, labels)[0])


def test_huge_logits_give_finite_values_and_gradients(xp):
    x, labels = on(xp, np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]]), np.array([1, 1]))
    y, cache = softmax_forward(x)
    close(y, [[1, 0, 0], [0, 0.5, 0.5]])
    dx = softmax_backward(xp.asarray(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 4.0]])), cache)
    close(dx, [[0, 0, 0], [0, -0.5, 0.5]])
    loss, cache = cross_entropy_forward(x, labels)
    close(loss, (2e4 + math.log(2)) / 2)
    close(cross_entropy_backward(1.0, cache), [[0.5, -0.5, 0], [0, -0.25, 0.25]])


def test_cross_entropy_equals_the_loops(xp):
    logits, = draw((5, 3))
    loss, _ = cross_entropy_forward(*on(xp, logits, LABELS))
    assert loss.shape == ()
    close(loss, sum(reference.cross_entropy(row, label) for row, label in zip(logits, LABELS)) / 5)


def test_cross_entropy_gradients(xp):
    assert_gradients(cross_entropy_forward, cross_entropy_backward, *on(xp, *draw((5, 3)), LABELS))


def test_cross_entropy_by_hand(xp):
    loss, cache = cross_entropy_forward(*on(xp, np.log([[1.0, 3.0], [1.0, 1.0]]), np.array([1, 0])))
    # The true classes have probabilities ¾ and ½; the gradient is (y − one-hot) / 2.
    close(loss, (math.log(4 / 3) + math.log(2)) / 2)
    close(cross_entropy_backward(1.0, cache), [[1 / 8, -1 / 8], [-1 / 4, 1 / 4]])


@pytest.mark.parametrize("k", [1, 2, 10])
def test_cross_entropy_of_a_uniform_guess_is_log_k(xp, k):
    close(cross_entropy_forward(xp.zeros((3, k)), xp.zeros(3, dtype="int64"))[0], math.log(k))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_labels_of_any_integers(xp, dtype):
    logits, labels = on(xp, *draw((5, 3)), LABELS)
    want, _ = cross_entropy_forward(logits, labels)
    close(cross_entropy_forward(logits, labels.astype(dtype))[0], want)


def test_float32_stays_float32(xp):
    logits, labels = on(xp, *draw((5, 3), dtype="float32"), LABELS)
    y, cache = softmax_forward(logits)
    stays_float32(xp, y, softmax_backward(y, cache))
    loss, cache = cross_entropy_forward(logits, labels)
    stays_float32(xp, loss, cross_entropy_backward(loss, cache),
                  cross_entropy_backward(0.5, cache))


def test_bad_input(xp):
    x, = on(xp, *draw((2, 3)))
    refuses(ValueError, "x", "(..., k)", softmax_forward, x.sum())
    refuses(TypeError, "x", "floating-point numbers", softmax_forward, x.astype("int64"))
    refuses(ValueError, "x", "at least one along every axis", softmax_forward, x[:, :0])
    _, cache = softmax_forward(x)
    refuses(ValueError, "dy", "(..., k) with ... = (2,)", softmax_backward, x.T, cache)
    refuses(ValueError, "dy", "(..., k) with k = 3", softmax_backward, x[:, :2], cache)
    refuses(TypeError, "dy", "the precision of cache[0], float64",
            softmax_backward, x.astype("float32"), cache)
    labels = xp.zeros(2, dtype="int64")
    refuses(ValueError, "logits", "(n, k)", cross_entropy_forward, x[0], labels)
    refuses(ValueError, "logits", "at least one along every axis",
            cross_entropy_forward, x[:0], labels[:0])
    refuses_bad_labels(xp, lambda labels: cross_entropy_forward(x, labels))
    _, cache = cross_entropy_forward(x.astype("float32"), labels)
    refuses_bad_dloss(xp, cross_entropy_backward, cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    x, = draw((2, 3))
    refuses_two_memories(r"cache\[0\], dy", softmax_backward, x, softmax_forward(xp.asarray(x))[1])
    refuses_two_memories("logits, labels", cross_entropy_forward, xp.asarray(x), np.array([0, 1]))
    _, cache = cross_entropy_forward(*on(xp, x, np.array([0, 1])))
    refuses_two_memories(r"cache\[0\], dloss", cross_entropy_backward, np.ones(()), cache)


def test_softmax_is_over_the_last_axis_by_default(xp):
    x, = on(xp, *draw((2, 4, 3)))
    close(softmax_forward(x)[0].sum(axis=2), np.ones((2, 4)))
