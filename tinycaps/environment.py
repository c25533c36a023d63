"""What a number was measured on: versions, processor, BLAS, devices."""
import importlib.metadata
import os
import platform

from .backend import cuda_devices


def environment():
    """Return a dictionary of strings and numbers for a record, or to print.

    Notes
    -----
    The BLAS is the one that NumPy calls for matrix products, with the kernels that it chose for this processor: two machines, or
    one machine under ``OPENBLAS_CORETYPE``, may differ by a factor in speed because of them.
    """
    import numpy  # noqa: F401  threadpoolctl sees libraries that are loaded
    from threadpoolctl import threadpool_info
    blas = [f"{lib['internal_api']} {lib['version']}, {lib.get('architecture', 'unknown')} kernels, {lib['num_threads']} threads"
            for lib in threadpool_info() if lib["user_api"] == "blas" and "numpy" in lib["filepath"]]
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in ("tinycaps", "numpy", "scipy")},
        "cupy": next((f"{_version(name)} ({name})" for name in ("cupy-cuda12x", "cupy-cuda13x", "cupy") if _version(name)), None),
        "system": platform.platform(terse=True),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "blas": blas[0] if blas else "unknown to threadpoolctl (on macOS: Accelerate)",
        "devices": ["cpu", *cuda_devices()],
    }


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
