"""The complex step: exact where a function is analytic; elsewhere wrong, and then never a witness.

Unless it says otherwise, each function here is right as a function of real numbers, and its
gradient is right.
"""
import numpy as np
import pytest

from tests.gradcheck.pairs import draw, elementwise, verdict
from tinycaps.gradcheck import assert_gradients, check_gradients

TINY = 1e-30


def complex_step(f, x):
    """Im f(x + i h) / h of a function of one vector, by each entry."""
    steps = 1j * TINY * np.eye(len(x))
    return np.array([np.imag(f(x + step)) / TINY for step in steps])


def sum_of_squares(square):
    """The pair of Σ x², where one of many spellings of a square is used."""
    return lambda x: (square(x).sum(), x), lambda dloss, x: 2 * dloss * x


def witness(forward, backward, x):
    """What the table of a right pair says of its complex step, if that is no number."""
    report = assert_gradients(forward, backward, x)
    row, = report.rows
    said = row.complex_step or "none"
    assert f"  {said}  " in str(report)
    return said


def test_of_an_analytic_function_it_is_exact(xp):
    x = draw((5,))[0]
    row, = assert_gradients(*sum_of_squares(lambda x: x * x), xp.asarray(x)).rows
    assert abs(row.complex_step - row.analytic) < 1e-15
    np.testing.assert_allclose(complex_step(lambda z: (z * z).sum(), x), 2 * x, rtol=1e-15)


def test_abs_loses_the_imaginary_part():
    x, = draw((5,))
    assert not complex_step(lambda z: np.abs(z).sum(), x).any()             # the slopes are ±1
    assert witness(*elementwise(np.abs, np.sign), x) == "not analytic"


def test_conj_turns_the_imaginary_part_round():
    x, = draw((5,))
    np.testing.assert_allclose(complex_step(lambda z: (z * z.conj()).sum(), x), 0, atol=1e-15)
    assert witness(*sum_of_squares(lambda x: x * x.conj()), x) == "not analytic"


@pytest.mark.parametrize("norm", [np.linalg.norm, lambda z: np.sqrt((z.conj() * z).sum())],
                         ids=["linalg.norm", "with conj"])
def test_a_norm_uses_abs_or_conj(norm):
    x, = draw((5,))
    np.testing.assert_allclose(complex_step(norm, x), 0, atol=1e-15)        # the slopes are x/‖x‖
    pair = (lambda x: (norm(x), x)), (lambda dloss, x: dloss * x / norm(x))
    assert witness(*pair, x) == "not analytic"
    np.testing.assert_allclose(complex_step(lambda z: np.sqrt((z * z).sum()), x), x / norm(x),
                               rtol=1e-14)


def test_a_comparison_at_a_tie_is_decided_by_the_imaginary_part():
    tie = np.array([0.5, 0.5])

    def largest(x):
        return np.maximum(x, 0.5).sum()

    assert complex_step(largest, tie).tolist() == [1, 1]                    # the slopes are 0 | 1
    row, = check_gradients(lambda x: (largest(x), x), lambda dloss, x: dloss * (x > 0.5), tie).rows
    assert (row.verdict, row.complex_step) == ("kink", "not analytic")
    assert np.count_nonzero(np.round(row.slopes, 9)) == 1


def test_a_comparison_in_python_refuses_complex_numbers():
    def largest(x):
        return np.array([max(number, 0.1) for number in x.tolist()])

    with pytest.raises(TypeError, match="not supported between instances of 'float' and 'complex'"):
        largest(np.array([0.5 + TINY * 1j]))
    pair = (lambda x: (largest(x), x)), (lambda dy, x: dy * (x > 0.1))
    assert witness(*pair, draw((5,))[0]) == "none"


def test_a_real_buffer_discards_the_imaginary_part():
    def squares(x):
        out = np.zeros(x.shape)
        out[...] = x * x
        return out

    x, = draw((5,))
    with pytest.warns(np.exceptions.ComplexWarning):
        assert not complex_step(lambda z: squares(z).sum(), x).any()        # the slopes are 2x
    assert witness(*sum_of_squares(squares), x) == "none"


@pytest.mark.parametrize("f, wrong", [
    (lambda x: x * np.abs(x), np.abs), (lambda x: x * x.conj(), np.zeros_like),
    (lambda x: x * x + 1e-7 * np.abs(x), lambda x: 2 * x)], ids=["x|x|", "conj", "a small |x|"])
def test_a_wrong_gradient_that_agrees_with_a_wrong_complex_step_is_wrong(f, wrong):
    x = np.abs(draw((5,))[0])
    np.testing.assert_allclose(complex_step(lambda z: f(z).sum(), x), wrong(x), atol=1e-15)
    row, = check_gradients(*elementwise(f, wrong), x).rows
    assert (row.verdict, row.complex_step) == ("WRONG", "not analytic") and row.error < 1e-12


def layer_norm(x):
    r = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    return (x - x.mean(axis=1, keepdims=True)) * r, r


def layer_norm_of_constant_variance(dy, r):
    return r * (dy - dy.mean(axis=1, keepdims=True))


def test_layer_norm_with_its_variance_taken_as_constant_is_wrong():
    x, = draw((4, 6))
    row, = check_gradients(layer_norm, layer_norm_of_constant_variance, x).rows
    assert (row.verdict, row.complex_step) == ("WRONG", "not analytic")
    assert abs(row.analytic - row.numeric) > 1 and row.error < 1e-12


@pytest.mark.parametrize("off_axis", [lambda x: np.full(x.shape, np.nan),
                                      lambda x: 1e-5 * np.sin(1e12 * x)], ids=["nan", "noise"])
def test_what_cannot_be_measured_off_the_axis_is_not_taken_for_analytic(off_axis):
    def f(x):
        return x * x + 1e-9 * np.abs(x) + np.where(np.imag(x) > 1e-20, off_axis(np.real(x)), 0)

    row, = check_gradients(*elementwise(f, lambda x: 2 * x), np.abs(draw((5,))[0])).rows
    assert (row.verdict, row.complex_step) == ("WRONG", "not analytic")


@pytest.mark.parametrize("scale", [1.0, 2.0 ** -20])
def test_where_the_estimated_error_is_too_small_the_complex_step_says_so(scale):
    # The squares have an error of 1e-10 that nothing but their scatter shows.
    x = scale * np.random.default_rng(0).uniform(0.5, 3, 400)

    def forward(x):
        return (((x / scale) ** 2 + 1e6) - 1e6).sum(), x / scale

    row, = check_gradients(forward, lambda dloss, x: 2 * dloss * x / scale, x).rows
    assert abs(row.analytic - row.numeric) > 8 * row.error
    assert row.verdict == "unsure" and abs(row.complex_step / row.analytic - 1) < 1e-14
    assert verdict(forward, lambda dloss, x: 2.0001 * dloss * x / scale, x) == "WRONG"
