"""Big buffers that are made once and used again in every step."""
from functools import partial

from ..backend import get_xp


class Workspace:
    """Buffers by name.

    A function that is given a workspace lays its large arrays into it: its cache and gradients are views of them, and hold until
    the next call with the same workspace. Without one (None) every array is new, and the function is pure.
    """

    def __init__(self):
        self._buffers, self._turn = {}, 0

    def begin(self):
        """Hand the buffers to a forward; return its turn, a number for its cache."""
        self._turn += 1
        return self._turn

    def end(self, turn):
        """Hand them to the backward of that turn, once.

        Raises
        ------
        RuntimeError
            If another forward, or this backward before, has written over the cache.
        """
        if turn != self._turn:
            raise RuntimeError("cache: got one that a later call with the same workspace has overwritten, "
                               "wanted one backward right after its forward")
        self._turn += 1

    def holds(self, name, shape, dtype):
        """Tell whether there is a buffer of this name, shape and dtype already."""
        found = self._buffers.get(name)
        return found is not None and found.shape == tuple(shape) and found.dtype == dtype

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
