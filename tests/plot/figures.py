"""What the tests of all figures share."""
import io

from matplotlib.figure import Figure


def drawn(figure):
    """Draw a figure, warnings being errors, and return it."""
    assert isinstance(figure, Figure)
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    return figure


def images(rng, *shape):
    return rng.random(shape).astype("float32")
