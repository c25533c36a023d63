"""The decoder."""
import math

import numpy as np
import pytest

from tests.reference import capsules as reference
from tests.ops.facts import (ALONG_DIRECTIONS, close, draw, on, on_device, refuses,
                             refuses_two_memories, stays_float32, with_biases)
from tinycaps.backend import to_numpy
from tinycaps.capsules import (CapsNetConfig, decoder_backward, decoder_forward, init_decoder,
                               mask_forward)
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import squared_error_backward, squared_error_forward

ONE_PIXEL_KERNELS = dict(conv_kernel=1, primary_kernel=1, primary_stride=1)
SMALL = CapsNetConfig(image_shape=(3, 2, 2), classes=3, class_dims=2, decoder_hidden=(4, 5),
                      **ONE_PIXEL_KERNELS)


def network(dtype="float64"):
    """Parameters, and capsules none of which is zero: the decoder itself masks nothing."""
    params = with_biases(init_decoder(np.random.default_rng(0), SMALL, dtype))
    return params, *draw((2, 3, 2), dtype=dtype)


def test_equals_the_loops(xp):
    params, masked = network()
    image, _ = decoder_forward(*on(xp, params, masked), SMALL)
    assert image.shape == (2, 3, 2, 2)
    close(image.reshape(2, -1), [reference.decoder(params, sample) for sample in masked])


def test_gradients_by_name(xp):
    report = assert_gradients(decoder_forward, decoder_backward, *on(xp, *network()), SMALL,
                              **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == {*network()[0], "masked"}


def test_gradients_entry_by_entry():
    assert_gradients(decoder_forward, decoder_backward, *network(), SMALL)


def test_decoder_by_hand(xp):
    # Two classes of one number each, two hidden units, an image of two pixels. The sample is of
    # class 1 and v = (7, ln 3): 7 is masked.
    config = CapsNetConfig(image_shape=(1, 2, 1), classes=2, class_dims=1, decoder_hidden=(2,),
                           **ONE_PIXEL_KERNELS)
    params = {"decoder.0.W": np.array([[8.0, 8.0], [1.0, -1.0]]), "decoder.0.bias": np.zeros(2),
              "decoder.1.W": np.array([[1.0, 0.0], [5.0, 5.0]]), "decoder.1.bias": np.zeros(2)}
    params, v, labels, target = on(xp, params, np.array([[[7.0], [math.log(3)]]]), np.array([1]),
                                   np.ones((1, 1, 2, 1)))
    masked, _ = mask_forward(v, labels)
    image, cache = decoder_forward(params, masked, config)
    # Hidden units: ln 3, and −ln 3 clipped to 0. So the logits are ln 3 and 0, the pixels
    # 3/(3 + 1) = ¾ and ½.
    close(image.reshape(2), [3 / 4, 1 / 2])
    # The target is all white: (¼)² + (½)² = 5/16, a sum over pixels.
    error, error_cache = squared_error_forward(image, target)
    close(error, 5 / 16)
    # dimage = 2 (−¼, −½); times y (1 − y) this is (−½·3/16, −1·¼) = (−3/32, −¼). Only pixel 1
    # depends on the hidden unit that is on.
    grads, dmasked = decoder_backward(squared_error_backward(1.0, error_cache), cache)
    close(grads["decoder.1.bias"], [-3 / 32, -1 / 4])
    close(grads["decoder.0.bias"], [-3 / 32, 0])
    close(dmasked.reshape(2), [-3 / 32 * 8, -3 / 32])


def test_pixels_are_between_black_and_white(xp):
    params, masked = on(xp, *network())
    image = to_numpy(decoder_forward(params, 5 * masked, SMALL)[0])
    assert ((0 < image) & (image < 1)).all()


def test_no_capsule_and_no_bias_is_all_grey(xp):
    params, = on(xp, init_decoder(np.random.default_rng(0), SMALL, "float64"))
    close(decoder_forward(params, xp.zeros((1, 3, 2)), SMALL)[0], np.full((1, 3, 2, 2), 0.5))


def test_paper_sizes():
    params = init_decoder(np.random.default_rng(0), CapsNetConfig())
    assert {key: array.shape for key, array in params.items() if key.endswith("W")} == {
        "decoder.0.W": (160, 512), "decoder.1.W": (512, 1024), "decoder.2.W": (1024, 784)}
    assert sum(array.size for array in params.values()) == 1_411_344
    assert {key: array.shape for key, array in params.items()} == CapsNetConfig().decoder_shapes


def test_float32_stays_float32(xp):
    image, cache = decoder_forward(*on(xp, *network("float32")), SMALL)
    stays_float32(xp, image, decoder_backward(image, cache))


def test_bad_input(xp):
    params, masked = on(xp, *network())
    for wrong in masked[..., :1], masked.reshape(2, 6):
        refuses(ValueError, "masked", "(n, 3, 2)", decoder_forward, params, wrong, SMALL)
    refuses(ValueError, "masked", "at least one along every axis", decoder_forward, params,
            masked[:0], SMALL)
    refuses(TypeError, "masked", "the precision of decoder.0.W, float64", decoder_forward,
            params, masked.astype("float32"), SMALL)
    image, cache = decoder_forward(params, masked, SMALL)
    refuses(ValueError, "dimage", "h = 3", decoder_backward, image[:, :2], cache)
    refuses(ValueError, "dimage", "h = 3", decoder_backward, image.swapaxes(1, 2), cache)
    refuses(ValueError, "dimage", "(n, h, w, c)", decoder_backward, image.reshape(2, -1), cache)
    refuses(TypeError, "dimage", "float64", decoder_backward, image.astype("float32"), cache)


@pytest.mark.parametrize("key", ["decoder.0.W", "decoder.1.bias", "decoder.2.W"])
def test_every_parameter_is_checked_by_name(xp, key):
    params, masked = on(xp, *network())
    short = params | {key: params[key][:-1]}
    refuses(ValueError, key, str(params[key].shape), decoder_forward, short, masked, SMALL)
    missing = {name: array for name, array in params.items() if name != key}
    refuses(TypeError, key, "a NumPy or CuPy array", decoder_forward, missing, masked, SMALL)


@on_device
def test_host_and_device_do_not_mix(xp):
    params, masked = network()
    refuses_two_memories(", ".join(["masked", *params]), decoder_forward, on(xp, params)[0], masked,
                         SMALL)
    image, cache = decoder_forward(*on(xp, params, masked), SMALL)
    refuses_two_memories(r"cache\[0\], dimage", decoder_backward, to_numpy(image), cache)
