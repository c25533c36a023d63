"""The complex step: exact where a function is analytic; elsewhere wrong, and then never a witness.

Each function here is right as a function of real numbers, and its gradient is right.
"""
import numpy as np
import pytest

from tests.gradcheck.pairs import draw, elementwise
from tinycaps.gradcheck import assert_gradients, check_gradients

TINY = 1e-30


def complex_step(f, x):
    """Im f(x + i h) / h of a function of one vector, by each entry."""
    steps = 1j * TINY * np.eye(len(x))
    return np.array([np.imag(f(x + step)) / TINY for step in steps])


def sum_of_squares(square):
    """The pair of Σ x², where one of many spellings of a square is used."""
    return lambda x: (square(x).sum(), x), lambda dloss, x: 2 * dloss * x


def has_no_witness(forward, backward, x):
    """Assert that a right pair passes without a complex step, and the table says so."""
    report = assert_gradients(forward, backward, x)
    row, = report.rows
    assert row.complex_step is None and " none " in str(report)


def test_of_an_analytic_function_it_is_exact(xp):
    x = draw((5,))[0]
    row, = assert_gradients(*sum_of_squares(lambda x: x * x), xp.asarray(x)).rows
    assert abs(row.complex_step - row.analytic) < 1e-15
    np.testing.assert_allclose(complex_step(lambda z: (z * z).sum(), x), 2 * x, rtol=1e-15)


def test_abs_loses_the_imaginary_part():
    x, = draw((5,))
    assert not complex_step(lambda z: np.abs(z).sum(), x).any()             # the slopes are ±1
    has_no_witness(*elementwise(np.abs, np.sign), x)


def test_conj_turns_the_imaginary_part_round():
    x, = draw((5,))
    np.testing.assert_allclose(complex_step(lambda z: (z * z.conj()).sum(), x), 0, atol=1e-15)
    has_no_witness(*sum_of_squares(lambda x: x * x.conj()), x)


@pytest.mark.parametrize("norm", [np.linalg.norm, lambda z: np.sqrt((z.conj() * z).sum())],
                         ids=["linalg.norm", "with conj"])
def test_a_norm_uses_abs_or_conj(norm):
    x, = draw((5,))
    np.testing.assert_allclose(complex_step(norm, x), 0, atol=1e-15)        # the slopes are x/‖x‖
    pair = (lambda x: (norm(x), x)), (lambda dloss, x: dloss * x / norm(x))
    has_no_witness(*pair, x)
    np.testing.assert_allclose(complex_step(lambda z: np.sqrt((z * z).sum()), x), x / norm(x),
                               rtol=1e-14)


def test_a_comparison_at_a_tie_is_decided_by_the_imaginary_part():
    tie = np.array([0.5, 0.5])

    def largest(x):
        return np.maximum(x, 0.5).sum()

    assert complex_step(largest, tie).tolist() == [1, 1]                    # the slopes are 0 | 1
    row, = check_gradients(lambda x: (largest(x), x), lambda dloss, x: dloss * (x > 0.5), tie).rows
    assert row.verdict == "kink" and np.count_nonzero(np.round(row.slopes, 9)) == 1


def test_a_comparison_in_python_refuses_complex_numbers():
    def largest(x):
        return np.array([max(number, 0.1) for number in x.tolist()])

    with pytest.raises(TypeError, match="not supported between instances of 'float' and 'complex'"):
        largest(np.array([0.5 + TINY * 1j]))
    has_no_witness(lambda x: (largest(x), x), lambda dy, x: dy * (x > 0.1), draw((5,))[0])


def test_a_real_buffer_discards_the_imaginary_part():
    def squares(x):
        out = np.zeros(x.shape)
        out[...] = x * x
        return out

    x, = draw((5,))
    with pytest.warns(np.exceptions.ComplexWarning):
        assert not complex_step(lambda z: squares(z).sum(), x).any()        # the slopes are 2x
    has_no_witness(*sum_of_squares(squares), x)


@pytest.mark.parametrize("f, wrong", [
    (lambda x: x * np.abs(x), np.abs), (lambda x: x * x.conj(), np.zeros_like)],
    ids=["x|x|", "conj"])
def test_a_wrong_gradient_that_agrees_with_a_wrong_complex_step_is_not_proven(f, wrong):
    x = np.abs(draw((5,))[0])
    np.testing.assert_allclose(complex_step(lambda z: f(z).sum(), x), wrong(x), atol=1e-15)
    assert not check_gradients(*elementwise(f, wrong), x).ok
