"""The proof that a backward is the derivative of its forward.

    print(check_gradients(forward, backward, x, W))      a table, one row for each array
    assert_gradients(forward, backward, x, W)            the same for a test

check      compares every entry, or random directions of large arrays: read this first
probe      the verdict about one direction, and the complex step as a second witness
ridders    how a derivative is measured, and why no fixed step suffices
pair       the pair under the checker, and whether it keeps the contract of a pair
report     the table

What a gradient check cannot see is a wrong forward. It compares a backward with its own forward,
and knows nothing of the paper: routing whose softmax runs over the children instead of the parents
passes, with every entry right to 1e-12. So an op needs more than this: the paper as plain loops to
compare with, invariants (coupling coefficients sum to 1 over the parents), and an example worked by
hand. Each of the three refuses that softmax, and every op of tinycaps has them in its tests.
"""
from .check import assert_gradients, check_gradients
from .report import Report, Row
from .ridders import Derivative, derivative

__all__ = ["Derivative", "Report", "Row", "assert_gradients", "check_gradients", "derivative"]
