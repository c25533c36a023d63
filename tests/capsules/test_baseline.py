"""The baseline: a plain convolutional network."""
import numpy as np
import pytest

from tests.reference import capsules as reference
from tests.capsules.networks import POOLED_CNN, SMALL_CNN, cnn
from tests.ops.facts import (ALONG_DIRECTIONS, close, on, on_device, refuses, refuses_bad_dloss,
                             refuses_bad_labels, refuses_two_memories, stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.capsules import (CNN_DIGITS, CNN_PAPER, CNN_TWO_DIGITS, CNNConfig, cnn_backward,
                               cnn_forward, cnn_loss_backward, cnn_loss_forward, init_cnn)
from tinycaps.gradcheck import assert_gradients

masked = pytest.mark.parametrize("masked", [False, True], ids=["without-mask", "with-mask"])


def with_input(dlogits, cache):
    return cnn_backward(dlogits, cache, input_gradient=True)


@masked
def test_equals_the_loops(xp, masked):
    params, x, _, mask = cnn(np)
    mask = mask if masked else [None] * len(x)
    logits, _ = cnn_forward(*on(xp, params, x), SMALL_CNN, xp.asarray(mask) if masked else None)
    close(logits, [reference.cnn(params, image, SMALL_CNN, stays)
                   for image, stays in zip(x, mask)])


@masked
def test_loss_equals_the_loops(xp, masked):
    params, x, labels, mask = cnn(np)
    mask = mask if masked else [None] * len(x)
    loss, _ = cnn_loss_forward(*on(xp, params, x, labels), SMALL_CNN,
                               xp.asarray(mask) if masked else None)
    wanted = [reference.cnn_loss(params, image, label, SMALL_CNN, stays)
              for image, label, stays in zip(x, labels, mask)]
    assert loss.shape == ()
    close(loss, sum(wanted) / 3)


def test_gradients_by_name(xp):
    params, x, labels, mask = cnn(xp)
    report = assert_gradients(lambda params: cnn_loss_forward(params, x, labels, SMALL_CNN, mask),
                              cnn_loss_backward, params, **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == params.keys()


def test_gradients_of_parameters_and_image_without_a_mask(xp):
    params, x, _, _ = cnn(xp)
    report = assert_gradients(cnn_forward, with_input, params, x, SMALL_CNN, **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == {*params, "x"}


def test_gradients_entry_by_entry_of_all_but_the_largest_layer():
    params, x, labels, mask = cnn(np)
    assert_gradients(lambda params: cnn_loss_forward(params, x, labels, SMALL_CNN, mask),
                     cnn_loss_backward, params, max_entries=60)


def test_pooled_convolutions_equal_the_loops_and_the_gradients_are_right(xp):
    params, x, _, _ = cnn(xp, config=POOLED_CNN)
    host, images, _, _ = cnn(np, config=POOLED_CNN)
    close(cnn_forward(params, x, POOLED_CNN)[0],
          [reference.cnn(host, image, POOLED_CNN) for image in images])
    assert_gradients(cnn_forward, with_input, params, x, POOLED_CNN, **ALONG_DIRECTIONS)


def test_silenced_units_learn_nothing(xp):
    params, x, labels, mask = cnn(xp)
    mask[:, 2] = False
    _, cache = cnn_loss_forward(params, x, labels, SMALL_CNN, mask)
    grads = cnn_loss_backward(1.0, cache)
    assert not grads["output.0.W"][2].any()
    assert not grads["hidden.1.W"][:, 2].any() and not grads["hidden.1.bias"][2].any()


def test_dropout_rate_is_the_configs(xp):
    params, x, _, mask = cnn(xp)
    logits, _ = cnn_forward(params, x, SMALL_CNN)
    dropped, _ = cnn_forward(params, x, SMALL_CNN, mask | True)
    bias = params["output.0.bias"]
    close(dropped, (logits - bias) / 0.7 + bias)


def test_paper_sizes():
    # S17 section 5: 256, 256, 128 channels of 5×5; 328 and 192 units; 10 classes; 35.4 million
    # parameters.
    assert CNN_PAPER == CNNConfig((28, 28, 1), (256, 256, 128), 5, (328, 192), 10, 0.5)
    assert CNN_DIGITS == CNNConfig((8, 8, 1), (32, 32, 16), 3, (128, 64), 10, 0.5)
    assert CNN_PAPER.shapes == {
        "conv1.W": (5, 5, 1, 256), "conv1.bias": (256,), "conv2.W": (5, 5, 256, 256),
        "conv2.bias": (256,), "conv3.W": (5, 5, 256, 128), "conv3.bias": (128,),
        "hidden.0.W": (100352, 328), "hidden.0.bias": (328,), "hidden.1.W": (328, 192),
        "hidden.1.bias": (192,), "output.0.W": (192, 10), "output.0.bias": (10,)}
    assert sum(int(np.prod(shape)) for shape in CNN_PAPER.shapes.values()) == 35_445_522


def test_paper_sizes_for_two_digits():
    # S17 section 6.2: 512 channels of 9×9, 256 of 5×5, each pooled by 2; 1024 units; 24.56 million.
    # 36 → 18 → 9 pixels.
    assert CNN_TWO_DIGITS.shapes == {
        "conv1.W": (9, 9, 1, 512), "conv1.bias": (512,), "conv2.W": (5, 5, 512, 256),
        "conv2.bias": (256,), "hidden.0.W": (9 * 9 * 256, 1024), "hidden.0.bias": (1024,),
        "output.0.W": (1024, 10), "output.0.bias": (10,)}
    assert sum(int(np.prod(shape)) for shape in CNN_TWO_DIGITS.shapes.values()) == 24_563_978


def test_initial_parameters():
    params = init_cnn(np.random.default_rng(0), CNN_DIGITS)
    assert {key: array.shape for key, array in params.items()} == CNN_DIGITS.shapes
    fans = {"conv1.W": 9, "conv2.W": 9 * 32, "conv3.W": 9 * 32, "hidden.0.W": 64 * 16,
            "hidden.1.W": 128}
    for key, fan_in in fans.items():
        assert abs(params[key].var() * fan_in / 2 - 1) < 0.25, key
    assert not any(array.any() for key, array in params.items() if key.endswith("bias"))
    again = init_cnn(np.random.default_rng(0), CNN_DIGITS)
    assert all(np.array_equal(params[key], again[key]) for key in params)


def test_float32_stays_float32(xp):
    params, x, labels, mask = cnn(xp, "float32")
    logits, cache = cnn_forward(params, x, SMALL_CNN, mask)
    stays_float32(xp, logits, with_input(logits, cache))
    loss, cache = cnn_loss_forward(params, x, labels, SMALL_CNN, mask)
    stays_float32(xp, loss, cnn_loss_backward(1.0, cache), cnn_loss_backward(loss, cache))


def test_bad_input(xp):
    params, x, labels, mask = cnn(xp)
    for wrong in x.swapaxes(1, 2), x[0], x[..., :1]:
        refuses(ValueError, "x", "(n, 4, 5, 2)", cnn_forward, params, wrong, SMALL_CNN)
    refuses(ValueError, "x", "at least one along every axis", cnn_forward, params, x[:0], SMALL_CNN)
    refuses(TypeError, "x", "the precision of conv1.W", cnn_forward, params, x.astype("float32"),
            SMALL_CNN)
    refuses(TypeError, "mask", "bool", cnn_forward, params, x, SMALL_CNN, mask.astype("float64"))
    refuses(ValueError, "mask", "n = 3 as in x", cnn_forward, params, x, SMALL_CNN, mask[:2])
    refuses(ValueError, "mask", "m = 5", cnn_forward, params, x, SMALL_CNN, mask[:, :4])
    logits, cache = cnn_forward(params, x, SMALL_CNN)
    refuses(ValueError, "dlogits", "k = 3", cnn_backward, logits[:, :2], cache)
    refuses(ValueError, "dlogits", "n = 3", cnn_backward, logits[:2], cache)
    refuses(ValueError, "dlogits", "(n, k)", cnn_backward, logits[0], cache)
    refuses(TypeError, "dlogits", "float64", cnn_backward, logits.astype("float32"), cache)


def test_bad_input_of_the_loss(xp):
    params, x, labels, mask = cnn(xp)
    refuses_bad_labels(xp, lambda labels: cnn_loss_forward(params, x[:2], labels, SMALL_CNN))
    refuses(ValueError, "x", "(n, 4, 5, 2)", cnn_loss_forward, params, x[0], labels, SMALL_CNN)
    refuses(ValueError, "mask", "n = 3 as in x", cnn_loss_forward, params, x, labels, SMALL_CNN,
            mask[:2])
    params, x, labels, _ = cnn(xp, "float32")
    _, cache = cnn_loss_forward(params, x, labels, SMALL_CNN)
    refuses_bad_dloss(xp, cnn_loss_backward, cache)


@pytest.mark.parametrize("key", SMALL_CNN.shapes)
def test_every_parameter_is_checked_by_name(key):
    params, x, labels, _ = cnn(np)
    wrong = params | {key: params[key][:-1]}
    refuses(ValueError, key, str(params[key].shape), cnn_forward, wrong, x, SMALL_CNN)
    refuses(ValueError, key, str(params[key].shape), cnn_loss_forward, wrong, x, labels, SMALL_CNN)
    del wrong[key]
    refuses(TypeError, key, "a NumPy or CuPy array", cnn_forward, wrong, x, SMALL_CNN)


@pytest.mark.parametrize("wrong, name, wanted", [
    (dict(kernel=0), "kernel", "an integer of at least 1"),
    (dict(kernel=(5, 5)), "kernel", "one for each of the 3 convolutions"),
    (dict(kernel=(5, 0, 5)), "kernel[1]", "an integer of at least 1"),
    (dict(pool=0), "pool", "an integer of at least 1"),
    (dict(pool=4), "image_shape", "at least 64 pixels each way"),
    (dict(channels=(4, 0)), "channels[1]", "an integer of at least 1"),
    (dict(hidden=(4, 0.5)), "hidden[1]", "an integer of at least 1"),
    (dict(hidden=()), "hidden", "at least one layer"),
    (dict(image_shape=(28, 28, None)), "image_shape[2]", "an integer of at least 1"),
    (dict(image_shape=(28, 28)), "image_shape", "(h, w, c)"),
    (dict(image_shape=(1, 28, 28, 1)), "image_shape", "(h, w, c)"),
    (dict(dropout=1), "dropout", "a number in [0, 1)"),
    (dict(dropout=-0.1), "dropout", "a number in [0, 1)"),
    (dict(dropout=float("nan")), "dropout", "a number in [0, 1)")])
def test_bad_sizes(wrong, name, wanted):
    refuses(ValueError, name, wanted, CNNConfig, **wrong)


def test_no_dropout_is_a_dropout_of_zero():
    assert CNNConfig(dropout=0).dropout == 0


@on_device
def test_host_and_device_do_not_mix(xp):
    params, x, labels, mask = cnn(np)
    refuses_two_memories(", ".join(["x", *params]), cnn_forward, on(xp, params)[0], x, SMALL_CNN)
    there = on(xp, params, x)
    refuses_two_memories("x, output.0.W, mask", cnn_forward, *there, SMALL_CNN, mask)
    refuses_two_memories("x, labels", cnn_loss_forward, *there, labels, SMALL_CNN)
    logits, cache = cnn_forward(*there, SMALL_CNN)
    refuses_two_memories(r"cache\[0\], dlogits", cnn_backward, to_numpy(logits), cache)
