"""An mlp on hardware with gains, offsets and noise of its own."""
from functools import partial

import numpy as np
import pytest

from tests.reference import distillation as reference
from tests.gradcheck.pairs import verdict
from tests.ops.facts import ALONG_DIRECTIONS, close, draw, on, on_device, refuses, refuses_two_memories, stays_float32, with_biases
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
    noise = draw(*((4, m) for m in sizes[1:]), seed=3, dtype=dtype)
    return params, *draw((4, sizes[0]), dtype=dtype), draw_hardware(np.random.default_rng(2), sizes, dtype=dtype, **spreads), noise


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
    close(out, [reference.hardware_mlp(params, row, hardware, [each[n] for each in noise]) for n, row in enumerate(x)])


def test_gradients_by_name(xp):
    params, x, hardware, noise = on_both(xp, *network())
    report = assert_gradients(forward_of(x, hardware, noise), hardware_mlp_backward, params, **ALONG_DIRECTIONS)
    assert [row.name for row in report.rows] == list(params)


@pytest.mark.parametrize("noisy", [False, True])
def test_gradients_entry_by_entry(noisy):
    params, x, hardware, noise = network(sizes=(3, 4, 2))
    assert_gradients(forward_of(x, hardware, noise if noisy else ()), hardware_mlp_backward, params)


def test_ideal_hardware_is_an_mlp(xp):
    params, x, hardware, _ = on_both(xp, *network(**IDEAL))
    out, cache = hardware_mlp_forward(params, x, hardware)
    wanted, wanted_cache = mlp_forward(params, x)
    assert (out == wanted).all()
    want = mlp_backward(out, wanted_cache)
    for backward in hardware_mlp_backward, unaware:
        grads = backward(out, cache)
        assert grads.keys() == want.keys() and all((grads[key] == want[key]).all() for key in want)


def test_example_by_hand(xp):
    params = {"0.W": np.array([[1.0, -1.0]]), "0.bias": np.array([0.0, 1.0]), "1.W": np.array([[2.0], [3.0]]), "1.bias": np.array([4.0])}
    hardware = {"0.gain": np.array([0.5, 2.0]), "0.offset": np.array([1.0, 7.0]), "1.gain": np.array([10.0]), "1.offset": np.array([-1.0])}
    params, hardware, x, *noise = on(xp, params, hardware, np.array([[5.0]]), np.array([[0.5, 0.0]]), np.array([[0.25]]))
    # Totals 5 and −4; ½·5 + 1 + ½ = 4 and 2·(−4) + 7 = −1, clipped; 10 (2·4 + 4) − 1 + ¼.
    out, cache = hardware_mlp_forward(params, x, hardware, noise)
    close(out, [[119.25]])
    grads = hardware_mlp_backward(xp.ones((1, 1)), cache)
    close(grads["1.W"], [[40.0], [0.0]])                                # gain 10 times the activities 4 and 0
    close(grads["1.bias"], [10.0])
    close(grads["0.bias"], [10.0, 0.0])                                 # 10 · 2 · ½ through the unit that is on
    close(grads["0.W"], [[50.0, 0.0]])
    # Who knows no gain: the same activities, but 1 and 2 for what reaches them.
    grads = unaware(xp.ones((1, 1)), cache)
    close(grads["1.W"], [[4.0], [0.0]])
    close(grads["0.bias"], [2.0, 0.0])
    close(grads["0.W"], [[10.0, 0.0]])


def test_offsets_and_noise_are_added_after_the_gain(xp):
    params, x, hardware, noise = on_both(xp, *network(sizes=(3, 2)))
    out, _ = hardware_mlp_forward(params, x, hardware, noise)
    close(out - mlp_forward(params, x)[0] * hardware["0.gain"], to_numpy(hardware["0.offset"]) + to_numpy(noise[0]))


def test_without_the_gains_the_gradient_is_that_of_unit_gains_at_the_same_activities(xp):
    params, x, hardware, noise = network()
    # Hardware without gains, whose noise makes up for them: every unit ends where it was.
    plain, instead, h = draw_hardware(np.random.default_rng(0), SIZES, dtype="float64", **IDEAL), [], x
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


def test_where_gains_differ_from_one_not_to_know_them_is_wrong():
    params, x, hardware, noise = network(sizes=(3, 4, 2))
    assert verdict(forward_of(x, hardware, noise), unaware, params) == "WRONG"
    assert verdict(forward_of(x, network(sizes=(3, 4, 2), gain_spread=0)[2], noise), unaware, params) == "ok"


def test_not_to_know_the_gain_scales_each_unit_of_the_last_layer_by_a_positive_number(xp):
    params, x, hardware, noise = on_both(xp, *network())
    out, cache = hardware_mlp_forward(params, x, hardware, noise)
    right, wrong = hardware_mlp_backward(out, cache), unaware(out, cache)
    close(right["2.W"], wrong["2.W"] * hardware["2.gain"])
    close(right["2.bias"], wrong["2.bias"] * hardware["2.gain"])


def test_in_a_wide_network_not_to_know_the_gains_leans_the_right_way():
    for seed in range(20):
        sizes, rng = (20, 30, 30, 10), np.random.default_rng(seed)
        params, x = init_mlp(rng, sizes, dtype="float64"), rng.standard_normal((50, 20))
        out, cache = hardware_mlp_forward(params, x, draw_hardware(rng, sizes, dtype="float64"))
        dout = rng.standard_normal(out.shape)
        right, blind = hardware_mlp_backward(dout, cache), unaware(dout, cache)
        for key, grad in right.items():
            assert (grad * blind[key]).sum() > 0.3 * np.linalg.norm(grad) * np.linalg.norm(blind[key])


def test_other_hardware_answers_otherwise(xp):
    params, x, hardware, _ = on_both(xp, *network())
    other, = on(xp, draw_hardware(np.random.default_rng(9), SIZES, dtype="float64"))
    assert abs(hardware_mlp_forward(params, x, hardware)[0] - hardware_mlp_forward(params, x, other)[0]).max() > 1


def test_drawn_hardware_has_the_spread_asked_for():
    hardware = draw_hardware(np.random.default_rng(0), (3, 5000, 4000), gain_spread=0.3, offset_spread=0.7)
    assert {key: array.shape for key, array in hardware.items()} == {
        "0.gain": (5000,), "0.offset": (5000,), "1.gain": (4000,), "1.offset": (4000,)}
    for k in 0, 1:
        log, offset = np.log(hardware[f"{k}.gain"]), hardware[f"{k}.offset"]
        assert abs(log.std() - 0.3) < 0.01 and abs(log.mean()) < 0.02
        assert abs(offset.std() - 0.7) < 0.03 and abs(offset.mean()) < 0.04
        assert (hardware[f"{k}.gain"] > 0).all()
    again = draw_hardware(np.random.default_rng(0), (3, 5000, 4000), gain_spread=0.3, offset_spread=0.7)
    assert all(np.array_equal(array, again[key]) for key, array in hardware.items())
    assert set(np.concatenate(list(draw_hardware(np.random.default_rng(0), SIZES, **IDEAL).values()))) == {0.0, 1.0}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hardware_has_the_dtype_asked_for(dtype):
    assert {array.dtype for array in draw_hardware(np.random.default_rng(0), SIZES, dtype=dtype).values()} == {np.dtype(dtype)}


def test_float32_stays_float32(xp):
    out, cache = hardware_mlp_forward(*on_both(xp, *network("float32")))
    stays_float32(xp, out, hardware_mlp_backward(out, cache), unaware(out, cache))


def test_bad_hardware_to_draw():
    rng = np.random.default_rng(0)
    refuses(ValueError, "sizes: got (3,), wanted at least an input and an output", draw_hardware, rng, (3,))
    refuses(ValueError, "sizes[1]: got 0, wanted an integer of at least 1", draw_hardware, rng, (3, 0, 2))
    for spread in -0.1, float("nan"), float("inf"):
        for name in "gain_spread", "offset_spread":
            refuses(ValueError, f"{name}: got {spread!r}, wanted a finite number of at least 0",
                    draw_hardware, rng, SIZES, **{name: spread})


def test_hardware_of_other_sizes(xp):
    params, x, hardware, _ = on_both(xp, *network())
    for key in "0.gain", "0.offset":
        refuses(ValueError, f"{key}: got shape (4,), wanted (m,) with m = 5 as in totals",
                hardware_mlp_forward, params, x, hardware | {key: hardware[key][:4]})
        refuses(ValueError, f"{key}: got shape (1,), wanted (m,) with m = 5 as in totals",
                hardware_mlp_forward, params, x, hardware | {key: hardware[key][:1]})
    refuses(TypeError, "1.gain: got float32, wanted the precision of totals, float64",
            hardware_mlp_forward, params, x, hardware | {"1.gain": hardware["1.gain"].astype("float32")})
    shallow, deep = (draw_hardware(np.random.default_rng(0), sizes, dtype="float64") for sizes in ((3, 5), (3, 5, 4, 2, 2)))
    wanted = "wanted 0.gain, 0.offset, 1.gain, 1.offset, 2.gain, 2.offset"
    refuses(ValueError, f"hardware: got 0.gain, 0.offset, {wanted}", hardware_mlp_forward, params, x, *on(xp, shallow))
    refuses(ValueError, f"hardware: got 0.gain, 0.offset, 1.gain, 1.offset, 2.gain, 2.offset, 3.gain, 3.offset, {wanted}",
            hardware_mlp_forward, params, x, *on(xp, deep))
    refuses(ValueError, f"hardware: got no arrays, {wanted}", hardware_mlp_forward, params, x, {})


def test_missing_keys(xp):
    params, x, hardware, _ = on_both(xp, *network(sizes=(3, 2)))
    for missing, left in ("0.gain", "0.offset"), ("0.offset", "0.gain"):
        refuses(ValueError, f"hardware: got {left}, wanted 0.gain, 0.offset", hardware_mlp_forward, params, x, {left: hardware[left]})
    refuses(ValueError, "params: got no arrays, wanted 0.W, 0.bias", hardware_mlp_forward, {}, x, hardware)


def test_bad_noise(xp):
    params, x, hardware, noise = on_both(xp, *network())
    refuses(ValueError, "noise[1]: got shape (4, 5), wanted (4, 4)",
            hardware_mlp_forward, params, x, hardware, [noise[0], noise[0], noise[2]])
    refuses(ValueError, "noise[0]: got shape (1, 5), wanted (4, 5)",
            hardware_mlp_forward, params, x, hardware, [noise[0][:1], *noise[1:]])
    refuses(TypeError, "noise[2]: got float32, wanted the precision of totals, float64",
            hardware_mlp_forward, params, x, hardware, [*noise[:2], noise[2].astype("float32")])
    refuses(TypeError, "noise[2]: got NoneType, wanted a NumPy or CuPy array",
            hardware_mlp_forward, params, x, hardware, [*noise[:2], None])
    for wrong in noise[:2], [*noise, noise[2]]:
        refuses(ValueError, f"noise: got {len(wrong)}, wanted one for each of the 3 layers, or none",
                hardware_mlp_forward, params, x, hardware, wrong)


def test_bad_input(xp):
    params, x, hardware, _ = on_both(xp, *network())
    refuses(ValueError, "W: got shape (3, 5), wanted (f, m) with f = 2 as in x", hardware_mlp_forward, params, x[:, :2], hardware)
    refuses(ValueError, "x: got shape (0, 3), wanted at least one along every axis", hardware_mlp_forward, params, x[:0], hardware)
    out, cache = hardware_mlp_forward(params, x, hardware)
    for backward in hardware_mlp_backward, unaware:
        refuses(ValueError, "dout: got shape (4, 1), wanted (4, 2)", backward, out[:, :1], cache)
        refuses(TypeError, "dout: got list, wanted a NumPy or CuPy array", backward, [[1.0, 2.0]] * 4, cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    hosts = network()
    params, x, hardware, noise = on_both(xp, *hosts)
    refuses_two_memories("x, W, bias", hardware_mlp_forward, params, hosts[1], hardware)
    refuses_two_memories("totals, 0.gain, 0.offset", hardware_mlp_forward, params, x, hosts[2])
    refuses_two_memories(r"totals, noise\[0\]", hardware_mlp_forward, params, x, hardware, hosts[3])
    _, cache = hardware_mlp_forward(params, x, hardware)
    refuses_two_memories("dy, W", unaware, np.zeros((4, 2)), cache)
