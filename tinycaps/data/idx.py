"""IDX, the file format of the MNIST family: a magic number, the sizes, the bytes.

    00 00  08      rank           size of axis 0, 1, ...          pixels or labels
           uint8   1 or 3         four bytes each, high first     one byte each, last axis fastest
"""
import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np

from ..checks import check_file

LARGEST = 2 ** 30
"""Bytes of data that are read from one file, unpacked."""
_GZIP_MAGIC = b"\x1f\x8b"
_RANKS = {b"\x00\x00\x08\x01": 1, b"\x00\x00\x08\x03": 3}
_PIECE = 2 ** 20


def is_gzipped(content):
    """Return whether a file's content is gzipped, by its first bytes, whatever its name."""
    return content.startswith(_GZIP_MAGIC)


def gunzip(content, source, limit):
    """Return a file's content uncompressed, or as it is if it is not gzipped.

    Raises
    ------
    ValueError
        If the gzip stream is damaged, cut short or unpacks to more bytes than the limit; source, a
        path or a URL, is named.
    """
    unpacked = _read(_open(io.BytesIO(content)), limit + 1, source)
    if len(unpacked) > limit:
        raise ValueError(f"{source}: got more than {limit:,} bytes unpacked, wanted at most these")
    return unpacked


def read_idx(path):
    """Read images or labels from an IDX file, plain or gzipped.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    ndarray (n, h, w) or (n,), uint8
        Read-only.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, holds something other than images or labels in unsigned bytes, or
        more than 1 GiB of them.

    Notes
    -----
    IDX has no checksum, gzip has one: in a plain file a changed pixel or label cannot be seen.
    """
    path = Path(path)
    check_file(path, "an IDX file, plain or gzipped")
    with path.open("rb") as raw:
        file = _open(raw)
        magic = _read(file, 4, path)
        rank = _RANKS.get(magic)
        if rank is None:
            raise ValueError(f"{path}: got first bytes '{magic.hex(' ')}', "
                             "wanted '00 00 08 03' (images in IDX) or '00 00 08 01' (labels)")
        sizes = _read(file, 4 * rank, path)
        if len(sizes) < 4 * rank:
            raise ValueError(f"{path}: got {4 + len(sizes)} bytes, wanted an IDX header of "
                             f"{4 + 4 * rank}")
        shape = tuple(np.frombuffer(sizes, ">u4").tolist())
        size = math.prod(shape)
        if size > LARGEST:
            raise ValueError(f"{path}: got shape {shape} in the header, wanted at most {LARGEST:,} "
                             "bytes")
        data = _read(file, size + 1, path)          # the one byte more: the end, and its checksum
    if len(data) != size:
        came = f"{len(data)} bytes" if len(data) < size else "more bytes"
        raise ValueError(f"{path}: got {came} of data, wanted {size} for shape {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _open(file):
    """Return the file, or what unpacks it if it is gzipped."""
    gzipped = is_gzipped(file.read(2))
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if gzipped else file


def _read(file, most, source):
    """Return the next bytes of a file, at most the given number; memory grows as they come."""
    content = io.BytesIO()
    try:
        while piece := file.read(min(_PIECE, most - content.tell())):
            content.write(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{source}: got a damaged gzip stream ({error}), wanted a whole "
                         "one") from None
    return content.getvalue()
