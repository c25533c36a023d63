"""Seconds of a call."""
import time

import numpy as np

from tests.ops.facts import refuses
from tinycaps.probes import seconds


def test_the_first_call_is_not_counted_and_the_least_is_taken(xp, monkeypatch):
    clock = iter([0, 1, 10, 15, 20, 23, 30, 34])            # calls of 1, 5, 3 and 4 seconds
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    calls = []

    def function(x):
        calls.append(x)
        return xp.asarray(np.zeros(2))
    assert seconds(function, 7, repeats=3) == 3 and calls == [7] * 4


def test_bad_input():
    refuses(ValueError, "repeats", "at least 1", seconds, len, repeats=0)
