"""The contenders of `demos.benchmark`: each works in a process of its own, and sleeps until it is asked for the next step.

In one process the threads of two libraries would disturb each other: they go on spinning for a while when their work is done. Two
processes that take turns do not, and each has a peak of memory that is its own.
"""
import multiprocessing
import os
import signal
import sys
import time
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from importlib import import_module
from typing import Callable, NamedTuple

from tinycaps.backend import asarray, get_xp, to_numpy
from tinycaps.environment import sgemm_rate


class Network(NamedTuple):
    """What the benchmark has to know of a network; the rest, it knows of no one in particular."""

    contenders: dict
    """Where to find each, "module.class" by name. Each is imported in the process that it works in, PyTorch therefore by no other."""
    parts: tuple
    """Of a step, for the table; what the stopwatch names may go on with a word, such as forward."""
    paper: object
    """The config of the published network."""
    quick: object
    """That of a small one."""
    batch: int
    draw: Callable
    """(rng, config) -> the parameters that all begin with."""
    arithmetic: Callable
    """(config, n) -> GFLOP of a step of n images, {part: (forward, backward)}: those of the direct algorithm, and those of the fast one."""
    epoch: int = 0
    """Images in an epoch, if its seconds are to be told."""
    turn: int = 1
    """Steps that a contender makes when it is its turn, of which the mean is told: many, where one is over before the cores are awake."""
    scales: dict = {}
    """What else to measure: {what is changed: {size: changes to the config}}; where there are none, size is that of the batch."""


class Task(NamedTuple):
    """What every contender is given."""

    config: object
    params: dict
    images: object
    labels: object
    device: str
    seed: int = 0


class Stopwatch:
    """Laps: the time between two calls belongs to the part that the second one names, so that the parts add up to the step."""

    def __init__(self, synchronize=None):
        self._synchronize = synchronize or (lambda: None)

    def start(self, parts):
        """Begin a step; without ``parts`` only the whole is timed, and the device is left to run ahead."""
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
    def watching(self, module, ends):
        """Let functions of a module end parts, without a change to their code; afterwards they are what they were."""
        originals = {name: getattr(module, name) for name in ends}

        def watched(*arguments, function, before, after, **keywords):
            if before:
                self.lap(before)
            result = function(*arguments, **keywords)
            if after:
                self.lap(after)
            return result

        try:
            for name, (before, after) in ends.items():
                setattr(module, name, partial(watched, function=originals[name], before=before, after=after))
            yield
        finally:
            for name, function in originals.items():
                setattr(module, name, function)


def _status(field):
    """Return a size in bytes from what Linux tells about this process, or None elsewhere."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))
    except (OSError, StopIteration):
        return None


def peak_memory():
    """Return the largest number of bytes that this process has held, since `forget_peak` where that is possible."""
    import resource
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak():
    """Let the peak begin anew; return whether this system can (Linux does)."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
        return True
    except OSError:
        return False


class Contender:
    """What all contenders have in common; a subclass has ``device``, ``step(parts)``, ``gradients()`` and ``peak()``.

    It may have ``during()``, a context that its process works in from the first step to the last.
    """

    forget_peak = staticmethod(forget_peak)

    def timed(self, steps=1):
        """Train; return the mean of the laps. On a device each step is made twice: for the parts, and for the whole, where nobody waits."""
        laps = [self.step(True) | (self.step(False) if self.device == "gpu" else {}) for _ in range(steps)]
        return {part: sum(each[part] for each in laps) / steps for part in laps[0]}


class TinyCaps(Contender):
    """A network of this package; a subclass has ``_differentiate()``, ``_update(grads)`` and what there is to watch.

    ``ends`` has, for functions of ``module``, the part that is over when it is called, and the one that is when it returns.
    """

    def __init__(self, task):
        self.config, self.device, self.state = task.config, task.device, {}
        self.params = {key: asarray(p, task.device) for key, p in task.params.items()}
        self.images, self.labels = asarray(task.images, task.device), asarray(task.labels, task.device)
        xp = get_xp(self.images)
        self.watch = Stopwatch(xp.cuda.Device().synchronize if task.device == "gpu" else None)
        self.peak = xp.get_default_memory_pool().total_bytes if task.device == "gpu" else peak_memory

    def gradients(self):
        """Return the loss and the gradients by name, on the host."""
        self.watch.start(False)
        loss, grads = self._differentiate()
        return float(loss), {key: to_numpy(g) for key, g in grads.items()}

    def step(self, parts):
        """Train for one step; return its seconds, and if wanted those of its parts."""
        self.watch.start(parts)
        with self.watch.watching(self.module, self.ends):
            _, grads = self._differentiate()
        self._update(grads)
        del grads
        return self.watch.stop("optimiser")


class Multiply:
    """NumPy's, or CuPy's, product of large float32 matrices."""

    def __init__(self, task):
        self.rate = partial(sgemm_rate, task.device, 4096 if task.device == "gpu" else 2048)


def serve(pipe, name, where):
    """Be a contender: receive the task, then do what is asked until the other side is gone."""
    try:
        module, _, kind = where.rpartition(".")
        make = getattr(import_module(module), kind)
        libraries = _status("VmRSS")
        task = pipe.recv()
        contender = make(task)
        contender.libraries = lambda: libraries if task.device == "cpu" else None
        pipe.send(None)
        with getattr(contender, "during", nullcontext)():
            while True:
                method, *arguments = pipe.recv()
                pipe.send(getattr(contender, method)(*arguments))
    except (EOFError, BrokenPipeError):
        pass
    except Exception as error:
        pipe.send(RuntimeError(f"{name}: {type(error).__name__}: {error}"))


class Worker:
    """A contender's process, seen from here; what it raises, or that it died, is a RuntimeError of one line."""

    def __init__(self, name, where, variables=()):
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, name, where), daemon=True)
        with _inheriting(dict(variables)):
            self._process.start()
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._pipe.close()
        self._process.terminate()
        self._process.join()

    def begin(self, task):
        """Give the contender its task; wait until it is ready."""
        self._ask(task)

    def call(self, method, *arguments):
        """Let the contender do something; wait for what it returns."""
        return self._ask((method, *arguments))

    def _ask(self, message):
        try:
            with suppress(OSError):                                                 # if it has failed, it has said why
                self._pipe.send(message)
            answer = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise RuntimeError(f"{self.name}: its process died with code {self._process.exitcode}; too little memory?") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def _inheriting(variables):
    """Let processes that are started inside have these environment variables, and leave Ctrl-C to this one."""
    before = {name: os.environ.get(name) for name in variables}
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(variables)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
