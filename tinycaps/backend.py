"""NumPy or CuPy: the only file that knows CuPy exists.

An op reads its array module off its arguments, ``xp = get_xp(x, W)``, and from then on names
neither library. Arrays cross between host and device at the edges only, with `asarray` and
`to_numpy`.
"""
import importlib
import sys

import numpy as np

HOST = (np.ndarray, np.generic)


def _cupy():
    """Return CuPy if the user has imported it, as every owner of a device array has, else None."""
    return sys.modules.get("cupy")


def is_array(x):
    """Return whether x is a NumPy or CuPy array, or a NumPy scalar, as its reductions return."""
    return isinstance(x, HOST) or (_cupy() is not None and isinstance(x, _cupy().ndarray))


def get_xp(*arrays):
    """Return the array module, numpy or cupy, that all the arrays belong to.

    Raises
    ------
    TypeError
        If something is not an array, or host and device arrays are mixed.
    """
    cupy = _cupy()
    on_host = [isinstance(a, HOST) for a in arrays]
    on_device = [cupy is not None and isinstance(a, cupy.ndarray) for a in arrays]
    for a, host, device in zip(arrays, on_host, on_device):
        if not (host or device):
            raise TypeError(f"got {type(a).__name__}, wanted a NumPy or CuPy array")
    if any(on_host) and any(on_device):
        where = ", ".join("host" if host else "device" for host in on_host)
        raise TypeError(f"got arrays in different memories ({where}), wanted all on the host or "
                        "all on the device: move them with tinycaps.backend.asarray(x, device=...)")
    return cupy if any(on_device) else np


def asarray(x, device="cpu", dtype=None):
    """Return x as an array on device "cpu" (NumPy) or "gpu" (CuPy), copied only if it must be.

    Raises
    ------
    ValueError
        If the device has another name.
    RuntimeError
        If "gpu" is asked for and CuPy or a CUDA device is missing.
    """
    if device == "cpu":
        return np.asarray(to_numpy(x), dtype=dtype)
    if device != "gpu":
        raise ValueError(f"device: got {device!r}, wanted 'cpu' or 'gpu'")
    try:
        cupy = importlib.import_module("cupy")
    except ImportError:
        raise RuntimeError("device: got 'gpu', wanted CuPy: pip install 'tinycaps[cuda12]' or "
                           "'tinycaps[cuda13]'") from None
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(f"device: got 'gpu', wanted a CUDA device: {error}") from None
    return cupy.asarray(x, dtype=dtype)


def cuda_devices():
    """Return the names of the CUDA devices that CuPy finds: none without CuPy, driver or GPU."""
    try:
        runtime = importlib.import_module("cupy").cuda.runtime
    except ImportError:
        return []
    try:
        return [runtime.getDeviceProperties(k)["name"].decode()
                for k in range(runtime.getDeviceCount())]
    except runtime.CUDARuntimeError:
        return []


def to_numpy(x):
    """Return x as a NumPy array on the host."""
    return x.get() if is_array(x) and not isinstance(x, HOST) else np.asarray(x)


def free_memory(xp):
    """Return the bytes that can still be allocated in xp's memory, or None if they are unknown."""
    if xp is not np:
        return xp.cuda.runtime.memGetInfo()[0] + xp.get_default_memory_pool().free_bytes()
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file
                        if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None


def _scipy(xp, name):
    root = "scipy" if xp is np else "cupyx.scipy"
    return importlib.import_module(f"{root}.{name}")


def special(xp):
    """Return scipy.special for numpy, cupyx.scipy.special for cupy."""
    return _scipy(xp, "special")


def ndimage(xp):
    """Return scipy.ndimage for numpy, cupyx.scipy.ndimage for cupy."""
    return _scipy(xp, "ndimage")
