"""What the tests of the checker say in the same words."""
import numpy as np
import pytest

from tinycaps.gradcheck import assert_gradients, check_gradients


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


def elementwise(f, slope):
    """A pair from a function of one number and its derivative."""
    return lambda x: (f(x), x), lambda dy, x: dy * slope(x)


def verdict(forward, backward, *inputs, **options):
    """The worst verdict about a pair whose form is right."""
    report = check_gradients(forward, backward, *inputs, **options)
    verdicts = [row.verdict for row in report.rows]
    assert not report.problems and report.ok == ({*verdicts} <= {"ok", "kink"})
    return max(verdicts, key=("ok", "kink", "unsure", "WRONG").index)


def forward(x, W):
    """A linear map, right in every respect."""
    return x @ W, (x, W)


def backward(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy


def arrays(xp=np, *shapes):
    """Normal numbers; by default x and W for the linear map."""
    rng = np.random.default_rng(0)
    return [xp.asarray(rng.standard_normal(shape)) for shape in shapes or ((2, 3), (3, 4))]


def problems(forward, backward, *inputs, **keywords):
    """What is wrong with a pair apart from its numbers."""
    report = check_gradients(forward, backward, *inputs, **keywords)
    assert not report.ok and not report.rows
    with pytest.raises(AssertionError, match="PROBLEM"):
        assert_gradients(forward, backward, *inputs, **keywords)
    return report.problems
