"""Max pooling of channel-last images."""
from ..backend import get_xp
from ..checks import check_count, check_shapes


def max_pool_forward(x, size=2, stride=None):
    """Keep the largest number of every window, channel by channel.

        y_nyxc = max_ab x_n,(s·y+a),(s·x+b),c,   0 ≤ a, b < size

    Parameters
    ----------
    x : array (n, h, w, c)
    size : int
        Height and width of the window in pixels.
    stride : int, optional
        Default: size, windows side by side. Rows and columns that fill no window are left out.

    Returns
    -------
    y : array (n, h', w', c)
    cache : tuple

    Raises
    ------
    ValueError
        If the window is larger than the image, or size or stride < 1.

    Notes
    -----
    The textbook pooling. Where several entries tie for the maximum, the first in reading order gets the gradient.
    """
    stride = size if stride is None else stride
    check_shapes(x=(x, "n,h,w,c"))
    check_count(size=size, stride=stride)
    if size > min(x.shape[1:3]):
        raise ValueError(f"size: got {size}, wanted at most the image's {x.shape[1]} x {x.shape[2]} pixels")
    xp = get_xp(x)
    first, *others = _windows(x.shape, size, stride)
    y = x[first].copy()
    for window in others:
        y = xp.maximum(y, x[window])
    return y, (x, y, size, stride)


def max_pool_backward(dy, cache):
    """Return the gradient with respect to x: forward passed on one entry of each window, so that entry gets all of dy.

    Parameters
    ----------
    dy : array (n, h', w', c)
    cache : tuple

    Returns
    -------
    dx : array (n, h, w, c)
    """
    x, y, size, stride = cache
    check_shapes(dy=(dy, y.shape), y=(y, y.shape))
    xp = get_xp(x)
    dx = xp.zeros_like(x)
    free = xp.ones(y.shape, dtype=bool)
    for window in _windows(x.shape, size, stride):
        first = free & (x[window] == y)
        dx[window] += dy * first
        free &= ~first
    return dx


def _windows(shape, size, stride):
    """Yield for each place in the window the index of the pixels that stand there, all windows at once."""
    rows, columns = ((length - size) // stride * stride + 1 for length in shape[1:3])
    for a in range(size):
        for b in range(size):
            yield slice(None), slice(a, a + rows, stride), slice(b, b + columns, stride)
