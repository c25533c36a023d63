"""Big buffers that are made once and used again in every step."""
from functools import partial

from .backend import get_xp


class Workspace:
    """Buffers by name.

    A function that is given a workspace lays its large arrays into it: its cache and gradients are views of them, and hold until
    the next call with the same workspace. Without one (None) every array is new, and the function is pure.
    """

    def __init__(self):
        self._buffers = {}

    def holds(self, name, shape):
        """Tell whether there is a buffer of this name and shape already."""
        return name in self._buffers and self._buffers[name].shape == tuple(shape)

    def empty(self, name, shape, xp, dtype):
        """Return the buffer of this name, made anew if its shape, dtype or memory is another."""
        found = self._buffers.pop(name, None)
        if found is None or found.shape != tuple(shape) or found.dtype != dtype or get_xp(found) is not xp:
            del found                               # before the new one is made: two would not fit
            found = xp.empty(shape, dtype)
        self._buffers[name] = found
        return found


def empty(workspace, name, shape, like, dtype=None):
    """Return an uninitialised array in the memory, and unless told otherwise of the dtype, of ``like``; in the workspace, if any."""
    make = get_xp(like).empty if workspace is None else partial(workspace.empty, name, xp=get_xp(like))
    return make(shape, dtype=dtype or like.dtype)
