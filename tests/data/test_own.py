import struct
import zlib

import numpy as np
import pytest

from tinycaps.data import load_image, load_npz

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


def parts(train=IMAGES, test=IMAGES[:3]):
    return dict(train_images=train, train_labels=LABELS[:len(train)], test_images=test, test_labels=LABELS[:len(test)])


def test_one_set_is_split_every_fifth(npz):
    data = load_npz(npz(images=IMAGES, labels=LABELS.astype(np.uint8)))
    assert [array.shape for array in data] == [(8, 4, 5, 1), (8,), (2, 4, 5, 1), (2,)]
    assert [array.dtype for array in data] == [np.float32, np.int64, np.float32, np.int64]
    assert np.array_equal(data.test_images[..., 0], IMAGES[[0, 5]] / np.float32(255))
    assert data.test_labels.tolist() == [0, 2]


def test_two_sets_stay_as_they_are(npz):
    data = load_npz(npz(**parts()))
    assert len(data.train_images) == 10 and len(data.test_images) == 3
    assert np.array_equal(data.train_labels, LABELS)


def test_floats_and_colours_stay_as_they_are(npz):
    images = RNG.random((10, 4, 5, 3))
    data = load_npz(npz(images=images, labels=LABELS))
    assert data.train_images.dtype == np.float32
    assert np.array_equal(data.test_images, images[[0, 5]].astype(np.float32))


@pytest.mark.parametrize("arrays, message", [
    (dict(x_train=IMAGES, y_train=LABELS), "got x_train, y_train, wanted images, labels or train_images, train_labels, "),
    (dict(images=IMAGES), "got images, wanted images, labels or"),
    (dict(images=IMAGES, labels=LABELS[:9]), r"labels: got shape \(9,\), wanted \(10,\), one for each image"),
    (dict(images=IMAGES, labels=LABELS / 1), "labels: got dtype float64, wanted integers"),
    (dict(images=IMAGES, labels=LABELS + 1), r"labels: got 3 classes in 1\.\.3, wanted every one of 0\.\.2"),
    (dict(images=IMAGES, labels=LABELS - 1), r"labels: got 3 classes in -1\.\.1, wanted every one of 0\.\.2"),
    (dict(images=IMAGES[:0], labels=LABELS[:0]), r"images: got shape \(0, 4, 5\), wanted .*, no axis empty"),
    (dict(images=IMAGES[:1], labels=LABELS[:1]), "images: got 1, wanted at least 2"),
    (dict(images=IMAGES[0], labels=LABELS), r"images: got shape \(4, 5\), wanted \(n, h, w\) or \(n, h, w, c\)"),
    (dict(images=IMAGES.astype(int), labels=LABELS), "images: got dtype int64, wanted uint8"),
    (dict(images=IMAGES / 1, labels=LABELS), r"images: got values 0\.\.255, wanted \[0, 1\], or uint8"),
    (dict(images=IMAGES / -255, labels=LABELS), r"images: got values -1\.\.-?0, wanted \[0, 1\]"),
    (dict(images=np.full((10, 4, 5), np.nan), labels=LABELS), r"images: got NaN, wanted pixels in \[0, 1\]"),
    (dict(images=IMAGES.astype(object), labels=LABELS), "got an array that cannot be read .*, wanted numbers"),
    (parts(test=IMAGES[:3, :3]), r"test_images: got images of shape \(3, 5, 1\), wanted \(4, 5, 1\) as in train_images"),
])
def test_bad_arrays_are_told_in_one_line(npz, arrays, message):
    with pytest.raises(ValueError, match=rf"own\.npz: {message}") as raised:
        load_npz(npz(**arrays))
    assert "\n" not in str(raised.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz: got no such file, wanted an npz file"):
        load_npz(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 only the first bytes are right"])
def test_foreign_file(write, content):
    with pytest.raises(ValueError, match="text: got a file that is not npz or is cut short"):
        load_npz(write("text", content))


def test_single_array_file_is_no_npz(tmp_path):
    np.save(tmp_path / "one.npy", IMAGES)
    with pytest.raises(ValueError, match="not npz"):
        load_npz(tmp_path / "one.npy")


def test_no_damage_passes(npz, write):
    content = npz(images=IMAGES, labels=LABELS).read_bytes()
    whole = load_npz(write("whole", content))
    for position in range(0, len(content), 7):
        bent = bytearray(content)
        bent[position] ^= 0x55
        for damaged in bytes(bent), content[:position]:
            try:
                data = load_npz(write("damaged", damaged))
            except ValueError as error:
                assert "damaged: got" in str(error)
            else:  # a byte that nobody reads, such as a date
                assert all(np.array_equal(*pair) for pair in zip(data, whole))


def png(pixels, colour_type):
    """A PNG, written out by the format's definition: rows of bytes, each after a filter byte 0."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels.astype(np.uint8))
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


GREY, RGB, RGBA = 0, 2, 6
STROKE = np.pad(RNG.integers(100, 256, (4, 4), np.uint8), 2)  # light on dark, 8x8


def test_grey_image_of_the_right_size_is_unchanged(write):
    image = load_image(write("a.png", png(STROKE, GREY)), (8, 8, 1))
    assert image.shape == (8, 8, 1) and image.dtype == np.float32
    np.testing.assert_allclose(image[..., 0], STROKE / 255, rtol=1e-6)


def test_dark_on_light_is_inverted(write):
    light, dark = (load_image(write("a.png", png(pixels, GREY)), (8, 8, 1)) for pixels in (STROKE, 255 - STROKE))
    np.testing.assert_allclose(dark, light, atol=1e-6)


def test_transparent_is_black_and_half_transparent_is_half_as_bright(write):
    white = np.full((8, 8, 3), 255, np.uint8)
    image = load_image(write("a.png", png(np.dstack([white, STROKE]), RGBA)), (8, 8, 1))
    np.testing.assert_allclose(image[..., 0], STROKE / 255, rtol=1e-6)


def test_colours_become_luma(write):
    pixels = np.zeros((1, 3, 3), np.uint8)
    pixels[0, [0, 1, 2], [0, 1, 2]] = 100, 150, 200
    image = load_image(write("a.png", png(pixels, RGB)), (1, 3, 1))
    np.testing.assert_allclose(255 * image.ravel(), [100 * 0.299, 150 * 0.587, 200 * 0.114], rtol=1e-6)


def test_colours_stay_and_grey_is_repeated_for_three_channels(write):
    pixels = np.pad(RNG.integers(0, 256, (4, 4, 3), np.uint8), [(2, 2), (2, 2), (0, 0)])
    np.testing.assert_allclose(load_image(write("a.png", png(pixels, RGB)), (8, 8, 3)), pixels / 255, rtol=1e-6)
    assert np.array_equal(load_image(write("b.png", png(STROKE, GREY)), (8, 8, 3)),
                          np.repeat(load_image(write("b.png", png(STROKE, GREY)), (8, 8, 1)), 3, axis=2))


@pytest.mark.parametrize("h, w", [(4, 4), (2, 8), (3, 5), (1, 1), (11, 8)])
def test_resizing_keeps_the_mean(write, h, w):
    image = load_image(write("a.png", png(STROKE, GREY)), (h, w, 1))
    np.testing.assert_allclose(image.mean(), STROKE.mean() / 255, rtol=1e-6)


def test_halving_averages_blocks_of_four(write):
    image = load_image(write("a.png", png(STROKE, GREY)), (4, 4, 1))
    np.testing.assert_allclose(image[..., 0], STROKE.reshape(4, 2, 4, 2).mean(axis=(1, 3)) / 255, rtol=1e-6)


def test_two_thirds_by_hand(write):
    # Three pixels onto two: the middle one is shared, (1 * 30 + 0.5 * 60) / 1.5 = 40 and (0.5 * 60 + 1 * 90) / 1.5 = 80.
    image = load_image(write("a.png", png(np.array([[30, 60, 90]]), GREY)), (1, 2, 1))
    np.testing.assert_allclose(255 * image.ravel(), [40, 80], rtol=1e-6)


@pytest.mark.parametrize("pixels, kind", [
    (np.full((8, 8), 255), GREY), (np.zeros((8, 8)), GREY), (np.full((8, 8, 3), (255, 0, 0)), RGB),
    (np.dstack([np.zeros((8, 8, 3)), STROKE]), RGBA)], ids=["white", "black", "red", "black ink on nothing"])
def test_an_image_of_nothing_is_refused(write, pixels, kind):
    for channels in 1, 3:
        with pytest.raises(ValueError, match=r"a\.png: got one flat colour"):
            load_image(write("a.png", png(pixels, kind)), (8, 8, channels))


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 2), (0, 8, 1)])
def test_wrong_shape(write, shape):
    with pytest.raises(ValueError, match=r"shape: got .*, wanted \(h, w, 1\) or \(h, w, 3\)"):
        load_image(write("a.png", png(STROKE, GREY)), shape)


def test_missing_image(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png: got no such file, wanted a PNG"):
        load_image(tmp_path / "none.png", (8, 8, 1))


@pytest.mark.parametrize("content", [b"", b"GIF89a and so on", png(STROKE, GREY)[:60]], ids=["empty", "foreign", "cut short"])
def test_unreadable_image(write, content):
    with pytest.raises(ValueError, match=r"a\.png: got a file that cannot be read .*, wanted a PNG") as raised:
        load_image(write("a.png", content), (8, 8, 1))
    assert "\n" not in str(raised.value)
