"""The loop does what it promises; bad arguments are refused before anything is written; a kill at
any moment costs nothing but time."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinycaps import resume
from tinycaps.backend import to_numpy
from tinycaps.checkpoint import load_checkpoint
from tinycaps.data import random_shift
from tinycaps.optim import adam, rmsprop, sgd
from tinycaps.train import Now, TrainingError, train

ROOT = Path(__file__).parents[1]


def linear(params, batch, now):
    """Mean squared error of a linear readout of images, with a little noise as of dropout."""
    x, labels = batch
    noise = float(now.rng.standard_normal()) * 1e-3
    flat = x.reshape(len(x), -1)
    difference = flat @ params["W"] + params["shift"] + noise - labels.astype(x.dtype)
    grads = {"W": 2 * flat.T @ difference / len(x), "shift": 2 * difference.mean()}
    return (difference * difference).mean(), grads


def shift_by_one(batch, rng):
    x, labels = batch
    return random_shift(x, rng, 1), labels


def error(params):
    """A number to evaluate that any change of the parameters changes."""
    return {"error": float(params["shift"])}


def fresh(xp=np, dtype="float64"):
    return {"W": xp.zeros(25, dtype=dtype), "shift": xp.zeros((), dtype=dtype)}


IMAGES = np.random.default_rng(0).random((10, 5, 5, 1))
LABELS = np.arange(10) % 3
DATA = IMAGES, LABELS


def go(folder, params=None, gradients=linear, data=DATA, **settings):
    """Train with small defaults: 3 epochs of the batches 4, 4, 2; return params, log."""
    params = fresh() if params is None else params
    settings = dict(epochs=3, batch=4, about={"config": {"depth": 1}}, log_every=1) | settings
    log, _ = train(gradients, params, data, folder=folder, **settings)
    return params, log


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(to_numpy(a[key]), to_numpy(b[key]))
                                        for key in a)


def same_checkpoint(a, b):
    a, b = (load_checkpoint(folder / "checkpoint.npz") for folder in (a, b))
    return ((a.step, a.about) == (b.step, b.about)
            and same(a.params, b.params) and same(a.state, b.state))


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refuses(error, folder, *said, **settings):
    """Assert that training says this in one line, and changes neither folder nor parameters."""
    before = files(folder)
    params = settings.setdefault("params", fresh())
    values = {key: p.copy() for key, p in params.items()}
    with pytest.raises(error) as caught:
        go(folder, **settings)
    line = str(caught.value)
    assert caught.type is error and "\n" not in line and all(words in line for words in said), line
    assert files(folder) == before
    assert same(params, values)


class Watch:
    """Gradients that also remember the batches, and where training was."""

    def __init__(self, gradients=linear):
        self.gradients, self.batches, self.moments, self.draws = gradients, [], [], []

    def __call__(self, params, batch, now):
        self.batches.append(tuple(to_numpy(array).copy() for array in batch))
        self.moments.append((now.epoch, now.step))
        self.draws.append(now.rng.random())
        return self.gradients(params, batch, now)

    def epoch(self, k):
        """All samples of one epoch of three batches, array by array."""
        return tuple(map(np.concatenate, zip(*self.batches[3 * k:3 * k + 3])))


def test_the_loss_falls(tmp_path, xp):
    params, log = go(tmp_path, fresh(xp), epochs=60, learning_rate=lambda step: 0.02)
    losses = [line["loss"] for line in log]
    assert np.mean(losses[-3:]) < 0.1 * np.mean(losses[:3])
    assert same(load_checkpoint(tmp_path / "checkpoint.npz").params, params)


def test_every_sample_is_seen_once_an_epoch_with_its_label_and_in_another_order(tmp_path):
    watch = Watch()
    go(tmp_path, gradients=watch)
    assert [len(x) for x, _ in watch.batches] == [4, 4, 2] * 3
    orders = []
    for k in range(3):
        x, labels = watch.epoch(k)
        found = (x[:, None] == IMAGES).all(axis=(2, 3, 4))
        orders.append(found.argmax(axis=1).tolist())
        assert sorted(orders[-1]) == list(range(10)) and found.sum() == 10
        assert np.array_equal(labels, LABELS[orders[-1]])
    assert orders[0] != orders[1] != orders[2] != orders[0]


NUMBERS = np.arange(10)
TUPLES = {
    "one": (NUMBERS * 0.5,),
    "three": (NUMBERS * 0.5, NUMBERS * np.ones((4, 3, 10)).astype("float32"), NUMBERS),
    "integers": (NUMBERS, NUMBERS.astype("uint8") + np.zeros((2, 10), "uint8"), NUMBERS > 4),
    "complex": (NUMBERS * (1 + 2j), NUMBERS.astype("int32")),
}
"""Tuples of arrays in which every number of the k-th sample follows from k; samples come last."""


@pytest.mark.parametrize("name", TUPLES)
def test_any_tuple_of_arrays_is_learned_from_sample_by_sample(tmp_path, name):
    data = tuple(np.moveaxis(array, -1, 0) for array in TUPLES[name])
    watch = Watch(lambda params, batch, now: (0.0, {"W": np.ones(25), "shift": np.ones(())}))
    go(tmp_path, gradients=watch, data=data)
    orders = []
    for k in range(3):
        first, *others = arrays = watch.epoch(k)
        assert len(arrays) == len(data)
        order = (np.real(first) / np.real(data[0][1])).round().astype(int)
        orders.append(order.tolist())
        assert sorted(orders[-1]) == list(range(10))
        for got, whole in zip(arrays, data):
            assert got.dtype.kind == whole.dtype.kind and np.array_equal(got, whole[order])
    assert orders[0] != orders[1]


def test_gradients_get_epoch_and_step_counted_from_one(tmp_path):
    watch = Watch()
    go(tmp_path, gradients=watch)
    assert watch.moments == [(1 + k // 3, 1 + k) for k in range(9)]
    assert Now._fields == ("epoch", "step", "rng")


def test_a_resumed_run_goes_on_counting(tmp_path):
    go(tmp_path, epochs=1)
    watch = Watch()
    go(tmp_path, gradients=watch, resume=True)
    assert watch.moments == [(1 + k // 3, 1 + k) for k in range(3, 9)]


def test_shifts_stay_in_bounds_reach_them_and_are_drawn_anew(tmp_path):
    image = np.zeros((1, 9, 9, 1))
    image[0, 4, 4] = 1
    watch = Watch()
    go(tmp_path, {"W": np.zeros(81), "shift": np.zeros(())}, watch,
       (np.repeat(image, 100, axis=0), np.zeros(100, int)), batch=100, epochs=2,
       augment=lambda batch, rng: (random_shift(batch[0], rng, 2), batch[1]))
    moved = [np.argwhere(x[..., 0])[:, 1:] - 4 for x, _ in watch.batches]
    assert all({*m[:, axis].tolist()} == {-2, -1, 0, 1, 2} for m in moved for axis in (0, 1))
    assert not np.array_equal(*moved)


def test_augment_gets_a_whole_batch_on_the_host_and_what_it_returns_is_learned_from(tmp_path, xp):
    seen = []

    def augment(batch, rng):
        seen.append(tuple(array.copy() for array in batch))
        assert all(type(array) is np.ndarray for array in batch)
        x, labels = batch
        return np.concatenate([x, 1 - x]), np.concatenate([labels, labels + 10])

    watch = Watch()
    go(tmp_path, fresh(xp), watch, augment=augment)
    for (x, labels), (got, got_labels) in zip(seen, watch.batches):
        assert np.array_equal(got, np.concatenate([x, 1 - x]))
        assert np.array_equal(got_labels, np.concatenate([labels, labels + 10]))
    assert [len(x) for x, _ in seen] == [4, 4, 2] * 3
    assert np.array_equal(np.sort(np.concatenate([labels for _, labels in seen[:3]])),
                          np.sort(LABELS))


def test_augment_must_return_a_batch(tmp_path):
    with pytest.raises(TypeError, match="^augment: got ndarray, wanted it to return a batch, a "
                                        "tuple of arrays$"):
        go(tmp_path, augment=lambda batch, rng: batch[0])


def test_without_augment_the_loop_leaves_the_data_alone(tmp_path):
    watch = Watch()
    go(tmp_path, gradients=watch, epochs=1)
    assert (sorted(x.tobytes() for batch, _ in watch.batches for x in batch)
            == sorted(x.tobytes() for x in IMAGES))


def test_no_two_draws_come_from_the_same_stream(tmp_path):
    watch = Watch()
    go(tmp_path, gradients=watch)
    initial, order = np.random.default_rng(0).random(), np.random.default_rng([0, 1]).random()
    assert len({*watch.draws, initial, order}) == 9 + 2


def test_augment_and_gradients_draw_from_one_stream_a_step(tmp_path):
    draws = []

    def augment(batch, rng):
        draws.append(rng.random())
        return batch
    watch = Watch()
    go(tmp_path, gradients=watch, augment=augment)
    for k, drawn in enumerate(zip(draws, watch.draws)):
        assert drawn == tuple(np.random.default_rng([0, 1 + k // 3, 1 + k % 3]).random(2))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        go(tmp_path / name, seed=seed, augment=shift_by_one)
    assert same_checkpoint(tmp_path / "a", tmp_path / "b")
    a, c = (load_checkpoint(tmp_path / name / "checkpoint.npz") for name in "ac")
    assert not np.array_equal(a.params["W"], c.params["W"])


def test_batches_come_in_the_memory_and_precision_of_the_parameters(tmp_path, xp):
    kinds = set()

    def gradients(params, batch, now):
        kinds.add(tuple((type(array), str(array.dtype)) for array in batch))
        return linear(params, batch[:2], now)
    go(tmp_path, fresh(xp, "float32"), gradients,
       data=(IMAGES, LABELS.astype("int32"), LABELS > 0, IMAGES[:, 0, 0, 0].astype("float16")))
    dtypes = "float32", "int32", "bool", "float32"
    assert kinds == {tuple((xp.ndarray, dtype) for dtype in dtypes)}
    found = load_checkpoint(tmp_path / "checkpoint.npz").params
    assert {str(a.dtype) for a in found.values()} == {"float32"}


def test_the_log_is_json_and_on_the_disk_at_once(tmp_path):
    seen = []

    def gradients(params, batch, now):
        seen.append(lines(tmp_path) if (tmp_path / "log.jsonl").exists() else [])
        return linear(params, batch, now)
    _, log = go(tmp_path, gradients=gradients, evaluate=error)
    assert lines(tmp_path) == log
    assert [len(found) for found in seen] == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    evaluated = [(line["step"], line["epoch"]) for line in log if "error" in line]
    assert evaluated == [(3, 1), (6, 2), (9, 3)]
    assert [line["step"] for line in log if "loss" in line] == list(range(1, 10))


@pytest.mark.parametrize("every, epochs", [
    (1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (5, [5]), (9, [5])])
def test_evaluates_after_every_given_number_of_epochs_and_the_last_and_shows_it(
        tmp_path, every, epochs):
    shown = []
    _, log = go(tmp_path, epochs=5, evaluate=error, evaluate_every=every, show=shown.append)
    assert [line["epoch"] for line in shown] == epochs
    assert shown == [line for line in log if "error" in line]


def test_evaluations_of_a_resumed_run_are_those_of_an_uninterrupted_one(tmp_path):
    settings = dict(evaluate=error, evaluate_every=2)
    _, whole = go(tmp_path / "whole", epochs=6, **settings)
    with pytest.raises(TrainingError):
        go(tmp_path / "parts", epochs=6, gradients=failing_at(11, spoil_loss), **settings)
    _, parts = go(tmp_path / "parts", epochs=6, resume=True, **settings)
    assert parts == whole


def test_a_logged_loss_is_the_mean_since_the_last_line(tmp_path):
    _, often = go(tmp_path / "often")
    _, seldom = go(tmp_path / "seldom", log_every=2)
    assert [line["step"] for line in seldom] == [2, 3, 4, 6, 8, 9]
    assert seldom[0]["loss"] == pytest.approx((often[0]["loss"] + often[1]["loss"]) / 2, rel=1e-15)


def test_numpy_scalars_are_numbers_in_log_and_settings(tmp_path, xp):
    def kinds(log):
        return [{key: type(value) for key, value in line.items()} for line in log]
    settings = dict(epochs=2, evaluate=lambda params: {
        "error": params["shift"].mean(), "loss on tests": xp.asarray(np.float32(0.5)).mean()})
    plain = dict(seed=3, batch=4, learning_rate=lambda step: 0.5,
                 about={"a": 0.25, "config": {"b": [1, True]}})
    scalars = dict(seed=np.int64(3), batch=np.int32(4), learning_rate=lambda step: np.float32(0.5),
                   about={"a": np.float32(0.25), "config": {"b": (np.int8(1), np.True_)}})
    logs = [go(tmp_path / name, fresh(xp, "float32"), **settings, **more)[1]
            for name, more in (("plain", plain), ("scalars", scalars))]
    assert logs[0] == logs[1] and kinds(logs[0]) == kinds(logs[1])
    assert same_checkpoint(tmp_path / "plain", tmp_path / "scalars")
    go(tmp_path / "plain", fresh(xp, "float32"), **settings, **scalars, resume=True)


def test_the_schedule_is_followed(tmp_path):
    rates = []

    def update(params, grads, state, learning_rate):
        rates.append(learning_rate)
    _, log = go(tmp_path, update=update, learning_rate=lambda step: 2.0 ** -step)
    assert rates == [2.0 ** -step for step in range(9)]
    assert [line["learning_rate"] for line in log] == rates


@pytest.mark.parametrize("error, said, change", [
    (TypeError, "data: got list, wanted a tuple of at least one array",
     dict(data=[IMAGES, LABELS])),
    (TypeError, "data: got ndarray, wanted a tuple of at least one array", dict(data=IMAGES)),
    (TypeError, "data: got tuple, wanted a tuple of at least one array", dict(data=())),
    (TypeError, "data[0]: got list, wanted a NumPy array of numbers", dict(data=([0.0], LABELS))),
    (TypeError, "data[1]: got dtype <U21, wanted a NumPy array of numbers",
     dict(data=(IMAGES, LABELS.astype(str)))),
    (TypeError, "data[1]: got dtype object", dict(data=(IMAGES, LABELS.astype(object)))),
    (ValueError, "data[1]: got 9 samples, wanted 10 as in data[0]",
     dict(data=(IMAGES, LABELS[:9]))),
    (ValueError, "data[2]: got 1 samples, wanted 10 as in data[0]",
     dict(data=(IMAGES, LABELS, IMAGES[:1]))),
    (ValueError, "data[0]: got NaN or infinity in 1 of 10 samples, first in number 3",
     dict(data=(np.where(np.arange(10) == 3, np.nan, IMAGES.T).T, LABELS))),
    (ValueError, "data[1]: got NaN or infinity in 1 of 10 samples, first in number 0",
     dict(data=(IMAGES, np.append(np.inf, np.ones(9))))),
    (ValueError, "data[0]: got shape (0, 5, 5, 1)", dict(data=(IMAGES[:0], LABELS[:0]))),
    (ValueError, "data[0]: got shape (10, 0)", dict(data=(np.ones((10, 0)), LABELS))),
    (ValueError, "data[1]: got shape ()", dict(data=(IMAGES, np.array(3)))),
    (TypeError, "params: got dict, wanted a dict of at least one array", dict(params={})),
    (TypeError, "about: got ndarray, wanted JSON values", dict(about={"a": np.ones(2)})),
    (ValueError, "batch: got 11, wanted at most the 10 training samples", dict(batch=11)),
    (ValueError, "batch: got 0", dict(batch=0)),
    (ValueError, "epochs: got 0", dict(epochs=0)),
    (ValueError, "epochs: got 1.5", dict(epochs=1.5)),
    (ValueError, "log_every: got 0", dict(log_every=0)),
    (ValueError, "evaluate_every: got 0", dict(evaluate_every=0)),
    (ValueError, "seed: got -1", dict(seed=-1)),
    (ValueError, "seed: got 0.5", dict(seed=0.5))],
    ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_work_is_refused_before_anything_is_written(tmp_path, error, said, change):
    go(tmp_path, epochs=1)
    refuses(error, tmp_path, said, **change)
    refuses(error, tmp_path / "new", said, **change)
    assert not (tmp_path / "new").exists()


def failing_at(bad_step, spoil):
    """Gradients that go bad at one step, counted from 1."""
    step = 0

    def gradients(params, batch, now):
        nonlocal step
        step += 1
        loss, grads = linear(params, batch, now)
        return spoil(loss, grads) if step == bad_step else (loss, grads)
    return gradients


def spoil_loss(loss, grads):
    return loss * np.nan, grads


def spoil_parameter(loss, grads):
    return loss, grads | {"W": grads["W"] * np.inf}


@pytest.mark.parametrize("log_every", [1, 2, 100])
@pytest.mark.parametrize("bad_step, good_step", [
    (1, None), (3, None), (4, 3), (5, 3), (6, 3), (9, 6)])
def test_a_loss_that_is_not_finite_stops_the_run_naming_its_step(
        tmp_path, log_every, bad_step, good_step):
    left = (f"the checkpoint of step {good_step} stays" if good_step
            else "there is no checkpoint yet")
    with pytest.raises(TrainingError, match=f"^loss: got nan at step {bad_step}, wanted a finite "
                                            f"number; {left}. A smaller learning rate may help$"):
        go(tmp_path, gradients=failing_at(bad_step, spoil_loss), log_every=log_every)
    if good_step is None:
        assert not (tmp_path / "checkpoint.npz").exists()
        return
    found = load_checkpoint(tmp_path / "checkpoint.npz")
    assert found.step == good_step and all(np.isfinite(p).all() for p in found.params.values())
    with pytest.raises(TrainingError, match=f"; the checkpoint of step {good_step} stays"):
        go(tmp_path, resume=True, gradients=failing_at(1, spoil_loss))
    resumed, _ = go(tmp_path, resume=True)
    assert same(resumed, go(tmp_path / "other")[0])


def test_a_parameter_that_is_not_finite_stops_the_run_before_evaluation_and_saving(tmp_path):
    evaluated = []

    def evaluate(params):
        evaluated.append(params["W"].copy())
        return {}
    with pytest.raises(TrainingError, match="^params: got NaN or infinity in W after step 6, "
                                            "wanted finite numbers; the checkpoint of "
                                            "step 3 stays. A smaller learning rate may help$"):
        go(tmp_path, gradients=failing_at(6, spoil_parameter), evaluate=evaluate)
    assert len(evaluated) == 1 and np.isfinite(evaluated).all()
    assert load_checkpoint(tmp_path / "checkpoint.npz").step == 3
    resumed, _ = go(tmp_path, resume=True)
    assert same(resumed, go(tmp_path / "other")[0])


def test_overflow_raises_the_error_and_no_warning(tmp_path):
    with pytest.raises(TrainingError, match="^loss: got (inf|nan) at step"):
        go(tmp_path, fresh(dtype="float32"), update=sgd, learning_rate=lambda step: 1e30)


@pytest.mark.parametrize("update", [sgd, rmsprop, adam])
@pytest.mark.parametrize("stop", [1, 2, 3, 5, 8])
def test_resumed_after_any_step_ends_with_the_same_bits(tmp_path, update, stop, xp):
    def stopping(params, batch, now):
        nonlocal stop
        stop -= 1
        if stop < 0:
            raise KeyboardInterrupt
        return linear(params, batch, now)
    settings = dict(update=update, augment=shift_by_one, seed=3, checkpoint_seconds=0.0,
                    evaluate=error)
    _, whole = go(tmp_path / "whole", fresh(xp), **settings)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "cut", fresh(xp), stopping, **settings)
    params, log = go(tmp_path / "cut", fresh(xp), resume=True, **settings)
    assert same_checkpoint(tmp_path / "cut", tmp_path / "whole")
    assert lines(tmp_path / "cut") == log == whole


@pytest.mark.parametrize("update", [sgd, rmsprop, adam])
def test_the_state_of_the_optimiser_comes_back_as_it_was(tmp_path, update, xp):
    seen = []

    def watched(params, grads, state, learning_rate):
        seen.append({key: (type(value), str(getattr(value, "dtype", "")), to_numpy(value).tolist())
                     for key, value in state.items()})
        update(params, grads, state, learning_rate=learning_rate)
    for folder, epochs in (tmp_path / "cut", [1, 2]), (tmp_path / "whole", [2]):
        for k, count in enumerate(epochs):
            go(folder, fresh(xp, "float32"), epochs=count, resume=k > 0, update=watched)
    assert seen[:6] == seen[6:] and seen[0] == {} and len(seen[3]) >= 2


def test_a_resumed_log_has_no_later_no_double_and_no_torn_lines(tmp_path):
    _, whole = go(tmp_path / "whole", evaluate=error)
    go(tmp_path / "cut", epochs=2, evaluate=error)
    with open(tmp_path / "cut" / "log.jsonl", "a") as file:
        file.write('{"step": 7, "loss": 99.0}\n{"step": ')
    _, log = go(tmp_path / "cut", resume=True, evaluate=error)
    assert lines(tmp_path / "cut") == log == whole


def test_a_lost_or_garbled_log_does_not_stop_a_resume_and_is_said(tmp_path, caplog):
    go(tmp_path, epochs=2)
    go(tmp_path, epochs=2, resume=True)
    assert caplog.messages == []
    (tmp_path / "log.jsonl").write_bytes(b'{"step": 1, "loss": 1.0}\n\xff\x00\xfe\n')
    _, log = go(tmp_path, resume=True)
    assert [line["step"] for line in log] == [1, 7, 8, 9]
    (tmp_path / "log.jsonl").unlink()
    assert go(tmp_path, resume=True)[1] == []
    path = re.escape(str(tmp_path / "log.jsonl"))
    for message, came, logged, step in zip(caplog.messages, (1, 0), (6, 4), (6, 9), strict=True):
        assert re.match(f"log: got {came} lines in {path}, wanted the {logged} up to step {step}: "
                        "[^\n]+$", message)


def test_a_finished_run_resumed_is_as_it_was_and_can_go_on_longer(tmp_path):
    params, log = go(tmp_path / "a")
    again, same_log = go(tmp_path / "a", resume=True)
    assert same(again, params) and same_log == log
    go(tmp_path / "a", resume=True, epochs=5)
    go(tmp_path / "b", epochs=5)
    assert same_checkpoint(tmp_path / "a", tmp_path / "b")


def test_seconds_add_up_over_a_resume(tmp_path):
    go(tmp_path, epochs=1)
    before = load_checkpoint(tmp_path / "checkpoint.npz").seconds
    _, seconds = train(linear, fresh(), DATA, epochs=2, batch=4, folder=tmp_path,
                       about={"config": {"depth": 1}}, resume=True)
    assert 0 < before < load_checkpoint(tmp_path / "checkpoint.npz").seconds <= seconds


@pytest.mark.parametrize("said, change", [
    ("with seed = 0, wanted seed = 1", dict(seed=1)),
    ("with batch = 4, wanted batch = 5", dict(batch=5)),
    ("with config.depth = 1, wanted config.depth = 2", dict(about={"config": {"depth": 2}})),
    ("with rate = None, wanted rate = 0.1", dict(about={"config": {"depth": 1}, "rate": 0.1})),
    ("with config.depth = 1, wanted config.depth = None", dict(about={})),
    ("with data_crc32 = ", dict(data=(IMAGES[::-1], LABELS))),
    ("with data_crc32 = ", dict(data=(IMAGES, LABELS[::-1]))),
    ("with data_shapes = [[10, 5, 5, 1], [10]], wanted data_shapes = [[9, 5, 5, 1], [9]]",
     dict(data=(IMAGES[1:], LABELS[1:]))),
    ("with data_shapes = [[10, 5, 5, 1], [10]], wanted data_shapes = [[10, 5, 5, 1], [10], [10]]",
     dict(data=(IMAGES, LABELS, LABELS))),
    ("with params.W = float64 (25,), wanted params.W = float64 (30,)",
     dict(params={"W": np.zeros(30), "shift": np.zeros(())})),
    ("with params.W = float64 (25,), wanted params.W = float32 (25,)",
     dict(params=fresh(dtype="float32"))),
    ("with params.extra = None, wanted params.extra = float64 (1,)",
     dict(params=fresh() | {"extra": np.zeros(1)})),
    ("with params.shift = float64 (), wanted params.shift = None",
     dict(params={"W": np.zeros(25)}))],
    ids=lambda value: value if isinstance(value, str) else "")
def test_another_run_is_not_resumed_and_the_difference_is_named(tmp_path, said, change):
    go(tmp_path, epochs=1)
    refuses(ValueError, tmp_path, f"checkpoint: got {tmp_path / 'checkpoint.npz'} of a run ", said,
            resume=True, **change)


def test_nothing_to_resume(tmp_path):
    refuses(FileNotFoundError, tmp_path / "new", "checkpoint: got ", "which does not exist",
            resume=True)
    assert not (tmp_path / "new").exists()


def test_a_torn_checkpoint_is_not_resumed(tmp_path):
    go(tmp_path, epochs=1)
    (tmp_path / "checkpoint.npz").write_bytes((tmp_path / "checkpoint.npz").read_bytes()[:-50])
    refuses(ValueError, tmp_path, "torn or no checkpoint", resume=True)


FILES = "log.jsonl", "checkpoint.npz"


def kept(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def test_starting_anew_keeps_the_old_runs_and_says_where(tmp_path, caplog):
    runs = []
    for k in range(8):
        go(tmp_path, seed=k)
        runs.append(kept(tmp_path))
    assert sorted(path.name for path in tmp_path.glob("old-*")) == [f"old-{k}" for k in range(3, 8)]
    assert all(kept(tmp_path / f"old-{k}") == runs[k - 1] for k in range(3, 8))
    assert len(caplog.messages) == 7
    assert f"the earlier run in {tmp_path} is now in {tmp_path / 'old-7'}: " in caplog.messages[-1]


def test_a_start_that_was_stopped_at_once_does_not_hide_the_earlier_runs(tmp_path):
    def stop(*arguments):
        raise KeyboardInterrupt
    for seed in range(11):                              # old-10 is later than old-9
        go(tmp_path, seed=seed, epochs=1)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, gradients=stop)
    (tmp_path / "old-12").mkdir()                       # a kill before its files were moved
    refuses(FileNotFoundError, tmp_path, f"checkpoint: got no {tmp_path / 'checkpoint.npz'}, ",
            f": the earlier run is in {tmp_path / 'old-11'}: to go on with it, move its files to "
            f"{tmp_path}", resume=True)


def test_an_old_run_moved_back_goes_on(tmp_path):
    go(tmp_path, epochs=1, seed=1)
    go(tmp_path, seed=2)
    for name in FILES:
        os.replace(tmp_path / "old-1" / name, tmp_path / name)
    go(tmp_path, seed=1, resume=True)
    go(tmp_path / "whole", seed=1)
    assert same_checkpoint(tmp_path, tmp_path / "whole")


@pytest.mark.parametrize("module, name", [(os, "replace"), (shutil, "copy2")])
def test_a_kill_while_an_old_run_is_moved_loses_nothing(tmp_path, monkeypatch, module, name):
    go(tmp_path, epochs=1)
    old = kept(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, name, lambda *paths: (_ for _ in ()).throw(KeyboardInterrupt))
        go(tmp_path, seed=1)
    assert kept(tmp_path) == old
    go(tmp_path, seed=1)
    assert kept(tmp_path / "old-2") == old


def test_a_start_that_leaves_no_checkpoint_does_not_replace_the_old_run(tmp_path):
    go(tmp_path, seed=1)
    old = kept(tmp_path)
    for _ in range(3):
        with pytest.raises(TrainingError):
            go(tmp_path, seed=2, gradients=failing_at(2, spoil_loss))
    _, log = go(tmp_path, seed=2)
    assert lines(tmp_path) == log
    assert kept(tmp_path / "old-1") == old and not (tmp_path / "old-2").exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_training_in_a_folder_is_refused_and_the_first_goes_on(tmp_path, resume):
    go(tmp_path, epochs=1)
    whole, _ = go(tmp_path / "whole")

    def gradients(params, batch, now):
        before = {path: path.read_bytes() for path in tmp_path.glob("*.*")}
        with pytest.raises(BlockingIOError, match=f"^folder: got {tmp_path}, where another "
                                                  "training is at work, wanted one without[^\n]*$"):
            go(tmp_path, resume=resume)
        assert {path: path.read_bytes() for path in tmp_path.glob("*.*")} == before
        return linear(params, batch, now)
    params, _ = go(tmp_path, resume=True, gradients=gradients)
    assert same(params, whole)


@pytest.mark.parametrize("error", [OSError(95, "Operation not supported"), None])
def test_where_there_are_no_locks_training_goes_on_without(tmp_path, monkeypatch, error):
    def flock(*arguments):
        raise error
    monkeypatch.setattr(resume, "fcntl", error and SimpleNamespace(
        flock=flock, LOCK_EX=2, LOCK_NB=4))
    go(tmp_path)
    assert load_checkpoint(tmp_path / "checkpoint.npz").step == 9


def test_torn_files_of_an_earlier_kill_are_swept(tmp_path):
    for k, again in enumerate([False, True]):
        go(tmp_path, epochs=1 + k, resume=again)
        for name in ".checkpoint.npz.123.tinycaps", ".log.jsonl.4.tinycaps":
            (tmp_path / name).write_bytes(b"half")
    go(tmp_path, resume=True)
    assert sorted(os.listdir(tmp_path)) == [".lock", "checkpoint.npz", "log.jsonl"]


def test_a_full_disk_is_named_with_its_file(tmp_path, monkeypatch):
    def fail(number):
        raise OSError(28, "No space left on device")
    go(tmp_path, epochs=1)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left on device: '.*log.jsonl'"):
        go(tmp_path, resume=True)
    assert load_checkpoint(tmp_path / "checkpoint.npz").step == 3


def test_data_need_not_be_contiguous(tmp_path):
    go(tmp_path / "a", data=(np.repeat(IMAGES, 2, axis=0)[::2], np.repeat(LABELS, 2)[::2]))
    go(tmp_path / "b")
    assert same_checkpoint(tmp_path / "a", tmp_path / "b")


# Real processes, really killed: a small CapsNet on embedded digits, with a checkpoint after every
# step. Given a moment, the process kills itself when it gets there for the n-th time.
CAPSNET = """if True:
    import dataclasses, os, signal, sys
    import numpy as np
    from pathlib import Path
    from tinycaps.capsules import (DIGITS, capsnet_loss_backward, capsnet_loss_forward,
                                   init_capsnet)
    from tinycaps.data import load_digits, random_shift
    from tinycaps.train import train
    folder, moment, arrivals = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

    def arrive(*args):
        global arrivals
        arrivals -= 1
        if arrivals == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(function):
        if moment.startswith("before"):
            return lambda *args, **kwargs: (arrive(), function(*args, **kwargs))[1]
        return lambda *args, **kwargs: (function(*args, **kwargs), arrive())[0]
    where = moment.partition(" ")[2]
    if where in ("fsync", "replace"):
        setattr(os, where, watched(getattr(os, where)))
    if where == "array":
        np.lib.format.write_array = watched(np.lib.format.write_array)
    config = dataclasses.replace(DIGITS, conv_channels=8, primary_types=4, primary_dims=4,
                                 decoder_hidden=(16,))

    def gradients(params, batch, now):
        if where == "step":
            arrive()
        loss, cache = capsnet_loss_forward(params, *batch, config)
        return loss, capsnet_loss_backward(1.0, cache)
    data = load_digits()
    train(gradients, init_capsnet(np.random.default_rng(0), config),
          (data.train_images[:200], data.train_labels[:200]), epochs=3, batch=32, seed=0,
          augment=lambda batch, rng: (random_shift(batch[0], rng, 1), batch[1]), folder=folder,
          about={"config": dataclasses.asdict(config)}, log_every=3, checkpoint_seconds=0.0,
          evaluate=lambda params: {"size": float(abs(params["digit.W"]).sum())},
          resume=(folder / "checkpoint.npz").exists())
"""
STEPS = 21


def launch(folder, moment="never", arrivals=0):
    return subprocess.Popen([sys.executable, "-c", CAPSNET, str(folder), moment, str(arrivals)],
                            stderr=subprocess.PIPE, text=True,
                            env=os.environ | {"PYTHONPATH": str(ROOT)})


def finish(process):
    _, said = process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGKILL), said
    assert not said                                 # no progress bar where there is no terminal
    return process.returncode == 0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert finish(launch(folder))
    assert load_checkpoint(folder / "checkpoint.npz").step == STEPS
    return folder


def is_like(folder, whole):
    """Return whether a run ended with the same bits, log and files as an uninterrupted one."""
    return (same_checkpoint(folder, whole) and lines(folder) == lines(whole)
            and set(os.listdir(folder)) == set(os.listdir(whole)))


def test_killed_at_chosen_moments_of_writing_ends_with_the_same_bits(tmp_path, uninterrupted):
    done = 0
    for moment, arrivals in [("before step", 1), ("before array", 5), ("after array", 9),
                             ("before fsync", 2), ("after fsync", 3), ("before replace", 2),
                             ("after replace", 3), ("before step", 5)]:
        assert not finish(launch(tmp_path, moment, arrivals))
        if (tmp_path / "checkpoint.npz").exists():
            step = load_checkpoint(tmp_path / "checkpoint.npz").step
            assert done <= step < STEPS
            done = step
    assert done > 3
    assert finish(launch(tmp_path))
    assert is_like(tmp_path, uninterrupted)


def test_killed_at_random_moments_ends_with_the_same_bits(tmp_path, uninterrupted):
    rng, steps = random.Random(0), [0]
    for _ in range(12):
        before = written(tmp_path / "checkpoint.npz")
        process = launch(tmp_path)
        while process.poll() is None and written(tmp_path / "checkpoint.npz") == before:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.015))
        process.kill()
        finish(process)
        steps.append(load_checkpoint(tmp_path / "checkpoint.npz").step)
    assert steps == sorted(steps) and len({*steps}) > 3
    assert finish(launch(tmp_path))
    assert is_like(tmp_path, uninterrupted)


def written(path):
    """Return when a file was last written."""
    return path.stat().st_mtime_ns if path.exists() else None
