"""What the tests of the checker say in the same words."""
import numpy as np

from tinycaps.gradcheck import check_gradients


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


def elementwise(f, slope):
    """A pair from a function of one number and its derivative."""
    return lambda x: (f(x), x), lambda dy, x: dy * slope(x)


def verdict(forward, backward, *inputs, **options):
    """The worst verdict about a pair whose form is right."""
    report = check_gradients(forward, backward, *inputs, **options)
    assert not report.problems and report.ok == all(row.verdict in ("ok", "kink") for row in report.rows)
    return max((row.verdict for row in report.rows), key=("ok", "kink", "unsure", "WRONG").index)
