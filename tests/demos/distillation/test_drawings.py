"""Figures of distillation hold what they are given."""
import numpy as np
import pytest
from matplotlib.colors import to_hex

from demos.distillation import drawings
from tests.plot.figures import drawn, images
from tinycaps import plot

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n, k, temperatures", [(3, 10, (1, 2, 5, 20)), (1, 2, (1,))])
def test_soft_targets_stand_alongside_their_images(n, k, temperatures):
    x, labels = images(RNG, n, 6, 5, 1), np.arange(n) % k
    p = RNG.random((len(temperatures), n, k))
    figure = drawn(drawings.soft_targets(x, p, temperatures, labels, "what it thinks"))
    axes = np.array(figure.axes).reshape(n, 1 + len(temperatures))
    for row, image, answers, label in zip(axes, x, p.swapaxes(0, 1), labels):
        np.testing.assert_allclose(row[0].images[0].get_array(), image.mean(axis=-1))
        for ax, expected, top in zip(row[1:], answers, p.max(axis=(1, 2))):
            np.testing.assert_allclose([bar.get_height() for bar in ax.patches], expected)
            blue = [to_hex(bar.get_facecolor()).upper() == plot.CORRECT for bar in ax.patches]
            assert blue == [j == label for j in range(k)] and ax.get_ylim() == (0, top)
    assert [ax.get_title() for ax in axes[0, 1:]] == [f"T = {each:g}" for each in temperatures]
