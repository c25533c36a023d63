"""Two images of one class, side by side."""
import numpy as np
import pytest

from tests.ops.facts import close, refuses
from tinycaps.backend import to_numpy
from tinycaps.probes import crowd, crowding, partners


def dots(xp):
    """Two images of a pixel in the middle, one bright, one dim."""
    images = np.zeros((2, 3, 7, 1))
    images[:, 1, 3, 0] = 1, 0.5
    return xp.asarray(images)


def test_partners_are_others_of_the_class_and_each_is_somebodys():
    labels = np.array([1, 0, 1, 0, 1])
    found = partners(labels)
    assert found.tolist() == [2, 3, 4, 1, 0]
    refuses(ValueError, "labels", "two of each class", partners, np.array([0, 1, 1]))


def test_a_crowd_by_hand(xp):
    # Four pixels apart: each moved by two from column 3, to columns 1 and 5.
    images = dots(xp)
    both, left, right = crowd(images[:1], images[1:], 4)
    close(both[0, 1, :, 0], [0, 1, 0, 0, 0, 0.5, 0])
    close(left + right, both)


def test_at_no_distance_the_sum_is_clipped(xp):
    images = dots(xp)
    both, left, right = crowd(images, images[::-1], 0)
    np.testing.assert_array_equal(to_numpy(left), to_numpy(images))
    close(both[:, 1, 3, 0], [1, 1])


def test_what_is_seen(xp):
    images, labels = dots(xp).repeat(2, axis=0), xp.asarray(np.array([0, 0, 1, 1]))

    def forward(images):                    # class 1 only if the left half holds some ink
        ink = images[:, :, :3].sum(axis=(1, 2, 3))
        return xp.stack([0 * ink + 0.2, ink], axis=1)

    def blind_on_the_right(images):
        return images * xp.asarray((np.arange(7) < 4)[:, None], dtype=images.dtype)

    near, apart = crowding(forward, images, labels, [0, 4], blind_on_the_right)
    assert (near.distance, near.accuracy, near.alone, near.one) == (0, 0.5, 0.5, 0)
    assert (apart.accuracy, apart.alone, apart.one) == (0.5, 0.5, 1)
    assert crowding(forward, images, labels, [4])[0].one is None


def test_alone_is_the_left_image_and_either_may_be_drawn(xp):
    images, labels = dots(xp)[[0, 0]], xp.asarray(np.array([0, 0]))

    def right_is_class_1(images):
        return images[:, 1, [1, 5], 0]

    def only(columns):
        return lambda images: images * xp.asarray(np.isin(np.arange(7), columns)[:, None] * 1.0)

    for columns, one in (([1], 1), ([5], 1), ([1, 5], 0)):
        found, = crowding(right_is_class_1, images, labels, [4], only(columns))
        assert found.one == one
        assert (found.alone, found.accuracy) == (1, 1)      # a tie of both is read as class 0


@pytest.mark.parametrize("distance", [-1, np.inf])
def test_bad_input(distance):
    images = dots(np)
    refuses(ValueError, "distance", "at least 0", crowd, images, images, distance)
    refuses(ValueError, "others", "(2, 3, 7, 1)", crowd, images, images[:1], 1)
    refuses(ValueError, "images", "[0, 1]", crowd, images * 3, images, 1)
