import numpy as np
import pytest

from tinycaps.data import load_npz

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (10, 4, 5), np.uint8)
IMAGES[0, 0, :2] = 0, 255
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])


@pytest.fixture
def npz(tmp_path):
    def npz(**arrays):
        np.savez(tmp_path / "own.npz", **arrays)
        return tmp_path / "own.npz"
    return npz


SEVERAL = dict(train_images=IMAGES, train_labels=LABELS[:, None] < [1, 2],
               test_images=IMAGES[:1], test_labels=[[1, 1]])


def parts(train=IMAGES, test=IMAGES[:3]):
    return dict(train_images=train, train_labels=LABELS[:len(train)],
                test_images=test, test_labels=LABELS[:len(test)])


def test_one_set_is_split_every_fifth_of_each_class(npz):
    data = load_npz(npz(images=IMAGES, labels=LABELS.astype(np.uint8)))
    assert [array.shape for array in data] == [(7, 4, 5, 1), (7,), (3, 4, 5, 1), (3,)]
    assert [array.dtype for array in data] == [np.float32, np.int64, np.float32, np.int64]
    assert np.array_equal(data.test_images[..., 0], IMAGES[:3] / np.float32(255))
    assert data.test_labels.tolist() == [0, 1, 2]


def test_no_class_is_lost_whatever_the_order_of_the_labels(npz):
    for labels in np.arange(100) % 10, np.arange(100) // 10, np.arange(100) % 5:
        data = load_npz(npz(images=IMAGES.repeat(10, axis=0), labels=labels))
        assert np.array_equal(np.unique(data.train_labels), np.unique(labels))
        assert np.array_equal(5 * np.bincount(data.test_labels), np.bincount(labels))


def test_two_sets_stay_as_they_are(npz):
    data = load_npz(npz(**parts()))
    assert len(data.train_images) == 10 and len(data.test_images) == 3
    assert np.array_equal(data.train_labels, LABELS)


def test_floats_and_colours_stay_as_they_are(npz):
    images = RNG.random((10, 4, 5, 3))
    data = load_npz(npz(images=images, labels=LABELS))
    assert data.train_images.dtype == np.float32
    assert np.array_equal(data.test_images, images[:3].astype(np.float32))


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float32"])
def test_labels_of_several_classes_are_bool(npz, dtype):
    labels = (LABELS[:, None] < [1, 2]).astype(dtype)
    whole = load_npz(npz(images=IMAGES, labels=labels))
    two = load_npz(npz(**SEVERAL | dict(train_labels=labels)))
    assert whole.train_labels.dtype == two.test_labels.dtype == bool
    assert np.array_equal(whole.test_labels, labels[[0, 5]] == 1)
    assert np.array_equal(two.train_labels, labels == 1)
    assert np.array_equal(two.test_labels, [[True, True]])      # a test set may lack a class


@pytest.mark.parametrize("images, said, most", [
    (IMAGES, "", 255),
    (IMAGES // 2 + 1, "", 255),
    (IMAGES // 2, "uint8 in 0..127 taken as bytes, divided by 255", 255),
    (IMAGES.astype(np.int64), "int64 in 0..255 taken as bytes, divided by 255", 255),
    (IMAGES.astype(np.uint16), "uint16 in 0..255 taken as bytes, divided by 255", 255),
    (IMAGES > 99, "bool in 0..1 taken as 0 and 1", 1),
    ((IMAGES > 99).astype(np.uint8), "uint8 in 0..1 taken as 0 and 1", 1)])
def test_whole_numbers_are_taken_as_what_they_evidently_are_and_a_line_says_so(
        npz, capsys, images, said, most):
    path = npz(images=images, labels=LABELS)
    data = load_npz(path)
    assert capsys.readouterr().out == (f"{path}: images: {said}\n" if said else "")
    want = images[:3, ..., None].astype(np.float32) / most
    assert np.array_equal(data.test_images, want) and data.train_images.dtype == np.float32


@pytest.mark.parametrize("arrays, message", [
    (dict(x_train=IMAGES, y_train=LABELS),
     "got x_train, y_train, wanted either images, labels or train_images, train_labels, "),
    (dict(images=IMAGES), "got images, wanted either images, labels or"),
    (dict(images=IMAGES, labels=LABELS, **parts()),
     "got images, labels, train_images, train_labels, test_images, test_labels, wanted either "),
    (dict(images=IMAGES, labels=np.minimum(np.arange(10), 3)),
     "labels: got one image of class 0, wanted at least two, one to learn from$"),
    (parts(train=IMAGES[:2]), "test_labels: got class 2, wanted only classes that occur in "
     "train_labels$"),
    (dict(images=IMAGES, labels=LABELS[:9]),
     r"labels: got shape \(9,\), wanted \(10,\), one for each image"),
    (dict(images=IMAGES, labels=LABELS[:, None]),
     r"labels: got shape \(10, 1\), wanted \(10,\), one for each image, or \(10, k\) of 0 and 1"),
    (dict(images=IMAGES, labels=np.array(0)), r"labels: got shape \(\), wanted \(10,\), one"),
    (dict(images=IMAGES, labels=SEVERAL["train_labels"][:9]),
     r"labels: got shape \(9, 2\), wanted \(10,\), one"),
    (dict(images=IMAGES, labels=np.stack([LABELS, LABELS], 1)), "labels: got .*2.*, wanted 0 or 1"),
    (dict(images=IMAGES, labels=SEVERAL["train_labels"].astype(str)),
     "labels: got dtype <U5, wanted integers"),
    (dict(images=IMAGES, labels=np.zeros((10, 2))), "labels: got class 0 in no image"),
    (SEVERAL | dict(test_labels=[[1, 1, 0]]),
     r"test_labels: got shape \(1, 3\), wanted \(1, 2\) as in train_labels"),
    (SEVERAL | dict(test_labels=[1]),
     r"test_labels: got shape \(1,\), wanted \(1, 2\) as in train_labels"),
    (dict(images=IMAGES, labels=LABELS / 1), "labels: got dtype float64, wanted integers"),
    (dict(images=IMAGES, labels=LABELS + 1),
     r"labels: got 3 classes in 1\.\.3, wanted every one of 0\.\.2"),
    (dict(images=IMAGES, labels=LABELS - 1),
     r"labels: got 3 classes in -1\.\.1, wanted every one of 0\.\.2"),
    (dict(images=IMAGES[:0], labels=LABELS[:0]),
     r"images: got shape \(0, 4, 5\), wanted .*, no axis empty"),
    (dict(images=IMAGES, labels=0 * LABELS + 3),
     "labels: got a single class, 3, wanted at least two"),
    (dict(images=IMAGES[0], labels=LABELS),
     r"images: got shape \(4, 5\), wanted \(n, h, w\) or \(n, h, w, c\)"),
    (dict(images=IMAGES.astype(int) - 1, labels=LABELS),
     r"images: got values -1\.\.254, wanted \[0, 1\], or uint8 in 0\.\.255"),
    (dict(images=IMAGES.astype(int) + 1, labels=LABELS), r"images: got values 1\.\.256, wanted"),
    (dict(images=IMAGES.astype(complex), labels=LABELS), "images: got dtype complex128, wanted"),
    (dict(images=IMAGES[..., None].repeat(4, 3), labels=LABELS),
     r"images: got shape \(10, 4, 5, 4\), wanted no transparency: images\[\.\.\., :3\]$"),
    (dict(images=IMAGES[:, None].repeat(3, 1), labels=LABELS),
     r"images: got shape \(10, 3, 4, 5\), wanted channels last, \(n, h, w, c\): "
     r"images\.transpose\(0, 2, 3, 1\)$"),
    (dict(images=IMAGES / 1, labels=LABELS),
     r"images: got values 0\.\.255, wanted \[0, 1\], or uint8"),
    (dict(images=IMAGES / np.float32(255) * np.float32(1.0000001), labels=LABELS),
     r"images: got values 0\.\.1\.0000001, wanted \[0, 1\]"),
    (dict(images=IMAGES / -255, labels=LABELS), r"images: got values -1\.\.-?0, wanted \[0, 1\]"),
    (dict(images=np.full((10, 4, 5), np.nan), labels=LABELS),
     r"images: got NaN, wanted pixels in \[0, 1\]"),
    (dict(images=IMAGES.astype(object), labels=LABELS),
     "got images.npy, which holds Python objects, wanted arrays of numbers or text$"),
    (parts(test=IMAGES[:3, :3]),
     r"test_images: got images of shape \(3, 5, 1\), wanted \(4, 5, 1\) as in train_images"),
])
def test_bad_arrays_are_reported_in_one_line(npz, arrays, message):
    with pytest.raises(ValueError, match=rf"own\.npz: {message}") as raised:
        load_npz(npz(**arrays))
    assert "\n" not in str(raised.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz: got no such file, wanted an npz file"):
        load_npz(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [
    b"", b"not an archive", b"PK\x03\x04 only the first bytes are right"])
def test_foreign_file(write, content):
    with pytest.raises(ValueError, match="text: got a file that is cut short, damaged or not npz"):
        load_npz(write("text", content))


def test_single_array_file_is_no_npz(tmp_path):
    np.save(tmp_path / "one.npy", IMAGES)
    with pytest.raises(ValueError, match="not npz"):
        load_npz(tmp_path / "one.npy")


def test_no_damage_passes(npz, write):
    content = npz(images=IMAGES, labels=LABELS).read_bytes()
    whole = load_npz(write("whole", content))
    for position in range(0, len(content), 29):
        bent = bytearray(content)
        bent[position] ^= 0x55
        for damaged in bytes(bent), content[:position]:
            try:
                data = load_npz(write("damaged", damaged))
            except ValueError as error:
                assert "damaged: got" in str(error)
            else:  # a byte that nobody reads, such as a date
                assert all(np.array_equal(*pair) for pair in zip(data, whole))
