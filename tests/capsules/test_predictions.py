"""Prediction vectors (S17 Eq. 2)."""
import tracemalloc

import numpy as np
import pytest

from tests.reference import capsules as reference
from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_two_memories,
                             stays_float32)
from tinycaps import checks
from tinycaps.capsules import predictions_backward, predictions_forward
from tinycaps.gradcheck import assert_gradients

SHAPES = (3, 4, 2), (4, 5, 3, 2)        # n i p and i j q p, all different


def test_equals_the_loops(xp):
    u, W = draw(*SHAPES)
    u_hat, _ = predictions_forward(*on(xp, u, W))
    close(u_hat, [reference.predictions(sample, W) for sample in u])


def test_gradients(xp):
    assert_gradients(predictions_forward, predictions_backward, *on(xp, *draw(*SHAPES)))


def test_predictions_by_hand(xp):
    W = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    u_hat, cache = predictions_forward(*on(xp, np.array([[[7.0, 8.0]]]), W.reshape(1, 1, 3, 2)))
    close(u_hat.reshape(3), [23.0, 53.0, 83.0])                     # 7 + 2·8, 3·7 + 4·8, 5·7 + 6·8
    du, dW = predictions_backward(xp.asarray(np.array([1.0, 0.0, -1.0]).reshape(1, 1, 1, 3)), cache)
    close(du.reshape(2), [-4.0, -4.0])                              # 1 − 5 and 2 − 6
    close(dW.reshape(3, 2), [[7.0, 8.0], [0.0, 0.0], [-7.0, -8.0]])


def test_capsule_votes_for_itself_alone(xp):
    u, W = draw(*SHAPES)
    moved = u.copy()
    moved[1, 2] += 1
    before, after = (predictions_forward(*on(xp, each, W))[0] for each in (u, moved))
    changed = (before != after).any(axis=-1)
    assert changed[1, 2].all() and int(changed.sum()) == 5          # one vote for each parent


def test_there_is_no_bias(xp):
    u, W = on(xp, *draw(*SHAPES))
    assert not predictions_forward(0 * u, W)[0].any()
    close(predictions_forward(2 * u, W)[0], 2 * predictions_forward(u, W)[0])


def test_float32_stays_float32(xp):
    u_hat, cache = predictions_forward(*on(xp, *draw(*SHAPES, dtype="float32")))
    stays_float32(xp, u_hat, predictions_backward(u_hat, cache))


def test_bad_input(xp):
    u, W = on(xp, *draw(*SHAPES))
    refuses(ValueError, "u", "(n, i, p)", predictions_forward, u[0], W)
    refuses(ValueError, "W", "p = 2 as in u", predictions_forward, u, W.swapaxes(2, 3))
    refuses(ValueError, "W", "i = 4 as in u", predictions_forward, u, W[:3])
    refuses(TypeError, "W", "the precision of u", predictions_forward, u, W.astype("float32"))
    u_hat, cache = predictions_forward(u, W)
    refuses(ValueError, "du_hat", "(n, i, j, q)", predictions_backward, u_hat[0], cache)
    refuses(ValueError, "du_hat", "i = 4", predictions_backward, u_hat.swapaxes(1, 2), cache)
    refuses(ValueError, "du_hat", "q = 3", predictions_backward, u_hat[..., :2], cache)
    refuses(TypeError, "du_hat", "float64", predictions_backward, u_hat.astype("float32"), cache)


def test_votes_that_cannot_fit_are_refused_in_numbers_before_anything_is_allocated(xp, monkeypatch):
    # A batch of 2000 through the published network: 2000·1152·10·16·4 bytes = 1.4 GiB. The inputs
    # here are one number, repeated.
    monkeypatch.setattr(checks, "free_memory", lambda xp: 2 ** 30)
    one = xp.ones((), dtype="float32")
    u, W = xp.broadcast_to(one, (2000, 1152, 8)), xp.broadcast_to(one, (1152, 10, 16, 8))
    tracemalloc.start()
    try:
        with pytest.raises(MemoryError, match="^u_hat: got n = 2,000, i = 1,152, j = 10, q = 16, "
                                              "1.4 GiB, wanted at most the 1.0 GiB that are free"):
            predictions_forward(u, W)
        assert tracemalloc.get_traced_memory()[1] < 2 ** 20
    finally:
        tracemalloc.stop()


@on_device
def test_host_and_device_do_not_mix(xp):
    u, W = draw(*SHAPES)
    refuses_two_memories("u, W", predictions_forward, xp.asarray(u), W)
    _, cache = predictions_forward(*on(xp, u, W))
    refuses_two_memories(r"cache\[0\], cache\[1\], du_hat", predictions_backward,
                         np.zeros((3, 4, 5, 3)), cache)
