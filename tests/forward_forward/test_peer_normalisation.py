"""Peer normalisation, on the running means of the activities (H22's Matlab code)."""
import numpy as np
import pytest

from tests.reference import forward_forward as reference
from tests.ops.facts import (close, defaults, draw, on, on_device, refuses, refuses_bad_dloss,
                             refuses_two_memories, stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.forward_forward import peer_normalisation_backward, peer_normalisation_forward
from tinycaps.gradcheck import assert_gradients

OTHERS = dict(weight=0.2, decay=0.6)
settings = pytest.mark.parametrize("settings", [{}, OTHERS, dict(decay=0.0)],
                                   ids=["Matlab", "others", "no memory"])


@settings
def test_equals_the_loops(xp, settings):
    y, means = draw((4, 3), (3,))
    loss, cache = peer_normalisation_forward(*on(xp, y, means), **settings)
    assert loss.shape == ()
    close(loss, reference.peer_normalisation(y, means, **settings))
    close(cache.mean_activity, reference.running_means(y, means, settings.get("decay", 0.9)))


@settings
def test_gradients(xp, settings):
    y, means = on(xp, *draw((4, 3), (3,)))
    assert_gradients(peer_normalisation_forward, peer_normalisation_backward, y,
                     mean_activity=means, **settings)


def test_peer_normalisation_by_hand(xp):
    y, means = on(xp, np.array([[1.0, 3.0], [3.0, 5.0]]), np.array([0.5, 0.5]))
    loss, cache = peer_normalisation_forward(y, means)
    # 0.9·0.5 + 0.1·2 and 0.9·0.5 + 0.1·4, each 0.1 off their mean 0.75.
    close(cache.mean_activity, [0.65, 0.85])
    close(loss, 0.03 / 0.1 * 0.02)
    dy = peer_normalisation_backward(1.0, cache)
    close(dy, [[-0.003, 0.003]] * 2)                # 2·0.03·0.1/2: the active unit is to be less so
    close(peer_normalisation_backward(-3.0, cache), [[0.009, -0.009]] * 2)


def test_every_sample_is_pushed_alike_and_the_pushes_cancel_over_the_units(xp):
    y, means = on(xp, *draw((4, 3), (3,)))
    dy = to_numpy(peer_normalisation_backward(1.0, peer_normalisation_forward(y, means)[1]))
    assert (dy == dy[0]).all() and dy.any()
    close(dy.sum(axis=1), np.zeros(4))


def test_units_that_are_alike_on_the_average_have_neither_loss_nor_gradient(xp):
    y, means = on(xp, np.array([[1.0, 3.0], [3.0, 1.0]]), np.array([0.5, 0.5]))
    loss, cache = peer_normalisation_forward(y, means)
    assert loss == 0 and not peer_normalisation_backward(1.0, cache).any()


def test_the_push_does_not_grow_with_the_memory(xp):
    # Where the running means stand still, a mean over the batch and one over many push alike.
    y = xp.asarray(abs(draw((4, 3))[0]))
    _, short = peer_normalisation_forward(y, y.mean(axis=0), decay=0.0)
    _, long = peer_normalisation_forward(y, y.mean(axis=0), decay=0.99)
    close(peer_normalisation_backward(1.0, long), peer_normalisation_backward(1.0, short))


def test_float32_stays_float32(xp):
    loss, cache = peer_normalisation_forward(*on(xp, *draw((4, 3), (3,), dtype="float32")))
    stays_float32(xp, loss, cache.mean_activity, peer_normalisation_backward(loss, cache),
                  peer_normalisation_backward(0.5, cache))


def test_bad_input(xp):
    y, means = on(xp, *draw((4, 3), (3,)))
    refuses(ValueError, "y", "(n, m)", peer_normalisation_forward, y[0], means)
    refuses(ValueError, "mean_activity", "(m,) with m = 3 as in y", peer_normalisation_forward, y,
            means[:2])
    refuses(TypeError, "mean_activity", "the precision of y, float64",
            peer_normalisation_forward, y, means.astype("float32"))
    refuses(ValueError, "weight", "at least 0", peer_normalisation_forward, y, means, weight=-1)
    for decay in 1, 1.5, -0.1, float("nan"):
        refuses(ValueError, "decay", "a number in [0, 1)", peer_normalisation_forward, y, means,
                decay=decay)
    refuses_bad_dloss(xp, peer_normalisation_backward,
                      peer_normalisation_forward(y.astype("float32"), means.astype("float32"))[1])


@on_device
def test_host_and_device_do_not_mix(xp):
    y, means = on(xp, *draw((4, 3), (3,)))
    refuses_two_memories("y, mean_activity", peer_normalisation_forward, y, np.zeros(3))
    refuses_two_memories(r"cache\[0\], cache\[1\], dloss", peer_normalisation_backward, np.ones(()),
                         peer_normalisation_forward(y, means)[1])


def test_defaults_are_those_of_the_matlab():
    # Hinton's Matlab for H22: lambdamean = 0.03, and a running mean of 0.9 and 0.1.
    assert defaults(peer_normalisation_forward) == dict(weight=0.03, decay=0.9)
