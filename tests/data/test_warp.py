"""Images turned, stretched and moved by known amounts."""
import numpy as np
import pytest

from tests.ops.facts import refuses
from tinycaps.backend import get_xp, to_numpy
from tinycaps.data import random_warp, warp_images


class Fixed:
    """Draws the largest number each time, so that the amounts are the limits themselves."""

    def uniform(self, low, high, shape):
        return np.full(shape, high)


IMAGES = np.random.default_rng(0).random((3, 7, 7, 2))


def test_no_amounts_change_nothing(xp):
    same = random_warp(xp.asarray(IMAGES), np.random.default_rng(0), shift=0, degrees=0, scale=0)
    assert get_xp(same) is xp
    np.testing.assert_allclose(to_numpy(same), IMAGES, rtol=1e-12)


def test_a_quarter_turn(xp):
    turned = to_numpy(random_warp(xp.asarray(IMAGES), Fixed(), shift=0, degrees=90, scale=0))
    np.testing.assert_allclose(turned, np.rot90(IMAGES, -1, axes=(1, 2)), atol=1e-12)


def test_whole_pixels_move_like_a_shift(xp):
    moved = to_numpy(random_warp(xp.asarray(IMAGES), Fixed(), shift=2, degrees=0, scale=0))
    np.testing.assert_allclose(moved[:, 2:, 2:], IMAGES[:, :-2, :-2], atol=1e-12)
    assert not moved[:, :2].any() and not moved[:, :, :2].any()


def test_half_a_pixel_is_the_mean_of_four():
    image = np.zeros((1, 4, 4, 1))
    image[0, 1, 1] = 1
    moved = random_warp(image, Fixed(), shift=0.5, degrees=0, scale=0)[0, ..., 0]
    assert np.allclose(moved[1:3, 1:3], 0.25) and np.isclose(moved.sum(), 1)


def test_a_stretch_by_two_keeps_the_centre_and_doubles_distances():
    image = np.zeros((1, 7, 7, 1))
    image[0, 3, 3] = image[0, 3, 4] = 1
    stretched = random_warp(image, Fixed(), shift=0, degrees=0, scale=np.log(2))[0, ..., 0]
    np.testing.assert_allclose(stretched[3, [3, 5, 6]], [1, 1, 0.5], rtol=1e-6)


def test_every_image_has_its_own_amounts_and_every_draw_others():
    one = np.repeat(IMAGES[:1], 5, axis=0)
    rng = np.random.default_rng(0)
    first, second = random_warp(one, rng), random_warp(one, rng)
    assert all((a != b).any() for a, b in zip(first, first[1:]))
    assert (first != second).all(axis=(1, 2, 3)).all()


def test_float32_stays_and_pixels_stay_in_range():
    warped = random_warp(IMAGES.astype("float32"), np.random.default_rng(0))
    assert warped.dtype == np.float32 and warped.shape == IMAGES.shape
    assert 0 <= warped.min() and warped.max() <= 1


@pytest.mark.parametrize("images", [np.zeros((2, 3, 3)), np.zeros((2, 3, 3, 1), int)])
def test_wants_images(images):
    with pytest.raises((ValueError, TypeError), match="^images: got .*, wanted"):
        random_warp(images, np.random.default_rng(0))


class Recorder:
    """Notes the ranges that are drawn from."""

    def __init__(self):
        self.ranges = []

    def uniform(self, low, high, shape):
        self.ranges.append((low, high, shape))
        return np.zeros(shape)


def test_the_documented_ranges_are_drawn_from():
    # Ours: ± ten degrees, ± a tenth in the logarithm of each stretch, ± half a pixel.
    for rng, wanted in [(Recorder(), {}), (Recorder(), dict(degrees=3, scale=0.2, shift=1.5))]:
        random_warp(IMAGES, rng, **wanted)
        degrees, scale, shift = wanted.values() or (10.0, 0.1, 0.5)
        assert rng.ranges == [(-degrees, degrees, 3), (-scale, scale, (3, 2)),
                              (-shift, shift, (3, 2))]


def test_given_amounts(xp):
    # Rows stretched by 2, columns not; then down by 1: (4, 4) about (3, 3) is (5, 4), then (6, 4).
    image = np.zeros((1, 7, 7, 1))
    image[0, 4, 4] = 1
    still = np.zeros(1), np.ones((1, 2)), np.zeros((1, 2))
    np.testing.assert_allclose(to_numpy(warp_images(xp.asarray(image), *still)), image)
    moved = warp_images(xp.asarray(image), np.zeros(1), np.array([[2.0, 1]]), np.array([[1.0, 0]]))
    np.testing.assert_allclose(to_numpy(moved)[0, :, 4, 0], [0, 0, 0, 0, 0, 0.5, 1], atol=1e-12)


def test_amounts_of_another_number_of_images_are_refused():
    amounts = np.zeros(3), np.ones((3, 2)), np.zeros((3, 2))
    for k, name in enumerate(("degrees", "stretch", "shift")):
        wrong = [each[:2] if k == index else each for index, each in enumerate(amounts)]
        refuses(ValueError, name, "(3", warp_images, IMAGES, *wrong)
