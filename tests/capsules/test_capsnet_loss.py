"""The loss of CapsNet, and the gradient of every parameter."""
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.reference import capsules as reference
from tests.capsules.networks import LABELS, SMALL, capsnet, images
from tests.ops.facts import (ALONG_DIRECTIONS, close, on, on_device, refuses, refuses_bad_dloss,
                             refuses_bad_labels, refuses_two_memories, stays_float32)
from tinycaps import checks
from tinycaps.backend import to_numpy
from tinycaps.capsules import (PLAIN, Network, capsnet_backward, capsnet_forward,
                               capsnet_loss_backward, capsnet_loss_forward, decoder_forward,
                               init_capsnet, length_forward, mask_forward)
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import margin_loss_forward, squared_error_forward

BARE = replace(SMALL, reconstruction_weight=0)


def test_equals_the_loops(xp):
    params, x, labels = capsnet(np)
    loss, cache = capsnet_loss_forward(*on(xp, params, x, labels), SMALL)
    wanted, margins, errors = zip(*(reference.capsnet_loss(params, image, label, SMALL)
                                    for image, label in zip(x, labels)))
    assert loss.shape == ()
    close(loss, sum(wanted) / 3)
    close(cache.margin_loss, sum(margins) / 3)
    close(cache.reconstruction_error, sum(errors) / 3)


@pytest.mark.parametrize("config", [SMALL, BARE, replace(SMALL, decoder_hidden=())])
def test_gradients_by_name(xp, config):
    params, x, labels = capsnet(xp, config)
    report = assert_gradients(lambda params: capsnet_loss_forward(params, x, labels, config),
                              capsnet_loss_backward, params, **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == params.keys()


def test_gradients_entry_by_entry_of_all_but_the_largest_layers():
    params, x, labels = capsnet(np)
    assert_gradients(lambda params: capsnet_loss_forward(params, x, labels, SMALL),
                     capsnet_loss_backward, params, max_entries=60)


def test_weight_zero_leaves_the_margin_loss_alone(xp):
    params, x, labels = capsnet(xp, BARE)
    assert {key.split(".")[0] for key in params} == {"conv1", "primary", "digit"}
    loss, cache = capsnet_loss_forward(params, x, labels, BARE)
    lengths, _ = length_forward(capsnet_forward(params, x, BARE)[0])
    close(loss, margin_loss_forward(lengths, labels)[0])
    assert cache.reconstruction_error is None
    assert capsnet_loss_backward(1.0, cache).keys() == params.keys()


def test_decoder_sees_the_capsule_of_the_true_class(xp):
    params, x, labels = capsnet(xp)
    _, cache = capsnet_loss_forward(params, x, labels, SMALL)
    v = cache.capsnet.v
    longest = length_forward(v)[0].argmax(axis=1)
    assert (longest != labels).any()

    def error(shown):
        image, _ = decoder_forward(params, mask_forward(v, shown)[0], SMALL)
        return to_numpy(squared_error_forward(image, x)[0])
    close(cache.reconstruction_error, error(labels))
    assert abs(error(longest) - error(labels)) > 0.01


def test_upstream_gradient_scales_all_gradients(xp):
    params, x, labels = capsnet(xp)
    _, cache = capsnet_loss_forward(params, x, labels, SMALL)
    once, thrice = capsnet_loss_backward(1.0, cache), capsnet_loss_backward(3.0, cache)
    for key in params:
        close(thrice[key], 3 * once[key])


def test_black_images_have_a_loss_by_hand_and_finite_gradients(xp):
    # Biases are zero, so all capsules are: the true class costs 0.9², and the decoder draws grey, ½
    # everywhere.
    params = init_capsnet(np.random.default_rng(0), SMALL, "float64")
    params, x, labels = on(xp, params, 0 * images(SMALL), LABELS)
    loss, cache = capsnet_loss_forward(params, x, labels, SMALL)
    close(loss, 0.81 + 0.05 * 6 * 7 * 2 / 4)
    assert all(xp.isfinite(array).all() for array in capsnet_loss_backward(1.0, cache).values())


def test_float32_stays_float32(xp):
    params, x, labels = capsnet(xp, dtype="float32")
    loss, cache = capsnet_loss_forward(params, x, labels, SMALL)
    stays_float32(xp, loss, cache.margin_loss, cache.reconstruction_error,
                  capsnet_loss_backward(1.0, cache), capsnet_loss_backward(loss, cache))


@pytest.mark.parametrize("config", [SMALL, BARE])
def test_the_network_may_be_another_one(xp, config):
    happened = []

    def forward(*arguments):
        happened.append("forward")
        return capsnet_forward(*arguments)

    def backward(*arguments):
        happened.append("backward")
        return capsnet_backward(*arguments)

    params, x, labels = capsnet(xp, config)
    loss, cache = capsnet_loss_forward(params, x, labels, config, Network(forward, backward))
    grads = capsnet_loss_backward(1.0, cache)
    assert happened == ["forward", "backward"]
    want, cache = capsnet_loss_forward(params, x, labels, config)
    assert cache.network is PLAIN and grads.keys() == params.keys()
    close(loss, want)
    for key, grad in capsnet_loss_backward(1.0, cache).items():
        close(grads[key], grad)


def test_shapes_are_checked_once_at_each_door_and_not_within(monkeypatch):
    asked = []

    def count(**arrays):
        asked.append(list(arrays))
        return check_shapes(**arrays)

    check_shapes = checks.check_shapes
    for name, module in list(sys.modules.items()):
        if name == "tinycaps.checks" or name.startswith("tinycaps.capsules."):
            monkeypatch.setattr(module, "check_shapes", count, raising=False)
    params, x, labels = capsnet(np)
    _, cache = capsnet_loss_forward(params, x, labels, SMALL)
    capsnet_loss_backward(1.0, cache)
    assert asked[:2] == [["x", *params], ["cache[0]", "dloss"]] and len(asked) <= 4


def test_bad_input(xp):
    params, x, labels = capsnet(xp)
    refuses(ValueError, "x", "(n, 6, 7, 2)", capsnet_loss_forward, params, x.swapaxes(1, 2),
            labels, SMALL)
    refuses(TypeError, "x", "the precision of conv1.W, float64", capsnet_loss_forward, params,
            x.astype("float32"), labels, SMALL)
    refuses_bad_labels(xp, lambda labels: capsnet_loss_forward(params, x[:2], labels, SMALL))
    params, x, labels = capsnet(xp, dtype="float32")
    refuses_bad_dloss(xp, capsnet_loss_backward, capsnet_loss_forward(params, x, labels, SMALL)[1])


@pytest.mark.parametrize("key", SMALL.shapes | SMALL.decoder_shapes)
def test_every_parameter_is_checked_by_name(key):
    params, x, labels = capsnet(np)
    wrong = params | {key: params[key][:-1]}
    refuses(ValueError, key, str(params[key].shape), capsnet_loss_forward, wrong, x, labels, SMALL)
    del wrong[key]
    refuses(TypeError, key, "a NumPy or CuPy array", capsnet_loss_forward, wrong, x, labels, SMALL)


@on_device
def test_host_and_device_do_not_mix(xp):
    params, x, labels = capsnet(np)
    refuses_two_memories(", ".join(["x", *params]), capsnet_loss_forward, on(xp, params)[0], x,
                         labels, SMALL)
    refuses_two_memories("x, labels", capsnet_loss_forward, *on(xp, params, x), labels, SMALL)
    _, cache = capsnet_loss_forward(*on(xp, params, x, labels), SMALL)
    refuses_two_memories(r"cache\[0\], dloss", capsnet_loss_backward, np.ones(()), cache)


@pytest.mark.parametrize("config", [SMALL, BARE, replace(SMALL, stop_gradient=True),
                                    replace(SMALL, iterations=1)])
def test_pytorch_as_a_witness(config):
    torch = pytest.importorskip("torch")
    params, x, labels = capsnet(np, config)
    loss, cache = capsnet_loss_forward(params, x, labels, config)
    grads = capsnet_loss_backward(1.0, cache)

    p = {key: torch.tensor(array, requires_grad=True) for key, array in params.items()}
    x, true = torch.tensor(x), torch.nn.functional.one_hot(torch.tensor(labels), config.classes)

    def conv(h, name, stride):
        W = p[f"{name}.W"].permute(3, 2, 0, 1)
        return torch.nn.functional.conv2d(h, W, p[f"{name}.bias"], stride)

    def squash(s):
        norm = torch.linalg.vector_norm(s, dim=-1, keepdim=True)
        return norm / (1 + norm ** 2) * s

    h = conv(conv(x.permute(0, 3, 1, 2), "conv1", 1).relu(), "primary", config.primary_stride)
    u = squash(h.permute(0, 2, 3, 1).reshape(len(x), -1, config.primary_dims))
    u_hat = torch.einsum("ijqp,nip->nijq", p["digit.W"], u)
    b = torch.zeros(u_hat.shape[:3], dtype=u_hat.dtype)
    for _ in range(config.iterations):
        c = b.softmax(dim=2)
        c = c.detach() if config.stop_gradient else c
        v = squash(torch.einsum("nij,nijq->njq", c, u_hat))
        b = b + torch.einsum("nijq,njq->nij", u_hat, v)
    length = torch.linalg.vector_norm(v, dim=-1)
    short, long = (0.9 - length).relu(), (length - 0.1).relu()
    witness = (true * short ** 2 + 0.5 * (1 - true) * long ** 2).sum() / len(x)
    if config.reconstruction_weight:
        h = (v * true[..., None]).flatten(1)
        h = (h @ p["decoder.0.W"] + p["decoder.0.bias"]).relu()
        h = (h @ p["decoder.1.W"] + p["decoder.1.bias"]).relu()
        image = (h @ p["decoder.2.W"] + p["decoder.2.bias"]).sigmoid()
        error = ((image - x.flatten(1)) ** 2).sum() / len(x)
        witness = witness + config.reconstruction_weight * error
    witness.backward()

    np.testing.assert_allclose(loss, witness.item(), rtol=1e-10)
    for key in params:
        np.testing.assert_allclose(grads[key], p[key].grad.numpy(), rtol=1e-10, atol=1e-14,
                                   err_msg=key)
