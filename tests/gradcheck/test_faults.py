"""Planted faults: every one is caught, and in a large array also located."""
import inspect
import sys

import numpy as np
import pytest

from tests.gradcheck.pairs import backward, draw, forward, verdict
from tinycaps.capsules import (CapsNetConfig, capsnet_loss_backward, capsnet_loss_forward,
                               capsnet_multi_label_loss_backward, capsnet_multi_label_loss_forward,
                               init_capsnet, length_backward, length_forward, routing_backward,
                               routing_forward, squash_backward, squash_forward)
from tinycaps.distillation import distillation_loss_backward, distillation_loss_forward
from tinycaps.forward_forward import (ff_layer_loss_backward, ff_layer_loss_forward,
                                      goodness_loss_backward, goodness_loss_forward)
from tinycaps.gradcheck import check_gradients
from tinycaps.ops import (conv2d_backward, conv2d_forward, cross_entropy_backward,
                          cross_entropy_forward, linear_backward, linear_forward,
                          margin_loss_backward, margin_loss_forward, sigmoid_backward,
                          sigmoid_cross_entropy_backward, sigmoid_cross_entropy_forward,
                          sigmoid_forward, soft_cross_entropy_backward,
                          soft_cross_entropy_forward, softmax_backward, softmax_forward,
                          squared_error_backward, squared_error_forward)

LABELS = np.array([2, 0, 1])
TARGET = np.ones((3, 4))
IMAGES = np.random.default_rng(1).random((3, 5, 5, 1))
CONFIG = CapsNetConfig(image_shape=(5, 5, 1), conv_channels=3, conv_kernel=3, primary_types=2,
                       primary_dims=2, primary_kernel=2, primary_stride=1, classes=3, class_dims=3,
                       decoder_hidden=(4,), reconstruction_weight=0.1)
SOFT_TARGETS = np.array([[0.5, 0.25, 0, 0.25], [0.125, 0.125, 0.5, 0.25], [0, 0, 1, 0]])
LAYER = dict(zip(("x_pos", "x_neg", "mean_activity"), draw((4, 6), (4, 6), (5,))), exact=True)

VOTES = draw((2, 4, 3, 4))
SOFTENED = dict(soft_targets=SOFT_TARGETS, temperature=2.0)
LINEAR = linear_forward, linear_backward
CONV2D = conv2d_forward, conv2d_backward
MARGIN_LOSS = margin_loss_forward, margin_loss_backward
SOFTMAX = softmax_forward, softmax_backward
ROUTING = routing_forward, routing_backward
FF_LAYER = ff_layer_loss_forward, ff_layer_loss_backward


def capsnet_of_images(params):
    return capsnet_loss_forward(params, IMAGES, LABELS, CONFIG)


def capsnet_of_pairs(params):
    pairs, digits = np.array([[2, 0], [0, 1], [1, 2]]), np.stack([IMAGES, 1 - IMAGES], axis=1)
    return capsnet_multi_label_loss_forward(params, IMAGES, pairs, digits, CONFIG)


CAPSNET = capsnet_of_images, capsnet_loss_backward
PAIRS = capsnet_of_pairs, capsnet_multi_label_loss_backward
PARAMS = [init_capsnet(np.random.default_rng(0), CONFIG, "float64")]

FAULTS = {
    "a transpose": (*LINEAR, "dy @ W.T", "dy @ W", draw((4, 3), (3, 3), (3,)), {}),
    "a mean for a sum": (*LINEAR, "dy.sum(axis=0)", "dy.mean(axis=0)", draw((4, 3), (3, 2), (2,)),
                         {}),
    "a sum for a mean": (cross_entropy_forward, cross_entropy_backward, "dloss / len(y)", "dloss",
                         [*draw((3, 4)), LABELS], {}),
    "a sign": (*MARGIN_LOSS, "- 2 * short", "+ 2 * short", [abs(draw((3, 3))[0]), LABELS], {}),
    "a forgotten factor": (lambda x: squared_error_forward(x, TARGET), squared_error_backward,
                           "2 * dloss", "dloss", draw((3, 4)), {}),
    "a forgotten term": (*SOFTMAX, " - (dy * y).sum(axis=axis, keepdims=True)", "", draw((3, 4)),
                         {}),
    "a sign within": (squash_forward, squash_backward, "(1 - squared)", "(1 + squared)",
                      draw((3, 4)), {}),
    "a forgotten chain": (sigmoid_forward, sigmoid_backward, "* (1 - y)", "", draw((3, 4)), {}),
    "a unit vector for a vector": (length_forward, length_backward, "(length + (length == 0))",
                                   "(1 + 0 * length)", draw((3, 4)), {}),
    "a shift by one pixel": (*CONV2D, "top:x.shape[1] - bottom", "top + 1:x.shape[1] - bottom + 1",
                             draw((1, 4, 4, 2), (4, 4, 2, 2), (2,)), dict(padding="same")),
    "the straight path of the logits": (*ROUTING, "db = db + softmax_backward",
                                        "db = softmax_backward", VOTES, {}),
    "a round too few": (*ROUTING, "reversed(range(len(cache.v)))",
                        "reversed(range(1, len(cache.v)))", VOTES, {}),
    "a coupling taken for constant": (*ROUTING, "if cache.stop_gradient:", "if True:", VOTES, {}),
    "an earlier round taken for an output": (*ROUTING, "dv = 0 ", "dv = dv ", VOTES, {}),
    "goodness maximised where it is to be minimised": (
        goodness_loss_forward, goodness_loss_backward, "dloss * sign", "dloss", draw((4,), (4,)),
        dict(theta=0.5, goal="minimise")),
    "a push that no relu stops": (*FF_LAYER, "dy_pos * (y[:n] > 0)", "dy_pos",
                                  draw((6, 5), (5,)), LAYER),
    "a push on the wrong samples": (*FF_LAYER, "dz[:n] +=", "dz[n:] +=", draw((6, 5), (5,)),
                                    LAYER),
    "a bias that hears positive samples only": (*FF_LAYER, "dz.sum(axis=0)", "dz[:n].sum(axis=0)",
                                                draw((6, 5), (5,)), LAYER),
    "a forgotten 1/T": (soft_cross_entropy_forward, soft_cross_entropy_backward,
                        "dscaled / temperature", "dscaled", draw((3, 4)), SOFTENED),
    "a forgotten T²": (distillation_loss_forward, distillation_loss_backward,
                       "dloss * soft_weight", "dloss * (1 - hard_weight)", draw((3, 4)),
                       dict(labels=LABELS, **SOFTENED)),
    "one of two paths of v": (*CAPSNET, "dv + length_backward(dlength, cache.length)",
                              "length_backward(dlength, cache.length)", PARAMS,
                              dict(max_entries=10)),
    "the first of two digits alone": (*PAIRS, "*dshown.shape[1:]).sum(axis=1)",
                                      "*dshown.shape[1:])[:, 0]", PARAMS, dict(max_entries=10)),
    "a mean over the digits for a sum": (*PAIRS, "d * derror", "derror", PARAMS,
                                         dict(max_entries=10)),
    "classes that are there taken for absent": (
        sigmoid_cross_entropy_forward, sigmoid_cross_entropy_backward, "y - labels", "y",
        [*draw((3, 3)), np.eye(3) > 0], {}),
    "a forgotten weight": (*CAPSNET, "cache.weight * dloss", "dloss", PARAMS,
                           dict(max_entries=10)),
}
"""A pair; a piece of its backward and what it is changed to; inputs and keywords. The rest of the
backward runs as it is."""


def changed(function, line, by):
    source = inspect.getsource(inspect.unwrap(function))
    count = source.count(line)
    assert count == 1, (f"{line!r} occurs {count} times, wanted once, in the source of "
                        f"{function.__name__}, docstring and comments included")
    names = dict(vars(sys.modules[function.__module__]))
    exec(source.replace(line, by), names)
    return names[function.__name__]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_line_is_caught(fault):
    forward, backward, line, by, inputs, keywords = FAULTS[fault]
    assert verdict(forward, backward, *inputs, **keywords) == "ok"
    assert verdict(forward, changed(backward, line, by), *inputs, **keywords) == "WRONG"


def test_gradients_in_the_wrong_order():
    x, W = draw((3, 3), (3, 3))
    assert verdict(forward, backward, x, W) == "ok"
    assert verdict(forward, lambda dy, cache: backward(dy, cache)[::-1], x, W) == "WRONG"


def planted(entries, factor):
    """The pair of sin over 100 x 100 numbers, with some entries of its gradient too large."""
    def backward(dy, x):
        dx = dy * np.cos(x)
        for entry in entries:
            dx[entry] *= factor
        return dx
    return lambda x: (np.sin(x), x), backward


@pytest.mark.parametrize("entry", [(0, 0), (17, 33), (99, 99)])
def test_a_thousandth_in_one_of_ten_thousand_entries_is_found_and_located(entry):
    row, = check_gradients(*planted([entry], 1.001), *draw((100, 100))).rows
    assert (row.verdict, row.index) == ("WRONG", entry)
    assert row.checked == "4 directions"
    assert abs(row.analytic / row.numeric - 1.001) < 1e-9


def test_two_entries_that_changed_places_are_found():
    def backward(dy, x):
        dx = dy * np.cos(x)
        dx[3, 4], dx[20, 7] = dx[20, 7], dx[3, 4]
        return dx

    for seed in range(10):
        row, = check_gradients(lambda x: (np.sin(x), x), backward, *draw((30, 30)), seed=seed,
                               directions=1).rows
        assert row.verdict == "WRONG" and row.index in [(3, 4), (20, 7)]


def normalize_forward(x, eps=1e-7):
    norm = np.sqrt((x * x).sum(axis=-1, keepdims=True) + eps)
    return x / norm, (x, norm)


def normalize_backward(dy, cache):
    x, norm = cache
    return dy / norm - x * (dy * x).sum(axis=-1, keepdims=True) / norm ** 3


def normalize_backward_without_epsilon(dy, cache):
    x, _ = cache
    return normalize_backward(dy, (x, np.sqrt((x * x).sum(axis=-1, keepdims=True))))


def central_differences(forward, x, dy, h):
    """The usual check: one step for all entries."""
    numeric = np.zeros(x.shape)
    for entry in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[entry] = h
        numeric[entry] = (dy * (forward(x + step)[0] - forward(x - step)[0])).sum() / (2 * h)
    return numeric


def test_a_forgotten_epsilon_is_caught_where_a_fixed_step_and_tolerance_let_it_pass():
    x, dy = draw((4, 3), (4, 3))
    x *= 0.6 / np.sqrt((x * x).sum(axis=-1, keepdims=True))             # 1e-7 / 0.6² is 2.8e-7
    assert verdict(normalize_forward, normalize_backward, x) == "ok"
    assert verdict(normalize_forward, normalize_backward_without_epsilon, x) == "WRONG"
    wrong = normalize_backward_without_epsilon(dy, normalize_forward(x)[1])
    # The default tolerances of allclose, and those of torch.autograd.gradcheck.
    for h, rtol, atol in [(1e-5, 1e-5, 1e-8), (1e-6, 1e-3, 1e-5)]:
        measured = central_differences(normalize_forward, x, dy, h)
        np.testing.assert_allclose(wrong, measured, rtol=rtol, atol=atol)
