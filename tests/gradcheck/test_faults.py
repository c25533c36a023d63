"""Planted faults: every one is caught, and in a large array also located."""
import importlib
import inspect
import re

import numpy as np
import pytest

from demos.gradcheck.faults import FAULTS, find_point, planted
from demos.gradcheck.loops import by_loops
from demos.gradcheck.points import find_pairs
from demos.gradcheck.wrong_forwards import WRONG_FORWARDS
from tests.gradcheck.pairs import backward, draw, forward, verdict
from tinycaps.capsules import squash_backward
from tinycaps.gradcheck import check_gradients

PLAIN = [op for op, (forward, _) in find_pairs().items()
         if not forward.__module__.startswith("tinycaps.fast")]
FEW = dict(max_entries=6, directions=1)
"""Of an array that is larger than 6 entries, a random direction: enough for what follows."""


def each_of(faults):
    return [pytest.param(op, fault, id=f"{op}: {fault.why}")
            for op in faults for fault in faults[op]]


@pytest.mark.parametrize("op", PLAIN)
def test_every_pair_has_two_faults_and_a_wrong_forward(op):
    assert len(FAULTS.get(op, ())) >= 2, f"demos/gradcheck/faults.py needs two faults of {op}"
    assert WRONG_FORWARDS.get(op), f"demos/gradcheck/wrong_forwards.py needs a fault of {op}"
    for faults in FAULTS[op], WRONG_FORWARDS[op]:
        assert len({fault.why for fault in faults}) == len(faults)


@pytest.mark.parametrize("op, fault", each_of(FAULTS))
def test_a_fault_in_a_line_is_caught(op, fault):
    forward, backward, inputs, keywords = find_point(op, fault)
    assert verdict(forward, backward, *inputs, **FEW, **keywords) == "ok"
    wrong = planted(backward, fault.piece, fault.by)
    assert verdict(forward, wrong, *inputs, **FEW, **keywords) == "WRONG"


@pytest.mark.parametrize("op, fault", each_of(WRONG_FORWARDS))
def test_a_wrong_forward_is_refused_by_its_loops_alone(op, fault):
    forward, backward, inputs, keywords = find_point(op, fault)
    link = re.search(r"^Loops: (\S+)\.(\w+)$", inspect.getdoc(forward), re.M)
    loop = getattr(importlib.import_module(link[1]), link[2])
    wrong = planted(forward, fault.piece, fault.by)
    assert verdict(wrong, backward, *inputs, **FEW, **keywords) == "ok"
    wanted = by_loops(op, forward, loop, inputs, keywords)
    right, seen = (np.ravel(each(*inputs, **keywords)[0]) for each in (forward, wrong))
    np.testing.assert_allclose(right, wanted, rtol=1e-12, atol=1e-14)
    assert seen.shape == wanted.shape and abs(seen - wanted).max() > 1e-6 * abs(wanted).max()


@pytest.mark.parametrize("piece, count", [("no such piece", 0), ("squared", 4)])
def test_a_piece_that_does_not_occur_once_is_refused(piece, count):
    with pytest.raises(ValueError, match=f"^piece: got '{piece}', {count} times in the source of "
                                         "squash_backward, wanted it once"):
        planted(squash_backward, piece, "")


def test_gradients_in_the_wrong_order():
    x, W = draw((3, 3), (3, 3))
    assert verdict(forward, backward, x, W) == "ok"
    assert verdict(forward, lambda dy, cache: backward(dy, cache)[::-1], x, W) == "WRONG"


def magnified(entries, factor):
    """The pair of sin over 100 x 100 numbers, with some entries of its gradient too large."""
    def backward(dy, x):
        dx = dy * np.cos(x)
        for entry in entries:
            dx[entry] *= factor
        return dx
    return lambda x: (np.sin(x), x), backward


@pytest.mark.parametrize("entry", [(0, 0), (17, 33), (99, 99)])
def test_a_thousandth_in_one_of_ten_thousand_entries_is_found_and_located(entry):
    row, = check_gradients(*magnified([entry], 1.001), *draw((100, 100))).rows
    assert (row.verdict, row.index) == ("WRONG", entry)
    assert row.checked == "4 directions"
    assert abs(row.analytic / row.numeric - 1.001) < 1e-9


def test_two_entries_that_changed_places_are_found():
    def backward(dy, x):
        dx = dy * np.cos(x)
        dx[3, 4], dx[20, 7] = dx[20, 7], dx[3, 4]
        return dx

    for seed in range(10):
        row, = check_gradients(lambda x: (np.sin(x), x), backward, *draw((30, 30)), seed=seed,
                               directions=1).rows
        assert row.verdict == "WRONG" and row.index in [(3, 4), (20, 7)]


def normalize_forward(x, eps=1e-7):
    norm = np.sqrt((x * x).sum(axis=-1, keepdims=True) + eps)
    return x / norm, (x, norm)


def normalize_backward(dy, cache):
    x, norm = cache
    return dy / norm - x * (dy * x).sum(axis=-1, keepdims=True) / norm ** 3


def normalize_backward_without_epsilon(dy, cache):
    x, _ = cache
    return normalize_backward(dy, (x, np.sqrt((x * x).sum(axis=-1, keepdims=True))))


def central_differences(forward, x, dy, h):
    """The usual check: one step for all entries."""
    numeric = np.zeros(x.shape)
    for entry in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[entry] = h
        numeric[entry] = (dy * (forward(x + step)[0] - forward(x - step)[0])).sum() / (2 * h)
    return numeric


def test_a_forgotten_epsilon_is_caught_where_a_fixed_step_and_tolerance_let_it_pass():
    x, dy = draw((4, 3), (4, 3))
    x *= 0.6 / np.sqrt((x * x).sum(axis=-1, keepdims=True))             # 1e-7 / 0.6² is 2.8e-7
    assert verdict(normalize_forward, normalize_backward, x) == "ok"
    assert verdict(normalize_forward, normalize_backward_without_epsilon, x) == "WRONG"
    wrong = normalize_backward_without_epsilon(dy, normalize_forward(x)[1])
    # The default tolerances of allclose, and those of torch.autograd.gradcheck.
    for h, rtol, atol in [(1e-5, 1e-5, 1e-8), (1e-6, 1e-3, 1e-5)]:
        measured = central_differences(normalize_forward, x, dy, h)
        np.testing.assert_allclose(wrong, measured, rtol=rtol, atol=atol)
