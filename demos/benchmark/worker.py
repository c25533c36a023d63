"""A process for each contender, which sleeps until it is asked for the next step.

In one process the threads of two libraries would disturb each other: they spin for a while when
their work is done. Two processes that take turns do not, and each has its own peak of memory.
"""
import multiprocessing
import os
import signal
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module

from demos.benchmark.contender import memory_now


def serve(pipe, name, where):
    """Be a contender: receive the task, then do what is asked until the other side is gone."""
    try:
        module, _, kind = where.rpartition(".")
        make = getattr(import_module(module), kind)
        libraries = memory_now()
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
    """A contender's process, seen from here; if it raises or dies, that is a RuntimeError."""

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
            with suppress(OSError):                         # if it has failed, it has said why
                self._pipe.send(message)
            answer = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise RuntimeError(f"{self.name}: its process died with code {self._process.exitcode}; "
                               "too little memory?") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def _inheriting(variables):
    """Start processes with these environment variables, and leave Ctrl-C to this process."""
    before = {name: os.environ.get(name) for name in variables}
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(variables)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
