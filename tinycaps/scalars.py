"""Checks of single numbers, choices and files; `tinycaps.checks` hands them on."""
import math
import operator

import numpy as np


def plain(value):
    """Return a NumPy scalar as a Python number, also within a tuple or list; all else as it is.

    A NumPy scalar has a precision of its own, which would turn float32 arrays into float64.
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in (tuple, list):
        return type(value)(map(plain, value))
    return value


def plain_fields(config):
    """Turn the NumPy scalars in a frozen dataclass into Python numbers."""
    for name, value in vars(config).items():
        object.__setattr__(config, name, plain(value))


def check_count(**counts):
    """Check that numbers are 1, 2, 3, ...: ``check_count(iterations=iterations)``.

    Raises
    ------
    ValueError
        If one is not a positive integer.
    """
    for name, count in counts.items():
        try:
            good = not isinstance(count, (bool, np.bool_)) and operator.index(count) >= 1
        except TypeError:
            good = False
        if not good:
            raise ValueError(f"{name}: got {_shown(count)}, wanted an integer of at least 1")


def check_positive(**numbers):
    """Raise a ValueError unless all numbers are finite and above 0: ``check_positive(x=x)``."""
    _check_numbers(lambda number: 0 < number < math.inf, "a finite number above 0", numbers)


def check_not_negative(**numbers):
    """Raise a ValueError unless every number is finite and at least 0."""
    _check_numbers(lambda number: 0 <= number < math.inf, "a finite number of at least 0", numbers)


def check_fraction(**numbers):
    """Raise a ValueError unless every number is from 0 to 1."""
    _check_numbers(lambda number: 0 <= number <= 1, "a number in [0, 1]", numbers)


def check_below_one(**numbers):
    """Raise a ValueError unless every number is from 0 to below 1."""
    _check_numbers(lambda number: 0 <= number < 1, "a number in [0, 1)", numbers)


def check_choice(choices, **names):
    """Raise a ValueError unless all are among the choices: ``check_choice(GOALS, goal=goal)``."""
    for name, value in names.items():
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"{name}: got {_shown(value)}, wanted {' or '.join(choices)}")


def check_file(path, wanted):
    """Raise a FileNotFoundError unless there is a file: ``check_file(path, "an npz file")``."""
    if not path.is_file():
        came = "a folder" if path.is_dir() else "no such file"
        raise FileNotFoundError(f"{path}: got {came}, wanted {wanted}")


def _check_numbers(is_good, wanted, numbers):
    for name, number in numbers.items():
        try:
            good = bool(is_good(number))
        except (TypeError, ValueError):
            good = False
        if not good:
            raise ValueError(f"{name}: got {_shown(number)}, wanted {wanted}")


def _shown(value):
    """Return the representation of a value in one line: that of an array can have several."""
    return " ".join(repr(value).split())
