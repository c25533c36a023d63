"""Every image stands in its place."""
import numpy as np
import pytest

from tests.plot.figures import drawn, images
from tinycaps import plot

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_rows_stand_under_their_images(n, channels):
    x, again = images(RNG, 2, n, 6, 5, channels)
    captions, correct = [f"{k} read as 0" for k in range(n)], np.arange(n) % 2 == 0
    figure = drawn(plot.image_table({"image": x, "again": again}, captions, correct))
    assert len(figure.axes) == 2 * n and all(len(ax.images) == 1 for ax in figure.axes)
    for k in range(n):
        for ax, image in (figure.axes[k], x[k]), (figure.axes[n + k], again[k]):
            expected = image if channels == 3 else image.mean(axis=-1)
            np.testing.assert_allclose(ax.images[0].get_array(), expected)
        assert figure.axes[k].get_title() == captions[k]
        assert figure.axes[k].title.get_color() == (plot.WRONG if k % 2 else plot.CORRECT)


@pytest.mark.parametrize("n, across, lines", [
    (4, 5, 1), (5, 5, 1), (6, 5, 2), (7, 3, 3), (2, 1, 2)])
def test_many_reconstructions_wrap_into_lines(n, across, lines):
    rows = dict(zip(("image", "as read", "as labelled"), images(RNG, 3, n, 6, 5, 1)))
    captions, correct = [f"caption {k}" for k in range(n)], np.arange(n) % 2 == 0
    figure = drawn(plot.image_table(rows, captions, correct, across))
    width = min(n, across)
    axes = np.array(figure.axes).reshape(lines, 3, width)
    for k in range(n):
        column = axes[k // width, :, k % width]
        for ax, (name, pictures) in zip(column, rows.items()):
            np.testing.assert_allclose(ax.images[0].get_array(), pictures[k, :, :, 0])
            assert ax.axison and ax.get_ylabel() == (name if k % width == 0 else "")
        assert [ax.get_title() for ax in column] == [f"caption {k}", "", ""]
        assert column[0].title.get_color() == (plot.WRONG if k % 2 else plot.CORRECT)
    unused = axes[-1, :, n - (lines - 1) * width:].ravel()
    assert not any(ax.axison or ax.images or ax.get_title() for ax in unused)


def test_twelve_columns_by_default():
    captions = [str(k) for k in range(13)]
    figure = drawn(plot.image_table({"image": images(RNG, 13, 6, 5, 1)}, captions, [True] * 13))
    assert [ax.get_title() for ax in figure.axes] == captions + [""] * 11       # two lines of 12


def test_pixels_out_of_range_are_clipped():
    x = images(RNG, 1, 4, 4, 1)
    bright, dark = drawn(plot.image_table({"bright": x + 5, "dark": x - 5}, ["x"], [True])).axes
    assert (bright.images[0].get_array() == 1).all()
    assert (dark.images[0].get_array() == 0).all()


def test_rows_of_images_may_be_of_different_lengths():
    lengths = {"threes": 3, "sevens": 1, "none": 0}
    rows = {title: images(RNG, n, 6, 5, 1) for title, n in lengths.items()}
    captions = [["a", "b", "c"], ["d"], []]
    axes = np.array(drawn(plot.image_rows(rows, captions)).axes).reshape(3, 3)
    for row, x, above in zip(axes, rows.values(), captions):
        assert [ax.get_title() for ax in row] == above + [""] * (3 - len(above))
        for ax, image in zip(row, x):
            np.testing.assert_allclose(ax.images[0].get_array(), image.mean(axis=-1))
        assert not any(ax.axison for ax in row[len(x):])
