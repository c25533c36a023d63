"""Files for the loaders to read, good and bad."""
import gzip

import numpy as np
import pytest


def _idx(array):
    """The IDX file of an array of unsigned bytes, written out by the format's definition."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def idx():
    return _idx


@pytest.fixture
def write(tmp_path):
    """write("name", content) puts bytes into a file and returns its path."""
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path
    return write


@pytest.fixture
def small_family():
    """Name -> gzipped IDX file of a tiny member of the MNIST family, another one for each seed."""
    def small_family(seed):
        rng = np.random.default_rng(seed)
        arrays = {"train-images-idx3-ubyte": rng.integers(0, 256, (6, 28, 28), np.uint8),
                  "train-labels-idx1-ubyte": rng.integers(0, 10, 6, np.uint8),
                  "t10k-images-idx3-ubyte": rng.integers(0, 256, (3, 28, 28), np.uint8),
                  "t10k-labels-idx1-ubyte": rng.integers(0, 10, 3, np.uint8)}
        return {name: gzip.compress(_idx(array), mtime=0) for name, array in arrays.items()}
    return small_family
