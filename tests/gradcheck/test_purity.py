"""A pair is a function of its inputs: it writes into nothing, and returns the same again."""
import numpy as np
import pytest

from tests.gradcheck.pairs import arrays, backward, forward, problems
from tinycaps.gradcheck import check_gradients


def writes_input(x, W):
    x += 1
    return forward(x, W)


def writes_input_backward(dy, cache):
    gradients = backward(dy, cache)
    cache[1][:] = 0
    return gradients


def writes_cache_backward(dy, cache):
    x, W, square = cache
    square *= 0
    return backward(dy, (x, W))


def writes_upstream_backward(dy, cache):
    dy *= 1.0000001
    return backward(dy, cache)


def spoils_its_own_cache():
    calls = []

    def counted_backward(dy, cache):
        calls.append(1)
        dx, dW = backward(dy, cache)
        return dx * len(calls), dW

    return counted_backward


def restless():
    rng = np.random.default_rng(0)
    return lambda x, W: (x @ W + 1e-12 * rng.standard_normal(), (x, W))


@pytest.mark.parametrize("forward, backward, complaint", [
    (writes_input, backward, "forward: wrote into its input x, wanted it untouched"),
    (forward, writes_input_backward, "backward: wrote into the input W, wanted it untouched"),
    (lambda x, W: (x @ W, (x, W, x * x)), writes_cache_backward,
     "backward: wrote into the cache, wanted it untouched"),
    (forward, writes_upstream_backward,
     "backward: wrote into the upstream gradient, wanted it untouched"),
    (forward, spoils_its_own_cache(),
     "backward: got another gradient of x from the same cache, wanted the same"),
    (restless(), backward,
     "forward: got different outputs from two equal calls, wanted a function of its inputs alone"),
    (lambda x, W: (np.log(x @ W), (x, W)), backward,
     "forward: got NaN or infinity, wanted finite outputs"),
    (lambda x, W: ((x @ W).astype("float32"), (x, W)), backward,
     "forward: got an output of float32, wanted the inputs' float64"),
])
def test_faults_other_than_in_the_numbers(forward, backward, complaint):
    with np.errstate(all="ignore"):
        assert complaint in problems(forward, backward, *arrays())


def test_the_callers_arrays_are_never_touched():
    x, W = arrays()
    kept = x.copy(), W.copy()
    check_gradients(writes_input, writes_input_backward, x, W)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(W, kept[1])


def test_what_is_nan_before_and_after_was_not_written():
    def known_only(x):
        return np.where(np.isnan(x), 0, x) ** 2, [x]

    def known_only_backward(dy, cache):
        return 2 * dy * np.where(np.isnan(cache[0]), 0, cache[0])

    x = np.array([0.5, np.nan, -1.0])
    assert check_gradients(known_only, known_only_backward, x).problems == []
    nan = np.full(3, np.nan)
    assert problems(lambda x: (nan, x), lambda dy, x: dy, x) == [
        "forward: got NaN or infinity, wanted finite outputs"]
    assert problems(lambda x: (np.ones(3), x), lambda dy, x: nan, x) == [
        "gradient of x: got NaN or infinity, wanted finite numbers"]


def test_another_gradient_in_the_same_buffer_is_another_gradient():
    buffer, calls = np.zeros(3), []

    def reuses_a_buffer(dy, x):
        calls.append(1)
        buffer[:] = 2 * dy * x * len(calls)
        return buffer

    assert problems(lambda x: (x * x, x), reuses_a_buffer, np.ones(3)) == [
        "backward: got another gradient of x from the same cache, wanted the same"]


@pytest.mark.parametrize("wrap", [lambda square: [square], lambda square: (square,),
                                  lambda square: {"square": square},
                                  lambda square: [{"deep": (1, [square])}]])
def test_arrays_are_found_in_any_tree(wrap):
    squares = []

    def keeps_its_square(x):
        squares.append(x * x)
        return x * x, (x, wrap(squares[-1]))

    def writes_it(dy, cache):
        for square in squares:
            square *= 0
        return 2 * dy * cache[0]

    assert problems(keeps_its_square, writes_it, np.ones(3)) == [
        "backward: wrote into the cache, wanted it untouched"]


def test_a_fault_is_said_once():
    def writes_all(dy, cache):
        for array in cache:
            array += 1
        return dy

    assert problems(lambda x: (x + 1, (x, x * x, x * x)), writes_all, np.ones(3)) == [
        "backward: wrote into the input x, wanted it untouched",
        "backward: wrote into the cache, wanted it untouched"]
    assert problems(writes_input, writes_input_backward, *arrays()) == [
        "forward: wrote into its input x, wanted it untouched",
        "forward: got different outputs from two equal calls, wanted a function of its inputs "
        "alone", "backward: wrote into the input W, wanted it untouched",
        "backward: wrote into the cache, wanted it untouched"]
