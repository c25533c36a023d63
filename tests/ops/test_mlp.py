"""The multilayer perceptron."""
import numpy as np
import pytest

from tests.reference import ops as reference
from tests.ops.facts import (ALONG_DIRECTIONS, close, draw, on, on_device, refuses,
                             refuses_two_memories, stays_float32, with_biases)
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import init_mlp, linear_backward, linear_forward, mlp_backward, mlp_forward

SIZES = 3, 5, 4, 2
RATES = 0.2, None, 0.5


def network(sizes=SIZES, prefix="", dtype="float64"):
    """Parameters and three samples."""
    params = with_biases(init_mlp(np.random.default_rng(0), sizes, prefix, dtype))
    return params, *draw((3, sizes[0]), dtype=dtype)


def dropouts(xp, rates=RATES):
    """Masks for three samples of `network`, with their rates."""
    rng = np.random.default_rng(6)
    return [None if rate is None else (*on(xp, rng.random((3, f)) >= rate), rate)
            for f, rate in zip(SIZES, rates)]


@pytest.mark.parametrize("sizes", [(3, 2), SIZES])
def test_equals_the_loops(xp, sizes):
    params, x = network(sizes)
    out, _ = mlp_forward(*on(xp, params, x))
    close(out, [reference.mlp(params, row) for row in x])


def test_gradients_by_name(xp):
    params, x = on(xp, *network())
    report = assert_gradients(lambda params: mlp_forward(params, x), mlp_backward, params,
                              **ALONG_DIRECTIONS)
    assert [row.name for row in report.rows] == list(params)


def test_gradients_of_parameters_and_input(xp):
    def backward(dout, cache):
        return mlp_backward(dout, cache, input_gradient=True)
    report = assert_gradients(mlp_forward, backward, *on(xp, *network()), **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == {*network()[0], "x"}


def test_gradients_entry_by_entry():
    params, x = network()
    assert_gradients(lambda params: mlp_forward(params, x), mlp_backward, params)


@pytest.mark.parametrize("rates", [RATES, (0.3, 0.3, 0.3), (None, 0.4, None), (None, None, None)])
def test_dropout_equals_the_loops(xp, rates):
    params, x = network()
    out, _ = mlp_forward(*on(xp, params, x), dropouts=dropouts(xp, rates))
    for n, row in enumerate(x):
        ours = [pair and (pair[0][n], pair[1]) for pair in dropouts(np, rates)]
        close(out[n], reference.mlp(params, row, dropouts=ours))


@pytest.mark.parametrize("rates", [RATES, (None, 0.5, 0.2)])
def test_gradients_with_dropout(xp, rates):
    def backward(dout, cache):
        return mlp_backward(dout, cache, input_gradient=True)
    params, x = on(xp, *network())
    report = assert_gradients(mlp_forward, backward, params, x, dropouts=dropouts(xp, rates),
                              **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == {*params, "x"}


def test_no_dropout_where_there_is_none(xp):
    params, x = on(xp, *network())
    out, _ = mlp_forward(params, x)
    for nothing in (), [None] * 3, dropouts(xp, (0, None, 0)):
        assert (mlp_forward(params, x, dropouts=nothing)[0] == out).all()


def two_layers(W0):
    """One input, two hidden units, one output."""
    return {"0.W": np.array([W0]), "0.bias": np.array([0.0, 1.0]),
            "1.W": np.array([[2.0], [3.0]]), "1.bias": np.array([4.0])}


def test_dropout_by_hand(xp):
    params, x = on(xp, two_layers([1.0, 2.0]), np.array([[5.0]]))
    first, second = on(xp, np.array([[True]]), np.array([[False, True]]))
    out, cache = mlp_forward(params, x, dropouts=[(first, 0.5), (second, 0.75)])
    close(out, [[256.0]])               # 10 for 5; hidden (10, 21), dropout (0, 84); 3·84 + 4
    grads, dx = mlp_backward(xp.ones((1, 1)), cache, input_gradient=True)
    close(grads["1.W"], [[0.0], [84.0]])
    close(grads["0.bias"], [0.0, 12.0])     # 3, four times as large, through the unit that stays
    close(grads["0.W"], [[0.0, 120.0]])     # times its input, 10
    close(dx, [[48.0]])                     # 2·12, and the input is doubled


@pytest.mark.parametrize("rates", [None, RATES])
def test_the_input_gradient_is_worked_out_only_when_asked_for(xp, rates, monkeypatch):
    asked = []

    def watched(dy, cache, input_gradient):
        asked.append(input_gradient)
        return linear_backward(dy, cache, input_gradient)
    monkeypatch.setattr("tinycaps.ops.mlp.linear_backward", watched)
    out, cache = mlp_forward(*on(xp, *network()), dropouts=dropouts(xp, rates) if rates else ())
    grads = mlp_backward(out, cache)
    assert asked == [True, True, False]
    again, dx = mlp_backward(out, cache, input_gradient=True)
    assert asked[3:] == [True] * 3 and dx.shape == (3, 3)
    assert all((again[key] == grads[key]).all() for key in grads)


def test_prefix_picks_the_layers_of_one_mlp(xp):
    first, x = network((3, 4, 2), "first.")
    second, _ = network((3, 2), "second.")
    params, x = on(xp, first | second, x)
    out, cache = mlp_forward(params, x, "second.")
    close(out, [reference.mlp(second, row, "second.") for row in network()[1]])
    assert mlp_backward(out, cache).keys() == second.keys()
    assert_gradients(lambda params: mlp_forward(params, x, "first."), mlp_backward,
                     on(xp, first)[0], **ALONG_DIRECTIONS)


def test_one_layer_is_the_linear_map(xp):
    params, x = on(xp, *network((3, 2)))
    close(mlp_forward(params, x)[0], linear_forward(x, params["0.W"], params["0.bias"])[0])


def test_mlp_by_hand(xp):
    params, x = on(xp, two_layers([1.0, -1.0]), np.array([[5.0]]))
    out, cache = mlp_forward(params, x)
    close(out, [[14.0]])                    # hidden (5, −4 clipped to 0), 2·5 + 3·0 + 4
    grads, dx = mlp_backward(xp.ones((1, 1)), cache, input_gradient=True)
    close(grads["0.W"], [[10.0, 0.0]])      # 2·5 through the unit that is on
    close(grads["0.bias"], [2.0, 0.0])
    close(grads["1.W"], [[5.0], [0.0]])
    close(grads["1.bias"], [1.0])
    close(dx, [[2.0]])


def test_initial_weights_keep_the_size_of_relu_activities():
    params = init_mlp(np.random.default_rng(0), (300, 200, 10))
    assert {key: array.shape for key, array in params.items()} == {
        "0.W": (300, 200), "0.bias": (200,), "1.W": (200, 10), "1.bias": (10,)}
    assert abs(params["0.W"].var() / (2 / 300) - 1) < 0.03 and abs(params["0.W"].mean()) < 0.002
    assert not params["0.bias"].any() and not params["1.bias"].any()
    again = init_mlp(np.random.default_rng(0), (300, 200, 10))
    assert all(np.array_equal(array, params[key]) for key, array in again.items())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_have_the_dtype_asked_for(dtype):
    params = init_mlp(np.random.default_rng(0), SIZES, dtype=dtype)
    assert {array.dtype for array in params.values()} == {np.dtype(dtype)}


def test_float32_stays_float32(xp):
    out, cache = mlp_forward(*on(xp, *network(dtype="float32")))
    stays_float32(xp, out, mlp_backward(out, cache, input_gradient=True))
    out, cache = mlp_forward(*on(xp, *network(dtype="float32")), dropouts=dropouts(xp))
    stays_float32(xp, out, mlp_backward(out, cache, input_gradient=True))


def test_bad_input(xp):
    params, x = on(xp, *network())
    rng = np.random.default_rng(0)
    refuses(ValueError, "sizes", "at least an input and an output", init_mlp, rng, (3,))
    refuses(ValueError, "sizes[1]", "an integer of at least 1", init_mlp, rng, (3, 0, 2))
    with pytest.raises(ValueError, match="^params: got no arrays, wanted 0.W, 0.bias$"):
        mlp_forward({}, x)
    without = {key: p for key, p in params.items() if key != "1.bias"}
    refuses(ValueError, "params", "0.W, 0.bias, 1.W, 1.bias, 2.W, 2.bias", mlp_forward, without, x)
    refuses(ValueError, "params", "decoder.0.W, decoder.0.bias",
            mlp_forward, params, x, "decoder.")
    refuses(ValueError, "x", "at least one along every axis", mlp_forward, params, x[:0])
    refuses(ValueError, "0.W", "m0 = 2 as in x", mlp_forward, params, x[:, :2])
    refuses(TypeError, "x", "the precision of 0.W, float64",
            mlp_forward, params, x.astype("float32"))
    out, cache = mlp_forward(params, x)
    refuses(ValueError, "dout", "with k = 2", mlp_backward, out[:, :1], cache)
    refuses(ValueError, "dout", "with n = 3", mlp_backward, out[:1], cache)
    refuses(TypeError, "dout", "a NumPy or CuPy array", mlp_backward, [[1.0, 2.0]] * 3, cache)


@pytest.mark.parametrize("key, wrong, wanted", [
    ("0.bias", lambda p: p[:4], "m1 = 5 as in 0.W"),
    ("1.W", lambda p: p[:4], "m1 = 5 as in 0.W"),
    ("1.W", lambda p: p[..., None], "(m1, m2)"),
    ("2.bias", lambda p: p[:1], "m3 = 2 as in 2.W"),
])
def test_parameters_that_do_not_fit_each_other(xp, key, wrong, wanted):
    params, x = on(xp, *network())
    params[key] = wrong(params[key])
    refuses(ValueError, key, wanted, mlp_forward, params, x)


def test_bad_dropouts(xp):
    params, x = on(xp, *network())
    pairs = dropouts(xp, (0.2, 0.2, 0.2))
    for wrong in pairs[:2], [*pairs, None], [None]:
        refuses(ValueError, "dropouts", "one for each of the 3 layers, or none",
                mlp_forward, params, x, dropouts=wrong)
    refuses(ValueError, "dropouts[1]", "with m1 = 5",
            mlp_forward, params, x, dropouts=[None, pairs[0], None])
    refuses(TypeError, "dropouts[0]", "bool",
            mlp_forward, params, x, dropouts=[(x, 0.2), None, None])
    refuses(ValueError, "rate", "a number in [0, 1)",
            mlp_forward, params, x, dropouts=[(pairs[0][0], 1), None, None])


@on_device
def test_host_and_device_do_not_mix(xp):
    params, x = on(xp, *network())
    hosts, host = network()
    refuses_two_memories("x, 0.W, .*, 2.bias", mlp_forward, params, host)
    refuses_two_memories("x, 0.W, .*, 2.bias", mlp_forward, params | {"2.bias": hosts["2.bias"]}, x)
    refuses_two_memories(r".*, dropouts\[0\], dropouts\[2\]",
                         mlp_forward, params, x, dropouts=dropouts(np))
