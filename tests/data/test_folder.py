"""Folders and zip files of images sorted by class."""
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.data.png import GREY, RGB, file, png
from tinycaps.data import folder, load_folder

RNG = np.random.default_rng(0)


def grey(value, shape=(3, 4)):
    return png(np.full(shape, value), GREY)


def named(folder, count, first=0):
    """Return path -> PNG, one for each number from the first, whose pixels are this number."""
    return {f"{folder}/{value:02}.png": grey(value) for value in range(first, first + count)}


def zipped(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, each in files.items():
            archive.writestr(name, each)
    return content.getvalue()


@pytest.fixture(params=["folder", "zip"])
def put(request, tmp_path, write):
    """put(files) writes path -> content into a folder or a zip file and returns its path."""
    def put(files):
        if request.param == "zip":
            return write("own.zip", zipped(files))
        for name, content in files.items():
            write(f"own/{name}", content)
        return tmp_path / "own"
    return put


def pairs(images, labels):
    """Return (label, number of the image) of each, sorted; every image has one number."""
    assert (images == images[:, :1, :1]).all()
    return sorted(zip(labels.tolist(), np.round(255 * images[:, 0, 0, 0]).astype(int).tolist()))


SETS = named("train/cat", 3) | named("train/a dog", 2, 10) | named("test/cat", 2, 20)


@pytest.mark.parametrize("wrapper", ["", "pets/", "home/pets/"])
def test_two_sets_stay_apart_and_classes_are_sorted_by_name(put, wrapper, capsys):
    path = put({wrapper + name: content for name, content in SETS.items()})
    data = load_folder(path)
    assert capsys.readouterr().out == f"{path}: 2 classes, 0 a dog, 1 cat\n"
    assert [array.shape for array in data] == [(5, 3, 4, 1), (5,), (2, 3, 4, 1), (2,)]
    assert [array.dtype for array in data] == [np.float32, np.int64, np.float32, np.int64]
    assert pairs(*data[:2]) == [(0, 10), (0, 11), (1, 0), (1, 1), (1, 2)]
    assert pairs(*data[2:]) == [(1, 20), (1, 21)]


@pytest.mark.parametrize("wrapper", ["", "pets/", "train/"])
def test_every_fifth_is_for_the_test(put, wrapper, capsys):
    path = put({wrapper + name: each for name, each in (named("b", 7) | named("a", 8, 20)).items()})
    data = load_folder(path)
    assert capsys.readouterr().out.endswith("0 a, 1 b; every fifth image is for the test\n")
    assert pairs(*data[2:]) == [(0, 20), (0, 25), (1, 2)]
    assert len(data.train_labels) == 12 and np.bincount(data.train_labels).tolist() == [6, 6]


def test_the_order_is_mixed_and_the_same_each_time(put):
    path = put(named("a", 40) | named("b", 40, 40))
    data, again = load_folder(path, say=str), load_folder(path, say=str)
    assert all(np.array_equal(*each) for each in zip(data, again))
    for labels in data.train_labels, data.test_labels:
        assert 0.25 < labels[:len(labels) // 2].mean() < 0.75


def test_colours_from_the_first_that_has_them(put):
    pixels = RNG.integers(0, 256, (3, 4, 3), np.uint8)
    data = load_folder(put(named("a", 9) | named("b", 2) | {"a/0.png": png(pixels, RGB)}), say=str)
    assert data.train_images.shape == (9, 3, 4, 3)
    coloured = [image for image in data.test_images if np.ptp(image)]
    assert len(coloured) == 1 and np.array_equal(coloured[0], pixels / np.float32(255))
    rest = np.concatenate([data.train_images, data.test_images])
    assert sum((image == image[0, 0, 0]).all() for image in rest) == len(rest) - 1


def test_jpegs_are_read_and_other_files_left_out_with_a_line(put):
    content, said = io.BytesIO(), []
    Image.fromarray(np.full((3, 4), 200, np.uint8)).save(content, "JPEG", quality=95)
    path = put(named("a", 3) | named("b", 3) | {"b/x.JPG": content.getvalue()} | dict.fromkeys(
        ["b/y.txt", "z", "b/.hidden.png", "__MACOSX/a/0.png"], b""))
    data = load_folder(path, say=said.append)
    assert said[0] == (f"{path}: left out 2 files that are not called .png, .jpg or .jpeg, first "
                       "b/y.txt")
    assert len(said) == 2 and len(data.train_labels) + len(data.test_labels) == 7
    assert np.isclose(data.train_images.max(), 200 / 255, atol=0.01)


def test_many_classes_are_printed_on_one_line_of_twenty(put):
    said = []
    load_folder(put({f"{k:02}/{i}.png": grey(9) for k in range(30) for i in "ab"}), said.append)
    assert len(said) == 1 and "30 classes, 00 00" not in said[0]
    assert said[0].count(", ") == 21 and ", 18 18, ..., 29 29; every fifth" in said[0]


@pytest.mark.parametrize("files, message", [
    ({}, "got no images, wanted at least two classes: CLASS/IMAGE, or train/CLASS/IMAGE and te"),
    ({"a/x.txt": b""}, "got no images, wanted at least two"),
    (named("a", 3), "got a single class, a, wanted at least two classes"),
    ({"0.png": grey(0)} | named("a", 2), "got an image 0.png, wanted CLASS/IMAGE, or train/CLASS"),
    (named("a/b", 2) | named("c", 2), "got an image a/b/00.png, wanted CLASS/IMAGE, or train/CLA"),
    (named("train", 2) | named("test", 2), "got an image test/00.png, wanted CLASS/IMAGE, or tra"),
    (SETS | named("val/cat", 2), "got an image test/cat/20.png, wanted CLASS/IMAGE, or train/CL"),
    (SETS | named("test/zebra", 1), "got test images of the class zebra, wanted training images"),
    (named("a", 3) | named("b", 1), "got one image of the class b, wanted at least two: every fif"),
    (named("train/a", 3) | named("test/a", 1), "got a single class, a, wanted at least two cl"),
    (named("a", 3) | {"b/0.png": grey(0), "b/1.png": grey(0, (5, 6))},
     "b/1.png: got 5x6 pixels, wanted 3x4 as in a/0"),
    (named("a", 3) | {"b/0.png": grey(0), "b/1.png": b"GIF"},
     r"b/1.png: got a file that cannot be read \(it does not begin as one\), wanted a whole PNG"),
    (named("a", 3) | {"b/0.png": grey(0), "b/1.png": grey(0)[:-9]},
     "b/1.png: got a file that cannot be read"),
    (named("a", 3) | {"b/0.png": grey(0), "b/1.png": file(10 ** 4, 10 ** 4, GREY, 8, b"")},
     r"b/1.png: got a file that cannot be read \(10,000 x 10,000 pixels, more than 67,108,864\)"),
    (named("a", 3) | named("new\nline", 2), r"got the entry 'new\\nline/00.png', wanted names"),
])
def test_bad_folders_are_one_line(put, files, message):
    path = put(files) if files else put({"c/.x": b""})
    with pytest.raises(ValueError, match=rf"^{path}.{{1,2}}{message}") as raised:
        load_folder(path, say=str)
    assert "\n" not in str(raised.value)


def test_an_image_too_many_for_the_memory_is_refused_before_it_is_taken(put, monkeypatch):
    monkeypatch.setattr("tinycaps.checks.WORTH_ASKING", 0)
    monkeypatch.setattr("tinycaps.checks.free_memory", lambda xp: 4 * 4 * 12 - 1)
    with pytest.raises(MemoryError, match="^images: got n = 4, h = 3, w = 4, c = 1, "):
        load_folder(put(named("a", 2) | named("b", 2)), say=str)


@pytest.mark.parametrize("name", ["../a/0.png", "/a/0.png", "a/../../0.png", ".", ""])
def test_entries_that_point_outside_are_refused(write, name):
    content = zipped(named("a", 3) | named("b", 3) | {name or "NAME": grey(0)})
    path = write("own.zip", content.replace(b"NAME", b"\0AME"))      # zipfile stops at the zero
    with pytest.raises(ValueError, match=f"^{path}: got the entry '{name}', wanted names within"):
        load_folder(path)


def bomb():
    """Return a zip that says it unpacks to three gigabytes."""
    content = bytearray(zipped(named("a", 3) | named("b", 3)))
    start = content.index(b"PK\1\2")
    content[start + 24:start + 28] = (3 * 2 ** 30).to_bytes(4, "little")
    return bytes(content)


def lying_bomb():
    """Return a zip whose member unpacks to more than it says."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/0.png", bytes(10 ** 6))
    content = content.getvalue()
    return content.replace((10 ** 6).to_bytes(4, "little"), (100).to_bytes(4, "little"))


@pytest.mark.parametrize("content, message", [
    (b"", "not a zip"), (b"<html>", "not a zip"), (zipped(SETS)[:-30], "not a zip"),
    (b"more" + zipped(SETS), "something stands before or after it"),
    (zipped(SETS).replace(b"IDAT", b"IDAD", 1), "the checksum of train/cat/00.png is wrong"),
    (bomb(), r"3,221,\d+,\d+ bytes unpacked, more than 2,147,483,648"),
    (lying_bomb(), "the checksum of a/0.png is wrong")])
def test_a_zip_that_is_damaged_or_a_bomb(write, content, message):
    path = write("own.zip", content)
    with pytest.raises(ValueError, match=rf"^{path}: got a file that is cut short, damaged or no "
                                         rf"zip .*{message}.*, wanted a zip of images$") as raised:
        load_folder(path)
    assert "\n" not in str(raised.value)


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="none: got no such folder or file, wanted images"):
        load_folder(tmp_path / "none")


def test_a_folder_that_cannot_be_listed_is_no_smaller_set(tmp_path, write, monkeypatch):
    def walk(path, onerror, followlinks):
        onerror(PermissionError(13, "Permission denied", f"{path}/a"))
        return []
    monkeypatch.setattr(folder.os, "walk", walk)
    with pytest.raises(PermissionError, match="Permission denied.*/a"):
        load_folder(tmp_path)
