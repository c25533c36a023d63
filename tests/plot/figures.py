"""What the tests of all figures share."""
import io

from matplotlib.figure import Figure


def drawn(figure):
    """Draw a figure, warnings being errors, and return it."""
    assert isinstance(figure, Figure)
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    return figure


def texts(labels):
    """The texts of a legend, or of the labels of an axis."""
    return [label.get_text() for label in labels]


def images(rng, *shape):
    return rng.random(shape).astype("float32")
