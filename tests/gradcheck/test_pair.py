"""A pair and its arrays: their names, and the form in which the gradients must come back."""
from typing import NamedTuple

import numpy as np
import pytest

from tests import stand_in
from tests.gradcheck.pairs import arrays, backward, forward, problems
from tinycaps.gradcheck import assert_gradients, check_gradients


class Ends(NamedTuple):
    first: object
    second: object


def names(report):
    return [row.name for row in report.rows]


def test_arrays_are_called_as_forward_calls_them(xp):
    assert names(assert_gradients(forward, backward, *arrays(xp))) == ["x", "W"]


def test_arrays_of_a_dict_are_called_by_their_key(xp):
    def net(params, x):
        return x @ params["W"] + params["bias"], (x, params)

    def net_backward(dy, cache):
        x, params = cache
        return {"W": x.T @ dy, "bias": dy.sum(axis=0)}, dy @ params["W"].T

    x, W, bias = arrays(xp, (2, 3), (3, 4), (4,))
    report = assert_gradients(net, net_backward, {"W": W, "bias": bias}, x)
    assert names(report) == ["W", "bias", "x"]


def test_of_two_dicts_the_names_say_whose_key_it_is(xp):
    def both(teacher, student):
        return teacher["W"] * student["W"], (teacher, student)

    def both_backward(dy, cache):
        teacher, student = cache
        return {"W": dy * student["W"]}, {"W": dy * teacher["W"]}

    W, V = arrays(xp, (3,), (3,))
    report = assert_gradients(both, both_backward, {"W": W}, {"W": V})
    assert names(report) == ["teacher[W]", "student[W]"]


def test_a_key_that_is_also_an_argument_hides_nothing():
    def net(params, x):
        return x * params["x"], (params["x"], x)

    def net_backward(dy, cache):
        scale, x = cache
        return {"x": dy * x}, dy * scale

    x, scale = arrays(np, (3,), (3,))
    assert names(assert_gradients(net, net_backward, {"x": scale}, x)) == ["params[x]", "x"]


def test_what_is_not_floating_point_is_passed_on(xp):
    seen = []

    def picked(x, labels, mask, config, scale=1.0):
        seen.append((labels, mask, config))
        return scale * x * mask * (labels[:, None] == xp.arange(3)), (labels, mask, scale)

    def picked_backward(dy, cache):
        labels, mask, scale = cache
        return scale * dy * mask * (labels[:, None] == xp.arange(3))

    x, = arrays(xp, (2, 3))
    labels, config = xp.asarray(np.array([0, 2])), {"rounds": 3}
    mask = xp.asarray(np.array([[True, False, True]] * 2))
    report = assert_gradients(picked, picked_backward, x, labels, mask, config, scale=2.0)
    assert names(report) == ["x"]
    assert all(got[0] is labels and got[1] is mask and got[2] == config for got in seen)


def test_single_precision_is_checked_in_double():
    x, W = (array.astype(np.float32) for array in arrays())
    assert max(row.error for row in assert_gradients(forward, backward, x, W).rows) < 1e-10


def test_several_outputs_take_several_cotangents(xp):
    def ends(x):
        return Ends(x * x, x.sum(axis=0)), x

    def ends_backward(dfirst, dsecond, cache):
        return 2 * dfirst * cache + dsecond

    def forgets_one(dfirst, dsecond, cache):
        return 2 * dfirst * cache

    x, = arrays(xp, (2, 3))
    assert_gradients(ends, ends_backward, x)
    assert not check_gradients(ends, forgets_one, x).ok


def test_the_output_may_be_a_number(xp):
    assert_gradients(lambda x: ((x * x).sum(), x), lambda dloss, x: 2 * dloss * x,
                     *arrays(xp, (2, 3)))


def test_arguments_without_a_name_are_numbered():
    def product(*factors):
        return factors[0] * factors[1], factors

    def product_backward(dy, factors):
        return dy * factors[1], dy * factors[0]

    report = assert_gradients(product, product_backward, *arrays(np, (3,), (3,)))
    assert names(report) == ["input 0", "input 1"]


def test_nothing_to_differentiate_by_is_an_error():
    with pytest.raises(ValueError) as error:
        check_gradients(forward, backward, np.arange(3), "relu")
    assert str(error.value) == (
        "inputs: got x (int64, not floating-point), W (str, not an array), wanted at least one "
        "floating-point array to differentiate by")
    with pytest.raises(ValueError, match="^inputs: got nothing, wanted at least one"):
        check_gradients(forward, backward)


@pytest.mark.parametrize("weight, why", [
    (2.0, "weight (float, not an array)"),
    ([np.ones(3), np.ones(3)], "weight (list, not a dict of arrays)"),
    ((np.ones(3),), "weight (tuple, not a dict of arrays)"),
    (np.arange(3), "weight (int64, not floating-point)"),
    (np.ones(0), "weight (empty)"),
    ({"a": 2.0}, "a (float, not an array)"),
])
def test_a_gradient_too_many_says_what_is_not_differentiated_by_and_why(weight, why):
    def both(x, weight):
        return 2 * x, None

    def both_backward(dy, cache):
        return 2 * dy, weight

    found = problems(both, both_backward, np.ones(3), weight)
    assert found == [f"gradient of x: got tuple, wanted an array (3,), and none for {why}"]
    by_name = check_gradients(both, lambda dy, cache: 2 * dy, np.ones(3), weight)
    assert by_name.ok and f"taken as constant: {why}" in str(by_name).splitlines()


def test_floating_point_keywords_are_named_as_constant():
    def scaled(x, bias, rate, labels, scale=1.0):
        return x * rate + bias, rate

    found = problems(scaled, lambda dy, rate: (dy * rate, dy, dy), *arrays(np, (3,), (3,)),
                     rate=np.ones(3), labels=np.arange(3), scale=2.0)
    assert found == ["backward: got 3 gradients, wanted a tuple: one gradient for each of x, bias, "
                     "in this order, and none for rate (keyword, not positional)"]


def test_host_and_device_must_not_be_mixed(monkeypatch):
    device = stand_in.activate(monkeypatch)
    x, W = arrays()
    with pytest.raises(TypeError, match="different memories"):
        check_gradients(forward, backward, x, device.asarray(W))


@pytest.mark.parametrize("gradients, complaint", [
    (lambda dx, dW: dx, "got one ndarray, wanted a tuple: one gradient for each of x, W"),
    (lambda dx, dW: [dx, dW], "got one list, wanted"),
    (lambda dx, dW: (dx, dW, dx), "got 3 gradients, wanted a tuple: one gradient for each of x, W"),
    (lambda dx, dW: (dW, dx), "gradient of x: got float64 (3, 4), wanted float64 (2, 3)"),
    (lambda dx, dW: (dx, dW.sum(axis=0)), "gradient of W: got float64 (4,), wanted float64 (3, 4)"),
    (lambda dx, dW: (dx.astype("float32"), dW),
     "gradient of x: got float32 (2, 3), wanted float64 (2, 3)"),
    (lambda dx, dW: (dx, None), "gradient of W: got NoneType, wanted an array (3, 4)"),
    (lambda dx, dW: (dx, dW / 0 * 0), "gradient of W: got NaN or infinity"),
])
def test_gradients_in_a_wrong_form(gradients, complaint):
    with np.errstate(all="ignore"):
        found = problems(forward, lambda dy, cache: gradients(*backward(dy, cache)), *arrays())
    assert any(complaint in problem for problem in found)


def test_a_missing_key():
    def net(params, x):
        return x @ params["W"] + params["bias"], x

    x, W, bias = arrays(np, (2, 3), (3, 4), (4,))
    found = problems(net, lambda dy, x: {"W": x.T @ dy}, {"W": W, "bias": bias}, x.astype(int))
    assert found == ["gradient of bias: got NoneType, wanted an array (4,), and none for x (int64, "
                     "not floating-point)"]
