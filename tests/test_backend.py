"""The edges between host and device, and the way an op finds its array module."""
import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests import stand_in
from tinycaps import backend
from tinycaps.backend import asarray, free_memory, get_xp, is_array, ndimage, special, to_numpy


@pytest.fixture
def device(monkeypatch):
    return stand_in.activate(monkeypatch)


@pytest.fixture
def no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)      # so Python itself forbids an import


def test_get_xp_of_arrays_in_one_place(xp):
    assert get_xp(xp.zeros(2)) is xp and get_xp(xp.zeros(2), xp.ones((3, 1))) is xp


def test_get_xp_of_nothing_is_numpy(device):
    assert get_xp() is np


def test_get_xp_without_cupy(no_cupy):
    assert get_xp(np.zeros(2)) is np


@pytest.mark.parametrize("order", ["host, device", "device, host"])
def test_get_xp_of_a_mixture(device, order):
    arrays = {"host": np.zeros(2), "device": device.zeros(2)}
    with pytest.raises(TypeError, match=rf"got arrays in different memories \({order}\), wanted "
                                        r"all .* tinycaps.backend.asarray"):
        get_xp(*(arrays[name] for name in order.split(", ")))


@pytest.mark.parametrize("x, name", [([1.0], "list"), (1.0, "float"), (None, "NoneType")])
def test_get_xp_of_no_array(xp, x, name):
    with pytest.raises(TypeError, match=f"got {name}, wanted a NumPy or CuPy array"):
        get_xp(xp.zeros(2), x)


def test_is_array(xp):
    assert is_array(xp.zeros(2)) and is_array(xp.zeros(())) and is_array(xp.ones(2).sum())
    assert not is_array([0.0]) and not is_array(0.0)


def test_to_numpy(xp):
    host = to_numpy(xp.arange(3))
    assert type(host) is np.ndarray and host.tolist() == [0, 1, 2]


def test_to_numpy_of_a_list(no_cupy):
    assert to_numpy([1, 2]).tolist() == [1, 2]


def test_asarray_on_the_host_copies_only_if_it_must():
    x = np.arange(3)
    assert asarray(x) is x and asarray(x, device="cpu", dtype=np.float32).dtype == np.float32


def test_there_and_back(device):
    x = np.linspace(0, 1, 3)
    there = asarray(x, device="gpu")
    assert isinstance(there, device.ndarray) and asarray(there, device="gpu") is there
    assert asarray(x, device="gpu", dtype=np.float32).dtype == np.float32
    back = asarray(there, device="cpu")
    assert type(back) is np.ndarray and (back == x).all()


def test_asarray_wants_a_device_it_knows():
    with pytest.raises(ValueError, match="^device: got 'cuda', wanted 'cpu' or 'gpu'$"):
        asarray([1.0], device="cuda")


def test_asarray_without_cupy(no_cupy):
    message = r"^device: got 'gpu', wanted .*CuPy.*tinycaps\[cuda12\]"
    with pytest.raises(RuntimeError, match=message) as error:
        asarray([1.0], device="gpu")
    assert "\n" not in str(error.value) and error.value.__suppress_context__


def test_asarray_without_a_device(device, monkeypatch):
    def no_device():
        raise device.cuda.runtime.CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device")
    monkeypatch.setattr(device.cuda.runtime, "getDeviceCount", no_device)
    with pytest.raises(RuntimeError, match="^device: got 'gpu', wanted a CUDA device: cudaErrorNo"):
        asarray([1.0], device="gpu")


def test_special_and_ndimage_belong_to_the_array_module(xp):
    assert special(xp).__name__ == ("scipy.special" if xp is np else "cupyx.scipy.special")
    assert ndimage(xp).__name__ == ("scipy.ndimage" if xp is np else "cupyx.scipy.ndimage")
    half = special(xp).expit(xp.zeros(2))
    moved = ndimage(xp).shift(xp.eye(3), (1, 0), order=1)
    assert get_xp(half, moved) is xp
    assert to_numpy(half).tolist() == [0.5, 0.5]
    assert to_numpy(moved).tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


def pretend_file(monkeypatch, text):
    """Let the backend's next open give this text, or raise it."""
    def opened(path, **how):
        assert path == "/proc/meminfo"
        if isinstance(text, Exception):
            raise text
        return io.StringIO(text)
    monkeypatch.setattr(backend, "open", opened, raising=False)


def test_free_memory_of_the_host_is_what_is_available_in_bytes(monkeypatch):
    pretend_file(monkeypatch, "MemTotal:   8000000 kB\nMemFree:     100000 kB\n"
                              "MemAvailable:   3000000 kB\nBuffers:  0 kB\n")
    assert free_memory(np) == 3_000_000 * 1024


@pytest.mark.parametrize("text", [
    FileNotFoundError("no /proc"), PermissionError(), "MemTotal:   8000000 kB\n", ""],
    ids=["no file", "not for us", "an old kernel", "empty"])
def test_free_memory_is_none_where_it_is_unknown(monkeypatch, text):
    pretend_file(monkeypatch, text)
    assert free_memory(np) is None


@pytest.mark.skipif(sys.platform != "linux", reason="known on Linux only")
def test_free_memory_of_this_machine():
    assert 2 ** 20 < free_memory(np) < 2 ** 50


def test_free_memory_of_the_device_counts_what_its_pool_has_to_give():
    pool = SimpleNamespace(free_bytes=lambda: 30)
    runtime = SimpleNamespace(memGetInfo=lambda: (100, 1000))
    device = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime),
                             get_default_memory_pool=lambda: pool)
    assert free_memory(device) == 130


@pytest.mark.cuda
@pytest.mark.parametrize("xp", ["cupy"], indirect=True)
def test_free_memory_of_this_device(xp):
    assert 2 ** 20 < free_memory(xp) < 2 ** 50
