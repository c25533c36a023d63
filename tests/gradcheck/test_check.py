"""Right gradients pass, and every planted fault is caught."""
import inspect
import sys

import numpy as np
import pytest

from tinycaps.backend import get_xp
from tinycaps.capsules import (CapsNetConfig, capsnet_loss_backward, capsnet_loss_forward, init_capsnet, length_backward,
                               length_forward, margin_loss_backward, margin_loss_forward, predictions_backward, predictions_forward,
                               routing_backward, routing_forward, squash_backward, squash_forward)
from tinycaps.gradcheck import assert_gradients, check_gradients
from tinycaps.ops import (conv2d_backward, conv2d_forward, cross_entropy_backward, cross_entropy_forward, linear_backward,
                          linear_forward, max_pool_backward, max_pool_forward, sigmoid_backward, sigmoid_forward,
                          softmax_backward, softmax_forward, squared_error_backward, squared_error_forward)

LABELS = np.array([2, 0, 1])
TARGET = np.ones((3, 4))
IMAGES = np.random.default_rng(1).random((3, 5, 5, 1))
CONFIG = CapsNetConfig(image_shape=(5, 5, 1), conv_channels=3, conv_kernel=3, primary_types=2, primary_dims=2, primary_kernel=2,
                       primary_stride=1, classes=3, class_dims=3, decoder_hidden=(4,), reconstruction_weight=0.1)


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


def elementwise(f, slope):
    """A pair from a function of one number and its derivative."""
    return lambda x: (f(x), x), lambda dy, x: dy * slope(x)


def verdict(forward, backward, *inputs, **options):
    """The worst verdict about a pair whose form is right."""
    report = check_gradients(forward, backward, *inputs, **options)
    assert not report.problems and report.ok == all(row.verdict in ("ok", "kink") for row in report.rows)
    return max((row.verdict for row in report.rows), key=("ok", "kink", "unsure", "WRONG").index)


def test_a_layer_of_your_own(xp):
    def swish_forward(x):
        gate = 1 / (1 + get_xp(x).exp(-x))
        return x * gate, (x, gate)

    def swish_backward(dy, cache):
        x, gate = cache
        return dy * (gate + x * gate * (1 - gate))

    row, = assert_gradients(swish_forward, swish_backward, xp.asarray(draw((3, 4))[0])).rows
    assert row.checked == "all 12" and row.error < 1e-11
    assert abs(row.complex_step - row.analytic) < 1e-14


# Planted faults: a line of a backward is changed, and the rest of it runs as it is.

FAULTS = {
    "a transpose": (linear_forward, linear_backward, "dy @ W.T", "dy @ W", draw((4, 3), (3, 3), (3,)), {}),
    "a mean for a sum": (linear_forward, linear_backward, "dy.sum(axis=0)", "dy.mean(axis=0)", draw((4, 3), (3, 2), (2,)), {}),
    "a sum for a mean": (cross_entropy_forward, cross_entropy_backward, "dloss / len(y)", "dloss", [*draw((3, 4)), LABELS], {}),
    "a sign": (margin_loss_forward, margin_loss_backward, "- 2 * short", "+ 2 * short", [abs(draw((3, 3))[0]), LABELS], {}),
    "a forgotten factor": (lambda x: squared_error_forward(x, TARGET), squared_error_backward, "2 * dloss", "dloss", draw((3, 4)), {}),
    "a forgotten term": (softmax_forward, softmax_backward, " - (dy * y).sum(axis=axis, keepdims=True)", "", draw((3, 4)), {}),
    "a wrong power": (squash_forward, squash_backward, "(1 + squared) ** 2", "(1 + squared)", draw((3, 4)), {}),
    "a forgotten chain": (sigmoid_forward, sigmoid_backward, "* (1 - y)", "", draw((3, 4)), {}),
    "a unit vector for a vector": (length_forward, length_backward, "(length + (length == 0))", "(1 + 0 * length)", draw((3, 4)), {}),
    "a shift by one pixel": (conv2d_forward, conv2d_backward, "top:padded_shape[1] - bottom", "top + 1:padded_shape[1] - bottom + 1",
                             draw((1, 4, 4, 2), (4, 4, 2, 2), (2,)), dict(padding="same")),
    "the straight way of the logits": (routing_forward, routing_backward, "dsoftmax if db is None else db + dsoftmax", "dsoftmax",
                                       draw((2, 4, 3, 4)), {}),
    "a round too few": (routing_forward, routing_backward, "t == 0 or cache.stop_gradient", "t <= 1", draw((2, 4, 3, 4)), {}),
    "a coupling taken for constant": (routing_forward, routing_backward, "t == 0 or cache.stop_gradient", "True", draw((2, 4, 3, 4)), {}),
    "one of two ways of v": (lambda params: capsnet_loss_forward(params, IMAGES, LABELS, CONFIG), capsnet_loss_backward,
                             "dv + mask_backward(dmasked, mask)", "mask_backward(dmasked, mask)",
                             [init_capsnet(np.random.default_rng(0), CONFIG, "float64")], {}),
}


def changed(function, line, by):
    source = inspect.getsource(function)
    assert source.count(line) == 1, f"{function.__name__} has no such line any more"
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
    assert verdict(lambda x, W: (x @ W, (x, W)), lambda dy, cache: (dy @ cache[1].T, cache[0].T @ dy), x, W) == "ok"
    assert verdict(lambda x, W: (x @ W, (x, W)), lambda dy, cache: (cache[0].T @ dy, dy @ cache[1].T), x, W) == "WRONG"


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
        dx[3, 4], dx[60, 7] = dx[60, 7], dx[3, 4]
        return dx

    for seed in range(10):
        row, = check_gradients(lambda x: (np.sin(x), x), backward, *draw((100, 100)), seed=seed).rows
        assert row.verdict == "WRONG" and row.index in [(3, 4), (60, 7)]


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
    for h, rtol, atol in [(1e-5, 1e-5, 1e-8), (1e-6, 1e-3, 1e-5)]:     # allclose's defaults; those of torch.autograd.gradcheck
        np.testing.assert_allclose(wrong, central_differences(normalize_forward, x, dy, h), rtol=rtol, atol=atol)


# Kinks


def relu_with_slope(slope):
    """Relu whose backward says this at the kink."""
    return elementwise(lambda x: np.maximum(x, 0), lambda x: np.where(x == 0, slope, x > 0))


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_a_slope_between_those_of_both_sides_is_called_a_kink(slope):
    forward, backward = relu_with_slope(slope)
    report = check_gradients(forward, backward, np.array([1.0, 0.0, -1.0, 0.0]))
    assert report.ok and report.kinks == 2
    row, = report.rows
    assert (row.verdict, row.kinks) == ("kink", 2) and row.index in [(1,), (3,)]
    with pytest.raises(AssertionError, match="kink"):
        assert_gradients(forward, backward, np.array([0.0]))
    assert assert_gradients(forward, backward, np.array([0.0]), allow_kinks=True).kinks == 1


@pytest.mark.parametrize("slope", [-0.1, -1e-6, 1.000001, 1.1])
def test_a_slope_beyond_both_sides_is_wrong_even_at_a_kink(slope):
    forward, backward = relu_with_slope(slope)
    assert verdict(forward, backward, np.array([1.0, 0.0])) == "WRONG"
    with pytest.raises(AssertionError, match="WRONG"):
        assert_gradients(forward, backward, np.array([1.0, 0.0]), allow_kinks=True)


def test_one_kink_in_a_large_array_is_seen_along_directions():
    x, = draw((100, 100))
    x[3, 7] = 0
    report = check_gradients(*relu_with_slope(1.0), x)
    assert report.rows[0].verdict == "kink" and report.kinks == 4          # each of the directions moves that entry


def test_a_fault_in_an_array_with_a_kink_is_still_found():
    x, = draw((100, 100))
    x[3, 7] = 0
    forward, backward = relu_with_slope(1.0)
    row, = check_gradients(forward, lambda dy, x: backward(dy, x) * np.where(np.arange(100) == 8, -1, 1), x).rows
    assert row.verdict == "WRONG" and row.index[1] == 8


def test_ties_of_max_pooling_are_kinks():
    x, = draw((1, 4, 4, 2))
    assert verdict(max_pool_forward, max_pool_backward, x) == "ok"
    x[0, :2, :2, 1] = 3
    report = check_gradients(max_pool_forward, max_pool_backward, x)
    assert report.ok and report.kinks == 4
    assert check_gradients(max_pool_forward, max_pool_backward, np.zeros((1, 30, 30, 2))).ok       # along directions, all at once


def test_corners_of_the_slope_are_no_kinks():
    at_the_corner = np.array([1.0, 0.5, 2.0])
    assert verdict(*elementwise(lambda x: np.maximum(1 - x, 0) ** 2, lambda x: -2 * np.maximum(1 - x, 0)), at_the_corner) == "ok"
    assert verdict(*elementwise(lambda x: x * np.abs(x), lambda x: 2 * np.abs(x)), np.array([0.0, 1.0, -2.0])) == "ok"
    assert verdict(squash_forward, squash_backward, np.array([[0.0, 0, 0], [1, -2, 1], [1e-7, 0, 1e-7]])) == "ok"
    assert verdict(squash_forward, squash_backward, np.zeros((2, 3))) == "ok"


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
def test_a_kink_nearby_is_none(distance):
    x = np.array([distance, -distance, 1.0, -1.0])
    assert check_gradients(*relu_with_slope(0.0), x).kinks == 0
    assert verdict(*relu_with_slope(0.0), x) == "ok"
    assert verdict(*elementwise(np.abs, lambda x: -np.sign(x)), x) == "WRONG"


# The second witness


def test_functions_that_take_complex_numbers_have_a_witness():
    row, = check_gradients(squash_forward, squash_backward, *draw((3, 4))).rows
    assert abs(row.complex_step - row.analytic) < 1e-13


@pytest.mark.parametrize("f, slope", [
    (np.logaddexp.reduce, None),
    (np.abs, np.sign),
    (lambda x: x * np.abs(x), lambda x: 2 * np.abs(x)),                     # takes complex numbers, but is not analytic
    (lambda x: x * x.conj(), lambda x: 2 * x),
    (lambda x: np.array(x, dtype=float) ** 2, lambda x: 2 * x),             # throws the imaginary part away
])
def test_functions_that_do_not_have_none_and_pass_without(f, slope):
    x, = draw((5,))
    if slope is None:
        forward, backward = (lambda x: (f(x), x)), (lambda dloss, x: dloss * np.exp(x - f(x)))
    else:
        forward, backward = elementwise(f, slope)
    row, = assert_gradients(forward, backward, x).rows
    assert row.complex_step is None and "none" in str(check_gradients(forward, backward, x))


def test_a_witness_that_is_not_analytic_acquits_nobody():
    assert not check_gradients(*elementwise(lambda x: x * np.abs(x), np.abs), *draw((5,))).ok


# At odd points


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_any_scale_is_right(scale):
    x, W = draw((2, 4, 3, 5), (3, 4))
    assert verdict(squash_forward, squash_backward, scale * x) == "ok"
    assert verdict(routing_forward, routing_backward, scale * x) == "ok"
    assert verdict(softmax_forward, softmax_backward, scale * W) == "ok"
    assert verdict(predictions_forward, predictions_backward, scale * x[:, :, 0], x.transpose(1, 2, 3, 0)[..., :1] * np.ones(5)) == "ok"


def test_a_gradient_of_zero_is_right_and_only_zero_is():
    def forward(x, bias):                                                   # a bias that the softmax cancels
        y, cache = softmax_forward(x + bias)
        return y, cache

    def backward(dy, cache):
        dx = softmax_backward(dy, cache)
        return dx, dx.sum(axis=1, keepdims=True)

    def biased(dy, cache):
        dx, dbias = backward(dy, cache)
        return dx, dbias + 1e-9

    x, bias = draw((3, 4), (3, 1))
    assert verdict(forward, backward, x, bias) == "ok"
    assert verdict(forward, biased, x, bias) == "WRONG"
    assert verdict(lambda x: (np.ones(3), x), lambda dy, x: 0 * x, x) == "ok"


def test_next_to_the_edge_of_the_domain():
    x = np.array([1e-9, 1e-6, 1e-3, 1.0])
    assert verdict(*elementwise(np.sqrt, lambda x: 0.5 / np.sqrt(x)), x) == "ok"
    assert verdict(*elementwise(np.log, lambda x: 1 / x), x) == "ok"


def test_what_cannot_be_measured_is_not_passed():
    jumps = elementwise(lambda x: x + np.floor(x), np.ones_like)
    assert not check_gradients(*jumps, np.array([1.0])).ok
    coarse = elementwise(lambda x: np.round(x, 6), np.ones_like)
    assert not check_gradients(*coarse, *draw((3,))).ok
    with pytest.raises(AssertionError, match="is not proven to be the gradient"):
        assert_gradients(*coarse, *draw((3,)))


def test_the_same_seed_gives_the_same_report():
    x, = draw((30, 30))
    pair = sigmoid_forward, sigmoid_backward
    assert check_gradients(*pair, x, seed=3) == check_gradients(*pair, x, seed=3) != check_gradients(*pair, x, seed=4)


def test_estimates_are_honest_over_many_entries():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        report = check_gradients(routing_forward, routing_backward, rng.standard_normal((1, 6, 3, 4)), seed=seed)
        row, = report.rows                                                  # the worst of 72 entries
        assert abs(row.analytic - row.numeric) <= 2 * row.error < 1e-9
