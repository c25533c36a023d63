"""An optimiser in blocks does what the plain one does, to the bit, whatever it is given."""
import inspect
import re
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tests import stand_in
from tests.reference import optim as loops
from tinycaps.backend import to_numpy
from tinycaps.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinycaps.fast import blocks, in_blocks
from tinycaps.optim import adam, rmsprop, sgd


def decaying_sgd(params, grads, state, learning_rate=0.1):
    sgd(params, grads, state, learning_rate=learning_rate, momentum=0.8, weight_decay=0.3)


UPDATES = [adam, rmsprop, sgd, decaying_sgd]
every_optimiser = pytest.mark.parametrize("update", UPDATES, ids=lambda update: update.__name__)
BY_COLUMNS, EVERY_OTHER = np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2]
BLOCK = 1000
MIXED = {
    "W": ((3, BLOCK - 1), np.array),    # blocks end in the middle of rows, and the last is shorter
    "digit.W": ((BLOCK, 2), np.array),
    "large.bias": ((2 * BLOCK + 1,), np.array),
    "kernels": ((3, 3, 5, 30), np.array),
    "just a block": ((BLOCK,), np.array),
    "bias": ((10,), np.array),
    "scale": ((), np.array),
    "by columns": ((30, 301), BY_COLUMNS),
    "every other": ((2, BLOCK), EVERY_OTHER),
}
"""Name to shape, and to what lays the numbers out in memory."""
holds_blas = pytest.mark.skipif(all(lib["user_api"] != "blas" for lib in threadpool_info()),
                                reason="no BLAS that threadpoolctl sees")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", BLOCK)


def draw(seed, arrays=MIXED, dtype="float64"):
    rng = np.random.default_rng(seed)
    return {key: lay_out(rng.standard_normal(shape).astype(dtype))
            for key, (shape, lay_out) in arrays.items()}


def steps(update, arrays=MIXED, count=4, dtype="float64", **settings):
    """Take some steps from the same point along the same gradients; return params and state."""
    params, state = draw(0, arrays, dtype), {}
    for seed in range(1, count + 1):
        update(params, draw(seed, arrays, dtype), state, **settings)
    return params, state


def same(got, want):
    """Assert that two dicts hold the same bits in the same order of keys."""
    assert list(got) == list(want)
    for key in want:
        assert np.array_equal(got[key], want[key]), key
        assert np.asarray(got[key]).dtype == np.asarray(want[key]).dtype


@every_optimiser
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pretended", [1, 2, 7])
def test_several_steps_on_mixed_arrays_give_the_same_bits(cores, pretended, dtype, update):
    cores(pretended)
    params, state = steps(in_blocks(update), dtype=dtype)
    want, wanted = steps(update, dtype=dtype)
    same(params, want)
    same(state, wanted)


@every_optimiser
def test_blocks_of_the_size_in_use_give_the_same_bits(monkeypatch, update):
    monkeypatch.undo()
    assert blocks.BLOCK == 65536
    arrays = {"W": ((3, 65535), np.array), "bias": ((65537,), np.array), "b": ((2,), np.array)}
    same(steps(in_blocks(update), arrays, count=3)[0], steps(update, arrays, count=3)[0])


@every_optimiser
@pytest.mark.parametrize("size", [1, 4, 5, 6, 7])
def test_the_size_of_a_block_changes_no_bit(monkeypatch, update, size):
    arrays = {"W": ((3, 2), np.array), "bias": ((6,), np.array), "b": ((2,), np.array)}
    want, wanted = steps(update, arrays)
    monkeypatch.setattr(blocks, "BLOCK", size)
    params, state = steps(in_blocks(update), arrays)
    same(params, want)
    same(state, wanted)


@pytest.mark.parametrize("update, by_hand", [
    (adam, loops.adam), (rmsprop, loops.rmsprop), (sgd, loops.sgd),
    (decaying_sgd, lambda p, gradients: loops.sgd(p, gradients, 0.1, 0.8, 0.3))])
def test_at_the_edges_of_blocks_the_numbers_are_those_of_the_loops(cores, update, by_hand):
    cores(2)
    arrays = {"W": MIXED["W"]}
    params, _ = steps(in_blocks(update), arrays)
    first, *gradients = (draw(seed, arrays)["W"].ravel() for seed in range(5))
    for k in 0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 3 * BLOCK - 4:
        expected = by_hand(float(first[k]), [float(g[k]) for g in gradients])
        np.testing.assert_allclose(params["W"].flat[k], expected, rtol=1e-12)


@holds_blas
def test_two_large_arrays_are_cut_and_updated_on_all_threads(cores):
    cores(2)
    seen, threads, both = [], set(), threading.Barrier(2, timeout=30)

    def watched(params, grads, state, learning_rate=0.1):
        if threading.get_ident() not in threads:
            threads.add(threading.get_ident())
            both.wait()                                 # breaks unless two threads get here
        seen.extend((key, p.size, p.ndim) for key, p in params.items())
        sgd(params, grads, state, learning_rate=learning_rate)

    arrays = {"W": ((2, BLOCK), np.array), "bias": ((BLOCK + 1,), np.array), "b": ((), np.array)}
    params, state = steps(sgd, arrays, count=1)
    in_blocks(watched)(params, draw(2, arrays), state)
    assert sorted(seen) == [("W", BLOCK, 2), ("W", BLOCK, 2), ("b", 1, 0), ("bias", 1, 1),
                            ("bias", BLOCK, 1)]


@every_optimiser
def test_writes_in_place_and_keeps_the_dtype(update):
    params, state, grads = *steps(update, count=1, dtype="float32"), draw(2, dtype="float32")
    before, arrays = {key: g.copy() for key, g in grads.items()}, params | state
    in_blocks(update)(params, grads, state)
    same(grads, before)
    assert all((params | state)[key] is arrays[key] for key in arrays if key != "step")
    assert {array.dtype for key, array in arrays.items() if key != "step"} == {np.dtype("float32")}


@every_optimiser
@pytest.mark.parametrize("save", [1, 2, 3])
def test_a_state_that_went_through_a_checkpoint_goes_on_with_the_same_bits(tmp_path, update, save):
    want, wanted = steps(update)
    params, state = steps(in_blocks(update), count=save)
    save_checkpoint(tmp_path / "checkpoint.npz", Checkpoint(params, state, {}, save, 0.0))
    found = load_checkpoint(tmp_path / "checkpoint.npz")
    for seed in range(save + 1, 5):
        in_blocks(update)(found.params, draw(seed), found.state)
    same(found.params, want)
    same(found.state, wanted)


@every_optimiser
def test_plain_and_in_blocks_can_take_turns(update):
    params, state = draw(0), {}
    for seed, turn in enumerate((update, in_blocks(update), update, in_blocks(update)), start=1):
        turn(params, draw(seed), state)
    same(params, steps(update)[0])


@every_optimiser
def test_a_slot_that_is_laid_out_in_another_way_is_not_lost(update):
    arrays = {"W": ((30, 301), np.array)}
    want, _ = steps(update, arrays)
    params, state = steps(update, arrays, count=1)
    state = {name: value if name == "step" else BY_COLUMNS(value) for name, value in state.items()}
    for seed in 2, 3, 4:
        in_blocks(update)(params, draw(seed, arrays), state)
    same(params, want)


@every_optimiser
def test_one_state_may_serve_several_dicts_with_keys_that_end_alike(update):
    def turns(update):
        ours, state = draw(0), {}
        inner, outer = {"digit.W": ours["digit.W"]}, {"W": ours["W"]}
        for seed in range(1, 5):
            grads = draw(seed)
            for params in inner, outer:
                update(params, {key: grads[key] for key in params}, state)
        return inner | outer, state
    for got, want in zip(turns(in_blocks(update)), turns(update)):
        same(got, want)


@every_optimiser
def test_on_a_device_arrays_are_updated_whole(monkeypatch, update):
    def watched(params, grads, state):
        calls.append(list(params))
        update(params, grads, state)

    device, calls = stand_in.activate(monkeypatch), []
    params, state = {key: device.asarray(p) for key, p in draw(0).items()}, {}
    for seed in 1, 2, 3, 4:
        grads = {key: device.asarray(g) for key, g in draw(seed).items()}
        in_blocks(watched)(params, grads, state)
    assert calls == 4 * [list(MIXED)]
    assert all(isinstance(p, device.ndarray) for p in params.values())
    same({key: to_numpy(p) for key, p in params.items()}, steps(update)[0])


def test_settings_are_handed_on_by_place_and_by_name():
    (params, state), (want, wanted) = (draw(0), {}), (draw(0), {})
    for seed in 1, 2, 3:
        in_blocks(sgd)(params, draw(seed), state, 0.5, momentum=0.1, weight_decay=0.2)
        sgd(want, draw(seed), wanted, learning_rate=0.5, momentum=0.1, weight_decay=0.2)
    same(params, want)
    assert inspect.signature(in_blocks(sgd)) == inspect.signature(sgd)
    assert in_blocks(sgd).__name__ == "sgd"


@every_optimiser
@pytest.mark.parametrize("error, change, line", [
    (ValueError, lambda grads: {key: g for key, g in grads.items() if key != "W"},
     "grads: got other keys than params (W in one of them only), wanted the same"),
    (ValueError, lambda grads: grads | {"W": grads["W"].T},
     f"grads['W']: got shape ({BLOCK - 1}, 3), wanted (3, {BLOCK - 1})"),
    (TypeError, lambda grads: grads | {"bias": grads["bias"].astype("float32")},
     "grads['bias']: got float32, wanted the precision of params['bias'], float64")])
def test_gradients_that_do_not_fit_are_refused_and_change_nothing(update, error, change, line):
    if update is decaying_sgd:
        update = sgd
    params, state = steps(update, count=1)
    before = [{key: np.copy(value) for key, value in each.items()} for each in (params, state)]
    with pytest.raises(error, match=f"^{re.escape(line)}$"):
        in_blocks(update)(params, change(draw(2)), state)
    same(params, before[0])
    same(state, before[1])


@every_optimiser
def test_numbers_gone_bad_warn_nobody_who_asked_for_no_warning(cores, update):
    cores(2)
    params, state = {"W": np.zeros(2 * BLOCK, "float32")}, {}
    with np.errstate(all="ignore"):                     # the training loop names the step instead
        for _ in range(3):
            grads = {"W": np.full(2 * BLOCK, 3e38, "float32")}
            in_blocks(update)(params, grads, state, learning_rate=1e30)
    assert not np.isfinite(params["W"]).any()


@every_optimiser
def test_of_several_large_arrays_each_is_updated(update):
    arrays = {key: ((2, BLOCK), np.array) for key in ("first.W", "second.W", "third.W")}
    start, (params, _) = draw(0, arrays), steps(in_blocks(update), arrays)
    assert all((params[key] != start[key]).all() for key in arrays)
    same(params, steps(update, arrays)[0])
