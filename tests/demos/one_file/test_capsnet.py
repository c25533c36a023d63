"""CapsNet in one file: the same numbers as the package."""
import numpy as np
import pytest

from demos.one_file import capsnet
from tests.demos.one_file.form import check_form, same
from tests.ops.facts import with_biases
from tinycaps.capsules import (DIGITS, capsnet_loss_backward, capsnet_loss_forward,
                               decoder_forward, init_capsnet, mask_forward, predict,
                               routing_backward, routing_forward, squash_backward, squash_forward)
from tinycaps.data import load_digits
from tinycaps.ops import conv2d_backward, conv2d_forward
from tinycaps.optim import adam

LABELS = np.array([7, 0, 7])


def network():
    """Parameters that make the routing matter, and three images."""
    params = with_biases(init_capsnet(np.random.default_rng(0), DIGITS, "float64"))
    x = np.random.default_rng(1).random((3, 8, 8, 1))
    return params | {"digit.W": 3 * params["digit.W"]}, x


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-14)


def test_form():
    check_form(capsnet)


def test_convolution():
    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((2, 6, 6, 3)), rng.standard_normal((3, 3, 3, 5))
    bias, dout = rng.standard_normal(5), rng.standard_normal((2, 4, 4, 5))
    want, cache = conv2d_forward(x, W, bias)
    close(capsnet.conv_forward(x, W, bias), want)
    grads = capsnet.conv_backward(dout, x, W)
    for got, gradient in zip(grads, conv2d_backward(dout, cache), strict=True):
        close(got, gradient)


def test_squash_also_at_zero():
    s, dv = np.random.default_rng(0).standard_normal((2, 4, 3, 5))
    s[0, 0] = 0
    want, cache = squash_forward(s)
    close(capsnet.squash_forward(s), want)
    close(capsnet.squash_backward(dv, s), squash_backward(dv, cache))


@pytest.mark.parametrize("rounds", [1, 2, 3, 5])
def test_routing(rounds):
    rng = np.random.default_rng(0)
    u_hat, dv = rng.standard_normal((2, 6, 3, 4)), rng.standard_normal((2, 3, 4))
    want, cache = routing_forward(u_hat, rounds)
    v, past = capsnet.routing_forward(u_hat, rounds)
    close(v, want)
    close(capsnet.routing_backward(dv, u_hat, past), routing_backward(dv, cache))


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_loss_and_gradients_by_name(scale):
    params, x = network()
    params["digit.W"] *= scale
    want, want_cache = capsnet_loss_forward(params, x, LABELS, DIGITS)
    loss, cache = capsnet.capsnet_forward(params, x, LABELS)
    *_, short, long, _, _, _, _, _ = cache
    assert long.any() and (short.any() or scale == 1)
    close(loss, want)
    same(capsnet.capsnet_backward(params, cache), capsnet_loss_backward(1.0, want_cache))


def test_black_images_have_finite_gradients():
    params = init_capsnet(np.random.default_rng(0), DIGITS, "float64")
    _, cache = capsnet.capsnet_forward(params, np.zeros((3, 8, 8, 1)), LABELS)
    assert all(np.isfinite(g).all() for g in capsnet.capsnet_backward(params, cache).values())


def test_without_labels_the_longest_capsule_is_redrawn():
    params, x = network()
    _, (*_, length, image) = capsnet.capsnet_forward(params, x)
    _, want_cache = capsnet_loss_forward(params, x, LABELS, DIGITS)
    found = predict(params, x, DIGITS)
    assert (length.argmax(axis=1) == found).all() and (found != LABELS).any()
    v = want_cache.capsnet.routing.v[-1]
    close(image.reshape(x.shape), decoder_forward(params, mask_forward(v, found)[0], DIGITS)[0])


def test_parameters_are_those_of_the_package():
    params = capsnet.train(np.zeros((0, 8, 8, 1)), LABELS, epochs=0)
    want = init_capsnet(np.random.default_rng(0), DIGITS)
    assert params.keys() == want.keys()
    for key, p in want.items():
        assert params[key].shape == p.shape and params[key].dtype == p.dtype
        assert params[key].std() == pytest.approx(p.std(), rel=0.15)


def test_training_steps_by_adam(monkeypatch):
    rng, seen = np.random.default_rng(0), []
    start = capsnet.train(np.zeros((0, 8, 8, 1)), LABELS, epochs=0)
    steps = [{key: rng.standard_normal(p.shape).astype("float32") for key, p in start.items()}
             for _ in range(4)]

    def forward(params, x, labels):
        seen.append(x)
        return 0.0, None
    monkeypatch.setattr(capsnet, "capsnet_forward", forward)
    monkeypatch.setattr(capsnet, "capsnet_backward", lambda params, cache: steps[len(seen) - 1])
    params = capsnet.train(np.arange(40), np.arange(40), epochs=2)
    state = {}
    for step, grads in enumerate(steps):
        adam(start, grads, state, 0.004 * 0.8 ** (step // 2))
    assert sorted(np.concatenate(seen[:2])) == sorted(np.concatenate(seen[2:])) == list(range(40))
    for key, p in start.items():
        np.testing.assert_allclose(params[key], p, rtol=1e-4, atol=1e-6)


def test_a_few_steps_lower_the_loss(capsys):
    data = load_digits()
    x, labels = data.train_images[:64], data.train_labels[:64]
    before, after = (capsnet.capsnet_forward(capsnet.train(x, labels, epochs), x, labels)[0]
                     for epochs in (0, 4))
    assert after < 0.7 * before
    assert capsys.readouterr().out.count("loss") == 4


def test_main_learns_four_fifths_and_judges_every_fifth(monkeypatch, capsys):
    data, calls, train = load_digits(), [], capsnet.train
    untrained = train(np.zeros((0, 8, 8, 1)), LABELS, epochs=0, seed=3)
    monkeypatch.setattr(capsnet, "train", lambda *given, seed: calls.append(given) or untrained)
    capsnet.main(seed=3)
    (x, labels), = calls
    assert (x == data.train_images).all() and x.dtype == np.float32
    assert (labels == data.train_labels).all()
    wrong = (predict(untrained, data.test_images, DIGITS) != data.test_labels).sum()
    *drawn, last = capsys.readouterr().out.splitlines()
    assert last == f"test error {wrong / 3.6:.2f} % ({wrong} of 360 misclassified)"
    assert [len(line) for line in drawn] == [64] * 16
