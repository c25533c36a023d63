"""The pixels of a PNG or a JPEG, or one line that says why there are none."""
import warnings
from pathlib import Path

import numpy as np

from ..checks import check_file

LARGEST = 2 ** 26
"""Pixels of an image, at most: 8,192 x 8,192."""
WORKING = 1024
"""Pixels along the longer side, at most, of what is returned."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601: how bright red, green and blue are."""
_FORMATS = ("PNG", "JPEG")
_GREY = ("1", "L", "LA")


def read_pixels(path):
    """Read an image, upright and without transparency.

    Bright ink on nothing is put on black, dark ink on white: drawing programs save either. Pixels
    that are transparent because they have a certain colour keep it. Sixteen bits of grey are taken
    for the 8 to 16 that the brightest pixel needs. Large images are made smaller by a whole number;
    each pixel is then the average of a square.

    Parameters
    ----------
    path : str or path
        PNG of any kind, or JPEG.

    Returns
    -------
    ndarray (h, w, 1) or (h, w, 3), float32
        Grey or colours in [0, 1].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is foreign, damaged, cut short or has too many pixels.

    Notes
    -----
    A PNG has checksums, and every one is compared, also of what is not needed. A JPEG has none:
    where its data are damaged it may show another image.
    """
    path = Path(path)
    check_file(path, "a PNG or JPEG")
    return decode_pixels(path, path)


def decode_pixels(file, name):
    """Read an image as `read_pixels` does, from a path or from a file that is open for reading.

    Errors begin with the given name.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = _decode(file)
    except MemoryError:
        raise
    except Exception as error:          # Pillow raises a dozen kinds for what it cannot read
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{name}: got a file that cannot be read ({reason}), wanted a whole PNG "
                         "or JPEG") from None
    return _without_transparency(pixels) if pixels.shape[2] in (2, 4) else pixels


def _decode(file):
    """Return the pixels with transparency, if there is any, as the last of 2 or 4 channels."""
    from PIL import Image, ImageOps, UnidentifiedImageError
    try:
        with Image.open(file, formats=_FORMATS) as image:
            width, height = image.size
            if width * height > LARGEST:
                raise ValueError(f"{width:,} x {height:,} pixels, more than {LARGEST:,}")
            image.verify()                                  # the checksums
    except UnidentifiedImageError:                          # its message is about the path
        raise ValueError("it does not begin as one") from None
    with Image.open(file, formats=_FORMATS) as image:
        if image.mode.startswith("I"):                      # 16 bits of grey, or fewer in them
            grey = np.asarray(image).astype(np.float32)
            white = 2 ** max(8, int(grey.max()).bit_length()) - 1
            small = Image.fromarray(grey / white)
            small.info = image.info
        else:
            clear = "transparency" in image.info and image.mode == "P" or image.mode.endswith("A")
            small = image.convert(("L" if image.mode in _GREY else "RGB") + "A" * clear)
        small = ImageOps.exif_transpose(small.reduce(-(-max(width, height) // WORKING)))
        pixels = np.asarray(small, np.float32) / (1 if small.mode == "F" else 255)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _without_transparency(pixels):
    """Lay pixels, whose last channel is opacity, on black or white, whichever shows the ink."""
    colours, opacity = pixels[..., :-1], pixels[..., -1:]
    brightness = (luma(colours) * opacity).sum()
    paper = float(brightness < 0.5 * opacity.sum())
    return colours * opacity + paper * (1 - opacity)


def luma(colours):
    """Return how bright colours (..., 3) are, or grey (..., 1) as it is: (..., 1)."""
    return colours if colours.shape[-1] == 1 else colours @ LUMA[:, None]
