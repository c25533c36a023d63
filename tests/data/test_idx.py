import gzip
import re
import tracemalloc

import numpy as np
import pytest

from tinycaps.data.idx import gunzip, read_idx

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([7, 0, 255], np.uint8)


def test_example_by_hand(write):
    # Two images of 1x3 pixels: 00 00, unsigned bytes 08, three axes 03, sizes 2, 1, 3, then the
    # pixels row by row.
    path = write("two", bytes.fromhex("00000803 00000002 00000001 00000003 010203 0405ff"))
    assert read_idx(path).tolist() == [[[1, 2, 3]], [[4, 5, 255]]]


@pytest.mark.parametrize("array", [IMAGES, LABELS], ids=["images", "labels"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_reads_plain_and_gzipped_under_any_name(write, idx, array, pack):
    read = read_idx(str(write("file", pack(idx(array)))))
    assert read.dtype == np.uint8 and np.array_equal(read, array)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing-here: got no such file, wanted an IDX"):
        read_idx(tmp_path / "nothing-here")


def test_folder_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="got a folder"):
        read_idx(tmp_path)


def test_every_truncation_is_found(write, idx):
    for content in idx(LABELS), gzip.compress(idx(LABELS)):
        for length in range(len(content)):
            with pytest.raises(ValueError, match=r"cut: got .*, wanted "):
                read_idx(write("cut", content[:length]))


def test_damaged_gzip(write, idx):
    content = bytearray(gzip.compress(idx(IMAGES)))
    content[-6] ^= 1  # in the check sum
    with pytest.raises(ValueError, match="bent: got a damaged gzip stream .*, wanted a whole one"):
        read_idx(write("bent", bytes(content)))


def test_no_damage_of_a_gzipped_file_passes(write, idx):
    content = gzip.compress(idx(IMAGES))
    for bit in range(0, 8 * len(content), 3):
        bent = bytearray(content)
        bent[bit // 8] ^= 1 << bit % 8
        try:
            read = read_idx(write("bent", bytes(bent)))
        except ValueError as error:
            assert "bent: got" in str(error) and "\n" not in str(error)
        else:               # a bit that nobody reads: of the time, or after the last code
            assert np.array_equal(read, IMAGES)


def test_a_gzipped_file_of_several_members(write, idx):
    content = idx(IMAGES)
    both = gzip.compress(content[:20]) + gzip.compress(content[20:])
    assert np.array_equal(read_idx(write("both", both)), IMAGES)
    assert gunzip(both, "both", len(content)) == content
    for left_over in b"?", gzip.compress(b"?"):
        with pytest.raises(ValueError, match="more: got"):
            read_idx(write("more", both + left_over))


def test_unpacking_stops_where_it_must(write):
    bomb = gzip.compress(bytes(10 ** 7))
    assert len(bomb) < 10 ** 5 and len(gunzip(bomb, "bomb", 10 ** 7)) == 10 ** 7
    header = bytes.fromhex("00000803 00000200 00000400 00000400")       # of half a gigabyte
    path = write("bomb", gzip.compress(header + bytes(10)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="bomb: got more than 10,000 bytes unpacked, wanted"):
            gunzip(bomb, "bomb", 10 ** 4)
        with pytest.raises(ValueError, match="bomb: got 10 bytes of data, wanted 536870912 for"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 10 ** 7 / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content, message", [
    (b"", "got first bytes '', wanted '00 00 08 03'"),
    (b"\x89PNG\r\n\x1a\n", "got first bytes '89 50 4e 47'"),
    (bytes.fromhex("00000802 00000001 00000001 00"), "got first bytes '00 00 08 02'"),   # rank 2
    (bytes.fromhex("00000d01 00000001 00000000"), "got first bytes '00 00 0d 01'"),      # float32
    (bytes.fromhex("00000803 00000002"), "got 8 bytes, wanted an IDX header of 16"),
    (bytes.fromhex("00000801 00000002 0101 01"), "got more bytes of data, wanted 2 for shape (2,)"),
    (bytes.fromhex("00000803 ffffffff ffffffff ffffffff 01"),
     "got shape (4294967295, 4294967295, 4294967295) in the header, wanted at most 1,073,741,824"),
    (bytes.fromhex("00000803 00000400 00000400 00000400 01"),
     f"got 1 bytes of data, wanted {2 ** 30} for shape"),
])
def test_foreign_content_is_reported_in_one_line(write, content, message):
    with pytest.raises(ValueError, match=re.escape(f"foreign: {message}")) as raised:
        read_idx(write("foreign", content))
    assert "\n" not in str(raised.value)
