"""Big buffers that are made once and used again in every step."""
from .backend import get_xp


class Workspace:
    """Buffers by name.

    A function that is given a workspace lays its large arrays into it, and its results, its cache and its gradients are
    views of them: they hold until the next call with the same workspace.
    """

    def __init__(self):
        self._buffers = {}

    def empty(self, name, shape, like):
        """Return an uninitialised array of this name and shape, in the memory and precision of ``like``."""
        found = self._buffers.get(name)
        if found is None or found.shape != tuple(shape) or found.dtype != like.dtype:
            self._buffers.pop(name, None)
            found = self._buffers[name] = get_xp(like).empty(shape, like.dtype)
        return found
