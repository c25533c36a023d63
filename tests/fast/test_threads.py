"""Slices on threads: all of the work once, the surroundings unchanged, and no exception lost."""
import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tests import stand_in
from tinycaps.fast import threads as module
from tinycaps.fast.threads import parallel

ROOT = Path(__file__).parents[2]


def blas_threads():
    libraries = threadpool_info()
    return [each["num_threads"] for each in libraries if each["user_api"] == "blas"]


sees_blas = pytest.mark.skipif(
    max(blas_threads(), default=1) < 2,
    reason="no BLAS with two threads or more that threadpoolctl sees")
holds_blas = pytest.mark.skipif(not blas_threads(), reason="no BLAS that threadpoolctl sees")
this_thread = threading.get_ident


@pytest.fixture
def afresh():
    """Forget which BLAS was found, before the test and after it."""
    module._controller.cache_clear()
    yield
    module._controller.cache_clear()


@pytest.fixture
def without_threadpoolctl(monkeypatch, afresh):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)


@pytest.fixture
def unseen_blas(monkeypatch, afresh):
    """A BLAS that threadpoolctl does not know, such as Accelerate."""
    monkeypatch.setattr("threadpoolctl.ThreadpoolController._load_libraries", lambda self: None)
    assert threadpool_info() == []


def slices(xp, count, pieces=None):
    """Return the slices that split calls its work with, and the threads that it calls it on."""
    calls = []
    with parallel(xp) as split:
        split(lambda part: calls.append((part, this_thread())), count, pieces)
    return [part for part, _ in calls], {thread for _, thread in calls}


def covers(parts, count):
    """Return whether slices cover range(count) once, in nearly equal parts."""
    ranges = [range(count)[part] for part in parts]
    lengths = list(map(len, ranges))
    covered = sorted(itertools.chain(*ranges))
    return covered == list(range(count)) and max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("pretended", [1, 2, 7])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 100])
def test_slices_cover_everything_once(cores, pretended, count):
    cores(pretended)
    parts, _ = slices(np, count)
    assert covers(parts, count) and len(parts) == min(count, pretended)
    for pieces in 1, 2, 3, 8, 100, 1000:
        parts, _ = slices(np, count, pieces)
        assert covers(parts, count) and len(parts) == min(count, pieces)


def test_on_the_device_one_slice_is_everything(monkeypatch, cores):
    cores(7)
    device = stand_in.activate(monkeypatch)
    for pieces in None, 1, 3:
        assert slices(device, 10, pieces) == ([slice(0, 10)], {this_thread()})


@holds_blas
def test_slices_run_at_the_same_time(cores):
    cores(3)
    all_here = threading.Barrier(3, timeout=30)
    with parallel(np) as split:
        split(lambda part: all_here.wait(), 3)      # a barrier breaks unless three wait together


@holds_blas
def test_all_threads_work_until_the_last_of_many_slices(cores):
    cores(3)
    all_here = threading.Barrier(3, timeout=30)
    with parallel(np) as split:
        split(lambda part: all_here.wait(), 12, 12)                         # four times three


def test_on_one_core_in_the_thread_of_the_caller(cores):
    cores(1)
    before = blas_threads()
    with parallel(np):
        assert blas_threads() == before
    in_order = [slice(0, 2), slice(2, 5), slice(5, 7), slice(7, 10)]
    assert slices(np, 10, 4) == (in_order, {this_thread()})


@pytest.mark.parametrize("missing", ["without_threadpoolctl", "unseen_blas"])
def test_a_blas_that_cannot_be_held_is_left_alone_and_slices_run_one_by_one(
        request, cores, missing):
    request.getfixturevalue(missing)
    cores(4)
    parts, threads = slices(np, 10, 4)
    assert covers(parts, 10) and parts == sorted(parts, key=lambda part: part.start)
    assert threads == {this_thread()}
    assert slices(np, 10)[0] == [slice(0, 10)]


@pytest.mark.parametrize("count, wanted", [(1, 1), (3, 3), (None, 1)])
def test_the_cores_are_the_machines_where_those_of_the_process_are_unknown(
        monkeypatch, count, wanted):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert len(slices(np, 10)[0]) == (wanted if blas_threads() else 1)


@sees_blas
def test_the_blas_has_one_thread_meanwhile_and_all_of_them_afterwards(cores):
    cores(2)
    before = blas_threads()
    with parallel(np) as split:
        assert set(blas_threads()) == {1}
        split(lambda part: None, 10)
        with parallel(np):              # a step of the network holds it, and so does each op in it
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


@sees_blas
@pytest.mark.parametrize("where", ["in a slice", "between slices"])
def test_the_blas_has_all_its_threads_again_after_an_exception(cores, where):
    cores(2)
    before = blas_threads()
    with pytest.raises(ZeroDivisionError), parallel(np) as split:
        if where == "in a slice":
            split(lambda part: 1 / (part.start - 5), 10, 2)
        1 / 0
    assert blas_threads() == before


@sees_blas
def test_the_blas_has_all_its_threads_again_after_two_callers_at_once(cores):
    cores(2)
    before = blas_threads()
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))

    def first():
        with parallel(np):
            first_is_in.set()
            second_is_in.wait(30)
        first_is_out.set()

    def second():
        first_is_in.wait(30)
        with parallel(np):
            second_is_in.set()
            first_is_out.wait(30)
    try:
        callers = [threading.Thread(target=each) for each in (first, second)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert blas_threads() == before
    finally:
        module._controller().limit(limits=max(before), user_api="blas")


@pytest.mark.parametrize("pretended", [1, 2, 7])
@pytest.mark.parametrize("bad", range(4))
def test_an_exception_in_any_slice_comes_out(cores, pretended, bad):
    def work(part):
        if part.start == bad:
            raise ValueError(f"u: got slice {bad}")
    cores(pretended)
    with pytest.raises(ValueError, match=f"^u: got slice {bad}$"), parallel(np) as split:
        split(work, 4, 4)
    assert covers(slices(np, 10)[0], 10)                                # the threads can go on


def in_another_thread(body):
    """Call body in a slice of a thread that is not the caller's."""
    caller, both = this_thread(), threading.Barrier(2, timeout=30)

    def work(part):
        both.wait()
        if this_thread() != caller:
            body()
    with parallel(np) as split:
        split(work, 2, 2)


@holds_blas
def test_an_exception_in_another_thread_comes_out(cores):
    cores(2)
    with pytest.raises(ZeroDivisionError):
        in_another_thread(lambda: 1 / 0)


@holds_blas
def test_another_thread_works_under_the_callers_errstate(cores):
    cores(2)
    seen = []
    for over in "raise", "ignore":
        with np.errstate(over=over):
            in_another_thread(lambda: seen.append(np.geterr()["over"]))
    assert seen == ["raise", "ignore"]


@holds_blas
def test_nobody_waits_for_threads_that_are_busy_elsewhere(cores):
    cores(2)
    begun, go_on, in_time = threading.Event(), threading.Event(), []

    def long():
        begun.set()
        in_time.append(go_on.wait(3))
    other_caller = threading.Thread(target=in_another_thread, args=[long])
    other_caller.start()
    assert begun.wait(30) and covers(slices(np, 10, 4)[0], 10)
    go_on.set()
    other_caller.join()
    assert in_time == [True]                                            # it was still at work


def test_when_an_exception_comes_out_no_slice_is_still_at_work(cores):
    cores(2)
    started, finished = threading.Event(), []

    def work(part):
        if part.start == 0:
            started.wait(1)
            raise ZeroDivisionError
        started.set()
        time.sleep(0.2)
        finished.append(part)
    with contextlib.suppress(ZeroDivisionError), parallel(np) as split:
        split(work, 2, 2)
    # Otherwise it would go on writing into a workspace.
    assert not started.is_set() or finished == [slice(1, 2)]


@holds_blas
def test_a_slice_of_the_caller_that_splits_does_all_of_that_itself(cores):
    cores(2)
    threads = []

    def inner_work(part):
        time.sleep(0.02)
        threads.append(this_thread())

    def work(part):
        with parallel(np) as split:
            split(inner_work, 4, 4)
    with parallel(np) as split:
        split(work, 1)                                          # the other thread has nothing to do
    assert threads == 4 * [this_thread()]


@pytest.mark.parametrize("pretended", [1, 3])
def test_an_overflow_in_a_slice_warns_only_if_it_would_warn_the_caller(cores, pretended):
    cores(pretended)
    large = np.full(6, 1e300)
    out = np.zeros(6)

    def work(part):
        np.multiply(large[part], large[part], out=out[part])
    with np.errstate(all="ignore"), parallel(np) as split:                  # as in training
        split(work, 6)
    assert np.isinf(out).all()
    with pytest.raises(FloatingPointError), np.errstate(over="raise"), parallel(np) as split:
        split(work, 6)


PREAMBLE = """
import faulthandler, os, signal, time
import numpy as np
from tinycaps.fast.threads import parallel
os.sched_getaffinity = lambda process: {0, 1}
faulthandler.dump_traceback_later(5, exit=True)
"""


def last_line(program):
    """Run a program in a process of its own, and return the last line that it prints.

    It is ended after five seconds, and the traceback returned instead.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", PREAMBLE + program], env=environment,
                          capture_output=True, text=True)
    return (done.stdout.splitlines() or [done.stderr])[-1]


def test_the_caller_does_the_first_slice_and_shares_out_again_after_an_exception_in_it(cores):
    cores(3)
    for fails in True, False, False:
        threads = {}

        def work(part):
            threads[part.start] = this_thread()
            if fails and part.start == 0:
                raise ZeroDivisionError
        with parallel(np) as split, contextlib.suppress(ZeroDivisionError):
            split(work, 3)
        assert threads[0] == this_thread()
    assert threads.keys() == {0, 1, 2}


def test_work_that_splits_itself_ends():
    assert last_line("""
inner = []
def work(part):
    time.sleep(0.05)                                            # until every thread has a slice
    with parallel(np) as split:
        split(inner.append, 4, 4)
try:
    with parallel(np) as split:
        split(work, 4, 4)
    print("done" if len(inner) == 16 else "wrong")
except RuntimeError as error:
    print("refused" if "\\n" not in str(error) else "wrong")
""") in ("done", "refused")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_has_threads_of_its_own():
    assert last_line("""
with parallel(np) as split:
    split(lambda part: time.sleep(0.05), 4, 4)
child = os.fork()
if child == 0:
    signal.alarm(2)                                                     # ends it if it hangs
    with parallel(np) as split:
        split(lambda part: None, 4, 4)
    os._exit(0)
print("done" if os.waitpid(child, 0)[1] == 0 else "hung")
""") == "done"


@holds_blas
def test_an_interrupt_of_the_callers_slice_comes_out_once_no_slice_is_at_work(cores):
    cores(2)
    done, begun = [], threading.Event()

    def work(part):
        if part.start == 0:
            begun.wait(30)
            raise KeyboardInterrupt
        begun.set()
        time.sleep(0.3)
        done.append(part)
    with pytest.raises(KeyboardInterrupt), parallel(np) as split:
        split(work, 8, 8)
    ended = list(done)
    time.sleep(0.5)
    assert done == ended == [slice(1, 2)]


@holds_blas
def test_an_interrupt_while_the_caller_waits_comes_out_once_no_slice_is_at_work(
        cores, monkeypatch):
    cores(2)
    original, done = module.wait, []

    def interrupted(futures):
        monkeypatch.setattr(module, "wait", original)
        raise KeyboardInterrupt
    monkeypatch.setattr(module, "wait", interrupted)

    def work(part):
        time.sleep(0.3 * part.start + 0.1)
        done.append(part)
    with pytest.raises(KeyboardInterrupt), parallel(np) as split:
        split(work, 2, 2)
    assert done == [slice(0, 1), slice(1, 2)]


@pytest.mark.parametrize("pretended, samples, size, count", [
    (1, 10, 25, 3),                     # four samples of 25 are 100: slices of 4, 4 and 2
    (1, 12, 25, 3), (1, 13, 25, 4),
    (1, 12, 26, 4),                     # four of 26 are more than 100
    (1, 5, 1000, 5),                    # a sample alone is more: one at a time
    (7, 12, 25, 7)])                    # no core is left idle
def test_slices_of_samples_hold_at_most_as_many_numbers_as_a_cache(
        monkeypatch, cores, pretended, samples, size, count):
    assert module.SLICE == 2 ** 20
    monkeypatch.setattr(module, "SLICE", 100)
    cores(pretended)
    assert module.pieces(samples, size) == count
