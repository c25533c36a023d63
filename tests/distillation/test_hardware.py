"""An mlp on hardware with gains, offsets and noise of its own."""
from functools import partial

import numpy as np
import pytest

from tests.gradcheck.pairs import verdict
from tests.ops.facts import (ALONG_DIRECTIONS, close, defaults, draw, on, on_device, refuses,
                             refuses_two_memories, stays_float32, with_biases)
from tests.reference import distillation as reference
from tinycaps.backend import to_numpy
from tinycaps.distillation import draw_hardware, hardware_mlp_backward, hardware_mlp_forward
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import init_mlp, mlp_backward, mlp_forward

SIZES = 3, 5, 4, 2
IDEAL = dict(gain_spread=0, offset_spread=0)
unaware = partial(hardware_mlp_backward, known=False)


def network(dtype="float64", sizes=SIZES, **spreads):
    """Parameters, four samples, hardware, noise."""
    params = with_biases(init_mlp(np.random.default_rng(0), sizes, dtype=dtype))
    x, = draw((4, sizes[0]), dtype=dtype)
    hardware = draw_hardware(np.random.default_rng(2), sizes, dtype=dtype, **spreads)
    return params, x, hardware, draw(*((4, m) for m in sizes[1:]), seed=3, dtype=dtype)


def forward_of(x, hardware, noise=()):
    return lambda params: hardware_mlp_forward(params, x, hardware, noise)


def on_both(xp, params, x, hardware, noise):
    return *on(xp, params, x, hardware), on(xp, *noise)


@pytest.mark.parametrize("sizes", [(3, 2), SIZES])
def test_equals_the_loops(xp, sizes):
    params, x, hardware, noise = network(sizes=sizes)
    out, _ = hardware_mlp_forward(*on(xp, params, x, hardware))
    close(out, [reference.hardware_mlp(params, row, hardware) for row in x])
    out, _ = hardware_mlp_forward(*on_both(xp, params, x, hardware, noise))
    close(out, [reference.hardware_mlp(params, row, hardware, [each[n] for each in noise])
                for n, row in enumerate(x)])


def test_gradients_by_name(xp):
    params, x, hardware, noise = on_both(xp, *network())
    report = assert_gradients(forward_of(x, hardware, noise), hardware_mlp_backward, params,
                              **ALONG_DIRECTIONS)
    assert [row.name for row in report.rows] == list(params)


@pytest.mark.parametrize("noisy", [False, True])
def test_gradients_entry_by_entry(noisy):
    params, x, hardware, noise = network(sizes=(3, 4, 2))
    forward = forward_of(x, hardware, noise if noisy else ())
    assert_gradients(forward, hardware_mlp_backward, params)


def test_ideal_hardware_is_an_mlp(xp):
    params, x, hardware, _ = on_both(xp, *network(**IDEAL))
    out, cache = hardware_mlp_forward(params, x, hardware)
    wanted, wanted_cache = mlp_forward(params, x)
    assert (out == wanted).all()
    want = mlp_backward(out, wanted_cache)
    for backward in hardware_mlp_backward, unaware:
        grads = backward(out, cache)
        assert grads.keys() == want.keys()
        assert all((grads[key] == want[key]).all() for key in want)


def test_hardware_mlp_by_hand(xp):
    params = {"0.W": np.array([[1.0, -1.0]]), "0.bias": np.array([0.0, 1.0]),
              "1.W": np.array([[2.0], [3.0]]), "1.bias": np.array([4.0])}
    hardware = {"0.gain": np.array([0.5, 2.0]), "0.offset": np.array([1.0, 7.0]),
                "1.gain": np.array([10.0]), "1.offset": np.array([-1.0])}
    params, hardware, x, *noise = on(xp, params, hardware, np.array([[5.0]]),
                                     np.array([[0.5, 0.0]]), np.array([[0.25]]))
    # Totals 5 and −4; z = ½·5 + 1 + ½ = 4 and 2·(−4) + 7 = −1, clipped to 0.
    # Then total 2·4 + 4 = 12 and z = 10·12 − 1 + ¼.
    out, cache = hardware_mlp_forward(params, x, hardware, noise)
    close(out, [[119.25]])
    grads = hardware_mlp_backward(xp.ones((1, 1)), cache)
    close(grads["1.W"], [[40.0], [0.0]])                # gain 10 times the activities 4 and 0
    close(grads["1.bias"], [10.0])
    close(grads["0.bias"], [10.0, 0.0])                 # 10 · 2 · ½ through the unit that is on
    close(grads["0.W"], [[50.0, 0.0]])
    # With the gains taken for 1: the same activities, but 1 and 2 in place of 10 and 10.
    grads = unaware(xp.ones((1, 1)), cache)
    close(grads["1.W"], [[4.0], [0.0]])
    close(grads["1.bias"], [1.0])
    close(grads["0.bias"], [2.0, 0.0])
    close(grads["0.W"], [[10.0, 0.0]])


def test_offsets_and_noise_are_added_after_the_gain(xp):
    params, x, hardware, noise = on_both(xp, *network(sizes=(3, 2)))
    out, _ = hardware_mlp_forward(params, x, hardware, noise)
    scaled = mlp_forward(params, x)[0] * hardware["0.gain"]
    close(out - scaled, to_numpy(hardware["0.offset"]) + to_numpy(noise[0]))


def test_with_unknown_gains_the_gradient_is_that_of_unit_gains_at_the_same_activities(xp):
    params, x, hardware, noise = network()
    # Hardware without gains, whose noise makes up for them: every unit ends where it was.
    plain = draw_hardware(np.random.default_rng(0), SIZES, dtype="float64", **IDEAL)
    instead, h = [], x
    for k, shake in enumerate(noise):
        total = h @ params[f"{k}.W"] + params[f"{k}.bias"]
        z = hardware[f"{k}.gain"] * total + hardware[f"{k}.offset"] + shake
        instead.append(z - total)
        h = np.maximum(z, 0)
    out, cache = hardware_mlp_forward(*on_both(xp, params, x, hardware, noise))
    same, plain_cache = hardware_mlp_forward(*on_both(xp, params, x, plain, instead))
    close(same, out)
    dout, = on(xp, *draw((4, 2), seed=5))
    wanted, got = hardware_mlp_backward(dout, plain_cache), unaware(dout, cache)
    assert got.keys() == wanted.keys() == params.keys()
    for key, grad in got.items():
        close(grad, wanted[key])


def test_gains_other_than_one_must_be_known_for_the_gradient_to_be_right():
    params, x, hardware, noise = network(sizes=(3, 4, 2))
    assert verdict(forward_of(x, hardware, noise), unaware, params) == "WRONG"
    even = network(sizes=(3, 4, 2), gain_spread=0)[2]
    assert verdict(forward_of(x, even, noise), unaware, params) == "ok"


def test_unknown_gains_scale_each_unit_of_the_last_layer_by_a_positive_number(xp):
    params, x, hardware, noise = on_both(xp, *network())
    out, cache = hardware_mlp_forward(params, x, hardware, noise)
    right, wrong = hardware_mlp_backward(out, cache), unaware(out, cache)
    assert (hardware["2.gain"] > 0).all()
    close(right["2.W"], wrong["2.W"] * hardware["2.gain"])
    close(right["2.bias"], wrong["2.bias"] * hardware["2.gain"])


def test_unknown_gains_can_turn_the_sign_in_a_layer_below(xp):
    # One unit that two outputs read, with gains 4 and 1: dh = 4·1·1 + 1·2·(−1) = 2, with the gains
    # taken for 1 it is 1·1 + 2·(−1) = −1.
    params = {"0.W": np.ones((1, 1)), "0.bias": np.zeros(1), "1.W": np.array([[1.0, 2.0]]),
              "1.bias": np.zeros(2)}
    hardware = {"0.gain": np.ones(1), "0.offset": np.zeros(1), "1.gain": np.array([4.0, 1.0]),
                "1.offset": np.zeros(2)}
    params, hardware, x, dout = on(xp, params, hardware, np.ones((1, 1)), np.array([[1.0, -1.0]]))
    _, cache = hardware_mlp_forward(params, x, hardware)
    close(hardware_mlp_backward(dout, cache)["0.W"], [[2.0]])
    close(unaware(dout, cache)["0.W"], [[-1.0]])


def test_in_wide_networks_the_gradient_with_unknown_gains_lies_near_the_right_one():
    for seed in range(20):
        sizes, rng = (20, 30, 30, 10), np.random.default_rng(seed)
        params, x = init_mlp(rng, sizes, dtype="float64"), rng.standard_normal((50, 20))
        out, cache = hardware_mlp_forward(params, x, draw_hardware(rng, sizes, dtype="float64"))
        dout = rng.standard_normal(out.shape)
        right, wrong = hardware_mlp_backward(dout, cache), unaware(dout, cache)
        for key, grad in right.items():
            lengths = np.linalg.norm(grad) * np.linalg.norm(wrong[key])
            assert (grad * wrong[key]).sum() > 0.6 * lengths


def test_other_hardware_answers_otherwise(xp):
    params, x, hardware, _ = on_both(xp, *network())
    other, = on(xp, draw_hardware(np.random.default_rng(9), SIZES, dtype="float64"))
    outs = [hardware_mlp_forward(params, x, each)[0] for each in (hardware, other)]
    assert abs(outs[0] - outs[1]).max() > 1


def test_drawn_hardware_has_the_spread_asked_for():
    def drawn():
        return draw_hardware(np.random.default_rng(0), (3, 5000, 4000), gain_spread=0.3,
                             offset_spread=0.7)
    hardware = drawn()
    assert {key: array.shape for key, array in hardware.items()} == {
        "0.gain": (5000,), "0.offset": (5000,), "1.gain": (4000,), "1.offset": (4000,)}
    for k in 0, 1:
        log, offset = np.log(hardware[f"{k}.gain"]), hardware[f"{k}.offset"]
        assert abs(log.std() - 0.3) < 0.01 and abs(log.mean()) < 0.02
        assert abs(offset.std() - 0.7) < 0.03 and abs(offset.mean()) < 0.04
        assert (hardware[f"{k}.gain"] > 0).all()
    again = drawn()
    assert all(np.array_equal(array, again[key]) for key, array in hardware.items())
    ideal = draw_hardware(np.random.default_rng(0), SIZES, **IDEAL)
    assert set(np.concatenate(list(ideal.values()))) == {0.0, 1.0}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hardware_has_the_dtype_asked_for(dtype):
    hardware = draw_hardware(np.random.default_rng(0), SIZES, dtype=dtype)
    assert {array.dtype for array in hardware.values()} == {np.dtype(dtype)}


def test_float32_stays_float32(xp):
    params, x, hardware, noise = on_both(xp, *network("float32"))
    for given in (), noise:
        out, cache = hardware_mlp_forward(params, x, hardware, given)
        stays_float32(xp, out, hardware_mlp_backward(out, cache), unaware(out, cache))


def test_bad_hardware_to_draw():
    rng = np.random.default_rng(0)
    refuses(ValueError, "sizes", "at least an input and an output", draw_hardware, rng, (3,))
    refuses(ValueError, "sizes[1]", "an integer of at least 1", draw_hardware, rng, (3, 0, 2))
    for spread in -0.1, float("nan"), float("inf"):
        for name in "gain_spread", "offset_spread":
            refuses(ValueError, name, "at least 0", draw_hardware, rng, SIZES, **{name: spread})


def test_hardware_of_other_sizes(xp):
    params, x, hardware, _ = on_both(xp, *network())

    def refuses_hardware(error, name, wanted, hardware):
        refuses(error, name, wanted, hardware_mlp_forward, params, x, hardware)
    for key in "0.gain", "0.offset":
        for size in 4, 1:
            short = hardware | {key: hardware[key][:size]}
            refuses_hardware(ValueError, key, "5 as in 0.bias", short)
    narrow = hardware | {"1.gain": hardware["1.gain"].astype("float32")}
    refuses_hardware(TypeError, "1.gain", "float64", narrow)
    wanted = "0.gain, 0.offset, 1.gain, 1.offset, 2.gain, 2.offset"
    for sizes in (3, 5), (3, 5, 4, 2, 2):
        other = draw_hardware(np.random.default_rng(0), sizes, dtype="float64")
        refuses_hardware(ValueError, "hardware", wanted, *on(xp, other))
    refuses_hardware(ValueError, "hardware", wanted, {})


def test_missing_keys(xp):
    params, x, hardware, _ = on_both(xp, *network(sizes=(3, 2)))
    for left in "0.gain", "0.offset":
        refuses(ValueError, "hardware", "0.gain, 0.offset",
                hardware_mlp_forward, params, x, {left: hardware[left]})
    refuses(ValueError, "params", "0.W, 0.bias", hardware_mlp_forward, {}, x, hardware)


def test_bad_noise(xp):
    params, x, hardware, noise = on_both(xp, *network())

    def refuses_noise(error, name, wanted, *noise):
        refuses(error, name, wanted, hardware_mlp_forward, params, x, hardware, noise)
    first, second, third = noise
    refuses_noise(ValueError, "noise[1]", "4 as in 1.bias", first, first, third)
    refuses_noise(ValueError, "noise[0]", "n = 4 as in x", first[:1], second, third)
    refuses_noise(TypeError, "noise[2]", "float64", first, second, third.astype("float32"))
    refuses_noise(TypeError, "noise[2]", "NumPy or CuPy array", first, second, None)
    for wrong in noise[:2], [*noise, third]:
        refuses_noise(ValueError, "noise", "one for each of the 3 layers, or none", *wrong)


def test_bad_input(xp):
    params, x, hardware, _ = on_both(xp, *network())
    refuses(ValueError, "0.W", "2 as in x", hardware_mlp_forward, params, x[:, :2], hardware)
    refuses(ValueError, "x", "at least one", hardware_mlp_forward, params, x[:0], hardware)
    out, cache = hardware_mlp_forward(params, x, hardware)
    for backward in hardware_mlp_backward, unaware:
        refuses(ValueError, "dout", "k = 2", backward, out[:, :1], cache)
        refuses(TypeError, "dout", "NumPy or CuPy array", backward, [[1.0, 2.0]] * 4, cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    hosts = network()
    params, x, hardware, noise = on_both(xp, *hosts)
    refuses_two_memories("x, 0.W, .*", hardware_mlp_forward, params, hosts[1], hardware)
    refuses_two_memories("x, 0.bias, 0.gain, .*", hardware_mlp_forward, params, x, hosts[2])
    refuses_two_memories(r"x, .*noise\[2\]", hardware_mlp_forward, params, x, hardware, hosts[3])
    _, cache = hardware_mlp_forward(params, x, hardware)
    refuses_two_memories(r"cache\[0\], dout", unaware, np.zeros((4, 2)), cache)


def test_default_spreads():
    # Ours, the talk gives none: wide enough that a copied network is worth little.
    assert defaults(draw_hardware) == dict(gain_spread=0.5, offset_spread=0.5, dtype="float32")
