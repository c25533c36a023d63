"""What the contenders have in common: a task, a stopwatch, memory, and a step that is timed."""
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import Callable, NamedTuple

from tinycaps.backend import asarray, get_xp, to_numpy
from tinycaps.environment import sgemm_rate


class Network(NamedTuple):
    """What the benchmark has to know of a network."""

    contenders: dict
    """Name to "module.class". Each is imported in the process that it works in: PyTorch by no
    other."""
    parts: tuple
    """Of a step, for the table; the stopwatch may append a word to their names, as "forward"."""
    paper: object
    """The config of the published network."""
    quick: object
    """That of a small one."""
    batch: int
    draw: Callable
    """(rng, config) -> the parameters that all contenders begin with."""
    arithmetic: Callable
    """(config, n) -> GFLOP of a step of n images, {part: (forward, backward)}: twice, of the direct
    algorithm and of the fast one."""
    epoch: int = 0
    """Images in an epoch, if its seconds are to be reported."""
    turn: int = 1
    """Steps at a turn: many, where one is over before the cores are awake."""
    scales: dict = {}
    """What else to measure: {what is changed: {size: changes to the config}}; where there are no
    changes, the size is that of the batch."""


class Task(NamedTuple):
    """What every contender is given."""

    config: object
    params: dict
    images: object
    labels: object
    device: str
    seed: int = 0


class Stopwatch:
    """Laps: the time between two calls belongs to the part that the second one names.

    So the parts add up to the step.
    """

    def __init__(self, synchronize=None):
        self._synchronize = synchronize or (lambda: None)

    def start(self, parts):
        """Begin a step; without ``parts`` only the whole is timed, and the device runs ahead."""
        self._parts, self.laps = parts, {}
        self._synchronize()
        self._begin = self._last = time.perf_counter()

    def lap(self, part):
        """End a part."""
        if self._parts:
            self._synchronize()
            now = time.perf_counter()
            self.laps[part] = self.laps.get(part, 0) + now - self._last
            self._last = now

    def stop(self, part):
        """End the last part and the step; return all seconds by name."""
        self.lap(part)
        self._synchronize()
        return self.laps | {"step": time.perf_counter() - self._begin}

    @contextmanager
    def watching(self, ends):
        """Let functions of modules end parts, without a change to their code, within the context.

        ``ends`` is {module: {function: (part that is over when it is called, part that is over when
        it returns)}}.
        """
        originals = {(module, name): getattr(module, name)
                     for module, names in ends.items() for name in names}

        def watched(*arguments, function, before, after, **keywords):
            if before:
                self.lap(before)
            result = function(*arguments, **keywords)
            if after:
                self.lap(after)
            return result

        try:
            for (module, name), function in originals.items():
                before, after = ends[module][name]
                setattr(module, name,
                        partial(watched, function=function, before=before, after=after))
            yield
        finally:
            for (module, name), function in originals.items():
                setattr(module, name, function)


def memory_now():
    """Return the bytes that this process holds, or None where the system does not report them."""
    return _status("VmRSS")


def peak_memory():
    """Return the most bytes that this process has held, since `forget_peak` where it works."""
    import resource
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak():
    """Let the peak begin anew; return whether this system can (Linux does)."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
        return True
    except OSError:
        return False


def _status(field):
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))
    except (OSError, StopIteration):
        return None


class Contender:
    """A contender; a subclass has ``device``, ``step(parts)``, ``gradients()`` and ``peak()``.

    It may have ``during()``, a context for its process from the first step to the last.
    """

    forget_peak = staticmethod(forget_peak)

    def timed(self, steps=1):
        """Train; return the mean of the laps.

        On a device each step is made twice: for the parts, and for the whole, without waiting.
        """
        laps = [self.step(True) | (self.step(False) if self.device == "gpu" else {})
                for _ in range(steps)]
        return {part: sum(each[part] for each in laps) / steps for part in laps[0]}


class TinyCaps(Contender):
    """A network of this package.

    A subclass has ``_differentiate()``, ``_update(grads)``, and ``ends`` for `Stopwatch.watching`.
    """

    def __init__(self, task):
        self.config, self.device, self.state = task.config, task.device, {}
        self.params = {key: asarray(p, task.device) for key, p in task.params.items()}
        self.images, self.labels = (asarray(array, task.device)
                                    for array in (task.images, task.labels))
        xp, on_gpu = get_xp(self.images), task.device == "gpu"
        self.watch = Stopwatch(xp.cuda.Device().synchronize if on_gpu else None)
        self.peak = xp.get_default_memory_pool().total_bytes if on_gpu else peak_memory

    def gradients(self):
        """Return the loss and the gradients by name, on the host."""
        self.watch.start(False)
        loss, grads = self._differentiate()
        return float(loss), {key: to_numpy(g) for key, g in grads.items()}

    def step(self, parts):
        """Train for one step; return its seconds, and if wanted those of its parts."""
        self.watch.start(parts)
        with self.watch.watching(self.ends):
            _, grads = self._differentiate()
        self._update(grads)
        del grads
        return self.watch.stop("optimiser")


class Multiply:
    """NumPy's, or CuPy's, product of large float32 matrices."""

    def __init__(self, task):
        self.rate = partial(sgemm_rate, task.device, 4096 if task.device == "gpu" else 2048)
