"""Large buffers that are made once and used again in every step."""
from ..backend import get_xp


class Workspace:
    """Buffers by name.

    A function that is given a workspace keeps its large arrays there: its cache and gradients are
    views of them, valid until the next call with the same workspace. Without one (None) every array
    is new, and the function is pure.
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
            raise RuntimeError("cache: got one that a later call with the same workspace has "
                               "overwritten, wanted one backward right after its forward")
        self._turn += 1

    def holds(self, name, shape, dtype):
        """Return whether there is a buffer of this name, shape and dtype already."""
        found = self._buffers.get(name)
        return found is not None and found.shape == tuple(shape) and found.dtype == dtype

    def empty(self, name, shape, xp, dtype):
        """Return the buffer of this name, made anew if its shape, dtype or memory is another."""
        found = self._buffers.pop(name, None)
        if (found is None or found.shape != tuple(shape) or found.dtype != dtype
                or get_xp(found) is not xp):
            del found                               # before the new one is made: two would not fit
            found = xp.empty(shape, dtype)
        self._buffers[name] = found
        return found


def empty(workspace, name, shape, like, dtype=None):
    """Return an uninitialised array in the memory, and by default the dtype, of ``like``."""
    xp, dtype = get_xp(like), dtype or like.dtype
    if workspace is None:
        return xp.empty(shape, dtype)
    return workspace.empty(name, shape, xp, dtype)
