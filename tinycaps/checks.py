"""One clear line for the mistakes people make: the argument, what came, what was wanted.

Shapes are checked once, at the door that the user's call came in by. An op is decorated with the
shapes of its arrays,

    @door(u="n,i,p", W="i,j,q,p")
    def predictions_forward(u, W):

    @door(du_hat="n,i,j,q", cache=("n,i,p", "i,j,q,p"))
    def predictions_backward(du_hat, cache):

and when one op calls another, nothing is checked again: the outer one has proved it. Arguments with
an annotation, such as ``config: CapsNetConfig``, are checked to be of that type, and a NumPy scalar
becomes a Python number, whose precision is that of the arrays it meets.
"""
import functools
import inspect
import math
from contextvars import ContextVar
from itertools import zip_longest

from .backend import free_memory
from .scalars import (check_below_one, check_choice, check_count, check_file, check_fraction,
                      check_not_negative, check_positive, plain, plain_fields)
from .shapes import (check_finite, check_images, check_labels, check_like, check_shapes,
                     named_xp)

__all__ = ["check_below_one", "check_choice", "check_count", "check_file", "check_finite",
           "check_fraction", "check_images", "check_labels", "check_like", "check_memory",
           "check_not_negative", "check_positive", "check_shapes", "door", "named_xp", "plain",
           "plain_fields"]

WORTH_ASKING = 2 ** 26
"""Bytes; below this, the free memory is not looked up."""
_inside = ContextVar("inside", default=False)
"""True within a call that has come in by a door, and in the threads that it starts."""


def door(check=None, cache=(), **axes):
    """Decorate an op such that its arguments are checked, unless another decorated op calls it.

    Parameters
    ----------
    check : function, optional
        Called with all arguments first, for what axes cannot say: the parameters of a network.
    cache : str or tuple of str
        The axes of the array that a backward's cache is, or of the first entries of the tuple.
    **axes
        Name of an argument to its axes, as for `check_shapes`. An optional argument may be None.
        The decorated op keeps them as ``op.axes``.
    """
    def decorate(op):
        signature = inspect.signature(op).parameters
        arrays = {"cache", *axes}
        optional = {name for name, argument in signature.items() if argument.default is None}
        types = {name: argument.annotation for name, argument in signature.items()
                 if argument.annotation is not argument.empty}

        @functools.wraps(op)
        def at_the_door(*arguments, **keywords):
            if _inside.get():
                return op(*arguments, **keywords)
            arguments = [value if name in arrays else plain(value)
                         for name, value in zip_longest(signature, arguments)][:len(arguments)]
            keywords = {name: value if name in arrays else plain(value)
                        for name, value in keywords.items()}
            given = dict(zip(signature, arguments)) | keywords
            _check_types(given, types)
            if check:
                check(*arguments, **keywords)
            checked = _entries(given["cache"], cache) if cache and "cache" in given else {}
            checked |= {name: (given[name], each) for name, each in axes.items()
                        if name in given and not (name in optional and given[name] is None)}
            if checked:
                check_shapes(**checked)
            token = _inside.set(True)
            try:
                return op(*arguments, **keywords)
            finally:
                _inside.reset(token)
        at_the_door.axes = axes
        return at_the_door
    return decorate


def _check_types(given, types):
    """Check the arguments that are annotated with a type."""
    for name, wanted in types.items():
        if name in given and not isinstance(given[name], wanted):
            raise TypeError(f"{name}: got {type(given[name]).__name__}, wanted "
                            f"{wanted.__name__ if isinstance(wanted, type) else wanted}")


def _entries(cache, axes):
    """Return the arrays of a cache with their axes, by name."""
    if isinstance(axes, str):
        return {"cache": (cache, axes)}
    if not isinstance(cache, tuple) or len(cache) < len(axes):
        raise TypeError(f"cache: got {type(cache).__name__}, wanted the cache that the forward "
                        "returned")
    return {f"cache[{k}]": entry for k, entry in enumerate(zip(cache, axes))}


def check_memory(xp, dtype, **arrays):
    """Refuse to begin what cannot fit: ``check_memory(xp, u.dtype, u_hat=dict(n=128, i=1152))``.

    Raises
    ------
    MemoryError
        If an array of these axes is larger than what is free.
    """
    for name, axes in arrays.items():
        need = math.prod(axes.values()) * dtype.itemsize
        free = free_memory(xp) if need > WORTH_ASKING else None
        if free is not None and need > free:
            sizes = ", ".join(f"{letter} = {size:,}" for letter, size in axes.items())
            raise MemoryError(f"{name}: got {sizes}, {need / 2 ** 30:,.1f} GiB, wanted at most the "
                              f"{free / 2 ** 30:,.1f} GiB that are free")
