"""PNG files, written out by the format's definition."""
import struct
import zlib

import numpy as np

GREY, RGB, PALETTE, GREY_AND_ALPHA, RGBA = 0, 2, 3, 4, 6


def chunk(kind, content):
    """Return one chunk: its length, kind, content and checksum."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(pixels, colour_type, depth=8, *more):
    """Return a PNG of integers of some bits each; more chunks stand before the pixels."""
    height, width = pixels.shape[:2]
    bits = pixels.reshape(height, -1, 1).astype(">u2").view(np.uint8)
    bits = np.unpackbits(bits, axis=2)[..., -depth:].reshape(height, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(bits, axis=1))   # filter 0
    return file(width, height, colour_type, depth, zlib.compress(rows), *more)


def file(width, height, colour_type, depth, packed, *more):
    """Return a PNG whose header says these sizes, whatever its pixels are."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *more,
                     chunk(b"IDAT", packed), chunk(b"IEND", b"")])
