"""affNIST from a zip of MATLAB files in the published structure."""
import io
import zipfile

import numpy as np
import pytest
from scipy.io import savemat

from tinycaps.data import Dataset, aff_nist, load_aff_nist, pad_images

COUNT = 20
MNIST = Dataset(np.ones((3, 28, 28, 1), np.float32), np.array([3, 1, 4]),
                np.ones((2, 28, 28, 1), np.float32), np.array([1, 5]))


def batch(number, **changed):
    """Return the images (n, 40, 40) and labels (n,) of a batch, and its MATLAB file."""
    rng = np.random.default_rng(number)
    images = rng.integers(0, 256, (COUNT, 40, 40), np.uint8)
    labels = np.arange(COUNT) % 10
    fields = dict(affNISTdata=dict(image=images.reshape(COUNT, -1).T, label_one_of_n=np.eye(3),
                                   label_int=labels[None].astype(float)) | changed)
    file = io.BytesIO()
    savemat(file, fields, do_compression=True)
    return images, labels, file.getvalue()


def pack(folder="test_batches/", **changed):
    """Return a zip of 32 batches, in another order than that of their numbers."""
    file = io.BytesIO()
    members = {f"{folder}{number}.mat": batch(number)[2] for number in (1, 2)}
    members |= {f"{folder}{number}.mat": b"" for number in range(32, 2, -1)}
    members |= {folder + name.replace("_", "."): content for name, content in changed.items()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def load(write, monkeypatch):
    """load(content, ...) reads a file as the published one, with a tiny MNIST beside it."""
    monkeypatch.setattr(aff_nist, "IMAGES", COUNT)
    monkeypatch.setattr(aff_nist, "load_mnist", lambda folder: MNIST)

    def load(content, **keywords):
        return load_aff_nist(write("test_batches.zip", content), **keywords)
    return load


@pytest.mark.parametrize("folder", ["test_batches/", ""])
def test_columns_are_images_and_training_images_are_mnist_s_on_a_larger_field(load, folder):
    data = load(pack(folder), batches=2)
    assert np.array_equal(data.train_images, pad_images(MNIST.train_images, 6))
    assert data.train_images.shape == (3, 40, 40, 1) and data.train_labels is MNIST.train_labels
    images, labels, _ = map(np.concatenate, zip(*([*batch(number)[:2], [0]] for number in (1, 2))))
    assert np.array_equal(data.test_images[..., 0], images / np.float32(255))
    assert data.test_images.dtype == np.float32 and data.test_labels.dtype == np.int64
    assert np.array_equal(data.test_labels, labels)
    assert len(load(pack(folder)).test_labels) == COUNT


@pytest.mark.parametrize("changed, message", [
    (dict(image=np.zeros((1600, COUNT))), rf"image: got float64 of shape \(1600, {COUNT}\), wanted "
                                          rf"uint8 of \(1600, {COUNT}\)$"),
    (dict(image=np.zeros((COUNT, 1600), np.uint8)), rf"image: got uint8 of shape \({COUNT}, 1600"),
    (dict(label_int=np.zeros((1, COUNT - 1))), "label_int: got 19 numbers, wanted 20 digits 0..9$"),
    (dict(label_int=np.full((1, COUNT), 10)), "label_int: got 20 numbers, wanted 20 digits 0..9$"),
    (dict(label_int=np.full((1, COUNT), 0.5)), "label_int: got 20 numbers, wanted 20 digits 0..9$"),
])
def test_other_arrays_are_named(load, changed, message):
    with pytest.raises(ValueError, match=f"test_batches.zip: test_batches/1.mat: {message}"):
        load(pack(**{"1_mat": batch(1, **changed)[2]}))


def other_struct():
    file = io.BytesIO()
    savemat(file, dict(other=np.zeros(3)))
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"MATLAB", batch(1)[2][:900], other_struct(),
                                     b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(400)])
def test_a_member_that_is_no_such_matlab_file(load, content):
    with pytest.raises(ValueError, match="zip: test_batches/1.mat: got a file that cannot be read "
                                         r"\(.*\), wanted a MATLAB struct affNISTdata") as raised:
        load(pack(**{"1_mat": content}))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content, message", [
    (b"<html>", r"got a file that is cut short, damaged or no zip \(.*\), wanted test_batches"),
    (pack()[:-100], "got a file that is cut short, damaged or no zip"),
    (pack(**{"33_mat": b""}), r"got 33 MATLAB files, wanted 1\.mat to 32\.mat"),
    (pack()[:60] + b"?" + pack()[61:], "got a file that is .*(the checksum of|no zip)")])
def test_what_is_no_such_zip_is_refused_in_one_line(load, content, message):
    with pytest.raises(ValueError, match=f"test_batches.zip: {message}") as raised:
        load(content)
    assert "\n" not in str(raised.value)


def test_all_batches_together_must_have_the_digits_of_mnist(load, monkeypatch):
    monkeypatch.setattr(aff_nist, "BATCHES", 2)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in 1, 2:
            archive.writestr(f"{number}.mat", batch(number)[2])
    with pytest.raises(ValueError, match=r"got \[4, 4, .*, 4\] images of the ten digits, wanted 2 "
                                         r"times \[980, "):
        load(file.getvalue(), batches=2)
    monkeypatch.setattr(aff_nist, "COUNTS", (2,) * 10)
    assert len(load(file.getvalue(), batches=2).test_labels) == 2 * COUNT


@pytest.mark.parametrize("batches", [0, 33, 1.5, True])
def test_a_wrong_number_of_batches(load, batches):
    with pytest.raises(ValueError, match=rf"^batches: got {batches}, wanted an integer in 1\.\.32"):
        load(pack(), batches=batches)


def test_a_failed_download_names_the_synthetic_set_and_does_not_make_it(monkeypatch, tmp_path):
    def download(urls, path, check, limit):
        raise OSError(f"{path.name}: got it from no mirror: {urls[0]}: 503 Server Error")
    monkeypatch.setattr("tinycaps.data.published.download", download)
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    monkeypatch.delenv("TINYCAPS_DATA", raising=False)
    with pytest.raises(OSError, match="^test_batches.zip: got it from no mirror: .*503.*by hand.*; "
                                      r"tinycaps\.data\.synthetic_aff_nist makes another set") as e:
        load_aff_nist()
    assert "\n" not in str(e.value)
    with pytest.raises(FileNotFoundError, match="none: got no such file, wanted the published tes"):
        load_aff_nist(tmp_path / "none")
