"""Max pooling of channel-last images."""
from ..backend import get_xp
from ..checks import check_count, door
from .windows import window_pixels


@door(x="n,h,w,c")
def max_pool_forward(x, size=2, stride=None):
    """Keep the largest number of every window, channel by channel.

        y_nhwc = max_ab x_n,(s·h+a),(s·w+b),c        [a]

    Parameters
    ----------
    x : array (n, h, w, c)
    size : int
        Height and width of the window in pixels; a and b run from 0 to size − 1.
    stride : int, optional
        s; default: size, windows side by side. Rows and columns that fill no window are left out.

    Returns
    -------
    y : array (n, h', w', c)

    Notes
    -----
    The textbook pooling. Of several entries that tie for the maximum, the first in reading order
    gets the gradient.
    Loops: tests.reference.ops.max_pool
    """
    stride = size if stride is None else stride                     # [a -]
    check_count(size=size, stride=stride)
    if size > min(x.shape[1:3]):
        raise ValueError(f"size: got {size}, wanted at most the image's {x.shape[1]} x "
                         f"{x.shape[2]} pixels")
    xp = get_xp(x)
    y = -xp.inf                                                     # [a -]
    for _, _, pixels in window_pixels(x.shape, (size, size), stride):   # [a -]
        y = xp.maximum(y, x[pixels])                                # [a]
    return y, (x, y, size, stride)


@door(dy="n,h',w',c", cache=("n,h,w,c", "n,h',w',c"))
def max_pool_backward(dy, cache):
    """dy (n, h', w', c) -> dx (n, h, w, c).

    Forward passed on one entry of each window, so that entry gets the window's dy and the others
    get nothing. An entry that wins several windows, where they overlap, collects from each.
    """
    x, y, size, stride = cache
    xp = get_xp(x, dy)
    dx = xp.zeros_like(x)
    free = xp.ones(y.shape, dtype=bool)                             # [a -] no winner so far
    for _, _, pixels in window_pixels(x.shape, (size, size), stride):   # [a -]
        wins = free & (x[pixels] == y)                              # [a] y = max x: the first such
        dx[pixels] += dy * wins                                     # [a] dx = dy there
        free &= ~wins                                               # [a -]
    return dx
