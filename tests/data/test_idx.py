import gzip
import re

import numpy as np
import pytest

from tinycaps.data.idx import read_idx

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
    with pytest.raises(FileNotFoundError, match="got no such file"):
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


@pytest.mark.parametrize("content, message", [
    (b"", "got first bytes '', wanted '00 00 08 03'"),
    (b"\x89PNG\r\n\x1a\n", "got first bytes '89 50 4e 47'"),
    (bytes.fromhex("00000802 00000001 00000001 00"), "got first bytes '00 00 08 02'"),   # rank 2
    (bytes.fromhex("00000d01 00000001 00000000"), "got first bytes '00 00 0d 01'"),      # float32
    (bytes.fromhex("00000803 00000002"), "got 8 bytes, wanted an IDX header of 16"),
    (bytes.fromhex("00000801 00000002 0101 01"), "got 3 bytes of data, wanted 2 for shape (2,)"),
    (bytes.fromhex("00000803 ffffffff ffffffff ffffffff 01"),
     f"got 1 bytes of data, wanted {(2**32 - 1)**3} for shape"),
])
def test_foreign_content_is_reported_in_one_line(write, content, message):
    with pytest.raises(ValueError, match=re.escape(f"foreign: {message}")) as raised:
        read_idx(write("foreign", content))
    assert "\n" not in str(raised.value)
