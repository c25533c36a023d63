"""Negative data: wrong labels and hybrid images (H22 sections 3.2, 3.3)."""
import numpy as np
import pytest

from tests.reference import forward_forward as reference
from tests.ops.facts import BAD_LABELS, close, draw, on, on_device, refuses, refuses_two_memories, stays_float32
from tinycaps.backend import get_xp, to_numpy
from tinycaps.forward_forward import hybrid_images, hybrid_masks, hybrid_negatives, wrong_labels


def rng():
    return np.random.default_rng(0)


def surprise(drawn, probabilities):
    """Σ (observed − expected)² / expected, about as large as the number of possible draws less one."""
    expected = len(drawn) * np.asarray(probabilities)
    observed = np.bincount(to_numpy(drawn), minlength=len(expected))
    assert not observed[expected == 0].any()
    possible = expected > 0
    return ((observed - expected)[possible] ** 2 / expected[possible]).sum()


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["uniform", "hard", "true is certain", "wrong is out of the question"])
def test_never_the_true_label(xp, classes, dtype, kind):
    labels = rng().integers(0, classes, 500)
    true = labels[:, None] == np.arange(classes)
    logits = {"uniform": None, "hard": draw((500, classes), dtype=dtype)[0], "true is certain": (1e4 * true).astype(dtype),
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
    assert (wrong_labels(labels, 5, rng(), xp.zeros((50, 5))) == wrong_labels(labels, 5, rng())).all()


def test_bad_labels_and_logits(xp):
    labels, logits = on(xp, np.array([0, 2]), np.zeros((2, 3)))
    refuses(ValueError, "classes: got 1, wanted at least 2: with a single class no label is wrong", wrong_labels, 0 * labels, 1, rng())
    refuses(ValueError, "classes: got 0, wanted an integer of at least 1", wrong_labels, labels, 0, rng())
    refuses(ValueError, "logits: got shape (3, 2), wanted (2, 3)", wrong_labels, labels, 3, rng(), logits.T)
    refuses(ValueError, "logits: got shape (2, 2), wanted (2, 3)", wrong_labels, labels, 3, rng(), logits[:, :2])
    refuses(TypeError, "logits: got dtype int64, wanted floating-point numbers", wrong_labels, labels, 3, rng(), logits.astype("int64"))
    for labels, error, line in BAD_LABELS[:2] + BAD_LABELS[3:]:         # all but three labels for two samples: here, any number will do
        refuses(error, line, wrong_labels, xp.asarray(labels) if isinstance(labels, np.ndarray) else labels, 3, rng())


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
    # Neighbours of random bits agree half of the time, those of blurred ones nearly always; the more so the more blurs.
    agree = [(masks[:, 1:] == masks[:, :-1]).mean() for masks in (hybrid_masks(rng(), (50, 28, 28), blurs) for blurs in (1, 4, 10))]
    assert 0.6 < agree[0] < agree[1] < agree[2] and agree[2] > 0.85


def test_masks_of_a_seed_are_the_same_again():
    assert np.array_equal(hybrid_masks(rng(), (3, 6, 6)), hybrid_masks(rng(), (3, 6, 6)))


def test_hybrid_by_hand(xp):
    first, second = on(xp, np.array([[[[1.0, 2.0]], [[3.0, 4.0]]]]), np.array([[[[5.0, 6.0]], [[7.0, 8.0]]]]))
    mask = xp.asarray(np.array([[[[True]], [[False]]]]))
    close(hybrid_images(first, second, mask), [[[[1, 2]], [[7, 8]]]])               # all channels of a pixel from one image


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
    close(hybrid_negatives(xp.asarray(x), rng()), np.where(hybrid_masks(rng(), (4, 6, 7)), x, x[[3, 0, 1, 2]]))


def test_float32_stays_float32(xp):
    first, second = on(xp, *draw((3, 6, 7, 2), (3, 6, 7, 2), dtype="float32"))
    stays_float32(xp, hybrid_images(first, second, *on(xp, hybrid_masks(rng(), (3, 6, 7)))), hybrid_negatives(first, rng()))


def test_bad_images_and_masks(xp):
    first, second = on(xp, *draw((3, 6, 7, 2), (3, 6, 7, 2)))
    mask, = on(xp, hybrid_masks(rng(), (3, 6, 7)))
    refuses(ValueError, "second: got shape (2, 6, 7, 2), wanted (n, h, w, c) with n = 3 as in first",
            hybrid_images, first, second[:2], mask)
    refuses(TypeError, "second: got float32, wanted the precision of first, float64", hybrid_images, first, second.astype("float32"), mask)
    refuses(ValueError, "mask: got bool (3, 6, 7), wanted bool (3, 6, 7, 1)", hybrid_images, first, second, mask[..., 0])
    refuses(ValueError, "mask: got bool (1, 6, 7, 1), wanted bool (3, 6, 7, 1)", hybrid_images, first, second, mask[:1])
    refuses(TypeError, "mask: got float64 (3, 6, 7, 1), wanted bool (3, 6, 7, 1)", hybrid_images, first, second, mask.astype("float64"))
    refuses(ValueError, "blurs: got 0, wanted an integer of at least 1", hybrid_masks, rng(), (3, 6, 7), 0)
    refuses(ValueError, "shape: got (6, 7), wanted (n, h, w)", hybrid_masks, rng(), (6, 7))


@on_device
def test_host_and_device_do_not_mix(xp):
    first, second = on(xp, *draw((3, 6, 7, 2), (3, 6, 7, 2)))
    refuses_two_memories("labels, logits", wrong_labels, xp.zeros(2, dtype="int64"), 3, rng(), np.zeros((2, 3)))
    refuses_two_memories("first, second", hybrid_images, first, np.zeros((3, 6, 7, 2)), first)
    refuses_two_memories("first, second, mask", hybrid_images, first, second, hybrid_masks(rng(), (3, 6, 7)))


def test_an_image_alone_cannot_be_mixed(xp):
    image = xp.asarray(np.ones((1, 3, 4, 2)))
    refuses(ValueError, "images: got a batch of one, wanted at least 2: an image mixed with itself is not negative",
            hybrid_negatives, image, np.random.default_rng(0))


def test_a_class_that_is_impossible_is_still_better_than_the_true_one(xp):
    logits = xp.asarray(np.array([[0.0, -np.inf, -np.inf]] * 50))
    drawn = to_numpy(wrong_labels(xp.asarray(np.zeros(50, int)), 3, np.random.default_rng(0), logits))
    assert set(drawn.tolist()) <= {1, 2}
