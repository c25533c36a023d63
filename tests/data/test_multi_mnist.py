"""Pairs of digits: different classes, both moved, summed and clipped."""
import time

import numpy as np
import pytest

from tests.ops.facts import refuses
from tinycaps.data import draw_pairs, load_digits


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def draw(data, seed=0, **settings):
    return draw_pairs(data.test_images, data.test_labels, np.random.default_rng(seed),
                      (data.train_images, data.train_labels), **settings)


def test_pairs_show_two_different_classes_added_and_clipped(digits):
    images, labels, alone = draw(digits)
    n = len(digits.test_labels)
    assert images.shape == (n, 16, 16, 1) and alone.shape == (n, 2, 16, 16, 1)
    assert images.dtype == alone.dtype == np.float32 and labels.dtype == np.int64
    assert (labels[:, 0] == digits.test_labels).all() and (labels[:, 0] != labels[:, 1]).all()
    np.testing.assert_array_equal(images, np.minimum(alone[:, 0] + alone[:, 1], 1))
    assert images.max() == 1 and (alone.sum(axis=1) > 1).any()


def test_mnist_becomes_36_by_36():
    image = np.zeros((2, 28, 28, 1), np.float32)
    pairs = draw_pairs(image, np.array([0, 1]), np.random.default_rng(0), (image, np.array([0, 1])))
    assert pairs.images.shape == (2, 36, 36, 1)


def test_an_example_by_hand():
    # One pixel of 0.75 and one partner of 0.5, not moved: they add up to 1.25, of which 1 stays.
    base, others = np.full((1, 1, 1, 1), 0.75), np.full((2, 1, 1, 1), 0.5)
    images, labels, alone = draw_pairs(base, np.array([3]), np.random.default_rng(0),
                                       (others, np.array([3, 7])), pad=1, shift=0)
    assert images[0, :, :, 0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert labels.tolist() == [[3, 7]] and alone[0, :, 1, 1, 0].tolist() == [0.75, 0.5]


def test_each_digit_is_one_of_the_given_images_moved_by_at_most_the_shift(digits):
    images, labels, alone = draw(digits, pad=3, shift=2)
    sources = (digits.test_images, digits.test_labels), (digits.train_images, digits.train_labels)
    for e, (source, classes) in enumerate(sources):
        offsets = set()
        for n in range(40):
            found = [(dy, dx) for dy in range(7) for dx in range(7)
                     if (source[classes == labels[n, e]]
                         == alone[n, e, dy:dy + 8, dx:dx + 8]).all(axis=(1, 2, 3)).any()]
            offsets |= {*found}
        assert {y for y, _ in offsets} == {x for _, x in offsets} == {1, 2, 3, 4, 5}


def test_the_two_digits_move_independently_and_the_offsets_reach_their_bounds():
    dot = np.zeros((500, 3, 3, 1))
    dot[:, 1, 1] = 1
    labels = np.arange(500) % 2
    alone = draw_pairs(dot, labels, np.random.default_rng(0), (dot, labels), pad=2, shift=2).digits
    y, x = np.argwhere(alone[..., 0])[:, 2:].reshape(500, 2, 2).transpose(2, 0, 1) - 3
    for offset in (*y.T, *x.T):
        assert np.bincount(offset + 2).min() > 60                       # 100 each on average
    assert abs(np.corrcoef(np.concatenate([y, x], axis=1).T) - np.eye(4)).max() < 0.2


def test_partners_are_uniform_over_all_images_of_other_classes():
    # 3 of class 0, 1 of class 4, 6 of class 9. A 9 has 4 partners, each drawn by a quarter.
    labels, count = np.array([9, 0, 9, 9, 4, 9, 0, 9, 0, 9]), 8000
    others = np.arange(10.0).reshape(10, 1, 1, 1)
    base = np.zeros((count, 1, 1, 1))
    alone = draw_pairs(base, np.full(count, 9), np.random.default_rng(0), (others, labels), 0,
                       0).digits
    drawn = np.bincount(alone[:, 1].ravel().astype(int), minlength=10)
    assert set(np.flatnonzero(drawn)) == {1, 4, 6, 8}
    assert abs(drawn[[1, 4, 6, 8]] - count / 4).max() < 4 * (count * 3 / 16) ** 0.5


def test_a_class_that_the_others_lack_can_be_paired_with_all():
    one, labels = np.zeros((1, 1, 1, 1)), np.array([5])
    assert draw_pairs(one, np.array([2]), np.random.default_rng(0), (one, labels), 0,
                      0).labels.tolist() == [[2, 5]]


def test_equal_images_of_two_labels_are_a_pair_and_of_one_label_are_not():
    same = np.ones((4, 1, 1, 1))
    labels = np.array([0, 0, 0, 1])
    pairs = draw_pairs(same, labels, np.random.default_rng(0), (same, labels), 0, 0)
    assert (pairs.labels.sum(axis=1) == 1).all()


def test_the_same_seed_draws_the_same_pairs(digits):
    one, same, other = (draw(digits, seed) for seed in (0, 0, 1))
    for a, b, c in zip(one, same, other):
        assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_what_is_given_is_not_written(digits):
    images = digits.test_images[:20].copy()
    images.flags.writeable = False
    draw_pairs(images, digits.test_labels[:20], np.random.default_rng(0),
               (images, digits.test_labels[:20]))


def test_a_pair_takes_less_than_a_millisecond():
    rng = np.random.default_rng(0)
    images, labels = rng.random((6000, 28, 28, 1), np.float32), rng.integers(0, 10, 6000)
    started = time.process_time()
    draw_pairs(images[:128], labels[:128], rng, (images, labels))
    assert time.process_time() - started < 0.128


def test_bad_input(digits):
    images, labels = digits.test_images[:20], digits.test_labels[:20]

    def refused(error, name, wanted, base=images, labels=labels, others=(images, labels),
                **settings):
        refuses(error, name, wanted, draw_pairs, base, labels, np.random.default_rng(0), others,
                **settings)

    refused(ValueError, "base", "(n, h, w, c)", base=images[0])
    refused(ValueError, "others", "with h = 8", others=(images[:, 1:], labels))
    refused(ValueError, "others", "(20,)", others=(images, labels[:3]))
    refused(ValueError, "labels", "(20,)", labels=labels[:3])
    refused(TypeError, "labels", "integers", labels=labels * 1.0)
    refused(ValueError, "labels", "at least two classes", labels=labels * 0,
            others=(images, labels * 0))
    refused(ValueError, "pad", "an integer of at least 0", pad=-1)
    refused(ValueError, "shift", "an integer of at least 0", shift=0.5)
    refused(ValueError, "shift", "at most 6, which leaves half of an image of 8x8", pad=2, shift=7)
