"""Right gradients pass at any scale, with a second witness where there is one; what cannot be measured does not."""
import numpy as np
import pytest

from tests.gradcheck.pairs import draw, elementwise, verdict
from tinycaps.backend import get_xp
from tinycaps.capsules import (predictions_backward, predictions_forward, routing_backward, routing_forward, squash_backward,
                               squash_forward)
from tinycaps.gradcheck import assert_gradients, check_gradients
from tinycaps.ops import sigmoid_backward, sigmoid_forward, softmax_backward, softmax_forward


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
    for seed in range(8):
        rng = np.random.default_rng(seed)
        report = check_gradients(routing_forward, routing_backward, rng.standard_normal((1, 6, 3, 4)), seed=seed)
        row, = report.rows                                                  # the worst of 72 entries
        assert abs(row.analytic - row.numeric) <= 2 * row.error < 1e-9
