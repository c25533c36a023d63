"""The proof that a backward is the derivative of its forward.

    print(check_gradients(forward, backward, x, W))      a table, one row for each array
    assert_gradients(forward, backward, x, W)            the same for a test
"""
from .check import assert_gradients, check_gradients
from .report import Report, Row
from .ridders import Derivative, derivative

__all__ = ["Derivative", "Report", "Row", "assert_gradients", "check_gradients", "derivative"]
