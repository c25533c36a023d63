import numpy as np
import pytest

from tinycaps.backend import get_xp, to_numpy
from tinycaps.data import random_shift, shift_images


def shift_by_loops(images, offsets):
    out = np.zeros_like(images)
    n, h, w, _ = images.shape
    for i in range(n):
        for y in range(h):
            for x in range(w):
                to_y, to_x = y + offsets[i, 0], x + offsets[i, 1]
                if 0 <= to_y < h and 0 <= to_x < w:
                    out[i, to_y, to_x] = images[i, y, x]
    return out


@pytest.fixture
def batch():
    """Images that are not square, and every offset of up to two pixels, once."""
    rng = np.random.default_rng(0)
    offsets = np.stack(np.meshgrid(range(-2, 3), range(-2, 3)), -1).reshape(-1, 2)
    return rng.random((len(offsets), 5, 7, 2)).astype(np.float32), offsets


def test_example_by_hand():
    image = np.array([[1., 2.], [3., 4.]]).reshape(1, 2, 2, 1)
    # One down, one to the left: 2 lands at the bottom left, the others leave the image.
    assert shift_images(image, np.array([[1, -1]])).reshape(2, 2).tolist() == [[0, 0], [2, 0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_the_plain_loop(xp, batch, dtype):
    images, offsets = batch[0].astype(dtype), batch[1]
    shifted = shift_images(xp.asarray(images), offsets)
    assert get_xp(shifted) is xp and shifted.dtype == dtype
    assert np.array_equal(to_numpy(shifted), shift_by_loops(images, offsets))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint64])
def test_any_integers_are_offsets(batch, dtype):
    offsets = np.abs(batch[1]).astype(dtype)
    want = shift_by_loops(batch[0], offsets.astype(int))
    assert np.array_equal(shift_images(batch[0], offsets), want)


def test_arguments_are_not_written(batch):
    for array in batch:
        array.flags.writeable = False
    before = [array.copy() for array in batch]
    shift_images(*batch)[:] = 7
    assert all(np.array_equal(*pair) for pair in zip(before, batch))


def test_shift_out_of_the_image_leaves_nothing(batch):
    images = batch[0]
    for far in (5, 7), (-5, 0), (0, 7), (10**9, -10**9):
        assert not shift_images(images, np.tile(far, (len(images), 1))).any()


@pytest.mark.parametrize("offsets, error, message", [
    ([[0, 0]] * 25, TypeError, "offsets: got list, wanted a NumPy array of integers"),
    (np.zeros((25, 2)), TypeError, "offsets: got dtype float64, wanted a NumPy array of integers"),
    (np.zeros((24, 2), int), ValueError, r"offsets: got shape \(24, 2\), wanted \(25, 2\)"),
    (np.zeros(25, int), ValueError, r"offsets: got shape \(25,\), wanted \(25, 2\)"),
])
def test_wrong_offsets(batch, offsets, error, message):
    with pytest.raises(error, match=message):
        shift_images(batch[0], offsets)


def test_wrong_images():
    with pytest.raises(ValueError, match=r"images: got shape \(3, 4, 5\), wanted \(n, h, w, c\)"):
        shift_images(np.zeros((3, 4, 5)), np.zeros((3, 2), int))


def test_random_shifts_reach_their_bounds_and_no_further():
    image = np.zeros((200, 7, 7, 1))
    image[:, 3, 3] = 1
    where = np.argwhere(random_shift(image, np.random.default_rng(0), 2)[..., 0])[:, 1:] - 3
    assert len(where) == 200 and {*where.ravel().tolist()} == {-2, -1, 0, 1, 2}
    assert len({*map(tuple, where.tolist())}) == 25


@pytest.mark.parametrize("pixels", [-1, 0.5, 5, 10 ** 9, None])
def test_a_shift_that_can_push_all_out(pixels):
    images = np.ones((2, 5, 6, 1))
    assert random_shift(images, np.random.default_rng(0), 4).shape == images.shape
    with pytest.raises(ValueError, match=rf"^pixels: got {pixels}, wanted an integer in 0\.\.4: "):
        random_shift(images, np.random.default_rng(0), pixels)
