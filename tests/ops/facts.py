"""What the tests of all pairs say in the same words."""

import inspect

import numpy as np
import pytest

from tinycaps.backend import get_xp, to_numpy

ALONG_DIRECTIONS = dict(max_entries=1, directions=2)
"""For gradient checks on the stand-in, which is slow: each of two random directions moves all
entries of an array together."""

on_device = pytest.mark.parametrize(
    "xp", ["stand-in", pytest.param("cupy", marks=pytest.mark.cuda)], indirect=True)


def draw(*shapes, seed=0, dtype="float64"):
    """Normal numbers in host arrays of these shapes."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def on(xp, *hosts):
    """The same arrays, or dicts of arrays, in the memory of xp."""
    return [{key: xp.asarray(array) for key, array in host.items()} if isinstance(host, dict)
            else xp.asarray(host) for host in hosts]


def with_biases(params, seed=1):
    """The same parameters with biases that are not zero, so that a fault in them shows."""
    rng = np.random.default_rng(seed)
    return {key: array + rng.standard_normal(array.shape).astype(array.dtype)
            if key.endswith("bias") else array for key, array in params.items()}


def close(got, want):
    """Assert equality up to rounding; atol is for sums of numbers of size one that cancel."""
    np.testing.assert_allclose(to_numpy(got), to_numpy(want), rtol=1e-12, atol=1e-14)


def near(got, want, tolerance=1e-12):
    """Assert equality up to a fraction of the largest number, as of sums taken in another order."""
    got, want = to_numpy(got), to_numpy(want)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * np.abs(want).max())


def error(got, truth):
    """The largest deviation from the truth, as a fraction of its largest number."""
    return float(np.abs(to_numpy(got) - to_numpy(truth)).max() / np.abs(to_numpy(truth)).max())


def stays_float32(xp, *results):
    """Assert that every array, also in tuples and dicts, is of float32 and in the memory of xp."""
    for result in results:
        if isinstance(result, (tuple, dict)):
            stays_float32(xp, *(result.values() if isinstance(result, dict) else result))
        else:
            assert result.dtype == np.float32 and get_xp(result) is xp


def defaults(function):
    """Return the defaults of a function's arguments by name, without those that are None."""
    found = {name: each.default for name, each in inspect.signature(function).parameters.items()}
    return {name: value for name, value in found.items()
            if value is not inspect.Parameter.empty and value is not None}


def refuses(error, name, wanted, function, *args, **kwargs):
    """Assert that the call raises this error in one line that names the argument and the wanted."""
    with pytest.raises(error) as caught:
        function(*args, **kwargs)
    line = str(caught.value)
    assert caught.type is error and "\n" not in line
    assert line.startswith(f"{name}: got "), line
    assert wanted in line.partition("wanted ")[2], line


def refuses_two_memories(names, function, *args, **kwargs):
    """Assert that a mixture of host and device is refused; names is a pattern of the arguments."""
    line = "got arrays in different memories .*, wanted all on the host or all on the device"
    with pytest.raises(TypeError, match=f"^{names}: {line}"):
        function(*args, **kwargs)


def refuses_bad_dloss(xp, backward, cache):
    """Assert that the backward of a loss takes no dloss but a number or a 0-d array of float32.

    The cache is of float32.
    """
    for wrong in xp.ones(2, dtype="float32"), xp.ones(1, dtype="float32"):
        refuses(ValueError, "dloss", "()", backward, wrong, cache)
    for wide in xp.ones(()), xp.ones(3).sum():
        refuses(TypeError, "dloss", "float32", backward, wide, cache)
    whole = xp.ones((), dtype="int64")
    refuses(TypeError, "dloss", "floating-point numbers", backward, whole, cache)
    refuses(TypeError, "dloss", "a NumPy or CuPy array", backward, [1.0], cache)


BAD_LABELS = [
    (np.array([0, 3]), ValueError, "0..2"),
    (np.array([-1, 2]), ValueError, "0..2"),
    (np.array([0, 1, 2]), ValueError, "(2,)"),
    (np.array([[0], [1]]), ValueError, "(2,)"),
    (np.array([0.0, 1.0]), TypeError, "integers"),
    (np.array([True, False]), TypeError, "integers"),
    ([0, 1], TypeError, "integers"),
]
"""For two samples of three classes."""


def refuses_bad_labels(xp, function):
    """Assert that function(labels) takes nothing but two integers in 0..2.

    It is for two samples of three classes.
    """
    for labels, error, wanted in BAD_LABELS:
        if isinstance(labels, np.ndarray):
            labels = xp.asarray(labels)
        refuses(error, "labels", wanted, function, labels)
