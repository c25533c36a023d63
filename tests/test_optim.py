"""Each optimiser against its formula in plain Python, one number at a time, and what it does to the arrays it is given."""
import math
import re

import numpy as np
import pytest

from tests.reference import capsules, optim
from tinycaps import optim
from tinycaps.backend import to_numpy
from tinycaps.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinycaps.optim import BLOCK, adam, exponential_decay, flat_then_linear, limit_norms, rising_momentum, rmsprop, sgd

SHAPES = {"W": (3, 2), "bias": (2,), "scale": ()}
SLOTS = [(sgd, ("velocity",)), (rmsprop, ("r",)), (adam, ("m", "v"))]


def sgd_by_hand(p, gradients, learning_rate, momentum, weight_decay=0.0):
    velocity = 0.0
    for g in gradients:
        velocity = momentum * velocity - learning_rate * (g + weight_decay * p)
        p = p + velocity
    return p


def rmsprop_by_hand(p, gradients, learning_rate, decay, epsilon):
    r = 0.0
    for g in gradients:
        r = decay * r + (1 - decay) * g * g
        p = p - learning_rate * g / (math.sqrt(r) + epsilon)
    return p


def adam_by_hand(p, gradients, learning_rate, beta1, beta2, epsilon):
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - beta1 ** t), v / (1 - beta2 ** t)
        p = p - learning_rate * m_hat / (math.sqrt(v_hat) + epsilon)
    return p


def draw(xp, seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    return {key: xp.asarray(rng.standard_normal(shape).astype(dtype)) for key, shape in SHAPES.items()}


@pytest.mark.parametrize("update, by_hand, settings", [
    (sgd, sgd_by_hand, dict(learning_rate=0.01, momentum=0.9)),
    (sgd, sgd_by_hand, dict(learning_rate=0.3, momentum=0.0)),
    (rmsprop, rmsprop_by_hand, dict(learning_rate=0.001, decay=0.9, epsilon=1e-8)),
    (rmsprop, rmsprop_by_hand, dict(learning_rate=0.1, decay=0.5, epsilon=0.1)),
    (adam, adam_by_hand, dict(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8)),
    (adam, adam_by_hand, dict(learning_rate=0.1, beta1=0.5, beta2=0.7, epsilon=0.1))])
def test_seven_steps_are_those_of_the_formula(xp, update, by_hand, settings):
    params, state = draw(xp, 0), {}
    first, all_grads = {key: to_numpy(p).copy() for key, p in params.items()}, [draw(xp, seed) for seed in range(1, 8)]
    for grads in all_grads:
        update(params, grads, state, **settings)
    for key, p in params.items():
        for index in np.ndindex(p.shape):
            expected = by_hand(float(first[key][index]), [float(to_numpy(g[key])[index]) for g in all_grads], **settings)
            np.testing.assert_allclose(to_numpy(p)[index], expected, rtol=1e-12)
    assert state.get("step") == (7 if update is adam else None)


def test_first_step_of_adam_by_hand(xp):
    # g = -4, lr = 0.1: m = 0.1·(-4) = -0.4 and v = 0.001·16 = 0.016; corrected, m̂ = -0.4/0.1 = -4 and v̂ = 0.016/0.001 = 16. So
    # the step is -0.1·(-4)/(√16 + ε) = +0.1, and -0.1 for g = 0.05: the sign alone counts. g = 0 moves nothing: 0/(0 + ε).
    params = {"W": xp.asarray([1.0, 1.0, 1.0])}
    adam(params, {"W": xp.asarray([-4.0, 0.05, 0.0])}, {}, learning_rate=0.1, epsilon=1e-8)
    np.testing.assert_allclose(to_numpy(params["W"]), [1.1, 0.9, 1.0], rtol=1e-7)


def test_momentum_by_hand(xp):
    # A constant g = 1 with lr = 0.1 and momentum 0.5: velocities -0.1, -0.15, -0.175; from 1 to 0.9, 0.75, 0.575.
    params, state = {"W": xp.asarray([1.0])}, {}
    for expected in (0.9, 0.75, 0.575):
        sgd(params, {"W": xp.asarray([1.0])}, state, learning_rate=0.1, momentum=0.5)
        np.testing.assert_allclose(to_numpy(params["W"]), expected, rtol=1e-12)


def test_weight_decay_is_that_of_the_formula_and_leaves_biases_alone(xp):
    params, state = draw(xp, 0), {}
    first, all_grads = {key: to_numpy(p).copy() for key, p in params.items()}, [draw(xp, seed) for seed in range(1, 6)]
    for grads in all_grads:
        sgd(params, grads, state, learning_rate=0.1, momentum=0.8, weight_decay=0.3)
    for key, p in params.items():
        for index in np.ndindex(p.shape):
            expected = sgd_by_hand(float(first[key][index]), [float(to_numpy(g[key])[index]) for g in all_grads], 0.1, 0.8,
                                   0.3 if key == "W" else 0.0)
            np.testing.assert_allclose(to_numpy(p)[index], expected, rtol=1e-12)


def test_weight_decay_by_hand(xp):
    # Nothing to follow, lr 0.5, momentum 0.5, decay 0.2. W = 1: velocity -0.5·0.2·1 = -0.1, W = 0.9; then -0.05 - 0.09 = -0.14, 0.76.
    params, state = {"W": xp.asarray([[1.0]]), "bias": xp.asarray([1.0])}, {}
    for expected in (0.9, 0.76):
        sgd(params, {"W": xp.zeros((1, 1)), "bias": xp.zeros(1)}, state, learning_rate=0.5, momentum=0.5, weight_decay=0.2)
        np.testing.assert_allclose(to_numpy(params["W"]), [[expected]], rtol=1e-12)
    assert params["bias"][0] == 1


def test_weight_decay_keeps_the_dtype(xp):
    params, grads, state = draw(xp, 0, "float32"), draw(xp, 1, "float32"), {}
    sgd(params, grads, state, weight_decay=0.3)
    assert {str(a.dtype) for a in [*params.values(), *state.values()]} == {"float32"}


@pytest.mark.parametrize("pretended", [1, 2, 7])
def test_large_arrays_decay_as_small_ones_do(cores, pretended):
    cores(pretended)
    first, *gradients = np.random.default_rng(0).standard_normal((3, 3, BLOCK - 1))
    p, state = steps(sgd, first.copy(), gradients, weight_decay=0.3)
    for row in range(3):
        alone, alone_state = steps(sgd, first[row:row + 1].copy(), [g[row:row + 1] for g in gradients], weight_decay=0.3)
        assert np.array_equal(p[row:row + 1], alone) and np.array_equal(state["velocity.W"][row:row + 1], alone_state["velocity.W"])
    np.testing.assert_allclose(p[2, -1], sgd_by_hand(first[2, -1], [g[2, -1] for g in gradients], 0.01, 0.9, 0.3), rtol=1e-12)


@pytest.mark.parametrize("update, slots", SLOTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_writes_in_place_and_keeps_the_dtype(xp, update, slots, dtype):
    params, grads, state = draw(xp, 0, dtype), draw(xp, 1, dtype), {}
    objects, before = dict(params), {key: to_numpy(g).copy() for key, g in grads.items()}
    update(params, grads, state)
    averages = {key: value for key, value in state.items() if key != "step"}
    update(params, grads, state)
    assert all(params[key] is objects[key] for key in SHAPES)
    assert all(state[key] is averages[key] for key in averages)
    assert all(np.array_equal(to_numpy(grads[key]), before[key]) for key in SHAPES)
    assert {str(a.dtype) for a in [*params.values(), *averages.values()]} == {dtype}


@pytest.mark.parametrize("update, slots", SLOTS)
def test_state_is_flat(xp, update, slots):
    state = {}
    update(draw(xp, 0), draw(xp, 1), state)
    counted = {"step"} if update is adam else set()                     # the others need not know how many steps there were
    assert state.keys() == counted | {f"{slot}.{key}" for slot in slots for key in SHAPES}
    assert all(type(state[key]) is int for key in counted)
    assert all(state[f"{slot}.{key}"].shape == shape for slot in slots for key, shape in SHAPES.items())


@pytest.mark.parametrize("update, slots", SLOTS)
def test_state_goes_through_a_checkpoint(tmp_path, update, slots):
    params, state = draw(np, 0), {}
    update(params, draw(np, 1), state)
    save_checkpoint(tmp_path / "checkpoint.npz", Checkpoint(params, state, {}, 1, 0.0))
    update(params, draw(np, 2), state)
    found = load_checkpoint(tmp_path / "checkpoint.npz")
    update(found.params, draw(np, 2), found.state)
    assert found.params.keys() == params.keys() and found.state.keys() == state.keys()
    assert all(np.array_equal(found.params[key], params[key]) for key in params)
    assert all(np.array_equal(found.state[key], state[key]) for key in state)


@pytest.mark.parametrize("update, slots", SLOTS)
def test_other_keys_are_told_in_one_line_and_change_nothing(update, slots):
    params, grads, state = draw(np, 0), draw(np, 1), {}
    before = {key: p.copy() for key, p in params.items()}
    grads["weight"] = grads.pop("W")
    line = "grads: got other keys than params (W, weight in one of them only), wanted the same"
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
        update(params, grads, state)
    assert state == {} and all(np.array_equal(params[key], before[key]) for key in before)


@pytest.mark.parametrize("update, slots", SLOTS)
def test_walks_down_a_bowl(update, slots):
    params, state = {"x": np.array([3.0, -2.0])}, {}
    for _ in range(500):
        update(params, {"x": 2 * params["x"]}, state, learning_rate=0.02)
    assert np.abs(params["x"]).max() < 0.05


def steps(update, p, gradients, **settings):
    """Update one parameter in place; return it and its state."""
    params, state = {"W": p}, {}
    for g in gradients:
        update(params, {"W": g}, state, **settings)
    return p, state


LARGE = 3, BLOCK - 1                    # its blocks end in the middle of rows, the last one early


@pytest.mark.parametrize("pretended", [1, 2, 7])
@pytest.mark.parametrize("update, by_hand, settings", [
    (sgd, sgd_by_hand, dict(learning_rate=0.01, momentum=0.9)),
    (rmsprop, rmsprop_by_hand, dict(learning_rate=0.001, decay=0.9, epsilon=1e-8)),
    (adam, adam_by_hand, dict(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8))])
def test_a_large_array_is_updated_as_its_rows_would_be_and_as_the_formula_says(cores, pretended, update, by_hand, settings):
    cores(pretended)
    first, *gradients = np.random.default_rng(0).standard_normal((4, *LARGE))
    p, state = steps(update, first.copy(), gradients, **settings)
    for row in range(3):
        alone, alone_state = steps(update, first[row].copy(), [g[row] for g in gradients], **settings)
        assert np.array_equal(p[row], alone)
        assert all(np.array_equal(state[key][row], alone_state[key]) for key in state if key != "step")
    for k in 0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, p.size - 1:
        expected = by_hand(float(first.flat[k]), [float(g.flat[k]) for g in gradients], **settings)
        np.testing.assert_allclose(p.flat[k], expected, rtol=1e-12)


@pytest.mark.parametrize("update, slots", SLOTS)
@pytest.mark.parametrize("block", [1, 4, 5, 6, 7])
def test_the_size_of_a_block_changes_no_bit(monkeypatch, update, slots, block):
    first, *gradients = np.random.default_rng(0).standard_normal((4, 3, 2))
    want, wanted = steps(update, first.copy(), gradients)
    monkeypatch.setattr(optim, "BLOCK", block)
    got, state = steps(update, first.copy(), gradients)
    assert np.array_equal(got, want) and all(np.array_equal(state[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize("update, slots", SLOTS)
@pytest.mark.parametrize("cut", [lambda a: a[:, ::2], lambda a: a.T, lambda a: a[::-1], lambda a: a[1:, 5:-5]],
                         ids=["every other", "transposed", "backwards", "a part"])
def test_large_parameters_and_gradients_need_not_lie_in_one_piece(update, slots, cut):
    whole, *gradients = np.random.default_rng(0).standard_normal((3, 4, BLOCK))
    untouched, inside = whole.copy(), np.zeros(whole.shape, bool)
    cut(inside)[...] = True
    want, wanted = steps(update, np.ascontiguousarray(cut(whole)), [np.ascontiguousarray(cut(g)) for g in gradients])
    mixed, _ = steps(update, np.ascontiguousarray(cut(whole)), [cut(g) for g in gradients])
    got, state = steps(update, cut(whole), [cut(g) for g in gradients])
    assert np.array_equal(got, want) and np.array_equal(mixed, want)
    assert all(np.array_equal(state[key], wanted[key]) for key in wanted)
    assert np.shares_memory(got, whole) and np.array_equal(whole[~inside], untouched[~inside])


@pytest.mark.parametrize("update, slots", SLOTS)
@pytest.mark.parametrize("shape, other", [((300, 400), (400, 300)), ((3, 2), (2, 3)), ((3, 2), (2,)), ((3, 2), (6,)), ((), (1,))])
def test_a_gradient_of_another_shape_is_refused_and_changes_nothing(update, slots, shape, other):
    params, state = {"W": np.zeros(shape)}, {}
    with pytest.raises(ValueError, match=re.escape(f"got shape {other}, wanted {shape}")):
        update(params, {"W": np.ones(other)}, state)
    assert state == {} and not params["W"].any()


@pytest.mark.parametrize("update, slots", SLOTS)
@pytest.mark.parametrize("size", [10, 2 * BLOCK])
def test_numbers_gone_bad_warn_nobody_who_wants_no_warning(cores, update, slots, size):
    cores(2)
    params = {"W": np.zeros(size, "float32")}
    with np.errstate(all="ignore"):                                     # the training loop names the step instead
        for _ in range(2):
            update(params, {"W": np.full(size, 3e38, "float32")}, {}, learning_rate=1e30)
    assert not np.isfinite(params["W"]).any()


def test_norms_are_limited_as_the_loops_do(xp):
    params = draw(xp, 0)
    before = {key: to_numpy(p).copy() for key, p in params.items()}
    lengths = [capsules.length(w) for w in before["W"].T]
    for largest in (sum(lengths) / 2, 2 * max(lengths), 0.01):
        params["W"][...] = xp.asarray(before["W"])
        limit_norms(params, largest)
        wanted = np.transpose([optim.limit_norm(w, largest) for w in before["W"].T])
        np.testing.assert_allclose(to_numpy(params["W"]), wanted, rtol=1e-12)


def test_norms_by_hand(xp):
    # ‖(3, 4)‖ = 5 and ‖(6, 8)‖ = 10, limited to 5; (0, 1) and (0, 0) are shorter. The rows, (3, 6, 0, 0) and (4, 8, 1, 0), may be longer.
    params = {"W": xp.asarray([[3.0, 6.0, 0.0, 0.0], [4.0, 8.0, 1.0, 0.0]]), "bias": xp.asarray([9.0, 9.0, 9.0, 9.0])}
    limit_norms(params, 5)
    np.testing.assert_allclose(to_numpy(params["W"]), [[3, 3, 0, 0], [4, 4, 1, 0]], rtol=1e-12)
    assert (params["bias"] == 9).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_longer_columns_get_the_length_allowed_and_shorter_ones_keep_their_bits(xp, dtype):
    drawn = np.random.default_rng(0).standard_normal((30, 40)).astype(dtype)
    drawn[:, 7] = 0
    largest = float(np.median(np.linalg.norm(drawn, axis=0)))
    params = {"W": xp.asarray(drawn), "bias": xp.asarray(100 * drawn[0]), "kernels": xp.asarray(100 * drawn.reshape(2, 3, 5, 40))}
    arrays, before = dict(params), {key: to_numpy(p).copy() for key, p in params.items()}
    limit_norms(params, largest)
    assert all(params[key] is arrays[key] and params[key].dtype == dtype for key in arrays)
    assert all(np.array_equal(to_numpy(params[key]), before[key]) for key in ("bias", "kernels"))
    shorter = np.linalg.norm(drawn, axis=0) < largest * (1 - 1e-6)
    W, rounding = to_numpy(params["W"]), 4 * np.finfo(dtype).eps
    assert 10 < shorter.sum() < 30 and shorter[7] and np.array_equal(W[:, shorter], drawn[:, shorter])
    np.testing.assert_allclose(np.linalg.norm(W[:, ~shorter], axis=0), largest, rtol=rounding)
    np.testing.assert_allclose(W / largest * np.maximum(np.linalg.norm(drawn, axis=0), largest), drawn, rtol=rounding)    # one direction
    limit_norms(params, 2 * largest)
    assert np.array_equal(to_numpy(params["W"]), W)                     # once is enough


@pytest.mark.parametrize("largest", [0, -1.0, math.nan, math.inf])
def test_a_bad_limit_is_told_in_one_line_and_changes_nothing(largest):
    params = draw(np, 0)
    before = params["W"].copy()
    with pytest.raises(ValueError, match=f"^largest: got {largest!r}, wanted a finite number above 0$"):
        limit_norms(params, largest)
    assert np.array_equal(params["W"], before)


def test_exponential_decay_by_hand():
    # 0.96 every 2000 steps: after 4000 0.96² = 0.9216, after 1000 √0.96.
    assert exponential_decay(0.001, 0) == 0.001
    assert exponential_decay(0.001, 4000) == pytest.approx(0.0009216, rel=1e-12)
    assert exponential_decay(1.0, 1000) == pytest.approx(math.sqrt(0.96), rel=1e-12)
    assert exponential_decay(8.0, 30, rate=0.5, period=10) == pytest.approx(1.0, rel=1e-12)


def test_flat_then_linear_by_hand():
    # Of ten steps: 0.4 up to the fifth, 2·(1 − 7/10) = 0.6 of it at the seventh, nothing at the tenth, and never less.
    assert [flat_then_linear(0.4, step, 10) for step in (0, 3, 5)] == [0.4, 0.4, 0.4]
    assert flat_then_linear(0.4, 7, 10) == pytest.approx(0.24, rel=1e-12)
    assert flat_then_linear(0.4, 10, 10) == flat_then_linear(0.4, 12, 10) == 0


def test_rising_momentum_by_hand():
    # In ten steps from 0.5 to 0.99: 0.049 more at each, 0.745 half way, and 0.99 ever after.
    assert [rising_momentum(step, 10) for step in (0, 10, 11, 500)] == [0.5, 0.99, 0.99, 0.99]
    assert [rising_momentum(step, 10) for step in (1, 5, 9)] == pytest.approx([0.549, 0.745, 0.941], rel=1e-12)
    assert rising_momentum(3, 4, first=0.1, last=0.3) == pytest.approx(0.25, rel=1e-12)
    assert rising_momentum(2, 2.5, 0.0, 1.0) == pytest.approx(0.8, rel=1e-12) and rising_momentum(3, 2.5, 0.0, 1.0) == 1
