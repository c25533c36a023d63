"""Negative data: wrong labels and hybrid images (H22 sections 3.2, 3.3)."""
import math

import numpy as np
import pytest

from tests.reference import forward_forward as reference
from tests.ops.facts import (BAD_LABELS, close, defaults, draw, on, on_device, refuses,
                             refuses_two_memories, stays_float32)
from tinycaps.backend import get_xp, to_numpy
from tinycaps.forward_forward import (goodness_loss_backward, goodness_loss_forward, hybrid_images,
                                      hybrid_masks, hybrid_negatives, positive_probability,
                                      wrong_labels)


def rng():
    return np.random.default_rng(0)


def surprise(drawn, probabilities):
    """Σ (observed − expected)² / expected, about the number of possible draws less one."""
    expected = len(drawn) * np.asarray(probabilities)
    observed = np.bincount(to_numpy(drawn), minlength=len(expected))
    assert not observed[expected == 0].any()
    possible = expected > 0
    return ((observed - expected)[possible] ** 2 / expected[possible]).sum()


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["uniform", "hard", "true is certain",
                                  "wrong is out of the question"])
def test_never_the_true_label(xp, classes, dtype, kind):
    labels = rng().integers(0, classes, 500)
    true = labels[:, None] == np.arange(classes)
    logits = {"uniform": None,
              "hard": draw((500, classes), dtype=dtype)[0],
              "true is certain": (1e4 * true).astype(dtype),
              "wrong is out of the question": (-1e4 * ~true).astype(dtype)}[kind]
    labels, *given = on(xp, labels, *([] if logits is None else [logits]))
    wrong = wrong_labels(labels, classes, rng(), *given)
    assert wrong.shape == (500,) and get_xp(wrong) is xp and wrong.dtype.kind == "i"
    assert (wrong != labels).all() and 0 <= int(wrong.min()) and int(wrong.max()) < classes


def test_of_two_classes_the_wrong_one_is_the_other(xp):
    labels, = on(xp, np.array([0, 1, 1, 0]))
    assert np.array_equal(to_numpy(wrong_labels(labels, 2, rng())), [1, 0, 0, 1])


def test_uniform_ones_are_uniform(xp):
    drawn = wrong_labels(xp.full(8000, 2), 5, rng())
    assert surprise(drawn, [1 / 4, 1 / 4, 0, 1 / 4, 1 / 4]) < 15


def test_hard_ones_follow_the_softmax_over_the_wrong_classes(xp):
    # Class 1 is true, and the predictor's favourite; exp of the others' logits is 1, 2 and 5.
    logits = xp.asarray(np.tile(np.log([1.0, 70.0, 2.0, 5.0]), (8000, 1)))
    drawn = wrong_labels(xp.full(8000, 1), 4, rng(), logits)
    assert surprise(drawn, [1 / 8, 0, 2 / 8, 5 / 8]) < 15
    assert surprise(drawn, [1 / 3, 0, 1 / 3, 1 / 3]) > 1000


def test_a_predictor_that_knows_nothing_draws_uniformly(xp):
    labels, = on(xp, rng().integers(0, 5, 50))
    assert (wrong_labels(labels, 5, rng(), xp.zeros((50, 5)))
            == wrong_labels(labels, 5, rng())).all()


def test_bad_labels_and_logits(xp):
    labels, logits = on(xp, np.array([0, 2]), np.zeros((2, 3)))
    refuses(ValueError, "classes", "at least 2: with a single class no label is wrong",
            wrong_labels, 0 * labels, 1, rng())
    refuses(ValueError, "classes", "an integer of at least 1", wrong_labels, labels, 0, rng())
    refuses(ValueError, "logits", "(2, 3)", wrong_labels, labels, 3, rng(), logits.T)
    refuses(ValueError, "logits", "(2, 3)", wrong_labels, labels, 3, rng(), logits[:, :2])
    refuses(TypeError, "logits", "floating-point numbers", wrong_labels, labels, 3, rng(),
            logits.astype("int64"))
    # All but three labels for two samples: here, any number of them will do.
    for labels, error, wanted in BAD_LABELS[:2] + BAD_LABELS[3:]:
        labels = xp.asarray(labels) if isinstance(labels, np.ndarray) else labels
        refuses(error, "labels", wanted, wrong_labels, labels, 3, rng())


@pytest.mark.parametrize("classes", [2, 10])
def test_contaminated_negatives_stop_the_goodness_of_true_pairs(xp, classes):
    # Of as many negatives as positives, a fraction f is positive and has the same goodness G; the
    # others are recognised with certainty. The loss is least at p = 1/(1 + f), G = θ − log f.
    theta, f = 5.0, 1 / classes
    best = theta - math.log(f)

    def loss_and_slope(G, contaminated=1):
        positive, negative = xp.full(classes, G), xp.full(classes, -1e3)
        negative[:contaminated] = G
        loss, cache = goodness_loss_forward(positive, negative, theta)
        dpositive, dnegative = goodness_loss_backward(1.0, cache)
        return float(loss), float(dpositive.sum() + dnegative[:contaminated].sum())
    close(positive_probability(xp.full(1, best), theta), [1 / (1 + f)])
    loss, slope = loss_and_slope(best)
    assert abs(slope) < 1e-15
    assert all(loss_and_slope(best + step)[0] > loss for step in (-1.0, -0.01, 0.01, 1.0))
    assert all(loss_and_slope(best + step, 0)[1] < 0 for step in (0.0, 1.0, 10.0))  # nothing stops


def test_labels_drawn_from_all_classes_are_true_for_one_in_classes():
    labels = rng().integers(0, 10, 20000)
    contaminated = np.random.default_rng(1).integers(0, 10, 20000)
    assert abs((contaminated == labels).mean() - 1 / 10) < 0.01
    assert (wrong_labels(labels, 10, rng()) == labels).mean() == 0


@pytest.mark.parametrize("blurs", [1, 2, 3, 10])
def test_masks_equal_the_repeated_blur(blurs):
    shape = 2, 5, 7
    masks = hybrid_masks(rng(), shape, blurs)
    assert masks.shape == (2, 5, 7, 1) and masks.dtype == bool
    bits = rng().integers(0, 2, shape).astype(float)
    assert np.array_equal(masks[..., 0], [reference.hybrid_mask(image, blurs) for image in bits])
    assert not np.array_equal(masks[..., 0], bits)


def test_half_of_the_pixels_on_the_average_are_on():
    masks = hybrid_masks(rng(), (300, 28, 28))
    assert abs(masks.mean() - 0.5) < 0.02


def test_regions_are_large():
    # Neighbours of random bits agree half of the time, those of blurred ones nearly always; the
    # more so the more blurs.
    drawn = [hybrid_masks(rng(), (50, 28, 28), blurs) for blurs in (1, 4, 10)]
    agree = [(masks[:, 1:] == masks[:, :-1]).mean() for masks in drawn]
    assert 0.6 < agree[0] < agree[1] < agree[2] and agree[2] > 0.85


def test_masks_of_a_seed_are_the_same_again():
    assert np.array_equal(hybrid_masks(rng(), (3, 6, 6)), hybrid_masks(rng(), (3, 6, 6)))


def test_hybrid_by_hand(xp):
    # Two pixels, two channels.
    first, second = on(xp, np.array([[[[1.0, 2.0]], [[3.0, 4.0]]]]),
                       np.array([[[[5.0, 6.0]], [[7.0, 8.0]]]]))
    mask = xp.asarray(np.array([[[[True]], [[False]]]]))
    close(hybrid_images(first, second, mask), [[[[1, 2]], [[7, 8]]]])


def test_each_pixel_is_that_of_one_of_the_two(xp):
    first, second = draw((3, 6, 7, 2), (3, 6, 7, 2))
    mask = hybrid_masks(rng(), (3, 6, 7), blurs=1)
    x = to_numpy(hybrid_images(*on(xp, first, second, mask)))
    assert ((x == first) | (x == second)).all() and (x == first).any() and (x == second).any()
    swapped = to_numpy(hybrid_images(*on(xp, second, first, mask)))
    close(x + swapped, first + second)
    close(hybrid_images(*on(xp, first, first, mask)), first)


def test_negatives_are_mixtures_of_neighbours_in_the_batch(xp):
    x, = draw((4, 6, 7, 2))
    close(hybrid_negatives(xp.asarray(x), rng()),
          np.where(hybrid_masks(rng(), (4, 6, 7)), x, x[[3, 0, 1, 2]]))


def test_float32_stays_float32(xp):
    first, second = on(xp, *draw((3, 6, 7, 2), (3, 6, 7, 2), dtype="float32"))
    stays_float32(xp, hybrid_images(first, second, *on(xp, hybrid_masks(rng(), (3, 6, 7)))),
                  hybrid_negatives(first, rng()))


def test_bad_images_and_masks(xp):
    first, second = on(xp, *draw((3, 6, 7, 2), (3, 6, 7, 2)))
    mask, = on(xp, hybrid_masks(rng(), (3, 6, 7)))
    refuses(ValueError, "second", "(n, h, w, c) with n = 3 as in first",
            hybrid_images, first, second[:2], mask)
    refuses(TypeError, "second", "the precision of first, float64", hybrid_images, first,
            second.astype("float32"), mask)
    refuses(ValueError, "mask", "(n, h, w, 1)", hybrid_images, first, second, mask[..., 0])
    refuses(ValueError, "mask", "(n, h, w, 1)", hybrid_images, first, second, mask[:1])
    refuses(ValueError, "mask", "(n, h, w, 1)", hybrid_images, first, second,
            xp.concatenate([mask, mask], axis=3))
    refuses(TypeError, "mask", "bool", hybrid_images, first, second, mask.astype("float64"))
    refuses(ValueError, "blurs", "an integer of at least 1", hybrid_masks, rng(), (3, 6, 7), 0)
    refuses(ValueError, "shape", "(n, h, w)", hybrid_masks, rng(), (6, 7))


@on_device
def test_host_and_device_do_not_mix(xp):
    first, second = on(xp, *draw((3, 6, 7, 2), (3, 6, 7, 2)))
    refuses_two_memories("labels, logits", wrong_labels, xp.zeros(2, dtype="int64"), 3, rng(),
                         np.zeros((2, 3)))
    refuses_two_memories("first, second, mask", hybrid_images, first, np.zeros((3, 6, 7, 2)),
                         first[..., :1] > 0)
    refuses_two_memories("first, second, mask", hybrid_images, first, second,
                         hybrid_masks(rng(), (3, 6, 7)))


def test_an_image_alone_cannot_be_mixed(xp):
    image = xp.asarray(np.ones((1, 3, 4, 2)))
    refuses(ValueError, "images", "at least 2: an image mixed with itself is not negative",
            hybrid_negatives, image, np.random.default_rng(0))


def test_a_class_that_is_impossible_is_still_better_than_the_true_one(xp):
    logits = xp.asarray(np.array([[0.0, -np.inf, -np.inf]] * 50))
    drawn = to_numpy(wrong_labels(xp.asarray(np.zeros(50, int)), 3, rng(), logits))
    assert set(drawn.tolist()) <= {1, 2}


def test_masks_are_blurred_ten_times_by_default():
    # H22 section 3.2 says "repeatedly"; ten is ours.
    assert defaults(hybrid_masks) == dict(blurs=10)


def test_two_images_are_mixed_with_each_other():
    images = np.stack([np.zeros((4, 4, 1)), np.ones((4, 4, 1))])
    mixed = hybrid_negatives(images, np.random.default_rng(0))
    assert mixed.shape == images.shape and set(mixed.ravel()) == {0.0, 1.0}
