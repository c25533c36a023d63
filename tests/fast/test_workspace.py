"""Buffers made once: the same memory for the same request, new memory for any other."""
import itertools
import weakref

import numpy as np
import pytest

from tests import stand_in
from tinycaps.backend import get_xp
from tinycaps.fast.workspace import Workspace, empty


def test_the_same_request_gets_the_same_buffer(xp):
    workspace = Workspace()
    buffer = workspace.empty("V", (2, 3), xp, np.float32)
    assert buffer.shape == (2, 3) and buffer.dtype == np.float32 and get_xp(buffer) is xp
    buffer[...] = 7
    again = workspace.empty("V", [2, 3], xp, np.dtype("float32"))
    assert again is buffer and bool((again == 7).all())


@pytest.mark.parametrize("shape, dtype", [
    ((3, 2), "float32"), ((2,), "float32"), ((6,), "float32"), ((2, 3), "float64"), ((), "bool")])
def test_another_shape_or_dtype_gets_another_buffer(xp, shape, dtype):
    workspace = Workspace()
    first = workspace.empty("V", (2, 3), xp, "float32")
    other = workspace.empty("V", shape, xp, dtype)
    assert other is not first and other.shape == shape and other.dtype == dtype
    assert workspace.empty("V", shape, xp, dtype) is other


def test_another_memory_gets_another_buffer(monkeypatch):
    device, workspace = stand_in.activate(monkeypatch), Workspace()
    for xp in (np, device, np):
        assert get_xp(workspace.empty("V", (2, 3), xp, "float32")) is xp


def test_names_and_workspaces_have_buffers_of_their_own():
    a, b = Workspace(), Workspace()
    buffers = [workspace.empty(name, (2, 3), np, "float32")
               for workspace in (a, b) for name in ("V", "U")]
    for one, other in itertools.combinations(buffers, 2):
        assert not np.shares_memory(one, other)
    assert a.empty("V", (2, 3), np, "float32") is buffers[0]


def test_the_old_buffer_is_gone_before_the_new_one_is_made(monkeypatch):
    workspace = Workspace()
    old = weakref.ref(workspace.empty("V", (2, 3), np, "float32"))
    made, alive = np.empty, []

    def watched(*args):
        alive.append(old() is not None)
        return made(*args)
    monkeypatch.setattr(np, "empty", watched)
    workspace.empty("V", (4, 3), np, "float32")
    assert alive == [False]


def test_without_a_workspace_every_array_is_new(xp):
    like = xp.zeros(5, dtype="float32")
    a, b = (empty(None, "V", (2, 3), like) for _ in range(2))
    assert a is not b and a.shape == (2, 3) and a.dtype == np.float32 and get_xp(a) is xp


def test_arrays_are_like_the_given_one_in_memory_and_by_default_in_dtype(xp):
    like = xp.zeros(5, dtype="float32")
    for workspace in None, Workspace():
        assert empty(workspace, "V", (2, 3), like).dtype == np.float32
        assert empty(workspace, "active", (2, 3), like, bool).dtype == bool
        assert get_xp(empty(workspace, "V", (2, 3), like)) is xp
    assert empty(workspace, "V", (2, 3), like) is workspace.empty("V", (2, 3), xp, "float32")


def test_a_cache_serves_one_backward_right_after_its_forward():
    workspace = Workspace()
    first = workspace.begin()
    second = workspace.begin()
    line = ("^cache: got one that a later call with the same workspace has overwritten, wanted one "
            "backward right after its forward$")
    for turn in first, 0, 99:
        with pytest.raises(RuntimeError, match=line):
            workspace.end(turn)
    workspace.end(second)
    with pytest.raises(RuntimeError, match=line):
        workspace.end(second)


def test_it_holds_a_buffer_of_one_name_shape_and_dtype(xp):
    workspace = Workspace()
    assert not workspace.holds("V", (2, 3), "float32")
    workspace.empty("V", (2, 3), xp, "float32")
    assert workspace.holds("V", [2, 3], "float32")
    for other in ("U", (2, 3), "float32"), ("V", (3, 2), "float32"), ("V", (2, 3), "float64"):
        assert not workspace.holds(*other)


def test_each_turn_ends_once_and_no_later_turn_brings_it_back():
    workspace, over = Workspace(), []
    for ends in True, True, False, True:
        turn = workspace.begin()
        for each in over:
            with pytest.raises(RuntimeError, match="^cache: got one that a later call"):
                workspace.end(each)
        if ends:
            workspace.end(turn)
        over.append(turn)
    with pytest.raises(RuntimeError):
        workspace.end(turn)
