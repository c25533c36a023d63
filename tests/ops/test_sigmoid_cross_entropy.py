"""The cross entropy of sigmoids."""
import numpy as np

from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_bad_dloss,
                             refuses_two_memories, stays_float32)
from tests.reference import ops as reference
from tinycaps.backend import to_numpy
from tinycaps.gradcheck import assert_gradients, check_gradients
from tinycaps.ops import sigmoid_cross_entropy_backward, sigmoid_cross_entropy_forward

LOGITS, LABELS = draw((4, 3))[0], np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], bool)


def test_equals_the_loops(xp):
    loss, _ = sigmoid_cross_entropy_forward(*on(xp, LOGITS, LABELS))
    assert loss.shape == ()
    close(loss, sum(reference.sigmoid_cross_entropy(row, np.flatnonzero(there))
                    for row, there in zip(LOGITS, LABELS)) / 4)


def test_gradients(xp):
    assert_gradients(sigmoid_cross_entropy_forward, sigmoid_cross_entropy_backward,
                     *on(xp, LOGITS, LABELS))


def test_sigmoid_cross_entropy_by_hand(xp):
    # exp(logits) are 1, 3 and 1/3, so y is 1/2, 3/4 and 1/4; only the second class is there.
    logits, labels = np.log([[1, 3, 1 / 3]]), np.array([[False, True, False]])
    loss, cache = sigmoid_cross_entropy_forward(*on(xp, logits, labels))
    close(loss, -np.log(1 / 2 * 3 / 4 * 3 / 4))
    close(sigmoid_cross_entropy_backward(2.0, cache), [[1, -1 / 2, 1 / 2]])     # 2 (y − T)


def test_what_is_there_and_what_is_not_can_change_places(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    loss, cache = sigmoid_cross_entropy_forward(logits, labels)
    other, others = sigmoid_cross_entropy_forward(-logits, ~labels)
    close(other, loss)
    close(sigmoid_cross_entropy_backward(1.0, others),
          -sigmoid_cross_entropy_backward(1.0, cache))


def test_classes_do_not_compete(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    each = [sigmoid_cross_entropy_forward(logits[:, k:k + 1], labels[:, k:k + 1])[0]
            for k in range(3)]
    close(sigmoid_cross_entropy_forward(logits, labels)[0], sum(map(float, each)))


def test_huge_logits(xp):
    logits, labels = on(xp, np.array([[1e4, -1e4, 1e4, -1e4]]), np.array([[1, 0, 0, 1]]) == 1)
    loss, cache = sigmoid_cross_entropy_forward(logits, labels)
    assert to_numpy(loss) == 2e4
    assert to_numpy(sigmoid_cross_entropy_backward(1.0, cache)).tolist() == [[0, 0, 1, -1]]


def test_the_complex_step_is_a_second_witness():
    row, = check_gradients(sigmoid_cross_entropy_forward, sigmoid_cross_entropy_backward, LOGITS,
                           labels=LABELS).rows
    close(row.complex_step, row.analytic)


def test_float32_stays_float32(xp):
    loss, cache = sigmoid_cross_entropy_forward(*on(xp, LOGITS.astype("float32"), LABELS))
    stays_float32(xp, loss, sigmoid_cross_entropy_backward(loss, cache),
                  sigmoid_cross_entropy_backward(0.5, cache))


def test_bad_input(xp):
    logits, labels = on(xp, LOGITS, LABELS)
    refuses(ValueError, "logits", "(n, k)", sigmoid_cross_entropy_forward, logits[0], labels)
    refuses(ValueError, "labels", "with n = 4", sigmoid_cross_entropy_forward, logits, labels[:2])
    refuses(ValueError, "labels", "with k = 3", sigmoid_cross_entropy_forward, logits,
            labels[:, :2])
    refuses(TypeError, "labels", "bool", sigmoid_cross_entropy_forward, logits,
            labels.astype("int64"))
    _, cache = sigmoid_cross_entropy_forward(logits.astype("float32"), labels)
    refuses_bad_dloss(xp, sigmoid_cross_entropy_backward, cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    refuses_two_memories("logits, labels", sigmoid_cross_entropy_forward,
                         xp.asarray(LOGITS), LABELS)
