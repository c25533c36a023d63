"""Right gradients pass at any scale; what cannot be measured does not; a wrong forward does."""
import numpy as np
import pytest

from tests.gradcheck.pairs import draw, elementwise, verdict
from tests.reference import capsules as loops
from tinycaps.backend import get_xp
from tinycaps.capsules import (predictions_backward, predictions_forward, routing_backward,
                               routing_forward, squash_backward, squash_forward)
from tinycaps.gradcheck import assert_gradients, check_gradients
from tinycaps.gradcheck.check import _bisect
from tinycaps.gradcheck.report import Row
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


def softmax_over_children(b):
    c, cache = softmax_forward(b.swapaxes(1, 2))
    return c.swapaxes(1, 2), cache


def wrong_routing_forward(u_hat):
    """Two rounds of routing whose softmax runs over the children i instead of the parents j."""
    c, first = softmax_over_children(np.zeros(u_hat.shape[:3]))
    v, squashed = squash_forward(np.einsum("nij,nijq->njq", c, u_hat))
    c_2, second = softmax_over_children(np.einsum("nijq,njq->nij", u_hat, v))
    v_2, squashed_2 = squash_forward(np.einsum("nij,nijq->njq", c_2, u_hat))
    return v_2, (u_hat, c, v, squashed, c_2, second, squashed_2)


def wrong_routing_backward(dv_2, cache):
    """The gradient of exactly that."""
    u_hat, c, v, squashed, c_2, second, squashed_2 = cache
    ds_2 = squash_backward(dv_2, squashed_2)
    dc_2 = np.einsum("nijq,njq->nij", u_hat, ds_2)
    db = softmax_backward(dc_2.swapaxes(1, 2), second).swapaxes(1, 2)
    ds = squash_backward(np.einsum("nij,nijq->njq", db, u_hat), squashed)
    return (np.einsum("nij,njq->nijq", c_2, ds_2) + np.einsum("nij,njq->nijq", db, v)
            + np.einsum("nij,njq->nijq", c, ds))


def test_a_wrong_forward_passes_but_neither_loops_nor_invariants_accept_it():
    u_hat, = draw((2, 4, 3, 5))
    row, = assert_gradients(wrong_routing_forward, wrong_routing_backward, u_hat).rows
    assert row.checked == "all 120" and abs(row.analytic - row.numeric) < 1e-12
    v, (_, _, _, _, coupling, *_) = wrong_routing_forward(u_hat)
    np.testing.assert_allclose(coupling.sum(axis=1), 1)                     # over the children
    assert not np.allclose(coupling.sum(axis=2), 1)                         # over the parents
    truth = [loops.routing(sample.tolist(), 2)[0] for sample in u_hat]
    assert np.abs(v - truth).max() > 0.1
    np.testing.assert_allclose(routing_forward(u_hat, iterations=2)[0], truth)


def test_a_function_that_takes_no_complex_numbers_passes_without_a_witness():
    def forward(x):
        log_sum = np.logaddexp.reduce(x)
        return log_sum, np.exp(x - log_sum)

    row, = assert_gradients(forward, lambda dloss, softmax: dloss * softmax, *draw((5,))).rows
    assert row.complex_step is None


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_any_scale_is_right(scale):
    x, b = draw((2, 4, 3, 5), (3, 4))
    assert verdict(squash_forward, squash_backward, scale * x) == "ok"
    assert verdict(routing_forward, routing_backward, scale * x) == "ok"
    assert verdict(softmax_forward, softmax_backward, scale * b) == "ok"
    W = x.transpose(1, 2, 3, 0)[..., :1] * np.ones(5)
    assert verdict(predictions_forward, predictions_backward, scale * x[:, :, 0], W) == "ok"


def test_a_gradient_of_zero_is_right_and_only_zero_is():
    def forward(x, bias):                               # a bias that the softmax cancels
        return softmax_forward(x + bias)

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
    first, again, other = (check_gradients(sigmoid_forward, sigmoid_backward, x, seed=seed)
                           for seed in (3, 3, 4))
    assert first == again != other


def test_estimates_are_honest_over_many_entries():
    for seed in range(8):
        u_hat = np.random.default_rng(seed).standard_normal((1, 6, 3, 4))
        report = check_gradients(routing_forward, routing_backward, u_hat, seed=seed)
        row, = report.rows                              # the worst of 72 entries
        assert abs(row.analytic - row.numeric) <= 2 * row.error < 1e-9


def test_up_to_400_entries_are_all_checked_and_more_along_four_directions():
    for size, wanted in (400, "all 400"), (401, "4 directions"):
        row, = check_gradients(*elementwise(lambda x: 2 * x, lambda x: 2.0), np.ones(size)).rows
        assert row.checked == wanted


def worst(faults, f, slope, x):
    """The entry that is shown of six, where some gradients have something added to them."""
    added = np.zeros(6)
    added[[*faults]] = [*faults.values()]
    forward, backward = elementwise(f, slope)
    row, = check_gradients(forward, lambda dy, x: backward(dy, x) + added, x).rows
    assert row.verdict == "WRONG"
    return row.index


@pytest.mark.parametrize("faults", [{1: 1e-3, 4: 1e-2}, {4: 1e-3, 1: 1e-2}, {1: -1e-3, 4: -1e-2}])
def test_the_worst_of_two_faults_is_the_one_shown(faults):
    largest = max(faults, key=lambda entry: abs(faults[entry]))
    assert worst(faults, np.sin, np.cos, np.linspace(1, 2, 6)) == (largest,)
    assert worst(faults, np.zeros_like, np.zeros_like, np.zeros(6)) == (largest,)   # no error


def test_faults_are_ranked_by_how_many_errors_they_are_off():
    def forward(x):                                     # the first derivative is measured to 1e-7
        return np.array([(x[0] + 1e8) - 1e8, x[1]]), None

    row, = check_gradients(forward, lambda dy, _: dy * [1.1, 1.01], np.array([0.7, 0.3])).rows
    assert (row.verdict, row.index) == ("WRONG", (1,))


def test_both_derivatives_are_those_of_the_outputs_weighted_at_random():
    report = check_gradients(lambda x: (x * x, x), lambda dy, x: 2 * dy * x, np.array([1.0, -2.0]))
    weight = np.random.default_rng(0).standard_normal(2)[1]
    assert weight == pytest.approx(-0.132, abs=1e-3)            # as the room's README says
    for found in report.rows[0].analytic, report.rows[0].numeric:
        assert found == pytest.approx(-4 * weight, rel=1e-9)


@pytest.mark.parametrize("directions", [0, 1.5])
def test_without_a_direction_nothing_is_checked(directions):
    with pytest.raises(ValueError, match=f"^directions: got {directions}, wanted an integer of "):
        check_gradients(sigmoid_forward, sigmoid_backward, np.ones(500), directions=directions)


def test_the_worst_of_several_directions_is_the_one_shown():
    x, = draw((30, 30))
    ratios = [abs(row.analytic - row.numeric) / row.error for count in (1, 2, 3, 4)
              for row in check_gradients(*elementwise(np.sin, np.cos), x, directions=count).rows]
    assert ratios == sorted(ratios) and ratios[0] < ratios[-1]


def test_entries_of_a_direction_have_sizes_from_a_half_to_one_and_both_signs():
    x, moves = np.zeros(1000), []

    def forward(moved):
        moves.append(np.real(moved))
        return moved.sum(), moved

    check_gradients(forward, lambda dy, x: dy + 0 * x, x, directions=1)
    direction = 16 * max((move for move in moves if move.any() and np.ptp(move)),
                         key=lambda move: np.abs(move).max())
    assert 0.5 <= np.abs(direction).min() < 0.51 and 0.99 < np.abs(direction).max() <= 1
    assert abs(np.sign(direction).mean()) < 0.1


class AllKinks:
    """A probe of an array whose entries are kinks, which no sum of them is."""

    def __init__(self, size):
        self.x, self.count = np.zeros(size), 0

    def measure(self, direction):
        self.count += 1
        alone = np.count_nonzero(direction) == 1
        return Row("x", self.x.shape, "", None, 0.0, 0.0, 0.0, None, int(alone),
                   "kink" if alone else "WRONG")


def test_bisection_gives_up_after_200_measurements():
    for size, count in (1000, 200), (50, 98):           # a tree of 50 leaves has 98 other nodes
        probe = AllKinks(size)
        row = _bisect(probe, np.ones(size), probe.measure(np.ones(size)))
        assert row.verdict == "kink" and row.kinks > 0 and probe.count == 1 + count
