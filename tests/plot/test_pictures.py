"""Every image stands in its place."""
import numpy as np
import pytest

from tests.plot.figures import drawn, images
from tinycaps import plot


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_rows_stand_under_their_images(n, channels):
    x, again = images(RNG, n, 6, 5, channels), images(RNG, n, 6, 5, channels)
    figure = drawn(plot.image_table({"image": x, "again": again}, [f"{k} read as 0" for k in range(n)], np.arange(n) % 2 == 0))
    assert len(figure.axes) == 2 * n and all(len(ax.images) == 1 for ax in figure.axes)
    for k in range(n):
        for ax, image in (figure.axes[k], x[k]), (figure.axes[n + k], again[k]):
            expected = image if channels == 3 else image.mean(axis=-1)
            np.testing.assert_allclose(ax.images[0].get_array(), expected)
        assert figure.axes[k].get_title() == f"{k} read as 0"
        assert figure.axes[k].title.get_color() == (plot.WRONG if k % 2 else plot.CORRECT)


@pytest.mark.parametrize("n, across, lines", [(4, 5, 1), (5, 5, 1), (6, 5, 2), (7, 3, 3), (2, 1, 2), (13, 12, 2)])
def test_many_reconstructions_wrap_into_lines(n, across, lines):
    rows = {"image": images(RNG, n, 6, 5, 1), "as read": images(RNG, n, 6, 5, 1), "as labelled": images(RNG, n, 6, 5, 1)}
    settings, width = {} if across == 12 else {"across": across}, min(n, across)        # twelve unless told
    captions = [f"caption {k}" for k in range(n)]
    figure = drawn(plot.image_table(rows, captions, np.arange(n) % 2 == 0, **settings))
    axes = np.array(figure.axes).reshape(lines, 3, width)
    for k in range(n):
        column = axes[k // width, :, k % width]
        for ax, (name, pictures) in zip(column, rows.items()):
            np.testing.assert_allclose(ax.images[0].get_array(), pictures[k, :, :, 0])
            assert ax.axison and ax.get_ylabel() == (name if k % width == 0 else "")
        assert [ax.get_title() for ax in column] == [f"caption {k}", "", ""]
        assert column[0].title.get_color() == (plot.WRONG if k % 2 else plot.CORRECT)
    left = axes[-1, :, n - (lines - 1) * width:].ravel()
    assert not any(ax.axison or ax.images or ax.get_title() for ax in left)


def test_pixels_out_of_range_are_clipped():
    figure = drawn(plot.image_table({"image": images(RNG, 1, 4, 4, 1) + 5, "again": images(RNG, 1, 4, 4, 1) - 5}, ["x"], [True]))
    assert [(ax.images[0].get_array().min(), ax.images[0].get_array().max()) for ax in figure.axes] == [(1, 1), (0, 0)]


def test_rows_of_images_may_be_of_different_lengths():
    rows = {"threes": images(RNG, 3, 6, 5, 1), "sevens": images(RNG, 1, 6, 5, 1), "none": images(RNG, 0, 6, 5, 1)}
    axes = np.array(drawn(plot.image_rows(rows, [["a", "b", "c"], ["d"], []])).axes).reshape(3, 3)
    for row, x, captions in zip(axes, rows.values(), (["a", "b", "c"], ["d"], [])):
        assert [ax.get_title() for ax in row] == captions + [""] * (3 - len(captions))
        for ax, image in zip(row, x):
            np.testing.assert_allclose(ax.images[0].get_array(), image.mean(axis=-1))
        assert not any(ax.axison for ax in row[len(x):])
