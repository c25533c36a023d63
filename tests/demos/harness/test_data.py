"""Which images are learned from, which are watched, and how they are moved."""
import zipfile
import zlib

import numpy as np
import pytest

from demos.harness import data as harness
from tests.data.png import GREY, png
from tests.demos.harness.test_arguments import blank, parse
from tinycaps.data import load_digits, random_shift


def test_classes_are_counted_in_both_sets():
    assert harness.count_classes(blank(20, 4)) == 3
    assert harness.count_classes(blank(20, 4)._replace(test_labels=np.array([0, 6]))) == 7


def test_quick_is_256_images_from_all_over():
    data, digits = harness.load_data(parse("--quick")), load_digits()
    assert [len(array) for array in data] == [256] * 4
    assert np.array_equal(data.train_images, digits.train_images[::5][:256])


def test_held_out_images_are_the_last_ones_and_take_the_place_of_the_test():
    data, digits = harness.load_data(parse("--hold-out", 100)), load_digits()
    assert np.array_equal(data.test_images, digits.train_images[-100:])
    assert np.array_equal(data.train_images, digits.train_images[:-100])
    with pytest.raises(ValueError, match="^hold-out: got 1437, wanted fewer than the 1437"):
        harness.load_data(parse("--hold-out", 1437))


@pytest.mark.parametrize("name", ["nope", "npz", "digits.txt"])
def test_unknown_data_are_refused(name):
    with pytest.raises(ValueError, match=f"^data: got '{name}', wanted digits, mnist, .*FILE.npz$"):
        harness.load_data(parse("--data", name))


def test_labels_of_several_classes_are_refused_unless_a_demo_takes_them(empty):
    np.savez("mine.npz", images=np.zeros((10, 4, 4)), labels=[[0, 1], [1, 0]] * 5)
    with pytest.raises(ValueError, match=r"^data: got mine.npz with labels \(n, k\) of several clas"
                                         r"ses, wanted labels \(n,\), or the demo multi_mnist$"):
        harness.load_data(parse("--data", "mine.npz"))
    data = harness.load_data(parse("--data", "mine.npz"), several=True)
    assert data.test_labels.tolist() == [[False, True], [True, False]]


def test_images_are_moved_as_the_arguments_say():
    x, rng = load_digits().test_images[:5], np.random.default_rng

    def moved(*words):
        images, labels = harness.augmentation(parse(*words))((x, "labels"), rng(0))
        assert labels == "labels"
        return images
    assert np.array_equal(moved("--shift", 0, "--no-warp"), x)
    assert np.array_equal(moved("--shift", 2, "--no-warp"), random_shift(x, rng(0), 2))
    warped = moved("--shift", 0, "--warp")
    assert warped.shape == x.shape and not np.allclose(warped, x)


@pytest.mark.parametrize("count, every", [(1, 1), (1000, 1), (1001, 2), (2000, 2), (2001, 3),
                                          (5500, 6)])
def test_a_subsample_is_at_most_a_thousand_from_all_over(count, every):
    images, labels = harness.subsample(np.arange(count)[:, None, None, None], np.arange(count))
    assert labels.tolist() == list(range(0, count, every)) and len(labels) <= 1000
    assert np.array_equal(images[:, 0, 0, 0], labels)


def test_a_training_is_watched_on_what_is_held_out_or_on_its_own_images():
    data = blank(1500, 4)._replace(train_labels=np.arange(1500))
    images, labels = harness.watched(parse("--hold-out", 2), data)
    assert images is data.test_images and labels is data.test_labels
    images, labels = harness.watched(parse(), data)
    assert images.shape == (750, 4, 4, 1) and labels.tolist() == list(range(0, 1500, 2))
    assert harness.watched_on(parse()) == "training images, not moved"
    assert harness.watched_on(parse("--hold-out", 5)) == "held-out training images"


def test_says_whose_error_it_is():
    assert harness.judged(parse()) == ("test", "test images")
    assert harness.judged(parse("--hold-out", 5)) == ("held-out", "held-out training images")


def test_a_folder_and_a_zip_file_of_images_are_data(tmp_path, capsys):
    images = np.arange(12, dtype=np.uint8).reshape(2, 6)
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        for label, row in zip("ab", images):
            for value in row:
                name, content = f"{label}/{value}.png", png(np.full((5, 5), value), GREY)
                archive.writestr(name, content)
        archive.extractall(tmp_path / "own")
    found = [harness.load_data(parse("--data", tmp_path / name)) for name in ("own", "own.zip")]
    assert all(np.array_equal(*each) for each in zip(*found))
    assert found[0].train_images.shape == (9, 5, 5, 1) and harness.count_classes(found[0]) == 2
    assert capsys.readouterr().out.count("2 classes, 0 a, 1 b; every fifth image") == 2
    with pytest.raises(FileNotFoundError, match="none.zip: got no such folder or file"):
        harness.load_data(parse("--data", "none.zip"))


def test_a_crc_of_a_folder_is_of_names_and_contents(tmp_path):
    folder = tmp_path / "own"
    for label in "ab":
        (folder / label).mkdir(parents=True)
        (folder / label / "1.png").write_bytes(label.encode())
    found = [harness.content_crc(folder)]
    assert harness.content_crc(folder) == found[0]
    (folder / "b" / "1.png").write_bytes(b"c")
    found.append(harness.content_crc(folder))
    (folder / "b" / "1.png").rename(folder / "b" / "2.png")
    found.append(harness.content_crc(folder))
    assert len({*found}) == 3
    assert harness.content_crc(folder / "a" / "1.png") == zlib.crc32(b"a")


def test_cifar_10_is_data_by_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYCAPS_DATA", str(tmp_path))
    (tmp_path / "cifar-10").mkdir()
    (tmp_path / "cifar-10" / "cifar-10-binary.tar.gz").write_bytes(b"another file")
    with pytest.raises(ValueError, match="cifar-10-binary.tar.gz: got MD5 .*, wanted"):
        harness.load_data(parse("--data", "cifar-10"))
