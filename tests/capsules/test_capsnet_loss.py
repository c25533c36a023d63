"""The loss of CapsNet, and the gradient of every parameter."""
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from tests.reference import capsules as reference
from tests.capsules.networks import LABELS, SMALL, capsnet, images
from tests.ops.facts import ALONG_DIRECTIONS, close, on, refuses, refuses_bad_labels, stays_float32
from tinycaps.backend import to_numpy
from tinycaps.capsules import (PLAIN, Network, capsnet_backward, capsnet_forward,
                               capsnet_loss_backward, capsnet_loss_forward, init_capsnet,
                               length_forward)
from tinycaps.ops import margin_loss_forward
from tinycaps.gradcheck import assert_gradients

BARE = replace(SMALL, reconstruction_weight=0)


def test_equals_the_loops(xp):
    params, x, labels = capsnet(np)
    loss, cache = capsnet_loss_forward(*on(xp, params, x, labels), SMALL)
    margins, errors = zip(*(reference.capsnet_loss(params, image, label, SMALL) for image, label in zip(x, labels)))
    assert loss.shape == ()
    close(cache.margin_loss, sum(margins) / 3)
    close(cache.reconstruction_error, sum(errors) / 3)
    close(loss, sum(margins) / 3 + 0.05 * sum(errors) / 3)


@pytest.mark.parametrize("config", [SMALL, BARE, replace(SMALL, decoder_hidden=())])
def test_gradients_by_name(xp, config):
    params, x, labels = capsnet(xp, config)
    report = assert_gradients(lambda params: capsnet_loss_forward(params, x, labels, config), capsnet_loss_backward, params,
                              **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == params.keys()


def test_gradients_entry_by_entry_of_all_but_the_largest_layers():
    params, x, labels = capsnet(np)
    assert_gradients(lambda params: capsnet_loss_forward(params, x, labels, SMALL), capsnet_loss_backward, params, max_entries=60)


def test_weight_zero_leaves_the_margin_loss_alone(xp):
    params, x, labels = capsnet(xp, BARE)
    assert {key.split(".")[0] for key in params} == {"conv1", "primary", "digit"}
    loss, cache = capsnet_loss_forward(params, x, labels, BARE)
    close(loss, margin_loss_forward(length_forward(capsnet_forward(params, x, BARE)[0])[0], labels)[0])
    assert cache.reconstruction_error is None
    assert capsnet_loss_backward(1.0, cache).keys() == params.keys()


def test_decoder_sees_the_capsule_of_the_true_class(xp):
    params, x, labels = capsnet(xp)
    _, cache = capsnet_loss_forward(params, x, labels, SMALL)
    v = to_numpy(cache.capsnet.routing.v[-1])
    assert (to_numpy(length_forward(xp.asarray(v))[0]).argmax(axis=1) != LABELS).any()      # the longest would be another one
    _, (_, _, (layers, _, _), _), _ = cache.reconstruction
    _, (seen, *_), _ = layers[0]                                                            # the input of the decoder's first layer
    close(to_numpy(seen).reshape(v.shape), [reference.mask(sample, label) for sample, label in zip(v, LABELS)])


def test_upstream_gradient_scales_all_gradients(xp):
    params, x, labels = capsnet(xp)
    _, cache = capsnet_loss_forward(params, x, labels, SMALL)
    once, thrice = capsnet_loss_backward(1.0, cache), capsnet_loss_backward(3.0, cache)
    for key in params:
        close(thrice[key], 3 * once[key])


def test_black_images_have_a_loss_by_hand_and_finite_gradients(xp):
    # Biases are zero, so all capsules are: the true class loses 0.9², and the decoder draws grey, ½ everywhere.
    params, x, labels = on(xp, init_capsnet(np.random.default_rng(0), SMALL, "float64"), 0 * images(SMALL), LABELS)
    loss, cache = capsnet_loss_forward(params, x, labels, SMALL)
    close(loss, 0.81 + 0.05 * 6 * 7 * 2 / 4)
    assert all(xp.isfinite(array).all() for array in capsnet_loss_backward(1.0, cache).values())


def test_float32_stays_float32(xp):
    params, x, labels = capsnet(xp, dtype="float32")
    loss, cache = capsnet_loss_forward(params, x, labels, SMALL)
    stays_float32(xp, loss, cache.margin_loss, cache.reconstruction_error, capsnet_loss_backward(1.0, cache),
                  capsnet_loss_backward(loss, cache))


@pytest.mark.parametrize("config", [SMALL, BARE])
def test_the_network_may_be_another_one_and_says_what_a_step_runs_in(xp, config):
    happened = []

    @contextmanager
    def during():
        happened.append("in")
        yield
        happened.append("out")

    def forward(*arguments):
        happened.append("forward")
        return capsnet_forward(*arguments)

    def backward(*arguments):
        happened.append("backward")
        return capsnet_backward(*arguments)
    params, x, labels = capsnet(xp, config)
    loss, cache = capsnet_loss_forward(params, x, labels, config, network=Network(forward, backward, during))
    grads = capsnet_loss_backward(1.0, cache)
    assert happened == ["in", "forward", "out", "in", "backward", "out"]
    want, cache = capsnet_loss_forward(params, x, labels, config)
    assert cache.network is PLAIN and grads.keys() == params.keys()
    close(loss, want)
    for key, grad in capsnet_loss_backward(1.0, cache).items():
        close(grads[key], grad)


def test_the_context_of_a_step_is_left_when_the_step_fails():
    left = []

    @contextmanager
    def during():
        try:
            yield
        finally:
            left.append(True)
    params, x, labels = capsnet(np)
    with pytest.raises(ValueError, match="^labels: got values"):
        capsnet_loss_forward(params, x, labels + 7, SMALL, PLAIN._replace(during=during))
    assert left == [True]


def test_bad_input(xp):
    params, x, labels = capsnet(xp)
    refuses(ValueError, "x: got shape (3, 7, 6, 2), wanted (n, 6, 7, 2)", capsnet_loss_forward, params, x.swapaxes(1, 2), labels, SMALL)
    refuses(TypeError, "conv1.W: got float64, wanted the precision of x, float32",
            capsnet_loss_forward, params, x.astype("float32"), labels, SMALL)
    refuses_bad_labels(xp, lambda labels: capsnet_loss_forward(params, x[:2], labels, SMALL))


@pytest.mark.parametrize("config", [SMALL, BARE, replace(SMALL, stop_gradient=True), replace(SMALL, iterations=1)])
def test_pytorch_as_a_witness(config):
    torch = pytest.importorskip("torch")
    params, x, labels = capsnet(np, config)
    loss, cache = capsnet_loss_forward(params, x, labels, config)
    grads = capsnet_loss_backward(1.0, cache)

    p = {key: torch.tensor(array, requires_grad=True) for key, array in params.items()}
    x, true = torch.tensor(x), torch.nn.functional.one_hot(torch.tensor(labels), config.classes)

    def conv(h, name, stride):
        return torch.nn.functional.conv2d(h, p[f"{name}.W"].permute(3, 2, 0, 1), p[f"{name}.bias"], stride)

    def squash(s):
        norm = torch.linalg.vector_norm(s, dim=-1, keepdim=True)
        return norm / (1 + norm ** 2) * s

    h = conv(conv(x.permute(0, 3, 1, 2), "conv1", 1).relu(), "primary", config.primary_stride)
    u = squash(h.permute(0, 2, 3, 1).reshape(len(x), -1, config.primary_dims))
    u_hat = torch.einsum("ijqp,nip->nijq", p["digit.W"], u)
    b = torch.zeros(u_hat.shape[:3], dtype=u_hat.dtype)
    for _ in range(config.iterations):
        c = b.softmax(dim=2)
        v = squash(torch.einsum("nij,nijq->njq", c.detach() if config.stop_gradient else c, u_hat))
        b = b + torch.einsum("nijq,njq->nij", u_hat, v)
    length = torch.linalg.vector_norm(v, dim=-1)
    witness = (true * (0.9 - length).relu() ** 2 + 0.5 * (1 - true) * (length - 0.1).relu() ** 2).sum() / len(x)
    if config.reconstruction_weight:
        h = (v * true[..., None]).flatten(1)
        h = (h @ p["decoder.0.W"] + p["decoder.0.bias"]).relu()
        h = (h @ p["decoder.1.W"] + p["decoder.1.bias"]).relu()
        image = (h @ p["decoder.2.W"] + p["decoder.2.bias"]).sigmoid()
        witness = witness + config.reconstruction_weight * ((image - x.flatten(1)) ** 2).sum() / len(x)
    witness.backward()

    np.testing.assert_allclose(loss, witness.item(), rtol=1e-10)
    for key in params:
        np.testing.assert_allclose(grads[key], p[key].grad.numpy(), rtol=1e-10, atol=1e-14, err_msg=key)
