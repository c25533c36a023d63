"""What a number was measured on: versions, processor, BLAS, devices."""
import importlib.metadata
import os
import platform
import time

import numpy as np

from . import __version__
from .backend import asarray, cuda_devices, get_xp, to_numpy


def environment():
    """Return a dictionary of strings and numbers for a record, or to print.

    Notes
    -----
    The BLAS is the one that NumPy calls for matrix products, with the kernels that it chose for
    this processor: two machines, or one machine under ``OPENBLAS_CORETYPE``, may differ in speed by
    a factor because of them. If that variable is set, the record says so; tinycaps never sets it.
    """
    from threadpoolctl import threadpool_info
    blas = [_blas(lib) for lib in threadpool_info()
            if lib["user_api"] == "blas" and "numpy" in lib["filepath"]]
    cupy = [f"{_version(name)} ({name})" for name in ("cupy-cuda12x", "cupy-cuda13x", "cupy")
            if _version(name)]
    return {
        "python": platform.python_version(),
        "tinycaps": __version__,
        **{name: _version(name) for name in ("numpy", "scipy")},
        "cupy": cupy[0] if cupy else None,
        "system": platform.platform(terse=True),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "blas": blas[0] if blas else "unknown to threadpoolctl (on macOS: Accelerate)",
        "devices": ["cpu", *cuda_devices()],
    }


def sgemm_rate(device="cpu", size=2048, seconds=0.3):
    """Measure the speed of a large float32 matrix product: the limit for all that is made of them.

    Parameters
    ----------
    device : "cpu" or "gpu"
        NumPy with all threads of its BLAS, or CuPy.
    size : int
        Rows and columns; 2 size³ operations.
    seconds : float
        Time to go on for; at least one product is measured.

    Returns
    -------
    rate : float
        GFLOP/s of the fastest product.
    """
    matrices = np.random.default_rng(0).random((2, size, size), "float32")
    a, b = (asarray(matrix, device) for matrix in matrices)
    xp, fastest = get_xp(a), float("inf")
    out = xp.zeros_like(a)
    to_numpy(xp.matmul(a, b[:, :size // 8 + 1])[0, 0])          # wakes the threads
    end = time.perf_counter() + seconds
    while fastest == float("inf") or time.perf_counter() < end:
        start = time.perf_counter()
        xp.matmul(a, b, out=out)
        to_numpy(out[0, 0])                                     # waits for the device
        fastest = min(fastest, time.perf_counter() - start)
    return 2e-9 * size ** 3 / fastest


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _blas(lib):
    chosen = os.environ.get("OPENBLAS_CORETYPE")
    kernels = f"{lib.get('architecture', 'unknown')} kernels"
    kernels += f" (OPENBLAS_CORETYPE={chosen})" if chosen else ""
    return f"{lib['internal_api']} {lib['version']}, {kernels}, {lib['num_threads']} threads"


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file
                        if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
