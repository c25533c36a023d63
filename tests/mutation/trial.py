"""Run the tests of a file against a mutant, in a copy of the checkout.

Each run is a fork of this process, which has imported what takes long, and NumPy above all; the
package and its tests are imported anew.
"""
import itertools
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy.random  # noqa: E402, F401
import pytest  # noqa: E402
import scipy.fft  # noqa: E402, F401
import scipy.ndimage  # noqa: E402, F401
import scipy.special  # noqa: E402, F401

ROOT = Path(__file__).parents[2]
WORDS = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider"]
QUICK = ["-k", "not stand-in"]
"""The stand-in for CuPy is slow; it is asked last."""


class Trials:
    """A copy of a checkout, in which one file at a time is replaced."""

    def __init__(self, tree, folder):
        self.tree, self.folder = folder / "tree", folder
        shutil.copytree(tree, self.tree, ignore=shutil.ignore_patterns(
            ".*", "runs", "build", "*.png", "*.egg-info"))
        self.times = itertools.count()
        self.seconds = {}
        self.broken = []
        """Tests that fail without a mutant."""
        self.killers = []
        """Tests that have killed, the last one first: they run first."""

    def kill(self, file, source, thorough):
        """Return whether a test fails with this source in the place of a file.

        A test of its own for the file is the first to be asked, then, if need be, the whole room.
        """
        folder = Path("tests", file).parent
        mirror = folder / f"test_{Path(file).name}"
        there = (self.tree / mirror).is_file()
        runs = [(str(mirror), *QUICK)] if there else []
        if thorough or not there:
            runs.append((str(mirror if folder == Path("tests") else folder),))
        return any(self._fails(file, source, tests) for tests in runs)

    def _fails(self, file, source, tests):
        while tests not in self.seconds:
            start = time.monotonic()
            if broken := self._run(tests, 600):
                if broken in self.broken:
                    raise RuntimeError(f"{tests[0]}: {broken} without a mutant")
                self.broken.append(broken)
            else:
                self.seconds[tests] = time.monotonic() - start
        before = self._write(file, source)
        try:
            killer = self._run(tests, 10 + 5 * self.seconds[tests])
        finally:
            self._write(file, before)
        if killer:
            self.killers = [killer, *(each for each in self.killers if each != killer)]
        return bool(killer)

    def _write(self, file, source):
        """Replace a file; return what was there.

        Mutants may be equally long and written in the same second. Python takes compiled code for
        that of its source if both are the same, so every text gets a time of its own.
        """
        path = self.tree / "tinycaps" / file
        before = path.read_text("utf-8")
        path.write_text(source, "utf-8")
        os.utime(path, times=2 * (next(self.times),))
        return before

    def _run(self, tests, limit):
        """Run tests in a fork; return the name of the first that fails, or None."""
        there, here = os.pipe()
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            self._be_tested(tests, here)
        os.close(here)
        said, end = b"", time.monotonic() + limit
        while select.select([there], [], [], max(0, end - time.monotonic()))[0]:
            if not (more := os.read(there, 4096)):
                break
            said += more
        else:
            said = said or b"out of time"
            os.killpg(child, signal.SIGKILL)
        os.close(there)
        _, status = os.waitpid(child, 0)
        return said.decode() or (f"ended with {status}" if status else None)

    def _be_tested(self, tests, here):
        """Be the fork: run the tests, name the first that fails, and end."""
        try:
            quiet = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(quiet, stream)
            others = [path for path in sys.path if Path(path).resolve() != ROOT]
            sys.path[:] = [str(self.tree), *others]
            os.chdir(self.tree)
            for name in [*sys.modules]:
                if name.partition(".")[0] in ("tests", "tinycaps"):
                    del sys.modules[name]
            words = [*WORDS, f"--basetemp={self.folder / 'temporary'}", *tests]
            words += [f"--deselect={test}" for test in self.broken]
            os._exit(pytest.main(words, plugins=[Order(self.killers, here)]))
        finally:
            os._exit(70)


class Order:
    """A plugin: the tests that have killed run first, and the first that fails is named."""

    def __init__(self, killers, here):
        self.killers, self.here = killers, here

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        rank = {name: at for at, name in enumerate(self.killers)}
        items.sort(key=lambda item: rank.get(item.nodeid, len(rank)))

    def pytest_runtest_logreport(self, report):
        if report.failed:
            os.write(self.here, report.nodeid.encode())
