"""CapsNet from pixels to class capsules, and its predictions."""
from dataclasses import replace

import numpy as np
import pytest

from tests.reference import capsules as reference
from tests.capsules.networks import SMALL, capsnet, images
from tests.ops.facts import (ALONG_DIRECTIONS, close, defaults, on, on_device, refuses,
                             refuses_two_memories, stays_float32)
from tinycaps.backend import get_xp, to_numpy
from tinycaps.capsules import (PAPER, PLAIN, capsnet_backward, capsnet_forward,
                               init_capsnet, length_forward, predict)
from tinycaps.gradcheck import assert_gradients

BARE = replace(SMALL, reconstruction_weight=0)
"""Without a decoder, whose parameters capsnet_forward does not use."""


def with_input(dv, cache):
    return capsnet_backward(dv, cache, input_gradient=True)


@pytest.mark.parametrize("iterations", [1, 3])
def test_equals_the_loops(xp, iterations):
    config = replace(SMALL, iterations=iterations)
    params, x, _ = capsnet(np)
    v, cache = capsnet_forward(*on(xp, params, x), config)
    assert cache.predictions[0].shape == (3, SMALL.primary_capsules, SMALL.primary_dims)
    close(v, [reference.capsnet(params, image, config) for image in x])


@pytest.mark.parametrize("config", [BARE, replace(BARE, iterations=1)])
def test_gradients_by_name(xp, config):
    params, x, _ = capsnet(xp, config)
    report = assert_gradients(lambda params: capsnet_forward(params, x, config), capsnet_backward,
                              params, **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == params.keys()


def test_gradients_of_parameters_and_image(xp):
    params, x, _ = capsnet(xp, BARE)
    report = assert_gradients(capsnet_forward, with_input, params, x, BARE, **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == {*params, "x"}


def test_stop_gradient_of_the_config_reaches_the_routing(xp):
    params, x, _ = capsnet(xp, BARE)
    v, cache = capsnet_forward(params, x, BARE)
    stopped, stopped_cache = capsnet_forward(params, x, replace(BARE, stop_gradient=True))
    assert (v == stopped).all()
    grads, short = capsnet_backward(v, cache), capsnet_backward(v, stopped_cache)
    assert grads.keys() == short.keys() == params.keys()
    assert not any(np.allclose(to_numpy(grads[key]), to_numpy(short[key]), rtol=0.01)
                   for key in params)


def test_figure_1():
    params = init_capsnet(np.random.default_rng(0), PAPER)
    v, cache = capsnet_forward(params, images(PAPER, "float32")[:1], PAPER)
    assert cache.relu.shape == (1, 20, 20, 256)
    assert cache.maps == (1, 6, 6, 256)
    assert cache.squash[0].shape == (1, 6 * 6 * 32, 8)
    assert cache.routing.u_hat.shape == (1, 1152, 10, 16) and len(cache.routing.v) == 3
    assert v.shape == (1, 10, 16) and cache.v is v
    # 81·256 + 256, 81·256·256 + 256, 1152·10·16·8, and the decoder's
    # 160·512 + 512 + 512·1024 + 1024 + 1024·784 + 784.
    sizes = 20_992 + 5_308_672 + 1_474_560 + 1_411_344
    assert sum(array.size for array in params.values()) == sizes == 8_215_568


def test_without_reconstruction_there_is_no_decoder():
    params = init_capsnet(np.random.default_rng(0), replace(PAPER, reconstruction_weight=0))
    assert sum(array.size for array in params.values()) == 6_804_224
    assert not any(key.startswith("decoder") for key in params)


def test_initial_parameters():
    config = replace(SMALL, conv_channels=40, conv_kernel=3, primary_types=10, class_dims=10)
    params, rng = init_capsnet(np.random.default_rng(0), config), np.random.default_rng(0)
    fan_in = {"conv1.W": 3 * 3 * 2, "primary.W": 3 * 3 * 40, "digit.W": config.primary_capsules / 3}
    for key, shape in config.shapes.items():
        drawn = rng.standard_normal(shape)
        if key in fan_in:
            np.testing.assert_allclose(params[key], drawn / fan_in[key] ** 0.5, rtol=1e-6)
    assert not any(array.any() for key, array in params.items() if key.endswith("bias"))
    assert {array.dtype for array in params.values()} == {np.dtype("float32")}
    again = init_capsnet(np.random.default_rng(0), config)
    assert params.keys() == again.keys() == (config.shapes | config.decoder_shapes).keys()
    assert all(np.array_equal(params[key], again[key]) for key in params)


def test_black_images_give_zero_and_finite_gradients(xp):
    params, = on(xp, init_capsnet(np.random.default_rng(0), BARE))
    v, cache = capsnet_forward(params, xp.zeros((2, *BARE.image_shape), dtype="float32"), BARE)
    assert not v.any()
    grads, dx = with_input(xp.ones_like(v), cache)
    assert all(xp.isfinite(array).all() for array in (*grads.values(), dx))


def test_images_do_not_see_each_other(xp):
    params, x, _ = capsnet(xp)
    v, cache = capsnet_forward(params, x, SMALL)
    alone, alone_cache = capsnet_forward(params, x[1:2], SMALL)
    close(alone, v[1:2])
    close(with_input(alone, alone_cache)[1], with_input(v, cache)[1][1:2])


def test_prediction_is_the_longest_capsule_whatever_the_batch(xp):
    params, x, _ = capsnet(xp)
    x = xp.concatenate([x, 1 - x, x[:, ::-1], x ** 3])
    labels = predict(params, x, SMALL)
    assert labels.shape == (12,) and labels.dtype.kind == "i" and get_xp(labels) is xp
    lengths = to_numpy(length_forward(capsnet_forward(params, x, SMALL)[0])[0])
    assert to_numpy(labels).tolist() == lengths.argmax(axis=1).tolist()
    assert len(set(to_numpy(labels).tolist())) > 1
    for batch in 1, 5, 12, 100:
        assert (predict(params, x, SMALL, batch=batch) == labels).all()


def test_float32_stays_float32(xp):
    params, x, _ = capsnet(xp, dtype="float32")
    v, cache = capsnet_forward(params, x, SMALL)
    stays_float32(xp, v, with_input(v, cache))


def test_bad_input(xp):
    params, x, _ = capsnet(xp)
    for wrong in x[0], x[..., :1]:
        refuses(ValueError, "x", "(n, 6, 7, 2)", capsnet_forward, params, wrong, SMALL)
    refuses(ValueError, "x", "at least one along every axis", capsnet_forward, params, x[:0], SMALL)
    refuses(TypeError, "x", "floating-point numbers", capsnet_forward, params, x.astype("uint8"),
            SMALL)
    refuses(TypeError, "x", "the precision of conv1.W", capsnet_forward, params,
            x.astype("float32"), SMALL)
    v, cache = capsnet_forward(params, x, SMALL)
    refuses(ValueError, "dv", "j = 3", capsnet_backward, v.swapaxes(1, 2), cache)
    refuses(ValueError, "dv", "q = 4", capsnet_backward, v[..., :3], cache)
    refuses(ValueError, "dv", "n = 3", capsnet_backward, v[:2], cache)
    refuses(TypeError, "dv", "float64", capsnet_backward, v.astype("float32"), cache)


@pytest.mark.parametrize("key", SMALL.shapes)
def test_every_parameter_is_checked_by_name(key):
    params, x, _ = capsnet(np)
    wrong = params | {key: params[key][:-1]}
    refuses(ValueError, key, str(params[key].shape), capsnet_forward, wrong, x, SMALL)
    del wrong[key]
    refuses(TypeError, key, "a NumPy or CuPy array", capsnet_forward, wrong, x, SMALL)


def test_bad_images_to_predict(xp):
    params, x, _ = capsnet(np)
    x[1, 2, 3, 0], x[2, 0, 0, 1] = np.nan, np.inf
    params, bad, x = on(xp, params, x, capsnet(np)[1])
    refuses(ValueError, "images", "finite", predict, params, bad, SMALL)
    refuses(ValueError, "images", "at least one along every axis", predict, params, x[:0], SMALL)
    refuses(ValueError, "images", "(n, h, w, c)", predict, params, x[0], SMALL)
    refuses(ValueError, "x", "(n, 6, 7, 2)", predict, params, x[:, :5], SMALL)
    refuses(TypeError, "images", "floating-point numbers", predict, params, x.astype("int64"),
            SMALL)
    refuses(ValueError, "batch", "an integer of at least 1", predict, params, x, SMALL, batch=0)


@on_device
def test_host_and_device_do_not_mix(xp):
    params, _, _ = capsnet(xp)
    refuses_two_memories(", ".join(["x", *SMALL.shapes]), capsnet_forward, params, images(SMALL),
                         SMALL)
    v, cache = capsnet_forward(params, xp.asarray(images(SMALL)), SMALL)
    refuses_two_memories(r"cache\[0\], dv", capsnet_backward, to_numpy(v), cache)


def test_defaults():
    # The batch of S17's published code.
    assert defaults(predict) == dict(batch=128, network=PLAIN)
    assert defaults(init_capsnet) == dict(dtype="float32")
