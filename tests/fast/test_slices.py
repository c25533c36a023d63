"""The gradients of a loss by slices equal those of the whole batch."""
from dataclasses import replace

import numpy as np
import pytest

from tests.ops.facts import draw, near, refuses
from tinycaps.capsules import CNN_DIGITS, cnn_loss_backward, cnn_loss_forward, init_cnn
from tinycaps.fast import sliced_gradients

CONFIG = replace(CNN_DIGITS, channels=(3,), hidden=(4,))
X, LABELS = np.random.default_rng(0).random((7, 8, 8, 1)), np.arange(7)
PARAMS = init_cnn(np.random.default_rng(0), CONFIG, "float64")


def forward(x, labels):
    return cnn_loss_forward(PARAMS, x, labels, CONFIG)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("pieces", [None, 1, 3, 7, 20])
def test_equal_those_of_the_whole_batch(cores, count, pieces):
    cores(count)
    loss, grads = sliced_gradients(forward, cnn_loss_backward, X, LABELS, pieces=pieces)
    want, cache = forward(X, LABELS)
    near(loss, want)
    for key, grad in cnn_loss_backward(1.0, cache).items():
        near(grads[key], grad)


def test_every_run_gives_the_same_bits_in_float32():
    params, x = init_cnn(np.random.default_rng(0), CONFIG), X.astype("float32")
    runs = [sliced_gradients(lambda x, labels: cnn_loss_forward(params, x, labels, CONFIG),
                             cnn_loss_backward, x, LABELS, pieces=5) for _ in range(3)]
    for loss, grads in runs:
        assert loss.dtype == np.float32 and loss == runs[0][0]
        assert all(np.array_equal(grads[key], runs[0][1][key]) for key in grads)
        assert all(grad.dtype == np.float32 for grad in grads.values())


def test_an_error_in_a_slice_is_raised():
    with pytest.raises(ValueError, match="^labels: got values 0..12, wanted 0..9"):
        sliced_gradients(forward, cnn_loss_backward, X, LABELS * 2 % 13, pieces=1)
    refuses(ValueError, "pieces", "an integer of at least 1", sliced_gradients, forward,
            cnn_loss_backward, X, LABELS, pieces=0)


def test_given_gradients_of_the_backward_are_summed_with_the_weights_of_the_slices():
    # 3 samples in slices of 1 and 2: the mean of their sums, 1/3 · 5 + 2/3 · (1 + 3)/2 = 3.
    x, = draw((3, 1))
    x[:, 0] = 5, 1, 3
    loss, grads = sliced_gradients(lambda x: (x.mean(), x),
                                   lambda dloss, x: {"W": dloss * x.mean()}, x, pieces=2)
    near(np.array([loss, grads["W"]]), np.array([3.0, 3.0]))
