"""Write CuPy's surface into cupy_surface.json: names, parameters, the dtypes of ufuncs.

Run by hand, ``python tests/record_cupy.py``, where the newest supported CuPy is installed; it needs
no GPU. The tests read only the JSON (tests/stand_in.py), so they need no CuPy.
"""
import importlib
import inspect
import json
import re
import warnings
from pathlib import Path
from types import ModuleType

import cupy

FILE = Path(__file__).with_name("cupy_surface.json")
MODULES = ("cupy", "cupy.linalg", "cupy.lib.stride_tricks", "cupyx.scipy.special",
           "cupyx.scipy.ndimage")
PARTIAL_METHODS = "reduce", "accumulate", "reduceat", "at"      # each works for a few ufuncs only
HIDDEN = {"einsum": "*operands, dtype=..., optimize=...",
          "matmul": "x1, x2, /, *, axes=..., axis=..., keepdims=..., casting=..., dtype=..., "
                    "signature=..., order=..., out=..."}
"""What the bodies make of their *args and **kwargs."""


def parameters(function):
    """Return a parameter list such as ``a, axis=..., *, copy=...``: what binds, without defaults.

    Compiled functions have no signature; the first line of their docstring has it, with C types
    before the names.
    """
    try:
        listed = [p.replace(annotation=p.empty, default=p.default if p.default is p.empty else ...)
                  for p in inspect.signature(function).parameters.values()]
        return str(inspect.Signature(listed))[1:-1].replace("Ellipsis", "...")
    except ValueError:
        embedded = re.match(r"[\w.]+\(([^()]+)\)", function.__doc__ or "")
    if not embedded:
        return "*args, **kwargs"
    pairs = [parameter.partition("=") for parameter in embedded[1].split(",")]
    return ", ".join(name.split()[-1] + ("=..." if equals else "") for name, equals, _ in pairs)


def wants_array(function):
    """Return whether a function refuses a list as its first argument: its error names the list."""
    listed = list(inspect.signature(function).parameters.values())
    if not listed or listed[0].name not in ("a", "x", "m", "arr", "ary", "array"):
        return False
    required = [0 for p in listed[1:] if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    try:
        with warnings.catch_warnings(action="ignore"):
            function([1.0], *required)
    except Exception as error:
        return "list" in str(error)
    return False


def module_surface(name):
    module = importlib.import_module(name)
    public = {n: value for n, value in sorted(vars(module).items())
              if not n.startswith("_") and not isinstance(value, ModuleType)}
    ufuncs = {n: value for n, value in public.items() if isinstance(value, cupy.ufunc)}
    functions = {n: value for n, value in public.items()
                 if callable(value) and not isinstance(value, type) and n not in ufuncs}
    listed = {n: HIDDEN.get(n) or parameters(value) for n, value in functions.items()}
    return {"functions": listed,
            "wants_array": [n for n, value in functions.items()
                            if inspect.isfunction(value) and wants_array(value)],
            "ufuncs": {n: " ".join(value.types) for n, value in ufuncs.items()},
            "values": [n for n in public if n not in ufuncs and n not in functions]}


def has_method(ufunc, method):
    """Return whether a ufunc implements a method.

    One that does not raises its error before it looks at the arguments.
    """
    try:
        getattr(ufunc, method)(None, None)
    except NotImplementedError:
        return False
    except AttributeError:      # None is no array: it went to work
        return True


def surface():
    members = {n: getattr(cupy.ndarray, n) for n in sorted(dir(cupy.ndarray))}
    public = {n: member for n, member in members.items() if not n.startswith("_")}
    modules = {name: module_surface(name) for name in MODULES}
    return {"version": cupy.__version__,
            "modules": modules,
            "ndarray": {"methods": {n: parameters(member) for n, member in public.items()
                                    if callable(member)},
                        "attributes": [n for n, member in public.items() if not callable(member)],
                        "special": [n for n in members if n.startswith("__")]},
            "ufunc": {"keywords": re.findall(r"(\w+)=", cupy.sqrt.__doc__.splitlines()[0]),
                      "methods": {method: [n for n in modules["cupy"]["ufuncs"]
                                           if has_method(getattr(cupy, n), method)]
                                  for method in PARTIAL_METHODS}}}


if __name__ == "__main__":
    FILE.write_text(json.dumps(surface(), indent=1) + "\n")
