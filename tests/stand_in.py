"""A CuPy for machines without a GPU, which refuses what CuPy refuses. For tests only.

It is NumPy behind CuPy's recorded surface: CuPy keeps to NumPy's meaning, so the values come from
NumPy. What breaks code on its first day on a GPU is the rest, and that is what is imitated: nothing
passes silently between host and device; names, parameters and ufunc loops that CuPy lacks are
missing (cupy_surface.json says which); reductions give 0-d arrays and no scalars. In doubt the
stand-in is the stricter of the two: it has no `cupy.random` and no `outer` of a ufunc, and it takes
no NumPy array as an index.
"""
import inspect
import json
import operator
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import scipy.ndimage
import scipy.special

SURFACE = json.loads(Path(__file__).with_name("cupy_surface.json").read_text())
DTYPES = set(SURFACE["modules"]["cupy"]["ufuncs"]["add"]) - set(" ->")  # what CuPy has, it can add
NUMBERS = (bool, int, float, complex, np.generic)
COPIED_IN = "array", "asarray", "asanyarray"        # the doors from host to device


class StandIn(np.lib.mixins.NDArrayOperatorsMixin):
    """cupy.ndarray: its methods are added below from the record, its operators are ufuncs."""
    __slots__ = ("_host",)

    def __init__(self, host):
        if host.dtype.char not in DTYPES:
            raise ValueError(f"Unsupported dtype {host.dtype}")
        self._host = host

    def get(self):
        return self._host.copy()

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        special = MODULES["cupyx.scipy.special"]
        function = getattr(xp, ufunc.__name__, None) or getattr(special, ufunc.__name__, None)
        return function(*inputs, **kwargs) if function and method == "__call__" else NotImplemented

    def __array_function__(self, function, types, args, kwargs):
        module = MODULES.get(function.__module__.replace("numpy", "cupy", 1))
        function = getattr(module, function.__name__, None)
        return function(*args, **kwargs) if function else NotImplemented

    def __getitem__(self, key):
        keys = key if isinstance(key, tuple) else (key,)
        if all(isinstance(k, (int, np.integer)) for k in keys):
            key = (*keys, ...)      # one element is a 0-d view, where NumPy gives a number
        return _call(operator.getitem, (self, key), {})

    def __setitem__(self, key, value):
        if not isinstance(value, (StandIn, *NUMBERS)):
            raise ValueError(f"non-scalar {type(value).__name__} cannot be used for fill")
        _call(operator.setitem, (self, key, value), {})

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __len__(self):
        return len(self._host)

    def __bool__(self):
        return bool(self._host)

    def __int__(self):
        return int(self._host)

    def __float__(self):
        return float(self._host)

    def __complex__(self):
        return complex(self._host)

    def __format__(self, spec):
        return format(self._host, spec)

    def __repr__(self):
        return repr(self._host)


def _refuse(array):
    raise TypeError(f"Unsupported type {type(array)}")


def _call(function, args, kwargs, host=_refuse):
    """Call a NumPy function on what the stand-ins hold.

    An argument that comes back, as `out` does, is the same object.
    `host` says what becomes of a NumPy array among the arguments.
    """
    owners = {}

    def enter(x):
        if isinstance(x, StandIn):
            owners[id(x._host)] = x
            return x._host
        if isinstance(x, np.ndarray):
            return host(x)
        if isinstance(x, dict):
            return {key: enter(value) for key, value in x.items()}
        return type(x)(map(enter, x)) if isinstance(x, (tuple, list)) else x

    def leave(x):
        if isinstance(x, (np.ndarray, np.generic)):
            return owners[id(x)] if id(x) in owners else StandIn(np.asarray(x))
        if isinstance(x, (tuple, list)):
            return (list if isinstance(x, list) else tuple)(map(leave, x))
        return x

    with np.errstate(all="ignore"):     # CuPy never warns of a division by zero
        return leave(function(*enter(args), **enter(kwargs)))


def _function(function, parameters, wants_array=False, host=_refuse):
    """A NumPy function with CuPy's parameters."""
    signature = inspect.signature(eval(f"lambda {parameters}: 0"))
    # Of concatenate and its kin every element must be an array.
    wants_arrays = parameters.split(",")[0] == "tup"

    def call(*args, **kwargs):
        first = next(iter(signature.bind(*args, **kwargs).arguments.values()), None)
        for array in first if wants_arrays else [first] * wants_array:
            if not isinstance(array, StandIn):
                _refuse(array)
        return _call(function, args, kwargs, host)
    return call


class Ufunc:
    """cupy.ufunc: arrays and numbers only, in dtypes for which there is a loop."""

    def __init__(self, name, function, loops):
        self.name, self.function = name, function
        self.loops = [loop.split("->")[0] for loop in loops.split()]

    def __call__(self, *args, **kwargs):
        unknown = kwargs.keys() - SURFACE["ufunc"]["keywords"]
        if unknown:
            raise TypeError(f"Wrong arguments {sorted(unknown)}")
        for argument in args:
            if not isinstance(argument, (StandIn, *NUMBERS)):
                _refuse(argument)
        dtypes = [getattr(argument, "dtype", argument) for argument in args]
        if not any(all(np.result_type(char, dtype) == char for char, dtype in zip(loop, dtypes))
                   for loop in self.loops):
            raise TypeError(f"Wrong type ({dtypes}) of arguments for cupy_{self.name}")
        return _call(self.function, args, kwargs)

    def __getattr__(self, method):
        able = SURFACE["ufunc"]["methods"].get(method)
        if able is None:
            raise AttributeError(f"cupy.ufunc has no attribute {method!r}")

        def call(*args, **kwargs):
            if self.name not in able:
                raise NotImplementedError(f"`cupy_{self.name}.{method}` is not supported yet")
            return _call(getattr(self.function, method), args, kwargs)
        return call


def _module(name, source=None):
    """CuPy's module with those of its recorded names that its model in NumPy or SciPy has too."""
    module, host = ModuleType(name), vars(source) if source else {}
    record = SURFACE["modules"].get(name, {"functions": {}, "ufuncs": {}, "values": []})
    for n in host.keys() & record["values"]:
        setattr(module, n, host[n])
    for n in host.keys() & record["ufuncs"].keys():
        setattr(module, n, Ufunc(n, host[n], record["ufuncs"][n]))
    for n in host.keys() & record["functions"].keys():
        door = np.copy if n in COPIED_IN else _refuse
        wants_array = n in record["wants_array"]
        setattr(module, n, _function(host[n], record["functions"][n], wants_array, door))
    return module


def _attribute(name):
    return property(lambda self: _call(getattr, (self, name), {}))


for _name, _parameters in SURFACE["ndarray"]["methods"].items():
    if hasattr(np.ndarray, _name):
        setattr(StandIn, _name, _function(getattr(np.ndarray, _name), _parameters))
# NumPy's data and flat would lead out to the host's memory.
for _name in set(SURFACE["ndarray"]["attributes"]) - {"data", "flat"}:
    if hasattr(np.ndarray, _name):
        setattr(StandIn, _name, _attribute(_name))

MODULES = {name: _module(name, source) for name, source in {
    "cupy": np, "cupy.linalg": np.linalg, "cupy.lib": None,
    "cupy.lib.stride_tricks": np.lib.stride_tricks, "cupyx": None, "cupyx.scipy": None,
    "cupyx.scipy.special": scipy.special, "cupyx.scipy.ndimage": scipy.ndimage}.items()}
for _name in MODULES:
    _parent, _, _child = _name.rpartition(".")
    if _parent:
        setattr(MODULES[_parent], _child, MODULES[_name])

xp = MODULES["cupy"]
xp.__version__ = SURFACE["version"]
xp.ndarray = StandIn
xp.ufunc = Ufunc
xp.asnumpy = lambda a: a.get() if isinstance(a, StandIn) else np.asarray(a)
xp.get_array_module = lambda *arrays: xp if any(isinstance(a, StandIn) for a in arrays) else np
xp.cuda = SimpleNamespace(runtime=SimpleNamespace(
    getDeviceCount=lambda: 1, getDeviceProperties=lambda k: {"name": b"stand-in"},
    CUDARuntimeError=type("CUDARuntimeError", (RuntimeError,), {})))


def activate(monkeypatch):
    """Put the stand-in where CuPy would be until the test ends, and return it."""
    for name, module in MODULES.items():
        monkeypatch.setitem(sys.modules, name, module)
    return xp
