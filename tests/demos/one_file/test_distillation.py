"""Distillation in one file: the same numbers as the package."""
import numpy as np
import pytest

from demos.one_file import distillation
from tests.demos.one_file.form import check_form, same
from tests.ops.facts import with_biases
from tinycaps.data import load_digits
from tinycaps.distillation import distillation_loss_backward, distillation_loss_forward
from tinycaps.ops import (init_mlp, mlp_backward, mlp_forward, soft_cross_entropy_backward,
                          soft_cross_entropy_forward, soften)
from tinycaps.optim import adam

LABELS = np.array([4, 0, 4, 2])


def logits_and_targets():
    rng = np.random.default_rng(0)
    return 3 * rng.standard_normal((4, 5)), soften(3 * rng.standard_normal((4, 5)), 2.0)


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-14)


def test_form():
    check_form(distillation)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("sizes", [(6, 7, 5), (6, 7, 8, 5)])
def test_mlp(sizes, dropout):
    rng = np.random.default_rng(0)
    params = with_biases(init_mlp(rng, sizes, dtype="float64"))
    x, dout = rng.standard_normal((4, 6)), rng.standard_normal((4, 5))
    kept = [rng.random((4, units)) >= 0.25 for units in sizes[1:-1]]
    dropouts = [None] + [(mask, 0.25) for mask in kept]
    masks = [1] + [mask / 0.75 for mask in kept]
    want, want_cache = mlp_forward(params, x, dropouts=dropouts if dropout else ())
    out, cache = distillation.mlp_forward(params, x, *[masks] * dropout)
    close(out, want)
    same(distillation.mlp_backward(dout, cache), mlp_backward(dout, want_cache))


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_soft_targets_and_their_cross_entropy(temperature):
    logits, targets = logits_and_targets()
    close(distillation.soften(logits, temperature), soften(logits, temperature))
    want, want_cache = soft_cross_entropy_forward(logits, targets, temperature)
    loss, cache = distillation.cross_entropy_forward(logits, targets, temperature)
    close(loss, want)
    dlogits = distillation.cross_entropy_backward(0.3, cache)
    close(dlogits, soft_cross_entropy_backward(0.3, want_cache))


@pytest.mark.parametrize("temperature, hard_weight", [(4.0, 0.1), (20.0, 0.0), (2.0, 1.0)])
def test_distillation_loss(temperature, hard_weight):
    given = logits_and_targets()[0], LABELS, logits_and_targets()[1], temperature, hard_weight
    want, want_cache = distillation_loss_forward(*given)
    loss, cache = distillation.distillation_loss_forward(*given)
    close(loss, want)
    dlogits = distillation.distillation_loss_backward(cache)
    close(dlogits, distillation_loss_backward(1.0, want_cache))


def test_large_logits_stay_finite():
    logits, labels, targets = np.array([[1e4, 0.0, -1e4]]), np.array([2]), np.full((1, 3), 1 / 3)
    loss, cache = distillation.distillation_loss_forward(logits, labels, targets, 4.0, 0.1)
    assert np.isfinite(loss) and np.isfinite(distillation.distillation_loss_backward(cache)).all()


def learn(x, labels, epochs, **settings):
    """Train a small network on labels alone."""
    one_hot = np.eye(10, dtype="float32")[labels]
    return distillation.train((64, 20, 10), x, labels, one_hot, 1.0, np.random.default_rng(0),
                              epochs, 16, 0.01, **settings)


def test_training_steps_by_adam(monkeypatch):
    x, labels = np.zeros((24, 64), "float32"), np.arange(24) % 10
    rng, seen = np.random.default_rng(1), []
    start, want = learn(x, labels, 0), init_mlp(rng, (64, 20, 10))
    assert start.keys() == want.keys()
    for key, p in start.items():
        assert p.shape == want[key].shape and p.std() == pytest.approx(want[key].std(), rel=0.15)
    steps = [{key: rng.standard_normal(p.shape).astype("float32") for key, p in start.items()}
             for _ in range(4)]

    def backward(dout, cache):
        seen.append(len(dout))
        return steps[len(seen) - 1]
    monkeypatch.setattr(distillation, "mlp_backward", backward)
    params = learn(x, labels, 2)
    assert seen == [12] * 4
    state = {}
    for step, grads in enumerate(steps):
        adam(start, grads, state, 0.01 * (1 - step // 2 / 2))
    for key, p in start.items():
        np.testing.assert_allclose(params[key], p, rtol=1e-4, atol=1e-6)


def test_dropout_silences_hidden_units_and_scales_up_the_rest(monkeypatch):
    seen, forward = [], distillation.mlp_forward

    def watched(params, x, masks):
        seen.append(masks)
        return forward(params, x, masks)
    monkeypatch.setattr(distillation, "mlp_forward", watched)
    x, labels = np.ones((160, 64), "float32"), np.arange(160) % 10
    learn(x, labels, 1, dropout=0.25)
    assert all(masks[0] == 1 for masks in seen)
    values = np.concatenate([masks[1] for masks in seen])
    assert values.dtype == np.float32
    assert np.unique(values).tolist() == [0, np.float32(4 / 3)]
    assert (values > 0).mean() == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("hard_weight", [1.0, 0.1])
def test_a_few_steps_lower_the_loss(hard_weight):
    data = load_digits()
    x, labels = data.train_images[:96].reshape(96, 64), data.train_labels[:96]
    temperature = distillation.TEMPERATURE
    p = soften(5 * np.eye(10, dtype="float32")[labels], temperature)
    entropy = -(p * np.log(p)).sum(axis=1).mean()           # below which no soft loss can go
    least = (1 - hard_weight) * temperature ** 2 * entropy

    def excess(epochs):
        params = distillation.train((64, 20, 10), x, labels, p, hard_weight,
                                    np.random.default_rng(0), epochs, 16, 0.01)
        logits = mlp_forward(params, x)[0]
        return distillation_loss_forward(logits, labels, p, temperature, hard_weight)[0] - least
    assert excess(4) < 0.7 * excess(0)


def test_main_gives_both_students_of_a_pair_the_same_start_and_images(monkeypatch, capsys):
    data, calls, train = load_digits(), [], distillation.train

    def short(sizes, x, labels, soft_targets, hard_weight, rng, **settings):
        calls.append((sizes, x, labels, soft_targets, hard_weight, rng.bit_generator.state))
        return train(sizes, x, labels, soft_targets, hard_weight, rng, **settings | {"epochs": 1})
    monkeypatch.setattr(distillation, "train", short)
    distillation.main(seed=3)
    teacher, *students = calls
    flat = data.train_images.reshape(-1, 64)
    assert (teacher[1] == flat).all() and (teacher[2] == data.train_labels).all()
    assert teacher[4] == 1
    assert len(students) == 10
    for on_labels, on_soft in zip(students[::2], students[1::2]):
        assert on_labels[0] == on_soft[0] and on_labels[5] == on_soft[5]
        assert (on_labels[1] == on_soft[1]).all() and (on_labels[2] == on_soft[2]).all()
        assert (on_labels[4], on_soft[4]) == (1.0, distillation.HARD_WEIGHT)
        which = [np.flatnonzero((row == flat).all(axis=1))[0] for row in on_soft[1]]
        assert len(which) == 144 and (data.train_labels[which] == on_soft[2]).all()
        np.testing.assert_allclose(on_soft[3].sum(axis=1), 1, rtol=1e-5)
    lines = capsys.readouterr().out.splitlines()
    errors = [[float(word) for word in line.split() if "." in word] for line in lines[-6:-1]]
    errors = np.array(errors)
    assert errors.shape == (5, 2)
    last = [float(word) for word in lines[-1].split() if "." in word]
    np.testing.assert_allclose(last[1:], errors.mean(axis=0), atol=0.011)
