"""Convolution of channel-last images: copy every patch into a row, then one matrix product.

Row (n, y, x) of the columns matrix holds the kh × kw × c_in numbers that output pixel (y, x) of image n sees, so that

    forward      out = columns @ W                    the copy: one run of kw·c_in numbers for each kernel row and output column
    backward     dW = columnsᵀ @ dout
                 dcolumns = dout @ Wᵀ                 its mirror: the same runs, added back to where they came from

Channel-last order makes a run, the neighbouring pixels of a kernel row with all their channels, contiguous in memory.
"""
from ..backend import get_xp
from ..checks import check_count, check_shapes


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
    columns = _to_columns(padded, kernel, stride)
    out = columns.reshape(-1, W[..., 0].size) @ W.reshape(-1, W.shape[3])
    out += bias
    return out.reshape(*columns.shape[:3], -1), (columns, W, padded.shape, border, stride)


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
    columns, W, padded_shape, border, stride = cache
    check_shapes(dout=(dout, (*columns.shape[:3], W.shape[3])), W=(W, W.shape))
    dflat = dout.reshape(-1, W.shape[3])
    dW = (columns.reshape(len(dflat), -1).T @ dflat).reshape(W.shape)
    dbias = dflat.sum(axis=0)
    if not input_gradient:
        return None, dW, dbias
    dcolumns = (dflat @ W.reshape(-1, W.shape[3]).T).reshape(columns.shape)
    dpadded = _from_columns(dcolumns, padded_shape, stride)
    (top, bottom), (left, right) = border
    return dpadded[:, top:padded_shape[1] - bottom, left:padded_shape[2] - right], dW, dbias


def _border(size, kernel, stride, padding):
    """Zeros to add: ((top, bottom), (left, right))."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        raise ValueError(f"padding: got {padding!r}, wanted 'valid' or 'same'")
    missing = [max((-(-length // stride) - 1) * stride + k - length, 0) for length, k in zip(size, kernel)]
    return tuple((m // 2, m - m // 2) for m in missing)


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
