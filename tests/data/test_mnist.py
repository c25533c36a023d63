import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from tinycaps.data import load_fashion_mnist, load_mnist, mnist

# Y. LeCun's counts per digit.
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
GIVEN = Path(os.environ.get("TINYCAPS_DATA", "")) / "mnist"
needs_mnist = pytest.mark.skipif("TINYCAPS_DATA" not in os.environ or not GIVEN.is_dir(),
                                 reason="TINYCAPS_DATA names no folder with a subfolder mnist")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def hashes(files, unpacked):
    """Return the two fields of a Family for its gzipped files."""
    return {"gzipped": {name: sha256(packed) for name, packed in files.items()},
            "unpacked": {name: sha256(gzip.decompress(packed))
                         for name, packed in files.items() if unpacked}}


@pytest.fixture
def small(monkeypatch, small_family, tmp_path):
    """Tiny members without mirrors, and an empty cache; gives the gzipped files of each."""
    files = {"mnist": small_family(1), "fashion_mnist": small_family(2)}
    for member, content in files.items():
        family = mnist.FAMILIES[member]
        monkeypatch.setitem(mnist.FAMILIES, member, family._replace(mirrors=(), **hashes(
            content, family.unpacked)))
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.delenv("TINYCAPS_DATA", raising=False)
    return files


@pytest.fixture
def put(write):
    """put(folder, files) writes the four files, gzipped or, with plain=True, unpacked."""
    def put(folder, files, plain=False):
        for name, packed in files.items():
            if plain:
                path = write(f"{folder}/{name}", gzip.decompress(packed))
            else:
                path = write(f"{folder}/{name}.gz", packed)
        return path.parent
    return put


def first_label(files):
    return gzip.decompress(files["train-labels-idx1-ubyte"])[8]


@needs_mnist
def test_the_real_mnist():
    data = load_mnist()
    assert data.train_images.shape == (60000, 28, 28, 1)
    assert data.test_images.shape == (10000, 28, 28, 1)
    assert [array.dtype for array in data] == [np.float32, np.int64, np.float32, np.int64]
    assert data.train_images.min() == 0 and data.train_images.max() == 1
    assert np.bincount(data.train_labels).tolist() == TRAIN_COUNTS
    assert np.bincount(data.test_labels).tolist() == TEST_COUNTS
    assert data.train_labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]


@needs_mnist
def test_the_real_mnist_is_not_fashion():
    with pytest.raises(ValueError, match=".gzipped. of train-images-idx3-ubyte of Fashion-MNIST"):
        load_fashion_mnist(GIVEN)


@pytest.mark.parametrize("plain", [False, True], ids=["gzipped", "plain"])
@pytest.mark.parametrize("load, member, subfolder", [
    (load_mnist, "mnist", "mnist"), (load_fashion_mnist, "fashion_mnist", "fashion-mnist")])
def test_files_are_found_in_the_folder_its_subfolder_the_environment_and_the_cache(
        small, put, monkeypatch, tmp_path, load, member, subfolder, plain):
    direct = put("direct", small[member], plain)
    nested = put(f"nested/{subfolder}", small[member], plain).parent
    expected = load(direct)
    assert expected.train_images.shape == (6, 28, 28, 1)
    assert expected.test_images.shape == (3, 28, 28, 1)
    pixels = np.frombuffer(gzip.decompress(small[member]["train-images-idx3-ubyte"])[16:], np.uint8)
    assert np.array_equal(expected.train_images.ravel(), pixels / np.float32(255))
    found = [load(str(nested))]
    monkeypatch.setenv("TINYCAPS_DATA", str(nested))
    found.append(load())
    monkeypatch.setenv("TINYCAPS_DATA", str(tmp_path / "no family here"))
    put(f"cache/tinycaps/{subfolder}", small[member])
    found.append(load())
    for data in found:
        assert all(np.array_equal(*pair) for pair in zip(data, expected))


def test_folder_goes_before_environment_and_environment_before_cache(
        small, put, monkeypatch, small_family):
    put("cache/tinycaps/mnist", small["mnist"])
    other = put("environment/mnist", small_family(3))
    monkeypatch.setenv("TINYCAPS_DATA", str(other.parent))
    with pytest.raises(ValueError, match="environment.*got SHA-256"):
        load_mnist()
    assert load_mnist(put("given", small["mnist"])).train_labels[0] == first_label(small["mnist"])


@pytest.mark.parametrize("plain", [False, True], ids=["gzipped", "plain"])
@pytest.mark.parametrize("load, offered, message", [
    (load_mnist, "fashion_mnist", "got SHA-256 .* .unpacked. of train-images-idx3-ubyte of MNIST$"),
    (load_fashion_mnist, "mnist",
     "got (SHA-256 .* .gzipped. of train-images-idx3-ubyte of|a file of MNIST, wanted) "
     "Fashion-MNIST$")])
def test_one_member_is_never_taken_for_the_other(small, put, load, offered, message, plain):
    with pytest.raises(ValueError, match=message):
        load(put("offered", small[offered], plain))


def test_one_foreign_file_among_four_is_found(small, put, write):
    folder = put("mixed", small["mnist"])
    write("mixed/t10k-labels-idx1-ubyte.gz", small["fashion_mnist"]["t10k-labels-idx1-ubyte"])
    with pytest.raises(ValueError, match=r"mixed.t10k-labels-idx1-ubyte\.gz: got SHA-256"):
        load_mnist(folder)


@pytest.mark.parametrize("images, labels", [((3, 28, 27), 3), ((4, 28, 28), 3), ((3,), 3)])
def test_plain_fashion_files_that_do_not_fit_are_refused(small, put, write, idx, images, labels):
    folder = put("unpacked", small["fashion_mnist"], plain=True)
    write("unpacked/t10k-images-idx3-ubyte", idx(np.zeros(images, np.uint8)))
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte: got shape .*, wanted "
                                         r"\(n, 28, 28\) with \(n,\) up to 9"):
        load_fashion_mnist(folder)


def test_plain_fashion_files_in_the_cache_are_not_believed(small, put):
    put("cache/tinycaps/fashion-mnist", small["fashion_mnist"], plain=True)
    with pytest.raises(OSError, match="train-images-idx3-ubyte.gz: got it from no mirror"):
        load_fashion_mnist()


def test_missing_file_and_missing_folder(small, put, tmp_path):
    folder = put("three", small["mnist"])
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    for missing, name in (folder, "t10k-labels"), (tmp_path / "none", "train-images"):
        with pytest.raises(FileNotFoundError, match=f"got no {name}.*, wanted the four files of "
                                                    "MNIST"):
            load_mnist(missing)


def test_files_packed_by_somebody_else_are_known_by_their_content(small, put):
    again = {name: gzip.compress(gzip.decompress(packed), compresslevel=1, mtime=7)
             for name, packed in small["mnist"].items()}
    assert not {*again.values()} & {*small["mnist"].values()}
    for folder in "again", "cache/tinycaps/mnist":
        put(folder, again)
    assert np.array_equal(load_mnist().test_images, load_mnist(put("given", again)).test_images)
    with pytest.raises(ValueError, match="SHA-256"):
        load_fashion_mnist(put("fashion", {name: gzip.compress(gzip.decompress(packed), mtime=7)
                                           for name, packed in small["fashion_mnist"].items()}))


def test_what_is_too_large_is_refused_before_it_is_read_or_unpacked(small, put, write, monkeypatch):
    monkeypatch.setattr(mnist, "LARGEST", 5000)
    folder = put("large", small["mnist"])
    name = "train-images-idx3-ubyte.gz"
    path = write(f"large/{name}", gzip.compress(bytes(5001)))
    with pytest.raises(ValueError, match=f"{name}: got more than 5,000 bytes unpacked"):
        load_mnist(folder)
    write(f"large/{name}", bytes(5001))
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: pytest.fail(f"read {path}"))
    with pytest.raises(ValueError, match=f"{name}: got 5,001 bytes, wanted at most 5,000"):
        load_mnist(path.parent)
