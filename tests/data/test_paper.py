"""Ink on paper: what is inverted, cut off and subtracted, and what is left alone."""
import numpy as np
import pytest

from tests.data.photograph import drawing, frame, photograph
from tinycaps.data import load_digits
from tinycaps.data.paper import coarse, lift_ink

DIGITS = load_digits().test_images[:20]
INK = drawing(DIGITS[0, ..., 0])


def lift(pixels):
    return lift_ink(np.asarray(pixels, np.float32)[..., None])


@pytest.mark.parametrize("scale", [1, 10])
def test_what_was_not_photographed_is_left_as_it_is(scale):
    for digit in DIGITS[..., 0]:
        pixels = np.kron(digit, np.ones((scale, scale)))
        for each in pixels, 1 - pixels:
            ink, framed, uneven = lift(each)
            assert not framed and not uneven
            np.testing.assert_allclose(ink[..., 0], pixels, atol=1e-6)


@pytest.mark.parametrize("paper, ink", [(0.8, 0.2), (0.4, 0.1), (0.2, 0.7), (0.55, 0.95),
                                        (0.04, 0), (0.01, 0.004)])
def test_even_paper_of_any_grey_becomes_black(paper, ink):
    found, framed, uneven = lift(paper + (ink - paper) * INK)
    assert not framed and not uneven
    whole = 1 - ink / paper if ink < paper else (ink - paper) / (1 - paper)
    np.testing.assert_allclose(found[..., 0], whole * INK, atol=1e-5)


@pytest.mark.parametrize("dark, light, ink_is", [(0.5, 0.95, 0.15), (0.3, 0.7, 0.2), (0.1, 0.4, 1)])
def test_uneven_paper_becomes_black_and_even_ink_even(dark, light, ink_is):
    found, framed, uneven = lift(photograph(INK, dark, light, ink_is, noise=0))
    assert uneven and not framed
    whole = 1 - ink_is if ink_is < 1 else 1
    np.testing.assert_allclose(found[..., 0], whole * INK, atol=0.03)


def test_coloured_paper_becomes_black():
    colours = np.array([0.9, 0.8, 0.4])
    found, _, uneven = lift_ink((photograph(INK, 0.5, 0.95, noise=0)[..., None] * colours)
                                .astype(np.float32))
    assert uneven
    np.testing.assert_allclose(found, 0.85 * INK[..., None].repeat(3, 2), atol=0.05)


@pytest.mark.parametrize("width", [4, 12, 30])
@pytest.mark.parametrize("dark, light", [(0.9, 0.9), (0.5, 0.95)])
def test_a_dark_frame_is_cut_off(width, dark, light):
    found, framed, uneven = lift(frame(photograph(INK, dark, light), width))
    assert framed and uneven == (dark < light)
    assert (np.array(INK.shape) - found.shape[:2] >= 0).all()
    assert (np.array(INK.shape) - found.shape[:2] <= 0.12 * max(INK.shape) + width / 4).all()
    edge = np.concatenate([found[[0, -1]].ravel(), found[:, [0, -1]].ravel()])
    assert abs(edge).max() < 0.2


@pytest.mark.parametrize("shape", [(1, 1000), (1000, 1), (3, 900), (1, 2), (2, 2), (8, 8)])
def test_images_of_any_proportions_come_through(shape):
    for pixels in np.eye(*shape), 1 - np.eye(*shape):
        assert np.isfinite(lift(pixels)[0]).all()


def test_coarse_means_by_hand():
    image = np.arange(10).reshape(2, 5, 1)
    # 0 1 | 2 3 | 4     (0 + 1 + 5 + 6) / 4 = 3, (2 + 3 + 7 + 8) / 4 = 5
    # 5 6 | 7 8 | 9
    assert coarse(image, 2).tolist() == [[[3], [5]]]
    assert np.array_equal(coarse(image, 1), image)
