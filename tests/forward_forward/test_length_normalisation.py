"""Length normalisation (H22 section 2.1)."""
import numpy as np
import pytest

from tests.reference import forward_forward as reference
from tests.ops.facts import close, draw, on, on_device, refuses, refuses_two_memories, stays_float32
from tinycaps.forward_forward import (goodness_forward, length_normalise_backward,
                                      length_normalise_forward)
from tinycaps.gradcheck import assert_gradients

LENGTHS = {"mean square": lambda m: m ** 0.5, "length": lambda m: 1.0}
scales = pytest.mark.parametrize("scale", LENGTHS)


@scales
def test_equals_the_loops(xp, scale):
    y, = draw((4, 3))
    normalised, _ = length_normalise_forward(xp.asarray(y), scale)
    close(normalised, [reference.length_normalise(row, LENGTHS[scale](3)) for row in y])


@scales
def test_gradients(xp, scale):
    assert_gradients(length_normalise_forward, length_normalise_backward, *on(xp, *draw((4, 3))),
                     scale=scale)


def test_length_normalise_by_hand(xp):
    y = xp.asarray(np.array([[0.0, 3.0, 0.0, 4.0]]))
    close(length_normalise_forward(y, "length")[0], [[0.0, 0.6, 0.0, 0.8]])
    normalised, cache = length_normalise_forward(y)     # by default a mean square of one
    close(normalised, [[0.0, 1.2, 0.0, 1.6]])           # (1.44 + 2.56)/4 = 1
    # s/‖y‖ = 2/5 times what is across y: (5, 4, 0, −3) is; (0, 3, 0, 4) is along y, and lost.
    close(length_normalise_backward(xp.asarray(np.array([[5.0, 4.0, 0.0, -3.0]])), cache),
          [[2.0, 1.6, 0.0, -1.2]])
    close(length_normalise_backward(y, cache), np.zeros((1, 4)))


@pytest.mark.parametrize("scale, goodness", [("mean square", 3), ("length", 1)])
def test_what_the_next_layer_sees_has_the_same_goodness_for_every_sample(xp, scale, goodness):
    y, = on(xp, *draw((6, 3)))
    close(goodness_forward(length_normalise_forward(y, scale)[0])[0], np.full(6, goodness))


@scales
def test_length_is_forgotten_and_direction_is_not(xp, scale):
    y, times = on(xp, *draw((6, 3)), np.array([[1e-9], [0.3], [1.0], [2.0], [70.0], [1e9]]))
    close(length_normalise_forward(times * y, scale)[0], length_normalise_forward(y, scale)[0])


@scales
def test_the_mean_is_not_subtracted(xp, scale):
    close(length_normalise_forward(xp.full((1, 4), 7.0), scale)[0],
          np.full((1, 4), LENGTHS[scale](4) / 2))


@scales
def test_the_gradient_has_nothing_along_the_activities(xp, scale):
    y, dnormalised = on(xp, *draw((6, 3), (6, 3)))
    dy = length_normalise_backward(dnormalised, length_normalise_forward(y, scale)[1])
    close((y * dy).sum(axis=1), np.zeros(6))


@scales
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zeros_stay_zeros_and_have_a_finite_gradient(xp, scale, dtype):
    y = xp.asarray(np.array([[0, 0, 0], [0, 0, 2]], dtype))
    normalised, cache = length_normalise_forward(y, scale)
    s = LENGTHS[scale](3)
    close(normalised.astype("float64"), np.array([[0, 0, 0], [0, 0, s]]).astype(dtype))
    dy = length_normalise_backward(xp.ones((2, 3), dtype=dtype), cache)
    close(dy[0].astype("float64"), np.full(3, s).astype(dtype))     # s dŷ, as if ‖y‖ were one
    assert xp.isfinite(dy).all()


def test_float32_stays_float32(xp):
    normalised, cache = length_normalise_forward(*on(xp, *draw((4, 3), dtype="float32")))
    stays_float32(xp, normalised, length_normalise_backward(normalised, cache))


def test_bad_input(xp):
    y, = on(xp, *draw((4, 3)))
    refuses(ValueError, "y", "(n, m)", length_normalise_forward, y[0])
    refuses(TypeError, "y", "floating-point numbers", length_normalise_forward, y.astype("int64"))
    refuses(ValueError, "scale", "mean square or length", length_normalise_forward, y, "mean")
    normalised, cache = length_normalise_forward(y)
    refuses(ValueError, "dnormalised", "(n, m) with n = 4 as in cache[0]",
            length_normalise_backward, normalised.T, cache)
    refuses(TypeError, "dnormalised", "the precision of cache[0], float64",
            length_normalise_backward, normalised.astype("float32"), cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    _, cache = length_normalise_forward(*on(xp, *draw((4, 3))))
    refuses_two_memories(r"cache\[0\], dnormalised", length_normalise_backward,
                         np.zeros((4, 3)), cache)
