"""Balanced training sets."""
import numpy as np

from tests.ops.facts import refuses
from tinycaps.probes import balanced_subsets

LABELS = np.random.default_rng(1).integers(0, 4, 200)


def test_every_class_has_as_many_images_none_twice_and_larger_sets_hold_the_smaller():
    drawn = balanced_subsets(LABELS, (5, 10, 30), np.random.default_rng(0))
    for count, indices in drawn.items():
        assert np.bincount(LABELS[indices]).tolist() == [count] * 4
        assert (np.diff(indices) > 0).all()
    assert {*drawn[5]} < {*drawn[10]} < {*drawn[30]}


def test_the_seed_decides():
    first, same, other = (balanced_subsets(LABELS, [10], np.random.default_rng(seed))[10].tolist()
                          for seed in (0, 0, 1))
    assert first == same != other


def test_all_of_the_smallest_class_can_be_drawn_but_no_more():
    most, rng = np.bincount(LABELS).min(), np.random.default_rng(0)
    assert len(balanced_subsets(LABELS, [most], rng)[most]) == 4 * most
    refuses(ValueError, "counts", f"at most the {most} of class", balanced_subsets, LABELS,
            [most + 1], rng)
    refuses(ValueError, "counts", "at least 1", balanced_subsets, LABELS, [0], rng)
