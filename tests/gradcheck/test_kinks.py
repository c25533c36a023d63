"""Kinks are found, counted, and never called right; what only looks like one is none."""
import numpy as np
import pytest

from tests.gradcheck.pairs import draw, elementwise, verdict
from tinycaps.capsules import squash_backward, squash_forward
from tinycaps.gradcheck import assert_gradients, check_gradients
from tinycaps.ops import max_pool_backward, max_pool_forward


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
    assert report.rows[0].verdict == "kink"
    assert report.kinks == 4                            # each of the directions moves that entry


def test_kinks_that_cancel_along_a_direction_are_still_kinks():
    # Along a direction of mixed signs the slopes of several relus at 0 add up to anything, even to
    # the same on both sides.
    for seed in range(5):
        report = check_gradients(*relu_with_slope(0.0), np.zeros((20, 25)), seed=seed)
        assert report.rows[0].verdict == "kink" and report.kinks > 0


def test_a_fault_in_an_array_with_a_kink_is_still_found():
    x, = draw((100, 100))
    x[3, 7] = 0
    forward, backward = relu_with_slope(1.0)

    def faulty_backward(dy, x):
        return backward(dy, x) * np.where(np.arange(100) == 8, -1, 1)
    row, = check_gradients(forward, faulty_backward, x).rows
    assert row.verdict == "WRONG" and row.index[1] == 8


def test_ties_of_max_pooling_are_kinks():
    x, = draw((1, 4, 4, 2))
    assert verdict(max_pool_forward, max_pool_backward, x) == "ok"
    x[0, :2, :2, 1] = 3
    report = check_gradients(max_pool_forward, max_pool_backward, x)
    assert report.ok and report.kinks == 4
    all_at_once = check_gradients(max_pool_forward, max_pool_backward, np.zeros((1, 16, 16, 2)))
    assert all_at_once.ok and all_at_once.rows[0].checked == "4 directions"


def test_corners_of_the_slope_are_no_kinks():
    squared_hinge = elementwise(lambda x: np.maximum(1 - x, 0) ** 2,
                                lambda x: -2 * np.maximum(1 - x, 0))
    assert verdict(*squared_hinge, np.array([1.0, 0.5, 2.0])) == "ok"
    signed_square = elementwise(lambda x: x * np.abs(x), lambda x: 2 * np.abs(x))
    assert verdict(*signed_square, np.array([0.0, 1.0, -2.0])) == "ok"
    s = np.array([[0.0, 0, 0], [1, -2, 1], [1e-7, 0, 1e-7]])
    assert verdict(squash_forward, squash_backward, s) == "ok"
    assert verdict(squash_forward, squash_backward, np.zeros((2, 3))) == "ok"


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
def test_a_kink_nearby_is_none(distance):
    x = np.array([distance, -distance, 1.0, -1.0])
    assert check_gradients(*relu_with_slope(0.0), x).kinks == 0
    assert verdict(*relu_with_slope(0.0), x) == "ok"
    assert verdict(*elementwise(np.abs, lambda x: -np.sign(x)), x) == "WRONG"
