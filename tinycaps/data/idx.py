"""IDX, the file format of the MNIST family: a magic number, the sizes, the bytes.

    00 00  08      rank           size of axis 0, 1, ...          pixels or labels
           uint8   1 or 3         four bytes each, high first     one byte each, last axis fastest
"""
import gzip
import math
import zlib
from pathlib import Path

import numpy as np

_GZIP_MAGIC = b"\x1f\x8b"
_RANKS = {b"\x00\x00\x08\x01": 1, b"\x00\x00\x08\x03": 3}


def is_gzipped(content):
    """Return whether a file's content is gzipped, by its first bytes, whatever its name."""
    return content.startswith(_GZIP_MAGIC)


def gunzip(content, source):
    """Return a file's content uncompressed, or as it is if it is not gzipped.

    Raises
    ------
    ValueError
        If the gzip stream is damaged or cut short; source, a path or a URL, is named.
    """
    if not is_gzipped(content):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{source}: got a damaged gzip stream ({error}), wanted a whole "
                         "one") from None


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
        If the file is damaged, or holds something other than images or labels in unsigned bytes.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: got no such file, wanted an IDX file, plain or gzipped")
    content = gunzip(path.read_bytes(), path)
    rank = _RANKS.get(content[:4])
    if rank is None:
        raise ValueError(f"{path}: got first bytes '{content[:4].hex(' ')}', "
                         "wanted '00 00 08 03' (images in IDX) or '00 00 08 01' (labels)")
    start = 4 + 4 * rank
    if len(content) < start:
        raise ValueError(f"{path}: got {len(content)} bytes, wanted an IDX header of {start}")
    shape = tuple(np.frombuffer(content, ">u4", rank, offset=4).tolist())
    if len(content) - start != math.prod(shape):
        raise ValueError(f"{path}: got {len(content) - start} bytes of data, wanted "
                         f"{math.prod(shape)} for shape {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
