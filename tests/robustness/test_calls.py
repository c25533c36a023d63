"""Random calls of every op: an answer, or one line that names the argument."""
import inspect

import numpy as np
import pytest

from demos.gradcheck.points import find_points
from tests.robustness.trials import one_line

POINTS = {op: point for op, *point in find_points(0)}
NUMBERS = [0, -1, 1, 2, 3, 10 ** 9, 0.0, 0.5, -0.5, 1.0, 1e-300, 1e300, float("nan"), float("inf"),
           True, None, "same", "x", 1j, (2, 2), [], np.float32(0.5), np.int8(2), np.zeros(2)]
DTYPES = ["float16", "float32", "float64", "longdouble", "complex64", "int8", "int64", "uint8",
          "bool", "object", "U3", ">f8"]


def spoil(x, rng):
    """Return something other than the argument x, more or less like it."""
    kind = rng.integers(12)
    if isinstance(x, dict) and x and kind < 9:
        key = list(x)[rng.integers(len(x))]
        rest = {other: value for other, value in x.items() if other != key}
        return rest if kind == 0 else rest | {key: spoil(x[key], rng)}
    if not isinstance(x, np.ndarray) or kind == 0:
        return NUMBERS[rng.integers(len(NUMBERS))]
    if kind == 1:
        return x.astype(DTYPES[rng.integers(len(DTYPES))])
    if kind == 2:
        return x.tolist()
    if kind == 3:
        return x[..., None]
    if kind == 4:
        return x[:0]
    if kind == 5:
        return x.T
    if kind == 6:
        return x[..., :-1]
    if kind == 7:
        return x.reshape(-1)
    if kind == 8:
        return np.asfortranarray(x)
    if kind == 9:
        return np.repeat(x, 2, axis=rng.integers(x.ndim)) if x.ndim else x
    if x.size == 0 or x.dtype.kind not in "fiu":
        return x
    y = x.copy()
    whole = x.dtype.kind != "f"
    extremes = [0, np.iinfo(x.dtype).max, np.iinfo(x.dtype).min] if whole else [
        np.nan, np.inf, -np.inf, 1e4, -1e30, 0]
    y.flat[rng.integers(y.size)] = extremes[rng.integers(len(extremes))]
    return y


@pytest.mark.parametrize("op", sorted(POINTS))
@pytest.mark.filterwarnings("ignore")
def test_a_call_is_answered_or_refused_in_one_line(op, trials):
    forward, backward, inputs, keywords = POINTS[op]
    for seed in range(trials(40)):
        rng = np.random.default_rng(seed)
        arguments, named = list(inputs), dict(keywords)
        names = [*range(len(arguments)), *named]
        for name in rng.choice(len(names), 1 + rng.integers(2)):
            place = arguments if name < len(arguments) else named
            place[names[name]] = spoil(place[names[name]], rng)
        with one_line(ValueError, TypeError, MemoryError, said=f"{op}, seed {seed}"):
            out, cache = forward(*arguments, **named)
            cotangents = [np.ones_like(y) for y in (out if isinstance(out, tuple) else (out,))]
            backward(*cotangents, cache)


def as_float32(x):
    """Return an argument with its arrays in single precision."""
    if isinstance(x, dict):
        return {key: as_float32(y) for key, y in x.items()}
    if isinstance(x, list):
        return [as_float32(y) for y in x]
    return x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


def numbers(forward, keywords):
    """Return the hyperparameters of an op that are numbers: those given, else the defaults."""
    signature = inspect.signature(forward).parameters
    given = {name: argument.default for name, argument in signature.items()} | keywords
    return {name: value for name, value in given.items() if type(value) in (int, float)}


@pytest.mark.parametrize("op", sorted(POINTS))
def test_a_numpy_scalar_is_the_number_that_it_holds(op):
    forward, backward, inputs, keywords = POINTS[op]
    inputs, keywords = as_float32(inputs), as_float32(keywords)
    given = numbers(forward, keywords)
    scalars = {name: np.array(value)[()] for name, value in given.items()}
    assert all(isinstance(value, np.generic) for value in scalars.values())
    (out, cache), (other, other_cache) = (forward(*inputs, **keywords | settings)
                                          for settings in (given, scalars))
    outs = list(zip(*(y if isinstance(y, tuple) else (y,) for y in (out, other))))
    gradients = [flat(backward(*(np.ones_like(y) for y, _ in outs), each))
                 for each in (cache, other_cache)]
    for one, two in [*outs, *zip(*gradients)]:
        assert two.dtype == np.float32 and np.array_equal(one, two)


def flat(gradients):
    """Return all arrays of the gradients of a backward."""
    if isinstance(gradients, dict):
        gradients = gradients.values()
    if isinstance(gradients, np.ndarray):
        return [gradients]
    return [array for each in gradients for array in flat(each)]
