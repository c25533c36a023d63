"""The fixture xp runs a test on NumPy, on the stand-in for CuPy, and on CuPy where a device is."""
import importlib
import os

import numpy as np
import pytest

from tests import stand_in
from tinycaps.backend import asarray


def pytest_addoption(parser):
    parser.addoption("--require-cuda", action="store_true",
                     help="fail the tests that lack CuPy or a CUDA device, not skip them")
    parser.addoption("--require-browser", action="store_true",
                     help="fail the tests that lack Chromium or Playwright, not skip them")
    parser.addoption("--long", action="store_true",
                     help="run all trials of tests/robustness, not a sample: 10 minutes")


def pytest_make_parametrize_id(val, argname):
    """Name no test by bytes: those of a zip hold the time, and all workers need the same names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(params=["numpy", "stand-in", pytest.param("cupy", marks=pytest.mark.cuda)])
def xp(request, monkeypatch):
    if request.param == "numpy":
        return np
    if request.param == "stand-in":
        return stand_in.activate(monkeypatch)
    try:
        asarray(np.zeros(1), device="gpu")
    except RuntimeError as error:
        (pytest.fail if request.config.getoption("--require-cuda") else pytest.skip)(str(error))
    return importlib.import_module("cupy")


@pytest.fixture
def cores(monkeypatch):
    """cores(n) makes this process believe that n cores are its own."""
    return lambda n: monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(n)),
                                         raising=False)
