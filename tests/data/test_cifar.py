"""CIFAR-10 from a file in the published format."""
import gzip
import hashlib
import tarfile

import numpy as np
import pytest

from tests.data.cifar_file import NAMES, batch, pack, records, small
from tinycaps.data import cifar, load_cifar_10


@pytest.fixture
def load(write, monkeypatch):
    """load(content) reads a file as the published one."""
    def load(content, name="cifar-10-binary.tar.gz"):
        monkeypatch.setattr(cifar, "MD5", hashlib.md5(content).hexdigest())
        return load_cifar_10(write(name, content))
    return load


def test_planes_become_channels_and_batches_keep_their_order(load):
    data = load(pack(dict(reversed(small().items()))))
    assert [array.dtype for array in data] == [np.float32, np.int64, np.float32, np.int64]
    assert [len(array) for array in data] == [10, 10, 2, 2]
    labels, images = map(np.concatenate, zip(*(records(2, seed) for seed in range(5))))
    assert np.array_equal(data.train_images, images / np.float32(255))
    assert np.array_equal(data.train_labels, labels)
    labels, images = records(2, 5)
    assert np.array_equal(data.test_images, images / np.float32(255))
    assert np.array_equal(data.test_labels, labels)


def test_example_by_hand(load):
    image = bytes([7]) + bytes([255]) + bytes(1023) + bytes(1024) + bytes(1) + bytes([51])
    image += bytes(3073 - len(image))               # red at (0, 0), blue at (0, 1)
    data = load(pack(small() | {"cifar-10-batches-bin/test_batch.bin": image}))
    assert data.test_labels.tolist() == [7]
    assert data.test_images[0, 0, :2].tolist() == [[1, 0, 0], [0, 0, np.float32(0.2)]]
    assert np.count_nonzero(data.test_images) == 2


def test_another_file_is_refused_by_its_md5(write):
    path = write("a", pack(small()))
    with pytest.raises(ValueError, match=f"a: got MD5 .{{32}}, wanted {cifar.MD5} of cifar-10-bin"):
        load_cifar_10(path)


def test_the_md5_is_that_of_the_authors_page():
    assert cifar.MD5 == "c32a1d4ab5d03f1284b67883e8d87530"
    assert {url.rpartition("/")[2] for url in cifar.URLS} == {"cifar-10-binary.tar.gz"}


@pytest.mark.parametrize("content, message", [
    (batch(*records(2, 0))[:-1], "got 6,145 bytes, wanted whole images of 3,073 bytes"),
    (b"", "got 0 bytes, wanted whole images"),
    (bytes([10]) + bytes(3072), "got label 10, wanted 0..9")])
@pytest.mark.parametrize("name", ["data_batch_3.bin", "test_batch.bin"])
def test_bad_members_are_named(load, name, content, message):
    with pytest.raises(ValueError, match=f"tar.gz: {name}: {message}"):
        load(pack(small() | {f"cifar-10-batches-bin/{name}": content}))


def test_missing_members_links_and_folders_of_a_name_do_not_count(load):
    link = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    folder = tarfile.TarInfo("data_batch_1.bin")
    folder.type = tarfile.DIRTYPE
    rest = {name: content for name, content in small().items() if "batch_1" not in name}
    for more in {}, {link: b""}, {folder: b""}:
        with pytest.raises(ValueError, match="data_batch_1.bin: got 0 bytes, wanted"):
            load(pack(rest | more))


def test_a_name_that_points_elsewhere_writes_nothing(load, tmp_path):
    members = {name.replace("cifar-10-batches-bin", "../.."): content
               for name, content in small().items()}
    load(pack(members))
    assert [path.name for path in tmp_path.rglob("*")] == ["cifar-10-binary.tar.gz"]
    assert not (tmp_path.parent.parent / NAMES[0]).exists()


@pytest.mark.parametrize("content, message", [
    (b"", "no whole tar"), (b"<html>", "no whole tar"), (pack(small())[:-9], "damaged gzip stream"),
    (gzip.compress(gzip.decompress(pack(small()))[:9000]), "no whole tar"),
    (gzip.compress(bytes(9)), "no whole tar")])
def test_what_is_no_tar_is_refused_in_one_line(load, content, message):
    with pytest.raises(ValueError, match=f"/a: got a.*{message}") as raised:
        load(content, "a")
    assert "\n" not in str(raised.value)


def test_what_unpacks_to_too_much_is_refused(load, monkeypatch):
    monkeypatch.setattr(cifar, "LARGEST", 10 ** 4)
    with pytest.raises(ValueError, match="got more than 10,000 bytes unpacked"):
        load(gzip.compress(bytes(10 ** 6)))
