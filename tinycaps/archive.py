"""Arrays out of an npz file: every one as it was written, or one line that says what is wrong."""
import math
import struct
import zipfile
from pathlib import Path

import numpy as np

LARGEST = 2 ** 31
"""Bytes of all arrays of a file together, unpacked, unless a reader asks for another limit."""
MOST_COUNTED = 2 ** 16 - 1
"""Members that the zip format's end record can count; it says this of more."""
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0}
_END = "<4s6xH10x"
"""The zip format's end record: its magic number, and how many members there are."""


class _PythonObjects(Exception):
    """An array is one of Python objects, which only `pickle` could load."""


def read_arrays(path, limit=LARGEST):
    """Read all arrays of an npz file, as ``numpy.savez`` writes it.

    Sizes are compared before memory is taken: the sum of those in the zip directory with the limit,
    and each of them with the shape in its array's header.

    Parameters
    ----------
    path : str or path
    limit : int
        Bytes of all arrays together, unpacked.

    Returns
    -------
    dict
        Name to array, in the order of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is foreign, damaged, cut short or larger than the limit, or holds an array twice
        or Python objects, which are never loaded.

    Notes
    -----
    `numpy.load` stops where an array ends. It compares no checksum where a damaged header makes the
    array shorter, and does not miss an array that a damaged directory hides.
    """
    path = Path(path)
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                check_directory(archive, limit)
                return {_name(member): _read(archive, member) for member in archive.infolist()}
        except MemoryError:
            raise
        except _PythonObjects as error:
            raise ValueError(f"{path}: got {error}, which holds Python objects, wanted arrays of "
                             "numbers or text") from None
        except Exception as error:      # of zipfile, its decompressors, or NumPy's parser
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path}: got a file that is cut short, damaged or not npz ({reason}),"
                             " wanted one written by numpy.savez") from None


def check_directory(archive, limit):
    """Check that no member is missing, there twice or damaged, and that all are small enough.

    Parameters
    ----------
    archive : zipfile.ZipFile
        Open for reading.
    limit : int
        Bytes of all members together, unpacked.

    Raises
    ------
    ValueError
        In a few words, for a line of the caller's; zipfile and its decompressors raise others.

    Notes
    -----
    zipfile does not compare the number of members in the end record with those in the directory,
    and takes what stands before the first or after the end record for no part of the archive.
    """
    members = archive.infolist()
    archive.fp.seek(-struct.calcsize(_END) - len(archive.comment), 2)
    magic, count = struct.unpack(_END, archive.fp.read(struct.calcsize(_END)))
    if magic != b"PK\5\6" or min([m.header_offset for m in members], default=archive.start_dir):
        raise ValueError("something stands before or after it")
    twice = len(members) - len({_name(member) for member in members})
    if twice or count != min(len(members), MOST_COUNTED):
        raise ValueError(f"{len(members)} members in a directory of {count}, or one of them twice")
    size = sum(member.file_size for member in members)
    if size > limit:
        raise ValueError(f"{size:,} bytes unpacked, more than {limit:,}")
    damaged = archive.testzip()
    if damaged:
        raise ValueError(f"the checksum of {damaged} is wrong")


def _name(member):
    return member.filename.removesuffix(".npy")


def _read(archive, member):
    """Return the array that a member holds, nothing else being in it."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{member.filename} has version {version} of the npy format")
        shape, _, dtype = _HEADERS[version](file)
        if dtype.hasobject:
            raise _PythonObjects(member.filename)
        need, left = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
        if min(shape, default=0) < 0 or need != left:
            raise ValueError(f"{member.filename} has {left:,} bytes for {dtype} of shape {shape}")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
