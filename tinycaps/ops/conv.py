"""Convolution of channel-last images: copy what each output pixel sees into a row, then multiply.

Row (n, h, w) of the columns holds the kh × kw × c_in numbers that output pixel (h, w) of image n
sees, in the order in which W holds the kernels. To a matrix product both are matrices.

    forward                                      backward
    -----------------------------------------    -----------------------------------------------
    columns = pixels of x, copied       [a]      dx = dcolumns, added back to the pixels
    out = columns W + bias              [b]      dcolumns = dout Wᵀ
                                                 dW = columnsᵀ dout,  dbias = Σ dout

Read the right column from the bottom up. A pixel is copied once for each window that it lies in, up
to kh·kw times, so columns are large: 0.4 GB for CapsNet's second convolution and 128 images. They
are made for a few images at a time, not kept, and made again by the backward: in that convolution
the copy takes 3 % of the time of one product.
"""
import math
from typing import NamedTuple

from ..backend import get_xp
from ..checks import check_choice, check_count, check_shapes, door
from .windows import window_pixels

COLUMNS = 6_000_000
"""The most numbers of columns at a time, unless a single image has more."""


class Conv2dCache(NamedTuple):
    """What the backward of a convolution needs; others read the shape of the output."""

    x: object
    """The images with their border of zeros."""
    W: object
    out_shape: tuple
    border: tuple
    """Rows and columns of zeros: ((top, bottom), (left, right))."""
    stride: int


@door(x="n,h,w,c_in", W="kh,kw,c_in,c_out", bias="c_out")
def conv2d_forward(x, W, bias, stride=1, padding="valid"):
    """Slide a bank of kernels over images.

        columns_nhw,abc = x_n,(s·h+a−top),(s·w+b−left),c           [a]
        out_nhwf = Σ_abc columns_nhw,abc W_abcf + bias_f           [b]

    Parameters
    ----------
    x : array (n, h, w, c_in)
        Taken as zero outside of the image.
    W : array (kh, kw, c_in, c_out)
    bias : array (c_out,)
    stride : int
        s, in pixels, along both axes.
    padding : "valid" or "same"
        "valid": top = left = 0, and no kernel leaves the image. "same": enough zeros around for
        ⌈h/s⌉ by ⌈w/s⌉ outputs; of an odd number the bottom and the right get one more.

    Returns
    -------
    out : array (n, h', w', c_out)

    Notes
    -----
    Cross-correlation, as in every framework: the kernel is not flipped.
    Loops: tests.reference.ops.conv2d
    """
    check_count(stride=stride)
    check_choice(("valid", "same"), padding=padding)
    xp = get_xp(x, W)
    border = _border(x.shape, W.shape, stride, padding)
    if padding == "same":
        x = xp.pad(x, ((0, 0), *border, (0, 0)))                    # [a]
    (n, h, w, _), (kh, kw, _, f) = x.shape, W.shape
    if kh > h or kw > w:
        raise ValueError(f"W: got a kernel of {kh} x {kw} pixels, wanted at most the image's "
                         f"{h} x {w}")
    out = xp.zeros((n, (h - kh) // stride + 1, (w - kw) // stride + 1, f), x.dtype)     # [b -]
    for few in _images(out.shape, W.shape):
        columns = _to_columns(x[few], W.shape, stride)              # [a]
        out[few] = xp.tensordot(columns, W, axes=3) + bias          # [b] axes=3: over a, b, c
    return out, Conv2dCache(x, W, out.shape, border, stride)


def _fits(dout, cache, input_gradient=True):
    check_shapes(W=(cache.W, cache.W.shape), dout=(dout, cache.out_shape))


@door(_fits)
def conv2d_backward(dout, cache, input_gradient: bool = True):
    """dout (n, h', w', c_out) -> dx (n, h, w, c_in), dW (kh, kw, c_in, c_out), dbias (c_out,).

    The derivation is the right column of the module's docstring. A first layer needs no dx; leaving
    it out (None) saves one of the three products of forward and backward.
    """
    x, W, out_shape, border, stride = cache
    xp = get_xp(dout, W)
    dx, dW = xp.zeros_like(x) if input_gradient else None, xp.zeros_like(W)
    nhw, f = (0, 1, 2), 3
    for few in _images(out_shape, W.shape):
        columns = _to_columns(x[few], W.shape, stride)              # [a] as in the forward
        dW += xp.tensordot(columns, dout[few], axes=(nhw, nhw))     # [b] out = columns W
        if input_gradient:
            dcolumns = xp.tensordot(dout[few], W, axes=(f, f))      # [b] so dcolumns = dout Wᵀ
            _add_columns(dcolumns, dx[few], stride)                 # [a] a copy: added back
    if input_gradient:
        (top, bottom), (left, right) = border
        dx = dx[:, top:x.shape[1] - bottom, left:x.shape[2] - right]    # [a] the zeros get none
    return dx, dW, dout.sum(axis=nhw)                               # [b] + bias: dbias = Σ dout


def _border(image_shape, kernel_shape, stride, padding):
    """Return the number of rows and columns of zeros: ((top, bottom), (left, right))."""
    if padding == "valid":
        return (0, 0), (0, 0)
    missing = [max((-(-length // stride) - 1) * stride + k - length, 0)
               for length, k in zip(image_shape[1:3], kernel_shape)]
    return tuple((m // 2, m - m // 2) for m in missing)


def _images(out_shape, kernel_shape):
    """Return slices of the images whose columns are made together."""
    n, h, w, _ = out_shape
    step = max(1, COLUMNS // (h * w * math.prod(kernel_shape[:3])))
    return [slice(start, start + step) for start in range(0, n, step)]


def _to_columns(x, kernel_shape, stride):
    """Copy the pixels of x (n, h, w, c) into columns (n, h', w', kh, kw, c)."""
    (n, h, w, c), (kh, kw, *_) = x.shape, kernel_shape
    shape = n, (h - kh) // stride + 1, (w - kw) // stride + 1, kh, kw, c
    columns = get_xp(x).empty(shape, x.dtype)
    for a, b, pixels in window_pixels(x.shape, (kh, kw), stride):
        columns[:, :, :, a, b] = x[pixels]
    return columns


def _add_columns(dcolumns, dx, stride):
    """Add columns to the images dx that they were copied from: `_to_columns` line by line."""
    for a, b, pixels in window_pixels(dx.shape, dcolumns.shape[3:5], stride):
        dx[pixels] += dcolumns[:, :, :, a, b]
