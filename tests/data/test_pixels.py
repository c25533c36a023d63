"""PNG and JPEG as arrays; damage of a PNG is always seen."""
import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from tests.data.png import GREY, GREY_AND_ALPHA, PALETTE, RGB, RGBA, chunk, file, png
from tinycaps.data.pixels import LUMA, WORKING, read_pixels

RNG = np.random.default_rng(0)
WRONG = r"^\S+/a: got a file that cannot be read \(.*\), wanted a whole PNG or JPEG$"


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_of_any_depth_is_a_fraction_of_white(write, depth):
    pixels = RNG.integers(0, 2 ** depth, (5, 7))
    found = read_pixels(write("a", png(pixels, GREY, depth)))
    assert found.shape == (5, 7, 1) and found.dtype == np.float32
    np.testing.assert_allclose(found[..., 0], pixels / (2 ** depth - 1), rtol=1e-6)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_sixteen_bits_may_hold_fewer(write, bits):
    pixels = np.append(RNG.integers(0, 2 ** bits, 34), 2 ** bits - 1).reshape(5, 7)
    found = read_pixels(write("a", png(pixels, GREY, 16)))
    np.testing.assert_allclose(found[..., 0], pixels / (2 ** bits - 1), rtol=1e-6)
    assert not read_pixels(write("a", png(0 * pixels, GREY, 16))).any()


def test_colours_and_a_palette(write):
    colours = RNG.integers(0, 256, (4, 3), np.uint8)
    pixels = RNG.integers(0, 4, (5, 7))
    found = [read_pixels(write("a", content)) for content in (
        png(colours[pixels], RGB), png(pixels, PALETTE, 2, chunk(b"PLTE", colours.tobytes())))]
    assert all(np.array_equal(each, colours[pixels] / np.float32(255)) for each in found)


@pytest.mark.parametrize("ink, paper", [(0, 1), (90, 1), (160, 0), (255, 0)])
def test_what_is_transparent_gets_the_colour_that_shows_the_ink(write, ink, paper):
    opacity = RNG.integers(0, 256, (5, 7))
    grey = np.dstack([np.full((5, 7), ink), opacity])
    a = opacity[..., None] / 255
    for content in png(grey, GREY_AND_ALPHA), png(grey[..., [0, 0, 0, 1]], RGBA):
        found = read_pixels(write("a", content))
        np.testing.assert_allclose(found, np.broadcast_to(ink / 255 * a + paper * (1 - a),
                                                          found.shape), atol=1e-6)


def test_a_transparent_colour_of_a_palette_or_of_grey(write):
    pixels = RNG.integers(0, 2, (5, 7))
    palette = chunk(b"PLTE", bytes([9, 9, 9, 0, 0, 0])), chunk(b"tRNS", b"\0")
    for content in (png(pixels, PALETTE, 1, *palette),
                    png(255 - 255 * pixels, GREY, 8, chunk(b"tRNS", b"\0\xff"))):
        found = read_pixels(write("a", content))        # the colour 0 is gone, black ink is left
        assert np.array_equal(found[..., 0], 1 - pixels)


def test_ink_with_soft_edges_on_a_transparent_colour_stays_on_it(write):
    pixels = np.array([[0, 200, 255], [220, 240, 250]])         # most of it is light, not the ink
    for content in (png(pixels, GREY, 8, chunk(b"tRNS", b"\0\xff")),
                    png(pixels[..., None].repeat(3, 2), RGB, 8, chunk(b"tRNS", b"\0\xff" * 3))):
        found = read_pixels(write("a", content))
        np.testing.assert_allclose(found, pixels[..., None].repeat(found.shape[2], 2) / 255)


def jpeg(pixels, **keywords):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=95, **keywords)
    return content.getvalue()


SHADES = np.add.outer(np.arange(0, 160, 4), np.arange(0, 90, 3)).astype(np.uint8)


def test_jpeg_of_grey_and_colours(write):
    found = read_pixels(write("a", jpeg(SHADES)))
    np.testing.assert_allclose(found[..., 0], SHADES / 255, atol=0.03)
    found = read_pixels(write("a", jpeg(np.dstack([SHADES, SHADES // 2, 99 + 0 * SHADES]))))
    np.testing.assert_allclose(found[..., 1], SHADES // 2 / 255, atol=0.05)
    assert LUMA.sum() == 1


def test_a_photograph_that_was_taken_on_its_side_is_turned(write):
    exif = Image.Exif()
    exif[0x112] = 6                                     # turn by 90 degrees, clockwise
    found = read_pixels(write("a", jpeg(np.ascontiguousarray(np.rot90(SHADES)), exif=exif)))
    np.testing.assert_allclose(found[..., 0], SHADES / 255, atol=0.03)


@pytest.mark.parametrize("depth", [8, 16])
def test_large_images_become_averages_of_squares(write, depth):
    pixels = RNG.integers(0, 2 ** depth, (6, 2 * WORKING + 3))
    found = read_pixels(write("a", png(pixels, GREY, depth)))
    assert found.shape == (2, 684, 1)
    want = pixels[:, :2049].reshape(2, 3, 683, 3).mean(axis=(1, 3)) / (2 ** depth - 1)
    np.testing.assert_allclose(found[:, :-1, 0], want, atol=1 / 255 if depth == 8 else 1e-6)


def refused(path):
    with pytest.raises(ValueError, match=WRONG) as raised:
        read_pixels(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("content", [b"", b"GIF89a and so on", b"BM" + bytes(60)])
def test_foreign_files(write, content):
    assert "(it does not begin as one)" in refused(write("a", content))


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="a: got no such file, wanted a PNG or JPEG"):
        read_pixels(tmp_path / "a")


@pytest.mark.parametrize("width, height", [(20_000, 20_000), (2 ** 31 - 1, 2 ** 31 - 1),
                                           (8192, 8193)])
def test_too_many_pixels_are_refused_before_any_is_unpacked(write, width, height):
    path = write("a", file(width, height, GREY, 8, b""))
    tracemalloc.start()
    try:
        assert "pixels" in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 10 ** 7
    finally:
        tracemalloc.stop()


PICTURE = png(RNG.integers(0, 256, (6, 5)), GREY, 8, chunk(b"tEXt", b"Title\0a digit"))


def test_no_damage_of_a_png_passes(write):
    whole = read_pixels(write("a", PICTURE))
    for bit in range(0, 8 * len(PICTURE), 7):
        bent = bytearray(PICTURE)
        bent[bit // 8] ^= 1 << bit % 8
        path = write("a", bytes(bent))
        if len(PICTURE) - bit // 8 in (*range(1, 5), *range(9, 13)):    # of the end's empty chunk
            assert np.array_equal(read_pixels(path), whole)
        else:
            refused(path)
    for length in range(0, len(PICTURE) - 4, 3):
        refused(write("a", PICTURE[:length]))


def test_a_jpeg_that_is_cut_short_is_refused(write):
    content = jpeg(SHADES)
    for length in range(0, len(content) - 2, 7):
        refused(write("a", content[:length]))
