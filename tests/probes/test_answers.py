"""Answers in batches, and how many are right."""
import numpy as np

from tests.ops.facts import close, refuses
from tests.probes.linear_network import draw_images, linear_network
from tinycaps.probes import accuracy, in_batches


def test_batches_change_nothing_and_none_is_larger(xp):
    images, labels = draw_images(xp)
    sizes = []

    def both(images, labels):
        sizes.append(len(images))
        return images * labels.reshape(-1, 1, 1, 1)
    close(in_batches(both, 3)(images, labels), both(images, labels))
    assert sizes == [3, 3, 2, 8]


def test_accuracy_by_hand(xp):
    scores = xp.asarray(np.array([[0.9, 0.1], [0.2, 0.3], [0.6, 0.4], [0.5, 0.1]]))
    images, labels = xp.zeros((4, 1, 1, 1)), xp.asarray(np.array([0, 1, 1, 0]))
    assert accuracy(lambda images: scores, images, labels) == 0.75  # the third says 0


def test_bad_input(xp):
    forward, _ = linear_network(xp)
    images, labels = draw_images(xp)
    refuses(ValueError, "labels", "(8,)", accuracy, forward, images, labels[:1])
    refuses(ValueError, "labels", "0..2", accuracy, forward, images, labels + 1)
    refuses(ValueError, "images", "finite", accuracy, forward, images * xp.nan, labels)
    refuses(ValueError, "scores", "(8, n)", accuracy, lambda images: forward(images)[:2], images,
            labels)
    refuses(ValueError, "scores", "finite", accuracy, lambda images: forward(images) * xp.nan,
            images, labels)
    refuses(ValueError, "batch", "at least 1", in_batches, forward, 0)
