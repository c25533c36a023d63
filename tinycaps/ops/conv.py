"""Convolution of channel-last images: copy every patch into a row, then a matrix product.

Row (n, y, x) of the columns matrix holds the kh × kw × c_in numbers that output pixel (y, x) of image n sees, so that

    forward      out = columns @ W                    the copy: one run of kw·c_in numbers for each kernel row and output column
    backward     dW = columnsᵀ @ dout
                 dcolumns = dout @ Wᵀ                 its mirror: the same runs, added back to where they came from

Channel-last order makes a run, the neighbouring pixels of a kernel row with all their channels, contiguous in memory. The columns of
CapsNet's second convolution would be 0.4 GB for 128 images, so they are made for a few images at a time, and made again for the
backward: copying is cheap, and memory that is used again at once need not be asked for.
"""
from ..backend import get_xp
from ..checks import check_count, check_shapes

COLUMNS = 6_000_000
"""At most so many numbers of columns at a time, unless one image has more."""


def conv2d_forward(x, W, bias, stride=1, padding="valid"):
    """Slide a bank of kernels over images.

        out_nyxf = Σ_abc x_n,(s·y+a),(s·x+b),c W_abcf + bias_f

    Parameters
    ----------
    x : array (n, h, w, c_in)
    W : array (kh, kw, c_in, c_out)
    bias : array (c_out,)
    stride : int
        In pixels, along both axes.
    padding : "valid" or "same"
        "same" surrounds the images with zeros such that the output is ⌈h/stride⌉ by ⌈w/stride⌉ pixels; where the zeros cannot be
        shared out evenly, the bottom and the right get one more.

    Returns
    -------
    out : array (n, h', w', c_out)
    cache : tuple

    Raises
    ------
    ValueError
        If shapes do not fit, the kernel is larger than the (padded) image, stride < 1, or padding has another name.

    Notes
    -----
    Cross-correlation, as in every framework: the kernel is not flipped.
    """
    check_shapes(x=(x, "n,h,w,c_in"), W=(W, "kh,kw,c_in,c_out"), bias=(bias, "c_out"))
    check_count(stride=stride)
    xp = get_xp(x, W)
    kernel = W.shape[:2]
    border = _border(x.shape[1:3], kernel, stride, padding)
    padded = xp.pad(x, ((0, 0), *border, (0, 0))) if any(map(any, border)) else x
    if kernel[0] > padded.shape[1] or kernel[1] > padded.shape[2]:
        raise ValueError(f"W: got a kernel of {kernel[0]} x {kernel[1]} pixels, wanted at most the image's "
                         f"{padded.shape[1]} x {padded.shape[2]}")
    size = [(length - k) // stride + 1 for length, k in zip(padded.shape[1:3], kernel)]
    out = xp.empty((len(x), *size, W.shape[3]), x.dtype)
    for part in _parts(out.shape, W.shape):
        columns = _to_columns(padded[part], kernel, stride)
        out[part] = (columns.reshape(-1, W[..., 0].size) @ W.reshape(-1, W.shape[3])).reshape(out[part].shape)
    out += bias
    return out, (padded, W, out.shape, border, stride)


def conv2d_backward(dout, cache, input_gradient=True):
    """Return the gradients with respect to x, W and bias.

    Forward had out = columns W + bias with columns a copy of pixels of x, so dW = columnsᵀ dout, dbias = Σ dout, and
    dcolumns = dout Wᵀ is added back to the pixels that were copied.

    Parameters
    ----------
    dout : array (n, h', w', c_out)
    cache : tuple
    input_gradient : bool
        False leaves dx out (None): a first layer needs none.

    Returns
    -------
    dx, dW, dbias : arrays, shaped as x, W, bias
    """
    padded, W, out_shape, border, stride = cache
    check_shapes(dout=(dout, out_shape), W=(W, W.shape))
    xp = get_xp(dout)
    dW = xp.zeros_like(W).reshape(-1, W.shape[3])
    dpadded = xp.empty_like(padded) if input_gradient else None
    for part in _parts(out_shape, W.shape):
        columns = _to_columns(padded[part], W.shape[:2], stride)
        dflat = dout[part].reshape(-1, W.shape[3])
        dW += columns.reshape(len(dflat), -1).T @ dflat
        if input_gradient:
            dcolumns = dflat @ W.reshape(-1, W.shape[3]).T
            dpadded[part] = _from_columns(dcolumns.reshape(columns.shape), padded[part].shape, stride)
    (top, bottom), (left, right) = border
    dx = dpadded[:, top:padded.shape[1] - bottom, left:padded.shape[2] - right] if input_gradient else None
    return dx, dW.reshape(W.shape), dout.sum(axis=(0, 1, 2))


def _border(size, kernel, stride, padding):
    """Zeros to add: ((top, bottom), (left, right))."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        raise ValueError(f"padding: got {padding!r}, wanted 'valid' or 'same'")
    missing = [max((-(-length // stride) - 1) * stride + k - length, 0) for length, k in zip(size, kernel)]
    return tuple((m // 2, m - m // 2) for m in missing)


def _parts(out_shape, kernel_shape):
    """Return slices of the images whose columns are made together."""
    n, h, w, _ = out_shape
    step = max(1, COLUMNS // (h * w * kernel_shape[0] * kernel_shape[1] * kernel_shape[2]))
    return [slice(start, start + step) for start in range(0, n, step)]


def _to_columns(x, kernel, stride):
    """Copy the patches of x (n, h, w, c) into columns (n, h', w', kh, kw, c)."""
    n, h, w, c = x.shape
    columns = get_xp(x).empty((n, (h - kernel[0]) // stride + 1, (w - kernel[1]) // stride + 1, *kernel, c), x.dtype)
    for rows, run, row, column in _runs(columns.shape, stride):
        columns[:, :, column, row] = x[:, rows, run]
    return columns


def _from_columns(dcolumns, shape, stride):
    """Add columns back to the images that they were copied from: the adjoint of `_to_columns`, line by line."""
    dx = get_xp(dcolumns).zeros(shape, dcolumns.dtype)
    for rows, run, row, column in _runs(dcolumns.shape, stride):
        dx[:, rows, run] += dcolumns[:, :, column, row]
    return dx


def _runs(columns_shape, stride):
    """Yield for each kernel row and output column: the image rows it meets, the run of pixels in them, and the two numbers."""
    _, h_out, w_out, kh, kw, _ = columns_shape
    for row in range(kh):
        for column in range(w_out):
            yield slice(row, row + stride * (h_out - 1) + 1, stride), slice(column * stride, column * stride + kw), row, column
