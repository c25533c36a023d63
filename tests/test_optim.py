"""Each optimiser against its formula in plain Python, and what it does to its arguments."""
import inspect
import math
import re

import numpy as np
import pytest

from tests.reference import capsules
from tests.reference import optim as loops
from tinycaps.backend import to_numpy
from tinycaps.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinycaps.optim import (adam, exponential_decay, flat_then_linear, limit_norms, rising_momentum,
                            rmsprop, sgd)

SHAPES = {"W": (3, 2), "bias": (2,), "scale": ()}
SLOTS = [(sgd, ("velocity",)), (rmsprop, ("r",)), (adam, ("m", "v"))]
every_optimiser = pytest.mark.parametrize("update, slots", SLOTS)


def draw(xp, seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    return {key: xp.asarray(rng.standard_normal(shape).astype(dtype))
            for key, shape in SHAPES.items()}


def copies(params):
    return {key: to_numpy(p).copy() for key, p in params.items()}


def like_the_loops(params, first, all_grads, by_hand, **settings):
    """Assert that every number went where the plain Python leads it."""
    for key, p in params.items():
        its = {name: value for name, value in settings.items()
               if key == "W" or name != "weight_decay"}
        for index in np.ndindex(p.shape):
            gradients = [float(to_numpy(grads[key])[index]) for grads in all_grads]
            expected = by_hand(float(first[key][index]), gradients, **its)
            np.testing.assert_allclose(to_numpy(p)[index], expected, rtol=1e-12)


@pytest.mark.parametrize("update, by_hand, settings", [
    (sgd, loops.sgd, {}),
    (sgd, loops.sgd, dict(learning_rate=0.3, momentum=0.0)),
    (sgd, loops.sgd, dict(learning_rate=0.1, momentum=0.8, weight_decay=0.3)),
    (rmsprop, loops.rmsprop, {}),
    (rmsprop, loops.rmsprop, dict(learning_rate=0.1, decay=0.5, epsilon=0.1)),
    (adam, loops.adam, {}),
    (adam, loops.adam, dict(learning_rate=0.1, beta1=0.5, beta2=0.7, epsilon=0.1))])
def test_seven_steps_are_those_of_the_formula_and_biases_do_not_decay(
        xp, update, by_hand, settings):
    params, state = draw(xp, 0), {}
    first, all_grads = copies(params), [draw(xp, seed) for seed in range(1, 8)]
    for grads in all_grads:
        update(params, grads, state, **settings)
    like_the_loops(params, first, all_grads, by_hand, **settings)
    assert state.get("step") == (7 if update is adam else None)


def test_first_step_of_adam_by_hand(xp):
    # g = -4, lr = 0.1: m = 0.1·(-4) = -0.4 and v = 0.001·16 = 0.016; corrected, m̂ = -0.4/0.1 = -4
    # and v̂ = 0.016/0.001 = 16. So the step is -0.1·(-4)/(√16 + ε) = +0.1, and -0.1 for g = 0.05:
    # the sign alone counts. g = 0 moves nothing: 0/(0 + ε).
    params = {"W": xp.asarray([1.0, 1.0, 1.0])}
    adam(params, {"W": xp.asarray([-4.0, 0.05, 0.0])}, {}, learning_rate=0.1, epsilon=1e-8)
    np.testing.assert_allclose(to_numpy(params["W"]), [1.1, 0.9, 1.0], rtol=1e-7)


def test_rmsprop_by_hand(xp):
    # g = 2 with decay 0.75 and lr = 0.3: r = 0.25·4 = 1, step -0.3·2/1 = -0.6; then g = 1:
    # r = 0.75·1 + 0.25·1 = 1, step -0.3.
    params, state = {"W": xp.asarray([1.0])}, {}
    for g, expected in (2.0, 0.4), (1.0, 0.1):
        rmsprop(params, {"W": xp.asarray([g])}, state, learning_rate=0.3, decay=0.75)
        np.testing.assert_allclose(to_numpy(params["W"]), expected, rtol=1e-6)


def test_momentum_by_hand(xp):
    # A constant g = 1 with lr = 0.1 and momentum 0.5: velocities -0.1, -0.15, -0.175; from 1 to
    # 0.9, 0.75, 0.575.
    params, state = {"W": xp.asarray([1.0])}, {}
    for expected in (0.9, 0.75, 0.575):
        sgd(params, {"W": xp.asarray([1.0])}, state, learning_rate=0.1, momentum=0.5)
        np.testing.assert_allclose(to_numpy(params["W"]), expected, rtol=1e-12)


def test_weight_decay_by_hand(xp):
    # No gradient, lr 0.5, momentum 0.5, decay 0.2. W = 1: velocity -0.5·0.2·1 = -0.1, W = 0.9;
    # then -0.05 - 0.5·0.2·0.9 = -0.14, W = 0.76.
    params, state = {"W": xp.asarray([[1.0]]), "bias": xp.asarray([1.0])}, {}
    for expected in (0.9, 0.76):
        sgd(params, {"W": xp.zeros((1, 1)), "bias": xp.zeros(1)}, state, learning_rate=0.5,
            momentum=0.5, weight_decay=0.2)
        np.testing.assert_allclose(to_numpy(params["W"]), [[expected]], rtol=1e-12)
    assert params["bias"][0] == 1


@every_optimiser
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_writes_in_place_and_keeps_the_dtype(xp, update, slots, dtype):
    params, grads, state = draw(xp, 0, dtype), draw(xp, 1, dtype), {}
    objects, before = dict(params), copies(grads)
    settings = {"weight_decay": 0.3} if update is sgd else {}
    update(params, grads, state, **settings)
    averages = {key: value for key, value in state.items() if key != "step"}
    update(params, grads, state, **settings)
    assert all(params[key] is objects[key] for key in SHAPES)
    assert all(state[key] is averages[key] for key in averages)
    assert all(np.array_equal(to_numpy(grads[key]), before[key]) for key in SHAPES)
    assert {str(a.dtype) for a in [*params.values(), *averages.values()]} == {dtype}


@every_optimiser
def test_state_is_flat(xp, update, slots):
    state = {}
    update(draw(xp, 0), draw(xp, 1), state)
    counted = {"step"} if update is adam else set()
    assert state.keys() == counted | {f"{slot}.{key}" for slot in slots for key in SHAPES}
    assert all(type(state[key]) is int for key in counted)
    assert all(state[f"{slot}.{key}"].shape == shape
               for slot in slots for key, shape in SHAPES.items())


@every_optimiser
def test_state_goes_through_a_checkpoint(tmp_path, update, slots):
    params, state = draw(np, 0), {}
    update(params, draw(np, 1), state)
    save_checkpoint(tmp_path / "checkpoint.npz", Checkpoint(params, state, {}, 1, 0.0))
    update(params, draw(np, 2), state)
    found = load_checkpoint(tmp_path / "checkpoint.npz")
    update(found.params, draw(np, 2), found.state)
    assert found.params.keys() == params.keys() and found.state.keys() == state.keys()
    assert type(found.state.get("step", 0)) is int
    assert all(np.array_equal(found.params[key], params[key]) for key in params)
    assert all(np.array_equal(found.state[key], state[key]) for key in state)


@every_optimiser
@pytest.mark.parametrize("lay_out", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2]],
                         ids=["by columns", "every other row"])
def test_arrays_need_not_be_contiguous(update, slots, lay_out):
    want, got = ({"W": lay(np.arange(12.0).reshape(4, 3))} for lay in (np.array, lay_out))
    states = {}, {}
    for seed in range(3):
        g = np.random.default_rng(seed).standard_normal((4, 3))
        for params, state, lay in zip((want, got), states, (np.array, lay_out)):
            update(params, {"W": lay(g)}, state)
    assert np.array_equal(got["W"], want["W"])


@every_optimiser
def test_other_keys_are_refused_in_one_line_and_change_nothing(update, slots):
    params, grads, state = draw(np, 0), draw(np, 1), {}
    before = copies(params)
    grads["weight"] = grads.pop("W")
    line = "grads: got other keys than params (W, weight in one of them only), wanted the same"
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
        update(params, grads, state)
    assert state == {} and all(np.array_equal(params[key], before[key]) for key in before)


@every_optimiser
@pytest.mark.parametrize("shape, other", [
    ((3, 4), (4, 3)), ((3, 2), (2,)), ((3, 2), (6,)), ((), (1,))])
def test_a_gradient_of_another_shape_is_refused_and_changes_nothing(update, slots, shape, other):
    params, state = {"W": np.zeros(shape)}, {}
    line = f"grads['W']: got shape {other}, wanted {shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
        update(params, {"W": np.ones(other)}, state)
    assert state == {} and not params["W"].any()


@every_optimiser
def test_a_gradient_of_another_precision_is_refused(update, slots):
    with pytest.raises(TypeError, match="^grads.*: got float64, wanted the precision of params.*"):
        update({"W": np.zeros(3, "float32")}, {"W": np.zeros(3)}, {})


@every_optimiser
def test_walks_down_a_bowl(update, slots):
    params, state = {"x": np.array([3.0, -2.0])}, {}
    for _ in range(500):
        update(params, {"x": 2 * params["x"]}, state, learning_rate=0.02)
    assert np.abs(params["x"]).max() < 0.05


def test_norms_are_limited_as_the_loops_do(xp):
    params = draw(xp, 0)
    before = copies(params)["W"]
    lengths = [capsules.length(w) for w in before.T]
    for largest in (sum(lengths) / 2, 2 * max(lengths), 0.01):
        params["W"][...] = xp.asarray(before)
        limit_norms(params, largest)
        wanted = np.transpose([loops.limit_norm(w, largest) for w in before.T])
        np.testing.assert_allclose(to_numpy(params["W"]), wanted, rtol=1e-12)


def test_norms_by_hand(xp):
    # ‖(3, 4)‖ = 5 and ‖(6, 8)‖ = 10, limited to 5; (0, 1) and (0, 0) are shorter. The rows,
    # (3, 6, 0, 0) and (4, 8, 1, 0), may be longer.
    params = {"W": xp.asarray([[3.0, 6.0, 0.0, 0.0], [4.0, 8.0, 1.0, 0.0]]),
              "bias": xp.asarray([9.0, 9.0, 9.0, 9.0])}
    limit_norms(params, 5)
    np.testing.assert_allclose(to_numpy(params["W"]), [[3, 3, 0, 0], [4, 4, 1, 0]], rtol=1e-12)
    assert (params["bias"] == 9).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_longer_columns_get_the_length_allowed_and_shorter_ones_keep_their_bits(xp, dtype):
    drawn = np.random.default_rng(0).standard_normal((30, 40)).astype(dtype)
    drawn[:, 7] = 0
    norms = np.linalg.norm(drawn, axis=0)
    largest = float(np.median(norms))
    params = {"W": xp.array(drawn), "bias": xp.asarray(100 * drawn[0]),
              "kernels": xp.asarray(100 * drawn.reshape(2, 3, 5, 40))}
    arrays, before = dict(params), copies(params)
    limit_norms(params, largest)
    assert all(params[key] is arrays[key] and params[key].dtype == dtype for key in arrays)
    for key in "bias", "kernels":
        assert np.array_equal(to_numpy(params[key]), before[key])
    shorter = norms < largest * (1 - 1e-6)
    W, rounding = to_numpy(params["W"]), 4 * np.finfo(dtype).eps
    assert 10 < shorter.sum() < 30 and shorter[7]
    assert np.array_equal(W[:, shorter], drawn[:, shorter])
    np.testing.assert_allclose(np.linalg.norm(W[:, ~shorter], axis=0), largest, rtol=rounding)
    same_direction = W / largest * np.maximum(norms, largest)
    np.testing.assert_allclose(same_direction, drawn, rtol=rounding)
    limit_norms(params, 2 * largest)
    assert np.array_equal(to_numpy(params["W"]), W)                 # once is enough


@pytest.mark.parametrize("largest", [0, -1.0, math.nan, math.inf])
def test_a_bad_limit_is_refused_in_one_line_and_changes_nothing(largest):
    params = draw(np, 0)
    before = params["W"].copy()
    line = f"largest: got {largest!r}, wanted a finite number above 0"
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
        limit_norms(params, largest)
    assert np.array_equal(params["W"], before)


def test_exponential_decay_by_hand():
    # 0.96 every 2000 steps: after 4000 0.96² = 0.9216, after 1000 √0.96.
    assert exponential_decay(0.001, 0) == 0.001
    assert exponential_decay(0.001, 4000) == pytest.approx(0.0009216, rel=1e-12)
    assert exponential_decay(1.0, 1000) == pytest.approx(math.sqrt(0.96), rel=1e-12)
    assert exponential_decay(8.0, 30, rate=0.5, period=10) == pytest.approx(1.0, rel=1e-12)


def test_flat_then_linear_by_hand():
    # Of ten steps: 0.4 up to the fifth, 2·(1 − 7/10) = 0.6 of it at the seventh, nothing at the
    # tenth, and never less.
    assert [flat_then_linear(0.4, step, 10) for step in (0, 3, 5)] == [0.4, 0.4, 0.4]
    assert flat_then_linear(0.4, 7, 10) == pytest.approx(0.24, rel=1e-12)
    assert flat_then_linear(0.4, 10, 10) == flat_then_linear(0.4, 12, 10) == 0


def test_rising_momentum_by_hand():
    # In ten steps from 0.5 to 0.99: 0.049 more at each, 0.745 half way, and 0.99 ever after.
    assert [rising_momentum(step, 10) for step in (0, 10, 11, 500)] == [0.5, 0.99, 0.99, 0.99]
    rising = [rising_momentum(step, 10) for step in (1, 5, 9)]
    assert rising == pytest.approx([0.549, 0.745, 0.941], rel=1e-12)
    assert rising_momentum(3, 4, first=0.1, last=0.3) == pytest.approx(0.25, rel=1e-12)
    assert rising_momentum(2, 2.5, 0.0, 1.0) == pytest.approx(0.8, rel=1e-12)
    assert rising_momentum(3, 2.5, 0.0, 1.0) == 1


@pytest.mark.parametrize("update, name, wrong", [
    *((update, "learning_rate", wrong) for update in (sgd, rmsprop, adam)
      for wrong in (-1e-3, math.nan, math.inf)),
    (sgd, "momentum", 1.0), (sgd, "momentum", math.nan), (sgd, "weight_decay", -0.1),
    (rmsprop, "decay", 1.0), (rmsprop, "epsilon", -1e-8),
    (adam, "beta1", 1.0), (adam, "beta2", 1.5), (adam, "epsilon", math.nan)])
def test_a_setting_out_of_its_range_is_refused_and_changes_nothing(update, name, wrong):
    params, state = {"W": np.ones((2, 3))}, {}
    with pytest.raises(ValueError, match=rf"^{name}: got {wrong}, wanted "):
        update(params, {"W": np.ones((2, 3))}, state, **{name: wrong})
    assert (params["W"] == 1).all() and not state


def test_the_published_defaults():
    def defaults(update):
        return {name: argument.default for name, argument
                in inspect.signature(update).parameters.items()
                if argument.default is not argument.empty}

    assert defaults(adam) == dict(learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8)   # K15
    assert defaults(rmsprop) == dict(learning_rate=1e-3, decay=0.9, epsilon=1e-8)   # lecture 6e
    assert defaults(sgd) == dict(learning_rate=0.01, momentum=0.9, weight_decay=0.0)
    assert defaults(exponential_decay) == dict(rate=0.96, period=2000)              # S17's code
    assert defaults(rising_momentum) == dict(first=0.5, last=0.99)                  # dropout
