"""Forward-forward in one file: the same numbers as the package."""
import numpy as np
import pytest

from demos.one_file import forward_forward
from tests.demos.one_file.form import check_form, same
from tests.ops.facts import with_biases
from tinycaps.data import load_digits
from tinycaps.forward_forward import (FFConfig, ff_layer_loss_backward, ff_layer_loss_forward,
                                      goodness_forward, init_ff, label_goodness,
                                      length_normalise_forward, make_room, predict,
                                      predictor_gradients, supervised_gradients, vote,
                                      write_labels, write_neutral)

CONFIG = FFConfig(image_shape=(10, 8, 1), hidden=(300, 300, 300), peer_weight=0.0)
LABELS = np.array([7, 0, 7, 3])


def network():
    """Parameters with a predictor that has an opinion, and four images with ink everywhere."""
    params = with_biases(init_ff(np.random.default_rng(0), CONFIG, "float64"))
    rng = np.random.default_rng(1)
    params["softmax.W"] = 0.1 * rng.standard_normal(params["softmax.W"].shape)
    return params, rng.random((4, 80))


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-14)


def test_form():
    check_form(forward_forward)


def test_labels_in_the_first_pixels():
    images = np.random.default_rng(0).random((4, 80), "float32")
    labelled = forward_forward.write_label(images, np.eye(10)[LABELS])
    assert labelled.dtype == np.float32 and (labelled == write_labels(images, LABELS)).all()
    close(forward_forward.write_label(images, 0.1), write_neutral(images))


def test_normalisation_also_of_a_silent_layer():
    y = np.random.default_rng(0).standard_normal((4, 5))
    y[2] = 0
    close(forward_forward.normalise(y), length_normalise_forward(y)[0])


@pytest.mark.parametrize("size", [1, 30])
def test_layer_has_the_packages_loss_and_gradients(size):
    rng = np.random.default_rng(0)
    W, bias = 0.2 * size * rng.standard_normal((80, 300)), rng.standard_normal(300)
    x = rng.standard_normal((8, 80))
    want, want_cache = ff_layer_loss_forward(W, bias, x[:4], x[4:])
    loss, cache = forward_forward.layer_forward(W, bias, x)
    close(loss, want)
    close(cache[2], goodness_forward(cache[1])[0])
    grads = forward_forward.layer_backward(cache)
    for got, gradient in zip(grads, ff_layer_loss_backward(1.0, want_cache), strict=True):
        close(got, gradient)


def test_predictor():
    params, _ = network()
    features = np.random.default_rng(2).random((4, 600))
    want, grads, logits = predictor_gradients(params, features, LABELS)
    loss, cache = forward_forward.predictor_forward(
        params["softmax.W"], params["softmax.bias"], features, LABELS)
    close(loss, want)
    close(cache[2], logits)
    same(dict(zip(grads, forward_forward.predictor_backward(cache), strict=True)), grads)


def test_gradients_of_a_batch_by_name():
    params, images = network()
    got, caches = forward_forward.gradients(params, images, LABELS, np.random.default_rng(5))
    loss, want = supervised_gradients(
        params, images.reshape(4, 10, 8, 1), LABELS, np.random.default_rng(5), CONFIG)
    same(got, {key: grad for key, grad in want.items() if not key.endswith("mean_activity")})
    close(np.mean([np.logaddexp(0, -margin).sum() / 4 for *_, margin in caches]), loss)


def test_negative_labels_are_wrong_and_follow_the_predictor():
    params, images = network()
    params["softmax.W"][:] = 0
    params["softmax.bias"] = 30.0 * (np.arange(10) == 4) + 20.0 * (np.arange(10) == 7)
    labels = np.array([4, 7, 0, 1])
    _, caches = forward_forward.gradients(params, images, labels, np.random.default_rng(0))
    written = caches[0][0][:, :10].argmax(axis=1)
    assert written.tolist() == [4, 7, 0, 1, 7, 4, 4, 4]


def test_every_label_is_tried_on_all_layers_but_the_first():
    params, images = network()
    want = label_goodness(params, images.reshape(4, 10, 8, 1), CONFIG)
    got = forward_forward.label_goodness(params, images)
    close(got, want[:, 1:].sum(axis=1))
    assert (got.argmax(axis=1) == vote(want)).all()


def test_training_steps_with_momentum_and_decay(monkeypatch):
    images, rng, seen = np.zeros((30, 80), "float32"), np.random.default_rng(0), []
    start = forward_forward.train(images, LABELS, epochs=0)
    want = init_ff(np.random.default_rng(0), CONFIG)
    assert start.keys() == {key for key in want if not key.endswith("mean_activity")}
    for key, p in start.items():
        assert p.shape == want[key].shape and p.std() == pytest.approx(want[key].std(), rel=0.05)
    steps = [{key: rng.standard_normal(p.shape).astype("float32") for key, p in start.items()}
             for _ in range(8)]

    def gradients(params, images, labels, rng):
        seen.append(len(images))
        return steps[len(seen) - 1], []
    monkeypatch.setattr(forward_forward, "gradients", gradients)
    params = forward_forward.train(images, np.arange(30), epochs=4)
    assert seen == [15] * 8
    for key, p in start.items():
        rate, velocity = 0.01 if "softmax" in key else 0.0005, 0
        for grads, fall in zip(steps, (1, 1, 1, 1, 1, 1, 0.5, 0.5)):
            velocity = 0.9 * velocity - rate * fall * (grads[key] + 0.001 * p)
            p = p + velocity
        np.testing.assert_allclose(params[key], p, rtol=1e-4, atol=1e-7)


def test_a_few_steps_lower_the_loss(capsys):
    data = load_digits()
    images = make_room(data.train_images[:60])[0].reshape(60, 80)
    labels = data.train_labels[:60]

    def loss(epochs):
        params = forward_forward.train(images, labels, epochs)
        _, caches = forward_forward.gradients(params, images, labels, np.random.default_rng(1))
        return sum(np.logaddexp(0, -margin).sum() for *_, margin in caches)
    assert loss(20) < 0.7 * loss(0)
    assert capsys.readouterr().out.count("layer 2") == 4


def test_main_learns_four_fifths_and_judges_every_fifth(monkeypatch, capsys):
    data, calls = load_digits(), []
    train_images, test_images = make_room(data.train_images, data.test_images)
    untrained = forward_forward.train(np.zeros((0, 80)), LABELS, epochs=0)
    monkeypatch.setattr(forward_forward, "train",
                        lambda *given, seed: calls.append(given) or untrained)
    forward_forward.main(seed=3)
    (images, labels), = calls
    assert (images == train_images.reshape(-1, 80)).all() and images.dtype == np.float32
    assert (labels == data.train_labels).all()
    wrong = (predict(untrained, test_images, CONFIG, "goodness") != data.test_labels).sum()
    *shown, last = capsys.readouterr().out.splitlines()
    assert last == f"test error {wrong / 3.6:.2f} % ({wrong} of 360 misclassified)"
    goodness = label_goodness(untrained, test_images[:1], CONFIG)[0, 1:].sum(axis=0)
    bars = [line.split(f"with label {k}: ")[1] for k, line in enumerate(shown)]
    assert bars == ["#" * int(40 * g / goodness.max()) for g in goodness]
