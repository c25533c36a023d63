"""A pair under the checker: its arrays by name, and whether it keeps the contract of a pair."""
import inspect

import numpy as np

from ..backend import get_xp, is_array, to_numpy


class Pair:
    """The pair at one point, seen as a function of named float64 arrays on the host.

    Arguments that are floating-point arrays, or dicts of them, are its variables; everything
    else (labels, masks, settings) is passed on as it is.

    Attributes
    ----------
    arrays : dict
        Name to float64 host array. An array has its argument's name, or its key in a dict.
    constants : list of str
        The arguments that are passed on, and why.
    """

    def __init__(self, forward, backward, inputs, keywords):
        self.forward, self.backward = forward, backward
        self.inputs, self.keywords = inputs, keywords
        self.arrays, self.place, self.constants = {}, {}, []
        arguments = _argument_names(forward, len(inputs))
        dicts = sum(isinstance(x, dict) for x in inputs)
        for position, (argument, x) in enumerate(zip(arguments, inputs)):
            for key, array in (x.items() if isinstance(x, dict) else [(None, x)]):
                inner = key if dicts == 1 and key not in arguments else f"{argument}[{key}]"
                name = argument if key is None else str(inner)
                if is_array(array) and array.dtype.kind == "f" and array.size:
                    self.arrays[name] = to_numpy(array).astype(np.float64)
                    self.place[name] = position, key
                else:
                    self.constants.append(f"{name} ({_why_constant(array)})")
        self.constants += [f"{name} (keyword, not positional)" for name, x in keywords.items()
                           if any(array.dtype.kind == "f" for array in _arrays_in(x))]
        if not self.arrays:
            raise ValueError(f"inputs: got {', '.join(self.constants) or 'nothing'}, wanted at "
                             "least one floating-point array to differentiate by")
        self.xp = get_xp(*(inputs[position] if key is None else inputs[position][key]
                           for position, key in self.place.values()))

    def _bind(self, arrays):
        """Return the arguments of forward, and the named arrays in them by their names."""
        arguments = [dict(x) if isinstance(x, dict) else x for x in self.inputs]
        live = {name: self.xp.asarray(array) for name, array in arrays.items()}
        for name, (position, key) in self.place.items():
            if key is None:
                arguments[position] = live[name]
            else:
                arguments[position][key] = live[name]
        return arguments, live

    def _run(self, arguments):
        returned = self.forward(*arguments, **self.keywords)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise TypeError(f"forward: got {type(returned).__name__}, wanted a tuple of two: the "
                            "output (or a tuple of outputs) and the cache")
        out, cache = returned
        return (list(out) if isinstance(out, tuple) else [out]), cache

    def outputs(self, arrays):
        """Return all outputs for these arrays as one flat host array."""
        return _flat(self._run(self._bind(arrays)[0])[0])

    def gradients(self, rng):
        """Run the pair once and observe what it does.

        Returns
        -------
        weights : array (m,)
            The random cotangent, one number for each output number.
        gradients : dict
            Name to float64 host array, for the arrays whose gradient can be compared.
        problems : list of str
        """
        arguments, live = self._bind({name: array.copy() for name, array in self.arrays.items()})
        outputs, cache = self._run(arguments)
        written = self._written(live)
        problems = [f"forward: wrote into its input {name}, wanted it untouched"
                    for name in written]
        if not np.array_equal(_flat(outputs), _flat(self._run(arguments)[0]), equal_nan=True):
            problems.append("forward: got different outputs from two equal calls, wanted a "
                            "function of its inputs alone")
        if not np.isfinite(_flat(outputs)).all():
            problems.append("forward: got NaN or infinity, wanted finite outputs")
        problems += [f"forward: got an output of {to_numpy(y).dtype}, wanted the inputs' float64"
                     for y in outputs if to_numpy(y).dtype != np.float64]
        cotangents = [self.xp.asarray(rng.standard_normal(np.shape(y))) for y in outputs]
        kept = [(where, array, to_numpy(array).copy())
                for where, tree in (("the cache", cache), ("the upstream gradient", cotangents))
                for array in _arrays_in(tree)]
        weights = _flat(cotangents)
        gradients, faults = self._by_name(self.backward(*cotangents, cache))
        problems += faults
        problems += [f"backward: wrote into the input {name}, wanted it untouched"
                     for name in self._written(live) if name not in written]
        problems += sorted({f"backward: wrote into {where}, wanted it untouched"
                            for where, array, copy in kept
                            if not np.array_equal(to_numpy(array), copy, equal_nan=True)})
        if not problems:
            again, _ = self._by_name(self.backward(*cotangents, cache))
            problems += [f"backward: got another gradient of {name} from the same cache, wanted "
                         "the same" for name in gradients
                         if not np.array_equal(gradients[name], again[name])]
        return weights, gradients, problems

    def _written(self, live):
        """Return the names of the arrays that are no longer what they were."""
        return [name for name, array in live.items()
                if not np.array_equal(to_numpy(array), self.arrays[name], equal_nan=True)]

    def _by_name(self, returned):
        """Return what backward returned by the names of the arrays, and what is wrong with it."""
        positions = sorted({position for position, _ in self.place.values()})
        others = f", and none for {', '.join(self.constants)}" if self.constants else ""
        if len(positions) == 1:
            returned = (returned,)
        if not isinstance(returned, tuple) or len(returned) != len(positions):
            came = (f"{len(returned)} gradients" if isinstance(returned, tuple)
                    else f"one {type(returned).__name__}")
            return {}, [f"backward: got {came}, wanted a tuple: one gradient for each of "
                        f"{', '.join(self.arrays)}, in this order{others}"]
        gradients, problems = {}, []
        for name, (position, key) in self.place.items():
            gradient = returned[positions.index(position)]
            if key is not None:
                gradient = gradient.get(key) if isinstance(gradient, dict) else None
            wanted = self.arrays[name]
            if not is_array(gradient):
                problems.append(f"gradient of {name}: got {type(gradient).__name__}, wanted an "
                                f"array {wanted.shape}{others}")
            elif gradient.shape != wanted.shape or gradient.dtype != wanted.dtype:
                problems.append(f"gradient of {name}: got {gradient.dtype} {gradient.shape}, "
                                f"wanted {wanted.dtype} {wanted.shape}")
            else:
                gradients[name] = to_numpy(gradient).copy()
                if not np.isfinite(gradients[name]).all():
                    problems.append(f"gradient of {name}: got NaN or infinity, wanted finite "
                                    "numbers")
        return gradients, problems


def _argument_names(forward, count):
    try:
        names = [p.name for p in inspect.signature(forward).parameters.values()
                 if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        names = []
    return names[:count] + [f"input {k}" for k in range(len(names), count)]


def _why_constant(x):
    """Return why an argument is taken as constant."""
    if not is_array(x):
        wanted = "a dict of arrays" if isinstance(x, (tuple, list)) else "an array"
        return f"{type(x).__name__}, not {wanted}"
    return f"{x.dtype}, not floating-point" if x.size else "empty"


def _flat(arrays):
    return np.concatenate([np.ravel(to_numpy(y)) for y in arrays])


def _arrays_in(tree):
    """Yield the arrays in nested tuples, lists and dicts."""
    if is_array(tree):
        yield tree
    elif isinstance(tree, (tuple, list, dict)):
        for branch in (tree.values() if isinstance(tree, dict) else tree):
            yield from _arrays_in(branch)
