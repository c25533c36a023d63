"""Digits turned, stretched, sheared and placed by known amounts."""
import numpy as np
import pytest

from tinycaps.data import Dataset, load_digits, pad_images, random_shift, synthetic_aff_nist
from tinycaps.data.affine import _transform


class Fixed:
    """Draws the given angle in degrees, shear, stretch and place, in this order."""

    def __init__(self, *amounts):
        self.amounts = iter(amounts)

    def uniform(self, low, high, size=None):
        return np.array(next(self.amounts), float)

    def random(self, size):
        return np.array(next(self.amounts), float)


def image(side, *inked):
    """Return a black image with some pixels at 1."""
    field = np.zeros((side, side, 1))
    for place in inked:
        field[place] = 1
    return field


def inked(field):
    return {*map(tuple, np.argwhere(field[..., 0] > 1e-9).tolist())}


def test_padded_images_lie_in_the_middle_and_a_shift_of_the_border_loses_nothing():
    digits = load_digits().test_images[:50]
    padded = pad_images(digits, 3)
    assert padded.shape == (50, 14, 14, 1) and padded.dtype == np.float32
    assert np.array_equal(padded[:, 3:-3, 3:-3], digits)
    moved = random_shift(padded, np.random.default_rng(0), 3)
    assert np.array_equal(moved.sum(axis=(1, 2, 3)), digits.sum(axis=(1, 2, 3)))
    for pixels in -1, 1.5, True:
        with pytest.raises(ValueError, match=f"^pixels: got {pixels}, wanted an integer of at le"):
            pad_images(digits, pixels)


@pytest.mark.parametrize("amounts, wanted", [
    # Nothing but the place: of two pixels side by side, at the top left and the bottom right.
    (([0], 0, [1, 1], [0, 0]), {(0, 0), (0, 1)}),
    (([0], 0, [1, 1], [1, 1]), {(6, 5), (6, 6)}),
    # A quarter turn puts them below each other.
    (([90], 0, [1, 1], [0, 1]), {(0, 6), (1, 6)})])
def test_examples_by_hand(amounts, wanted):
    degrees, *rest = amounts
    assert inked(_transform(image(7, (3, 3), (3, 4)), Fixed(degrees[0], *rest), 0)) == wanted


def test_shear_moves_rows_sideways_and_a_stretch_is_along_its_axis():
    column = image(9, *((y, 4) for y in range(3, 6)))
    assert inked(_transform(column, Fixed(0, 1, [1, 1], [0, 0]), 0)) == {(0, 0), (1, 1), (2, 2)}
    row = image(9, *((4, x) for x in range(3, 6)))
    wide = _transform(row, Fixed(0, 0, [1, 2], [0, 0]), 0)[..., 0]
    assert wide[0, :6].tolist() == [1, 1, 1, 1, 1, 0.5] and np.isclose(wide.sum(), 5.5)


def test_colours_move_together_and_a_black_image_stays_black():
    both = np.concatenate([image(9, (3, 3), (5, 5)), 0.5 * image(9, (3, 3), (5, 5))], axis=2)
    moved = _transform(both, np.random.default_rng(0), 0)
    np.testing.assert_allclose(moved[..., 1], moved[..., 0] / 2)
    assert not _transform(image(9), np.random.default_rng(0), 0).any()


@pytest.fixture(scope="module")
def digits():
    return Dataset(*(array[:300] for array in load_digits()))


def test_test_images_are_transformed_and_training_images_are_not(digits):
    data = synthetic_aff_nist(digits, seed=1, pad=3)
    assert np.array_equal(data.train_images, pad_images(digits.train_images, 3))
    assert data.train_labels is digits.train_labels and data.test_labels is digits.test_labels
    assert data.test_images.shape == (300, 14, 14, 1) and data.test_images.dtype == np.float32
    assert 0 <= data.test_images.min() and data.test_images.max() <= 1
    again, other = (synthetic_aff_nist(digits, seed=seed, pad=3) for seed in (1, 2))
    assert np.array_equal(again.test_images, data.test_images)
    assert not np.array_equal(other.test_images, data.test_images)
    # The area grows by the stretches, whose mean is 1; interpolation keeps the sum but at the edge.
    ink = data.test_images.sum(axis=(1, 2)) / digits.test_images.sum(axis=(1, 2))
    assert 0.97 < ink.mean() < 1.03 and 0.5 < ink.min() and ink.max() < 1.5


def test_the_amounts_are_uniform_in_their_ranges_and_places_reach_every_edge(digits, monkeypatch):
    drawn, default_rng = [], np.random.default_rng

    class Recorder:
        def __init__(self, seed):
            self.rng = default_rng(seed)

        def uniform(self, low, high, size=None):
            drawn.append((low, high, size))
            return self.rng.uniform(low, high, size)

        def random(self, size):
            return self.rng.random(size)
    monkeypatch.setattr("numpy.random.default_rng", Recorder)
    data = synthetic_aff_nist(digits, pad=3)
    assert {*drawn} == {(-20, 20, None), (-0.2, 0.2, None), (0.8, 1.2, 2)}
    rows, columns = (data.test_images.any(axis=axis).sum(axis=0) for axis in (2, 1))
    assert rows.min() > 0 and columns.min() > 0


def test_a_field_that_is_too_small(digits):
    with pytest.raises(ValueError, match="^pad: got 0, wanted more: a transformed digit is larger "
                                         "than a field of 8x8$"):
        synthetic_aff_nist(digits, pad=0)
    with pytest.raises(ValueError, match="^pixels: got -1"):
        synthetic_aff_nist(digits, pad=-1)
