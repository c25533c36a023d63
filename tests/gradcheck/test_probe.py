"""The verdict about one direction: where its thresholds lie, and at which steps it is measured."""
import numpy as np
import pytest

from tests.gradcheck.pairs import elementwise, verdict
from tinycaps.gradcheck import check_gradients

COTANGENT = np.random.default_rng(0).standard_normal(2)
"""The one that the checker draws for two outputs."""


def coarse(x):
    """The identity, with a hidden rounding error of 1e-6."""
    return (x + 1e10) - 1e10


def two_outputs(coarse_slope, slope):
    """A pair of two entries: the first derivative is measured badly, the second one well."""
    slopes = np.array([coarse_slope, slope])
    return (lambda x: (slopes * np.array([coarse(x[0]), x[1]]), None)), lambda dy, _: dy * slopes


@pytest.mark.parametrize("errors, wanted", [(0, "ok"), (7.9, "ok"), (-7.9, "ok"), (8.1, "WRONG"),
                                            (-8.1, "WRONG")])
def test_a_gradient_may_be_off_by_eight_errors(errors, wanted):
    x = np.array([0.5])
    row, = check_gradients(*elementwise(np.sin, np.cos), x).rows
    claimed = np.array([row.numeric + errors * row.error])
    assert verdict(lambda x: (np.sin(x), x), lambda dy, x: claimed, x) == wanted


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_an_error_of_a_millionth_of_the_largest_gradient_of_either_sign_is_unsure(signs):
    x = np.array([0.7, 0.3])
    signs = np.sign(COTANGENT) * signs                  # so that the gradients have these signs
    row, = check_gradients(*two_outputs(signs[0], 1.0), x).rows
    assert (row.verdict, row.index) == ("unsure", (0,))
    enough = 1e6 * row.error / abs(COTANGENT[1])
    assert verdict(*two_outputs(signs[0], 1.05 * enough * signs[1]), x) == "ok"
    assert verdict(*two_outputs(signs[0], 0.95 * enough * signs[1]), x) == "unsure"


def test_a_gradient_of_zero_is_measured_well_enough_at_1e_11_of_the_outputs():
    def noise_and_offset(offset):
        return lambda x: (np.array([np.sin(1e12 * x[0]), offset]), x), lambda dy, x: 0 * x

    for step in 1.0, 0.25:
        x = np.array([step])
        row, = check_gradients(*noise_and_offset(0.0), x).rows
        assert row.verdict == "unsure"
        enough = 1e11 * row.error * step / abs(COTANGENT[1])
        assert verdict(*noise_and_offset(1.05 * enough), x) == "ok"
        assert verdict(*noise_and_offset(-1.05 * enough), x) == "ok"
        assert verdict(*noise_and_offset(0.95 * enough), x) == "unsure"


def test_along_a_direction_its_length_counts():
    def noise_and_slope(x):
        return np.array([1e-7 * np.sin(1e12 * x[0]), x[1]]), x

    def backward(dy, x):
        dx = 0 * x
        dx[1] = dy[1]
        return dx

    x = np.random.default_rng(1).uniform(0.5, 1, 500)
    assert verdict(noise_and_slope, backward, x[:2]) == "unsure"
    assert verdict(noise_and_slope, backward, x) == "ok"


def test_what_is_measured_counts_where_all_gradients_are_said_to_be_zero():
    assert verdict(*elementwise(lambda x: (x + 1e8) - 1e8, np.zeros_like), np.ones(1)) == "WRONG"


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("height", [1e-20, 1.0, 1e20])
def test_steps_have_the_size_of_the_array(size, height):
    x = size * np.array([0.5, -1.0, 2.0])
    for factor, wanted in (1, "ok"), (1 + 1e-9, "WRONG"):
        pair = elementwise(lambda x: height * np.sin(x / size),
                           lambda x: factor * height / size * np.cos(x / size))
        assert verdict(*pair, x) == wanted


def test_a_function_that_is_zero_has_a_gradient_of_zero():
    x = np.array([1.0, 2.0])
    assert verdict(*elementwise(np.zeros_like, np.zeros_like), x) == "ok"
    assert verdict(*elementwise(np.zeros_like, np.zeros_like), 0 * x) == "ok"
    assert verdict(*elementwise(np.zeros_like, lambda x: 1e-30 * x), x) == "WRONG"
