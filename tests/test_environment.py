"""A record says what a number was measured on, with or without CuPy."""
import json
import sys
import time

import numpy as np

import tinycaps
from tests import stand_in
from tinycaps import environment as module
from tinycaps.environment import environment, sgemm_rate

KEYS = ["python", "tinycaps", "numpy", "scipy", "cupy", "system", "processor", "cores", "blas",
        "devices"]


def test_says_everything_and_fits_into_json():
    found = environment()
    assert list(found) == KEYS
    assert found["numpy"] == np.__version__ and found["tinycaps"] == tinycaps.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["cores"] >= 1 and found["processor"] and found["system"]
    assert json.loads(json.dumps(found)) == found


def test_names_the_blas_its_kernels_and_threads():
    blas = environment()["blas"]
    assert "Accelerate" in blas or ("kernels" in blas and "threads" in blas and any(
        name in blas for name in ("openblas", "mkl", "blis")))


def test_a_blas_that_is_not_seen_is_said_to_be_unknown(monkeypatch):
    import threadpoolctl
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: [])
    assert "unknown" in environment()["blas"]


def test_kernels_that_somebody_chose_are_recorded(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    blas = environment()["blas"]
    assert "kernels (OPENBLAS_CORETYPE=Zen), " in blas or "kernels" not in blas
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    assert "OPENBLAS_CORETYPE" not in environment()["blas"]


def test_the_rate_of_a_matrix_product_is_that_of_the_fastest(monkeypatch):
    # Until 1; products from 1 to 1.5 and from 2 to 2.25.
    ticks = iter([0.0, 1.0, 1.5, 1.5, 2.0, 2.25, 2.25, 10.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(ticks))
    np.testing.assert_allclose(sgemm_rate(size=4, seconds=2), 2e-9 * 4 ** 3 / 0.25, rtol=1e-12)


def test_a_rate_takes_at_least_one_product_and_not_much_longer():
    start = time.perf_counter()
    assert 0 < sgemm_rate(size=64, seconds=0) < 1e5
    assert time.perf_counter() - start < 5


def test_the_rate_of_a_device(monkeypatch):
    stand_in.activate(monkeypatch)
    assert sgemm_rate("gpu", 16, seconds=0) > 0


def test_without_cupy_there_is_the_cpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert environment()["devices"] == ["cpu"]


def test_with_cupy_its_devices_are_named(monkeypatch):
    stand_in.activate(monkeypatch)
    assert environment()["devices"] == ["cpu", "stand-in"]


def test_what_is_not_installed_is_none(monkeypatch):
    def missing(name):
        raise module.importlib.metadata.PackageNotFoundError(name)
    monkeypatch.setattr(module.importlib.metadata, "version", missing)
    found = environment()
    assert found["cupy"] is found["scipy"] is None


def test_a_machine_without_cpuinfo_still_has_a_processor(monkeypatch):
    def missing(*args, **kwargs):
        raise FileNotFoundError
    monkeypatch.setattr(module, "open", missing, raising=False)
    assert environment()["processor"]
