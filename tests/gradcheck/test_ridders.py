"""A measured derivative, an estimate of its error that can be trusted, and kinks that are found."""
import numpy as np
import pytest

from tinycaps.gradcheck.ridders import SAFETY, derivative

SMOOTH = {
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "exp 20x": (lambda x: np.exp(20 * x), lambda x: 20 * np.exp(20 * x)),
    "sin 1000x": (lambda x: np.sin(1000 * x), lambda x: 1000 * np.cos(1000 * x)),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "tanh, saturated": (lambda x: np.tanh(8 * x), lambda x: 8 / np.cosh(8 * x) ** 2),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "seventh power": (lambda x: x ** 7, lambda x: 7 * x ** 6),
    "a narrow hill": (lambda x: 1 / (1 + 1e6 * x * x), lambda x: -2e6 * x / (1 + 1e6 * x * x) ** 2),
    "a pole nearby": (lambda x: 1 / (x - 3.01), lambda x: -1 / (x - 3.01) ** 2),
    "a rounded corner": (lambda x: np.sqrt(x * x + 1e-8), lambda x: x / np.sqrt(x * x + 1e-8)),
    "x|x|": (lambda x: x * np.abs(x), lambda x: 2 * np.abs(x)),
    "squared hinge": (lambda x: np.maximum(1 - x, 0) ** 2, lambda x: -2 * np.maximum(1 - x, 0)),
    "a large offset": (lambda x: 1e6 + np.sin(x), np.cos),
    "almost constant": (lambda x: 1 + 1e-10 * np.sin(x), lambda x: 1e-10 * np.cos(x)),
    "a straight line": (lambda x: 3 * x, lambda x: 3 + 0 * x),
    "constant": (lambda x: 5 + 0 * x, lambda x: 0 * x),
    "zero": (lambda x: 0 * x, lambda x: 0 * x),
}


def measure(f, x):
    return derivative(lambda h: np.array([f(x + h)]), np.ones(1), scale=1.0, argument_noise=abs(x))


@pytest.mark.parametrize("name", SMOOTH)
def test_the_truth_lies_within_the_estimated_error(name):
    f, slope = SMOOTH[name]
    for x in [*np.random.default_rng(0).uniform(-3, 3, 150), -1.0, 0.0, 1e-8, 1.0]:
        found = measure(f, x)
        assert abs(found.value - slope(x)) <= SAFETY * found.error, x
        assert not found.kink, x


@pytest.mark.parametrize("name", [
    "sin", "exp", "tanh", "square", "seventh power", "x|x|", "squared hinge", "a straight line"])
def test_the_estimated_error_is_small(name):
    f, _ = SMOOTH[name]
    for x in np.random.default_rng(1).uniform(-3, 3, 50):
        assert measure(f, x).error < 1e-10 * max(1, abs(f(x)))


def test_hidden_rounding_is_estimated_from_how_the_table_scatters():
    # An error of 1e-9 in f, which nothing but the scatter of its values shows.
    rng = np.random.default_rng(2)
    ratios = []
    for _ in range(400):
        found = derivative(lambda h: np.array([np.sin(1 + h) + 1e-9 * rng.standard_normal()]),
                           np.ones(1), scale=1.0)
        assert found.error > 1e-10
        ratios.append(abs(found.value - np.cos(1)) / found.error)
    assert np.mean(np.array(ratios) > SAFETY) < 0.01


def test_outputs_that_stand_still_are_no_better_known_than_they_round():
    found = measure(lambda x: 1 + 1e-14 * np.sin(x), 1.0)
    assert 1e-15 < found.error < 1e-13


def test_a_slope_that_rounding_swallows_is_not_taken_for_zero():
    found = measure(lambda x: (1e12 + 1e3 * np.sin(x)) - 1e12, 1.0)
    assert abs(found.value - 1e3 * np.cos(1)) <= SAFETY * found.error < 10


@pytest.mark.parametrize("x", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("f, slope", [
    (np.sqrt, lambda x: 0.5 / np.sqrt(x)), (np.log, lambda x: 1 / x)])
def test_steps_out_of_the_domain_are_not_used(f, slope, x):
    with np.errstate(all="ignore"):
        found = measure(f, x)
    assert abs(found.value - slope(x)) <= SAFETY * found.error < 1e-6 * slope(x)


def test_outputs_that_overflow_are_not_used():
    found = measure(lambda x: np.exp(1e4 * x) - np.exp(-1e4 * x), 1e-3)
    slope = 1e4 * (np.exp(10) + np.exp(-10))
    assert abs(found.value - slope) <= SAFETY * found.error < 1e-9 * slope
    two = derivative(lambda h: np.exp(np.array([1e4 * h, 1e4 * h + 1])), np.array([1.0, -1.0]), 1.0)
    assert abs(two.value - 1e4 * (1 - np.e)) <= SAFETY * two.error < 1e-6


def test_weights_contract_many_outputs():
    weights = np.array([2.0, -1.0, 0.5])
    found = derivative(lambda h: np.array([np.sin(h), np.exp(h), 7.0]), weights, 1.0)
    assert abs(found.value - (2 - 1)) <= SAFETY * found.error < 1e-11


@pytest.mark.parametrize("f, left, right", [
    (lambda x: np.maximum(x, 0), 0, 1),
    (np.abs, -1, 1),
    (lambda x: np.exp(x) + 1e-4 * np.abs(x), 1 - 1e-4, 1 + 1e-4),
    (lambda x: np.where(x < 0, np.sin(x), 3 * x + x * x), 1, 3),
    (lambda x: np.cos(100 * x) + 0.01 * np.abs(x), -0.01, 0.01),
])
def test_a_kink_has_two_slopes(f, left, right):
    found = measure(f, 0.0)
    assert found.kink
    assert abs(found.left - left) <= SAFETY * found.sides_error < 1e-5
    assert abs(found.right - right) <= SAFETY * found.sides_error


@pytest.mark.parametrize("distance", [1e-2, 1e-3, 1e-4, 1e-6])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_kink_nearby_is_none(distance, side):
    found = measure(lambda x: np.abs(x) + np.sin(x), side * distance)
    assert not found.kink
    assert abs(found.value - (side + np.cos(distance))) <= SAFETY * found.error < 1e-6


def test_a_kink_as_close_as_the_argument_is_rounded_is_one():
    assert measure(lambda x: np.abs(x - 1), 1 + 1e-14).kink


@pytest.mark.parametrize("width", [1e-2, 1e-4, 1e-6])
def test_a_narrow_bend_is_no_kink(width):
    found = measure(lambda x: np.sqrt(x * x + width * width), 0.0)
    assert not found.kink
    assert abs(found.value) <= SAFETY * found.error < 1e-9


@pytest.mark.parametrize("f", [lambda x: np.sqrt(np.abs(x)), np.cbrt, lambda x: np.sign(x) + x])
def test_where_there_is_no_derivative_none_is_claimed(f):
    found = measure(f, 0.0)
    assert found.kink or found.doubt > 1e-4


def steep_and_flat(x, y):
    """The worked case of the module's docstring."""
    return np.sin(1e5 * x) + np.sin(1e-5 * y)


SLOPES = {"x": 1e5 * np.cos(1e5), "y": 1e-5 * np.cos(1e-5)}
THIRD = {"x": 1e15 * np.cos(1e5), "y": 1e-15 * np.cos(1e-5)}
"""|f‴| by each argument at x = y = 1."""
POINTS = {"x": lambda h: steep_and_flat(1 + h, 1), "y": lambda h: steep_and_flat(1, 1 + h)}


def central_difference_error(name, h):
    """The relative error of D(h); for h = 2⁻ᵏ the argument 1 ± h is exact."""
    f = POINTS[name]
    return abs((f(h) - f(-h)) / (2 * h) / SLOPES[name] - 1)


def best_step(name):
    """h = (3 ε |f| / |f‴|)^⅓"""
    return np.cbrt(3 * 2.0 ** -53 * abs(steep_and_flat(1, 1) / THIRD[name]))


def test_no_fixed_step_suffices_for_the_sum_of_a_steep_and_a_flat_term():
    worst = {k: max(central_difference_error(name, 2.0 ** -k) for name in POINTS)
             for k in range(52)}
    best = min(worst, key=worst.get)
    assert 2.0 ** -best == pytest.approx(3e-8, rel=0.1)
    assert worst[best] == pytest.approx(4e-6, rel=0.1)
    assert min(worst.values()) > 1e-7


def test_at_its_own_best_step_each_derivative_is_right():
    assert best_step("x") == pytest.approx(2e-11, rel=0.2)
    assert best_step("y") == pytest.approx(0.2, rel=0.2)
    for name in POINTS:
        assert central_difference_error(name, 2.0 ** np.round(np.log2(best_step(name)))) < 1e-11


def test_the_extrapolation_finds_both():
    for name, slope in SLOPES.items():
        found = derivative(lambda h: np.array([POINTS[name](h)]), np.ones(1), abs(slope),
                           argument_noise=abs(slope))
        assert abs(found.value - slope) <= SAFETY * found.error
        assert abs(found.value / slope - 1) < 1e-9
        assert not found.kink


def test_the_best_step_is_the_best():
    # exp at 1: ε e / h + h² e / 6 is smallest at h = (3 ε)^⅓ = 6.9e-6. Errors averaged over some
    # steps nearby, since rounding may be kind to a single one.
    def error(h):
        near = h * np.linspace(0.9, 1.1, 101)
        return np.mean(np.abs((np.exp(1 + near) - np.exp(1 - near)) / (2 * near) - np.e))
    best = np.cbrt(3 * 2.0 ** -53)
    assert error(best) < error(best / 10) / 3 and error(best) < error(best * 10) / 3
