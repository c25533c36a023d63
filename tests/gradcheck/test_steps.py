"""The steps at which a function is asked, when they end, and the rows of a table."""
import numpy as np
import pytest

from tinycaps.gradcheck.ridders import (LEVELS, SAFETY, Derivative, _choose, _Differences,
                                        _Neville, derivative)

GOLDEN = (1 + 5 ** 0.5) / 2
EPSILON = np.finfo(np.float64).eps


def steps(f, scale=1.0):
    """What was measured of f at 0, and the steps h at which f was asked on both sides."""
    asked = []

    def listening(h):
        asked.append(h)
        return np.array([f(h)])

    found = derivative(listening, np.ones(1), scale)
    assert asked[0] == 0 and [-h for h in asked[1::2]] == asked[2::2]
    return found, asked[1::2]


def test_steps_shrink_by_the_golden_ratio_from_a_sixteenth():
    _, hs = steps(np.sin)
    np.testing.assert_allclose(hs, [GOLDEN ** -k / 16 for k in range(len(hs))], rtol=1e-12)


def test_a_table_ends_when_two_rows_were_no_better():
    parabola, hs = steps(lambda h: (1 + h) ** 2)        # its first extrapolation is exact
    assert len(hs) == 5 and abs(parabola.value - 2) < 1e-13
    wave, hs = steps(lambda h: np.sin(30 * h))          # this one gets better row by row
    assert 8 <= len(hs) <= LEVELS and abs(wave.value - 30) < 1e-10


def test_a_smooth_function_takes_one_table_and_a_kink_all():
    for f in np.sin, np.exp, lambda h: (1 + h) ** 2:
        assert len(steps(f)[1]) <= LEVELS
    found, hs = steps(lambda h: np.abs(h))
    assert found.kink and {2.0 ** -k for k in range(4, 45, 5)} <= {*hs}


def test_without_a_derivative_nine_tables_of_eleven_rows_are_tried():
    found, hs = steps(lambda h: np.nan if h else 1.0)
    assert len(hs) == 9 * 11 and found.error == np.inf


def hidden(h):
    """Hides that it is rounded to 1e-13."""
    return (h * h + 1e3) - 1e3


def test_a_slope_of_zero_among_slopes_of_one_needs_no_second_table():
    found, hs = steps(hidden, scale=1.0)
    assert len(hs) <= LEVELS and abs(found.value) <= SAFETY * found.error
    assert len(steps(hidden, scale=0.0)[1]) > LEVELS


def test_an_error_of_1e_10_of_the_scale_is_good_enough():
    enough = 1e10 * steps(hidden)[0].doubt
    assert len(steps(hidden, scale=1.01 * enough)[1]) <= LEVELS
    assert len(steps(hidden, scale=0.99 * enough)[1]) > LEVELS


def noises(f, weights=np.ones(1)):
    """The rounding errors, in 4 ε, that are stated at the steps 1/2, 1/4 and 1/8 of f at 0."""
    differences = _Differences(lambda h: np.atleast_1d(f(h)), weights, argument_noise=0.0)
    return [differences(h)[2] / (4 * EPSILON) for h in (1 / 2, 1 / 4, 1 / 8)]


def test_an_output_is_rounded_at_every_step_and_a_constant_only_at_the_largest():
    assert noises(lambda h: 5.0) == [5 * 2, 5 * 2, 5 * 2]
    assert noises(lambda h: 5 + h) == [5.5 * 2, 5.25 * 4, 5.125 * 8]
    assert noises(lambda h: 5 + max(h, 0)) == noises(lambda h: 5 - min(h, 0)) == [11, 21, 41]
    # Stands still from 1/4 on: there it may have moved unseen by what it is rounded to.
    assert noises(lambda h: 5.0 + (abs(h) > 1 / 4)) == [6 * 2, 5 * 4, 5 * 4]


def test_rounding_errors_of_outputs_add_as_squares():
    assert noises(lambda h: np.array([3.0, 4.0]), np.ones(2)) == [10, 10, 10]
    assert noises(lambda h: np.array([3.0, 4.0]), np.array([-1.0, 0.0])) == [6, 6, 6]


def table(*tops):
    rows = _Neville(GOLDEN)
    rows.tops = [*tops]
    return rows


def test_later_rows_may_differ_by_as_much_as_rounding_grows():
    steady = table((0.1, 1.0), (9, 1 + 0.1 * GOLDEN), (9, 1 - 0.1 * GOLDEN ** 2))
    np.testing.assert_allclose(steady.result(), (0.1, 1.0))
    refuted = table((0.1, 1.0), (9, 1.0), (9, 1 + 0.3 * GOLDEN ** 2))
    np.testing.assert_allclose(refuted.result(), (0.3, 1.0))


def test_a_row_counts_only_if_two_rows_follow():
    assert table((0.1, 1.0), (0.0, 1.0)).result()[0] == np.inf
    assert table((0.5, 1.0), (0.0, 1.0), (0.0, 1.0)).result() == (0.5, 1.0)


@pytest.mark.parametrize("gap, kink", [(0.0, False), (15.9, False), (16.1, True), (-16.1, True)])
def test_a_kink_needs_a_gap_of_sixteen_errors(gap, kink):
    assert Derivative(1 + gap / 2, 1e-9, 1.0, 1 + gap, sides_error=1.0).kink == kink


def chosen(best, other):
    """Whether the other table, of a larger doubt, is chosen."""
    assert other.doubt > best.doubt
    return _choose([best, other]) is _choose([other, best]) is other


def test_a_kink_is_refuted_by_a_table_in_which_the_sides_meet_halfway():
    bend = Derivative(0.0, 1e-9, -1.0, 1.0, 1e-9)       # a gap of 2; 0.2 + 8 * 0.1 is half of it
    assert chosen(bend, Derivative(0.0, 1e-3, -0.1, 0.1, sides_error=0.09))
    assert not chosen(bend, Derivative(0.0, 1e-3, -0.1, 0.1, sides_error=0.11))
    small = Derivative(0.0, 1e-9, -1e-6, 1e-6, 1e-12)
    assert not chosen(small, Derivative(0.0, 1e-3, -1e-6, 1e-6, 1e-12))


def test_a_slope_of_zero_is_refuted_by_a_table_that_is_certain_of_another():
    zero = Derivative(0.0, 1e-16, 0.0, 0.0, 1e-16)
    assert chosen(zero, Derivative(-1.0, 0.9e-3, -1.0, -1.0, 1e-3))
    assert not chosen(zero, Derivative(1.0, 1.1e-3, 1.0, 1.0, 1e-3))
    assert not chosen(zero, Derivative(0.5, 1e-9, 0.0, 1.0, 1e-9))                  # a kink nearby
    assert not chosen(zero._replace(right=1e-9), Derivative(1.0, 1e-6, 1.0, 1.0, 1e-6))


def test_errors_of_the_sides_count_by_a_ten_thousandth():
    assert Derivative(0.0, 1e-6, 0.0, 0.0, sides_error=1.0).doubt == 1e-4
    assert Derivative(0.0, 1e-3, 0.0, 0.0, sides_error=1.0).doubt == 1e-3


def test_noise_makes_no_kinks():
    rng = np.random.default_rng(3)
    noisy = [derivative(lambda h: np.array([np.sin(1 + h) + 1e-9 * rng.standard_normal()]),
                        np.ones(1), scale=1.0) for _ in range(200)]
    assert not any(found.kink for found in noisy)


@pytest.mark.parametrize("height", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_a_narrow_bend_of_any_height_is_seen(height, slope):
    for width in 1e-3, 1e-6, 1e-10:
        found, _ = steps(lambda h: height * np.sqrt(h * h + width * width) + slope * h)
        assert not found.kink
        assert abs(found.value - slope) <= SAFETY * found.error < 1e-6 * max(height, slope)


def test_on_a_slope_a_kink_and_a_corner_of_the_slope_are_at_the_mean_of_both_sides():
    corner, hs = steps(lambda h: h * np.abs(h) + 3 * h)
    assert not corner.kink and len(hs) <= LEVELS
    assert abs(corner.value - 3) <= SAFETY * corner.error < 1e-9
    kink, _ = steps(lambda h: np.abs(h) + 3 * h)
    assert kink.kink and abs(kink.value - 3) < 1e-9
    assert abs(kink.left - 2) < 1e-9 and abs(kink.right - 4) < 1e-9
