"""Three ways to ask for the class (H22 section 3.3)."""
from dataclasses import replace

import numpy as np
import pytest

from tests.reference import forward_forward, ops
from tests.forward_forward.networks import MANY, READOUTS, SMALL, by_hand, images, many, network
from tests.ops.facts import (close, defaults, near, on, on_device, refuses, refuses_bad_labels,
                             refuses_two_memories, stays_float32)
from tinycaps.backend import get_xp, to_numpy
from tinycaps.forward_forward import (FFConfig, init_ff, label_goodness, predict,
                                      predictor_logits, readout_errors, readouts, vote)


def labelled(image, label, classes):
    """The image's numbers in a row, the label, or the neutral one, at the beginning."""
    pixels = ops.flat(image)
    written = [1 / classes if label is None else float(k == label) for k in range(classes)]
    return written + pixels[classes:]


def root(m):
    return m ** 0.5


def test_goodness_of_labels_equals_the_loops(xp):
    params, x, _ = network(np)
    goodness = label_goodness(*on(xp, params, x), SMALL)
    assert goodness.shape == (4, 3, 3)
    for image, got in zip(x, to_numpy(goodness)):
        for label in range(3):
            activities = forward_forward.ff_network(params, labelled(image, label, 3), 3, root)
            close(got[:, label], [forward_forward.goodness(y) for y in activities])


def test_predictor_equals_the_loops(xp):
    params, x, _ = network(np)
    wanted = []
    for image in x:
        _, *decisive = forward_forward.ff_network(params, labelled(image, None, 3), 3, root)
        features = [a for y in decisive for a in forward_forward.length_normalise(y, root(len(y)))]
        wanted.append(ops.linear(features, params["softmax.W"], params["softmax.bias"]))
    close(predictor_logits(*on(xp, params, x), SMALL), wanted)


def test_the_first_layer_is_left_out_of_the_decision(xp):
    params, x, config = by_hand(xp)
    # Label 0 is (1, 0): the first layer makes (3, 0), goodness 9, the second (1, 0), goodness 1.
    # Label 1 is (0, 1): (0, 1), goodness 1; then (0, 2), goodness 4.
    goodness = label_goodness(params, x, config)
    close(goodness, [[[9, 1], [1, 4]]] * 3)
    # With the first layer it would be 10 against 5.
    assert to_numpy(predict(params, x, config, "goodness")).tolist() == [1, 1, 1]
    assert to_numpy(predict(params, x, config, "shortlist")).tolist() == [1, 1, 1]
    errors = readout_errors(params, x, *on(xp, np.array([1, 1, 0])), config)
    close(errors.pop("softmax"), 2 / 3)             # it knows nothing and answers 0
    assert errors == {"goodness": 1 / 3, "shortlist": 1 / 3, "layer 0": 2 / 3, "layer 1": 1 / 3}


def test_where_goodness_is_minimised_the_least_wins(xp):
    params, x, config = by_hand(xp, "minimise")
    close(label_goodness(params, x, config), [[[-9, -1], [-1, -4]]] * 3)
    assert to_numpy(predict(params, x, config, "goodness")).tolist() == [0, 0, 0]


def test_vote_by_hand(xp):
    # Two samples, three layers, two labels; the first layer is all for label 0, and left out.
    goodness = xp.asarray(np.array([[[100.0, 0.0], [1.0, 3.0], [2.0, 1.0]],
                                    [[100.0, 0.0], [1.0, 3.0], [4.0, 1.0]]]))
    assert to_numpy(vote(goodness)).tolist() == [1, 0]              # 3 against 4, 5 against 4


def test_goodness_of_candidates_is_picked_from_that_of_all(xp):
    params, x = many(xp)
    candidates = xp.asarray(np.random.default_rng(0).integers(0, 8, (30, 3)))
    everything = to_numpy(label_goodness(params, x, MANY))
    near(label_goodness(params, x, MANY, candidates),
         np.take_along_axis(everything, to_numpy(candidates)[:, None], axis=2))


def test_softmax_answers_with_the_largest_logit(xp):
    params, x = many(xp)
    largest = predictor_logits(params, x, MANY).argmax(axis=1)
    assert (predict(params, x, MANY, "softmax") == largest).all()


def test_the_shortlist_answers_with_the_best_of_the_predictors_five(xp):
    params, x = many(xp)
    five = np.argsort(to_numpy(predictor_logits(params, x, MANY)), axis=1)[:, 3:]
    decisive = to_numpy(label_goodness(params, x, MANY))[:, 1:].sum(axis=1)
    answers = to_numpy(predict(params, x, MANY))
    for answer, few, row in zip(answers, five, decisive):
        assert answer == max(few, key=row.__getitem__)
    # Sometimes the best is not among the five, and sometimes the predictor is overruled.
    assert (answers != to_numpy(predict(params, x, MANY, "goodness"))).any()
    assert (answers != five[:, -1]).any()


def test_with_up_to_five_classes_the_shortlist_is_the_goodness_readout(xp):
    params, x, _ = network(xp, config=replace(MANY, classes=5))
    x = xp.concatenate([x, x[:, ::-1], x[:, :, ::-1]])
    answers = [to_numpy(predict(params, x, replace(MANY, classes=5), readout))
               for readout in ("goodness", "shortlist")]
    assert np.array_equal(*answers) and len(set(answers[0])) > 1


@pytest.mark.parametrize("readout", READOUTS)
def test_batches_do_not_change_answers(xp, readout):
    params, x = many(xp)
    whole = predict(params, x, MANY, readout)
    assert get_xp(whole) is xp and whole.shape == (30,) and whole.dtype.kind == "i"
    for batch in 7, 30:
        assert (predict(params, x, MANY, readout, batch) == whole).all()
    near(predictor_logits(params, x, MANY, 7), predictor_logits(params, x, MANY))
    near(label_goodness(params, x, MANY, batch=7), label_goodness(params, x, MANY))


def test_what_stood_where_the_label_goes_does_not_matter(xp):
    params, x = many(xp)
    other = x.copy()
    other[:, 0] = 0.123                             # one row of 4·2 numbers, 8 classes
    for readout in READOUTS:
        assert (predict(params, other, MANY, readout) == predict(params, x, MANY, readout)).all()


def test_float32_stays_float32(xp):
    params, x, _ = network(xp, "float32")
    stays_float32(xp, predictor_logits(params, x, SMALL), label_goodness(params, x, SMALL))


def test_bad_input(xp):
    params, x, labels = network(xp)
    refuses(ValueError, "readout", "softmax or goodness or shortlist", predict, params, x, SMALL,
            "energy")

    def errors(params, x, config, **batch):
        return readout_errors(params, x, labels, config, **batch)
    for call in predictor_logits, label_goodness, predict, errors:
        refuses(ValueError, "images", "(n, 3, 4, 2)", call, params, x[:, 1:], SMALL)
        refuses(ValueError, "images", "(n, 3, 4, 2)", call, params, x[:, 0], SMALL)
        refuses(ValueError, "batch", "an integer of at least 1", call, params, x, SMALL, batch=0)
        dirty = x.copy()
        dirty[2, 0, 0, 0] = float("nan")
        refuses(ValueError, "images", "finite numbers", call, params, dirty, SMALL)
    refuses_bad_labels(xp, lambda labels: readout_errors(params, x[:2], labels, SMALL))
    refuses(ValueError, "candidates", "(4, j)", label_goodness, params, x, SMALL, labels[:3, None])
    refuses(ValueError, "candidates", "(4, j)", label_goodness, params, x, SMALL, labels)
    refuses(ValueError, "candidates", "0..2", label_goodness, params, x, SMALL, labels[:, None] + 1)
    refuses(TypeError, "candidates", "integers", label_goodness, params, x, SMALL,
            xp.ones((4, 2)))
    for key, shape in ("1.W", "(7, 6)"), ("softmax.W", "(11, 3)"):
        refuses(ValueError, key, shape, predict, params | {key: params[key][1:]}, x, SMALL)
    without_predictor = {key: p for key, p in params.items() if not key.startswith("softmax")}
    refuses(TypeError, "softmax.W", "a NumPy or CuPy array", predict, without_predictor, x, SMALL)
    predict(without_predictor, x, SMALL, "goodness")                # which needs none
    many = replace(SMALL, classes=25)
    refuses(ValueError, "classes", "at most the 24 pixels of an image", predict, params, x, many,
            "goodness")


@on_device
def test_host_and_device_do_not_mix(xp):
    params, x, labels = network(xp)
    refuses_two_memories("images, 0.W, .*", predict, params, images(), SMALL)
    refuses_two_memories("images, labels", readout_errors, params, x, to_numpy(labels), SMALL)
    refuses_two_memories("images, candidates", label_goodness, params, x, SMALL,
                         np.zeros((4, 2), int))


def test_defaults():
    # Five candidates (Hinton's talks on H22); a thousand images at a time, a matter of memory.
    assert readouts.SHORTLIST == 5 and readouts.shortlist(np.zeros((2, 7))).shape == (2, 5)
    assert defaults(predict) == dict(readout="shortlist", batch=1000)
    assert defaults(predictor_logits) == dict(batch=1000, neutral=True)
    assert defaults(label_goodness) == defaults(readout_errors) == dict(batch=1000)


def test_the_neutral_label_needs_a_pixel_for_each_class():
    config = FFConfig(image_shape=(1, 2, 1), classes=3, hidden=(4, 4))
    params, x = init_ff(np.random.default_rng(0), config, "float64"), np.ones((2, 1, 2, 1))
    refuses(ValueError, "classes", "at most the 2 pixels", predictor_logits, params, x, config)
    assert predictor_logits(params, x, config, neutral=False).shape == (2, 3)
