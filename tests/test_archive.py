"""Arrays out of npz files, whole and damaged."""
import io
import re
import struct
import zipfile

import numpy as np
import pytest

from tinycaps import archive
from tinycaps.archive import read_arrays

ARRAYS = dict(images=np.arange(60, dtype=np.uint8).reshape(3, 4, 5), labels=np.arange(3),
              head=np.array("text"), turned=np.arange(6.0).reshape(2, 3).T, empty=np.zeros((0, 2)))
WRONG = "got a file that is cut short, damaged or not npz"


def packed(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def same(found, wanted):
    return list(found) == list(wanted) and all(
        np.array_equal(found[name], array) and found[name].dtype == array.dtype
        for name, array in wanted.items())


@pytest.fixture
def read(tmp_path):
    """read(content) writes a file and reads its arrays."""
    def read(content, **limits):
        (tmp_path / "a.npz").write_bytes(content)
        return read_arrays(str(tmp_path / "a.npz"), **limits)
    return read


@pytest.fixture
def refuse(read, tmp_path):
    """refuse(content, reason) writes a file that is refused in one line which gives the reason."""
    def refuse(content, reason, **limits):
        with pytest.raises(ValueError, match=reason) as raised:
            read(content, **limits)
        line = str(raised.value)
        assert line.startswith(f"{tmp_path / 'a.npz'}: {WRONG} (") and "\n" not in line
        assert line.endswith("), wanted one written by numpy.savez")
    return refuse


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_as_they_were_and_can_be_written(read, save):
    found = read(packed(save, **ARRAYS))
    assert same(found, ARRAYS) and found["images"].flags.writeable
    assert read(packed(save)) == {}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_no_damage_passes(read, save):
    arrays = dict(images=ARRAYS["images"], labels=np.arange(2))
    content = packed(save, **arrays)
    for place in range(0, len(content), 7):
        bent = bytearray(content)
        bent[place] ^= 1 << place % 8
        for damaged in bytes(bent), content[:place], content[:place] + bytes(16) + content[place:]:
            try:
                found = read(damaged)
            except ValueError as error:
                assert WRONG in str(error) and "\n" not in str(error)
            else:           # a byte that nobody reads, such as a date
                assert same(found, arrays)


def test_a_header_that_makes_its_array_shorter_is_seen(refuse):
    # In NumPy's reader 2 of 3 images and a checksum that is never compared.
    content = packed(images=ARRAYS["images"])
    assert content.count(b"(3, 4, 5)") == 1
    refuse(content.replace(b"(3, 4, 5)", b"(2, 4, 5)"), "checksum of images.npy is wrong")


def test_an_end_that_was_not_written_is_no_empty_file(refuse):
    content = packed(a=np.zeros(3))
    end = content.index(b"PK\5\6") + 4
    refuse(content[:end] + bytes(18), "something stands before or after it")
    refuse(b"?" + content, "something stands before or after it")
    refuse(content + bytes(22), "something stands before or after it")


def test_a_member_hidden_by_one_bit_of_the_directory_is_missed(refuse):
    content = bytearray(packed(a=np.zeros(1), b=np.zeros(1)))
    first = content.index(b"PK\1\2")
    entry = content.index(b"PK\1\2", first + 1) - first
    content[first + 32:first + 34] = struct.pack("<H", entry)       # the length of a comment
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["a.npy"]
    refuse(content, "1 members in a directory of 2")


def test_a_directory_of_more_members_than_the_end_record_can_count(read, refuse, monkeypatch):
    monkeypatch.setattr(archive, "MOST_COUNTED", 3)
    arrays = {name: np.zeros(1) for name in "abcde"}
    content = packed(**arrays)
    counted = [content[:-12] + struct.pack("<H", count) + content[-10:] for count in (3, 4)]
    assert same(read(counted[0]), arrays)
    refuse(counted[1], "5 members in a directory of 4")


def member(content, name="a.npy", count=1):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for _ in range(count):
            archive.writestr(name, content)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("content, reason", [
    (b"", "not a zip file"),
    (b"\x89PNG\r\n\x1a\n", "not a zip file"),
    (npy(np.zeros(3)), "not a zip file"),
    (member(b"no array"), "magic string is not correct"),
    (member(npy(np.zeros(3)) + b"?"), re.escape("a.npy has 25 bytes for float64 of shape (3,)")),
    (member(npy(np.zeros(3))[:-1]), re.escape("a.npy has 23 bytes for float64 of shape (3,)")),
    (member(npy(np.zeros(3)).replace(b"(3,), } ", b"(-3,), }")), r"float64 of shape \(-3,\)"),
    (member(npy(np.zeros(3)).replace(b"(3,)", b"(3,,")), "EOF|header"),
    (member(b"\x93NUMPY\3\0"), r"a.npy has version \(3, 0\) of the npy format"),
    (packed(**{"a": np.zeros(2), "b": np.zeros(1)}).replace(b"b.npy", b"a.npy"),
     "2 members in a directory of 2, or one of them twice"),
])
def test_content_of_other_kinds_is_refused(refuse, content, reason):
    refuse(content, reason)


def test_python_objects_are_refused_and_not_called_damage(read, tmp_path):
    with pytest.raises(ValueError) as raised:
        read(member(npy(np.array([{}], object))))
    assert str(raised.value) == (f"{tmp_path / 'a.npz'}: got a.npy, which holds Python objects, "
                                 "wanted arrays of numbers or text")


def test_sizes_are_compared_before_memory_is_taken(refuse, read):
    huge = npy(np.zeros(3)).replace(b"(3,), }" + b" " * 12, b"(3000000000000,), }")
    refuse(member(huge), r"a.npy has 24 bytes for float64 of shape \(3000000000000,\)")
    content = packed(np.savez_compressed, a=np.zeros(10 ** 6))
    assert len(content) < 10 ** 4
    refuse(content, "8,000,128 bytes unpacked, more than 8,000,127", limit=8_000_127)
    assert read(content, limit=8_000_128)["a"].nbytes == 8_000_000


def test_a_directory_that_asks_for_much_is_refused(refuse):
    content = bytearray(packed(a=np.zeros(3)))
    size = content.index(b"PK\1\2") + 24
    content[size:size + 4] = struct.pack("<I", 2 ** 32 - 2)
    refuse(content, "4,294,967,294 bytes unpacked, more than 2,147,483,648")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.npz"):
        read_arrays(tmp_path / "none.npz")


def test_too_little_memory_is_no_damage(read, monkeypatch):
    def none(*arguments, **keywords):
        raise MemoryError("none left")
    monkeypatch.setattr("numpy.lib.format.read_array", none)
    with pytest.raises(MemoryError):
        read(packed(a=np.zeros(3)))
