"""Several digits in one image: the losses, their gradients, and how the classes are read."""
from dataclasses import replace

import numpy as np

from tests.capsules.networks import POOLED_CNN, SMALL, capsnet, cnn
from tests.ops.facts import (close, on, on_device, refuses, refuses_bad_dloss, refuses_two_memories,
                             stays_float32)
from tests.reference import capsules as reference
from tinycaps.backend import to_numpy
from tinycaps.capsules import (DIGITS, Network, capsnet_backward, capsnet_forward,
                               capsnet_loss_backward, capsnet_loss_forward,
                               capsnet_multi_label_loss_backward,
                               capsnet_multi_label_loss_forward, class_lengths,
                               cnn_multi_label_loss_backward, cnn_multi_label_loss_forward,
                               init_capsnet, length_forward, most_present, predict,
                               present_classes)
from tinycaps.fast import choose_network
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import margin_loss_forward

ONE_DIRECTION = dict(max_entries=1, directions=1)
BARE = replace(SMALL, reconstruction_weight=0)
PAIRS = np.array([[2, 0], [0, 1], [1, 2]])
DIGITS_ALONE = np.random.default_rng(3).random((3, 2, *SMALL.image_shape))
SEVERAL = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 0]], bool)


def two_digits(xp, dtype="float64"):
    """Parameters, images, the classes of their digits, and the digits."""
    params, x, _ = capsnet(xp, dtype=dtype)
    return params, x, *on(xp, PAIRS, DIGITS_ALONE.astype(dtype))


def gradients(params, x, labels, digits, config=SMALL):
    loss, cache = capsnet_multi_label_loss_forward(params, x, labels, digits, config)
    return loss, capsnet_multi_label_loss_backward(1.0, cache)


def test_equals_the_loops(xp):
    params, x, labels, digits = two_digits(np)
    loss, cache = capsnet_multi_label_loss_forward(*on(xp, params, x, labels, digits), SMALL)
    wanted, margins, errors = zip(*(reference.capsnet_multi_label_loss(params, *each, SMALL)
                                    for each in zip(x, labels, digits)))
    assert loss.shape == ()
    close(loss, sum(wanted) / 3)
    close(cache.margin_loss, sum(margins) / 3)
    close(cache.reconstruction_error, sum(errors) / 3)


def test_gradients_by_name(xp):
    params, x, labels, digits = two_digits(xp)
    report = assert_gradients(
        lambda params: capsnet_multi_label_loss_forward(params, x, labels, digits, SMALL),
        capsnet_multi_label_loss_backward, params, **ONE_DIRECTION)
    assert {row.name for row in report.rows} == params.keys()


def test_gradients_without_a_decoder():
    params, x, _ = capsnet(np, BARE)
    assert_gradients(
        lambda params: capsnet_multi_label_loss_forward(params, x, SEVERAL, None, BARE),
        capsnet_multi_label_loss_backward, params, **ONE_DIRECTION)


def test_swapping_the_two_digits_changes_nothing(xp):
    params, x, labels, digits = two_digits(xp)
    loss, grads = gradients(params, x, labels, digits)
    other, others = gradients(params, x, labels[:, ::-1], digits[:, ::-1])
    close(other, loss)
    for key in params:
        close(others[key], grads[key])


def test_labels_without_their_digits_swapped_are_another_task(xp):
    params, x, labels, digits = two_digits(xp)
    loss, cache = capsnet_multi_label_loss_forward(params, x, labels, digits, SMALL)
    other, swapped = capsnet_multi_label_loss_forward(params, x, labels[:, ::-1], digits, SMALL)
    close(swapped.margin_loss, cache.margin_loss)
    assert abs(float(other - loss)) > 1e-3


def test_one_digit_is_the_loss_of_one_label(xp):
    params, x, labels, _ = two_digits(xp)
    loss, grads = gradients(params, x, labels[:, :1], x[:, None])
    want, cache = capsnet_loss_forward(params, x, labels[:, 0], SMALL)
    close(loss, want)
    for key, grad in capsnet_loss_backward(1.0, cache).items():
        close(grads[key], grad)


def test_the_same_digit_twice_has_the_margin_loss_of_one_and_twice_its_error(xp):
    params, x, labels, _ = two_digits(xp)
    twice, digits = labels[:, :1].repeat(2, axis=1), x[:, None].repeat(2, axis=1)
    _, cache = capsnet_multi_label_loss_forward(params, x, twice, digits, SMALL)
    _, once = capsnet_loss_forward(params, x, labels[:, 0], SMALL)
    close(cache.margin_loss, once.margin_loss)
    close(cache.reconstruction_error, 2 * once.reconstruction_error)


def test_capsnet_multi_label_loss_by_hand(xp):
    # Black images. Biases are zero, so all capsules are: each of two classes costs 0.9², and the
    # decoder draws two grey images, ½ everywhere, where there should be black.
    params = init_capsnet(np.random.default_rng(0), SMALL, "float64")
    params, x, labels, digits = on(xp, params, 0 * capsnet(np)[1], PAIRS, 0 * DIGITS_ALONE)
    loss, grads = gradients(params, x, labels, digits)
    close(loss, 2 * 0.81 + 0.05 * 2 * 6 * 7 * 2 / 4)
    assert all(xp.isfinite(grad).all() for grad in grads.values())


def test_without_a_decoder_any_number_of_classes_may_be_there(xp):
    params, x, _ = capsnet(xp, BARE)
    labels, = on(xp, SEVERAL)
    lengths, _ = length_forward(capsnet_forward(params, x, BARE)[0])
    loss, grads = gradients(params, x, labels, None, BARE)
    close(loss, margin_loss_forward(lengths, labels)[0])
    assert grads.keys() == params.keys()
    pairs, = on(xp, PAIRS)
    close(gradients(params, x, pairs, None, BARE)[0],
          gradients(params, x, present_classes(pairs, 3), None, BARE)[0])


def test_present_classes_by_hand(xp):
    pairs, several = on(xp, PAIRS, SEVERAL)
    assert to_numpy(present_classes(pairs, 3)).tolist() == [
        [True, False, True], [True, True, False], [False, True, True]]
    assert present_classes(several, 3) is several


def test_float32_stays_float32(xp):
    params, x, labels, digits = two_digits(xp, "float32")
    loss, cache = capsnet_multi_label_loss_forward(params, x, labels, digits, SMALL)
    stays_float32(xp, loss, cache.margin_loss, cache.reconstruction_error,
                  capsnet_multi_label_loss_backward(1.0, cache),
                  capsnet_multi_label_loss_backward(loss, cache))
    params, x, *_ = cnn(xp, "float32", POOLED_CNN)
    loss, cache = cnn_multi_label_loss_forward(params, x, labels, POOLED_CNN)
    stays_float32(xp, loss, cnn_multi_label_loss_backward(1.0, cache))


def test_the_fast_network_has_the_same_loss_and_gradients():
    rng = np.random.default_rng(0)
    params = init_capsnet(rng, DIGITS, "float64")
    x, digits = rng.random((4, 8, 8, 1)), rng.random((4, 2, 8, 8, 1))
    labels, found = np.array([[0, 1], [5, 3], [9, 2], [4, 8]]), []
    for network in Network(capsnet_forward, capsnet_backward), choose_network(DIGITS, 4)[0]:
        loss, cache = capsnet_multi_label_loss_forward(params, x, labels, digits, DIGITS, network)
        found.append({"loss": loss} | capsnet_multi_label_loss_backward(1.0, cache))
    for key, want in found[0].items():
        np.testing.assert_allclose(found[1][key], want, rtol=0, atol=1e-12 * abs(want).max())


def test_loss_of_the_baseline_equals_the_loops(xp):
    params, x, *_ = cnn(np, config=POOLED_CNN)
    loss, _ = cnn_multi_label_loss_forward(*on(xp, params, x, PAIRS), POOLED_CNN)
    assert loss.shape == ()
    close(loss, sum(reference.cnn_multi_label_loss(params, *each, POOLED_CNN)
                    for each in zip(x, PAIRS)) / 3)
    same, _ = cnn_multi_label_loss_forward(*on(xp, params, x, PAIRS[:, ::-1]), POOLED_CNN)
    close(same, loss)


def test_cnn_multi_label_loss_by_hand(xp):
    # All weights are zero, so the logits are the last biases: y is 1/2, 3/4 and 1/4 in each image.
    params, x, *_ = cnn(np, config=POOLED_CNN)
    params = {key: 0 * p for key, p in params.items()}
    params["output.0.bias"] = np.log([1, 3, 1 / 3])
    params, x, labels = on(xp, params, x, np.array([[0, 1], [1, 2], [1, 0]]))
    loss, cache = cnn_multi_label_loss_forward(params, x, labels, POOLED_CNN)
    close(loss, -(2 * np.log(1 / 2 * 3 / 4 * 3 / 4) + np.log(1 / 2 * 3 / 4 * 1 / 4)) / 3)
    # The sum of y − T over the three images, a third of it: (3/2 − 2, 9/4 − 3, 3/4 − 1) / 3.
    close(cnn_multi_label_loss_backward(1.0, cache)["output.0.bias"], [-1 / 6, -1 / 4, -1 / 12])


def test_gradients_of_the_baseline_by_name(xp):
    params, x, _, mask = cnn(xp, config=POOLED_CNN)
    labels, = on(xp, SEVERAL)
    report = assert_gradients(
        lambda params: cnn_multi_label_loss_forward(params, x, labels, POOLED_CNN, mask),
        cnn_multi_label_loss_backward, params, **ONE_DIRECTION)
    assert {row.name for row in report.rows} == params.keys()


def test_an_image_may_show_all_classes():
    params, x, *_ = cnn(np, config=POOLED_CNN)
    every = np.array([[0, 1, 2]] * len(x))
    close(cnn_multi_label_loss_forward(params, x, every, POOLED_CNN)[0],
          cnn_multi_label_loss_forward(params, x, every >= 0, POOLED_CNN)[0])


def test_most_present_by_hand(xp):
    scores, = on(xp, np.array([[0.1, 0.9, 0.3], [-2.0, -3.0, -1.0]]))
    assert to_numpy(most_present(scores)).tolist() == [[1, 2], [2, 0]]
    assert to_numpy(most_present(scores, 1)).tolist() == [[1], [2]]
    assert to_numpy(most_present(scores, 3)).tolist() == [[1, 2, 0], [2, 0, 1]]
    refuses(ValueError, "count", "at most the 3 classes", most_present, scores, 4)
    refuses(ValueError, "count", "an integer of at least 1", most_present, scores, 0)


def test_the_longest_capsule_is_the_first_of_the_two_longest(xp):
    params, x, _ = capsnet(xp)
    lengths = class_lengths(params, x, SMALL, batch=2)
    close(lengths, length_forward(capsnet_forward(params, x, SMALL)[0])[0])
    assert (most_present(lengths)[:, 0] == predict(params, x, SMALL)).all()


def test_bad_input(xp):
    params, x, labels, digits = two_digits(xp)

    def refused(error, name, wanted, labels=labels, digits=digits, x=x, config=SMALL):
        refuses(error, name, wanted, capsnet_multi_label_loss_forward, params, x, labels, digits,
                config)

    refused(ValueError, "x", "(n, 6, 7, 2)", x=x[..., :1])
    refused(ValueError, "labels", "0..2", labels=labels + 1)
    refused(ValueError, "labels", "(6,)", labels=labels[:2])
    refused(ValueError, "labels", "(n, d) classes, or bool (n, 3)", labels=labels[:, 0])
    refused(ValueError, "labels", "(n, d) classes, or bool (n, 3)", labels=[[0, 1]])
    refused(TypeError, "labels", "an array of integers", labels=labels * 1.0)
    refused(ValueError, "labels", "1..3", labels=labels.repeat(2, axis=1))
    refused(ValueError, "labels", "1..3", labels=labels[:, :0])
    refused(ValueError, "digits", "(3, 2, 6, 7, 2)", digits=digits[:, :1])
    refused(TypeError, "digits", "the precision of x", digits=digits.astype("float32"))
    refused(ValueError, "reconstruction_weight", "0, or labels (n, d) and digits", digits=None)
    encoder = {key: p for key, p in params.items() if not key.startswith("decoder")}
    refuses(TypeError, "decoder.0.W", "array", capsnet_multi_label_loss_forward, encoder, x, labels,
            digits, replace(SMALL, reconstruction_weight=0.5))
    several, = on(xp, SEVERAL)
    refused(ValueError, "reconstruction_weight", "0, or labels (n, d) and digits", labels=several)
    refused(ValueError, "labels", "(3, 3)", several[:, :2], None, config=BARE)
    refused(ValueError, "labels", "(3, 3)", several[:2], None, config=BARE)
    _, cache = capsnet_multi_label_loss_forward(*two_digits(xp, "float32"), SMALL)
    refuses_bad_dloss(xp, capsnet_multi_label_loss_backward, cache)


def test_bad_input_of_the_baseline(xp):
    params, x, _, mask = cnn(xp, config=POOLED_CNN)
    labels, = on(xp, PAIRS)
    refuses(ValueError, "labels", "0..2", cnn_multi_label_loss_forward, params, x, labels + 1,
            POOLED_CNN)
    refuses(ValueError, "mask", "m = 5", cnn_multi_label_loss_forward, params, x, labels,
            POOLED_CNN, mask[:, :2])
    params, x, *_ = cnn(xp, "float32", POOLED_CNN)
    _, cache = cnn_multi_label_loss_forward(params, x, labels, POOLED_CNN)
    refuses_bad_dloss(xp, cnn_multi_label_loss_backward, cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    params, x, labels, digits = two_digits(np)
    there = on(xp, params, x)
    refuses_two_memories("x, labels", capsnet_multi_label_loss_forward, *there, labels, digits,
                         SMALL)
    refuses_two_memories("x, digits", capsnet_multi_label_loss_forward, *there, xp.asarray(labels),
                         digits, SMALL)
