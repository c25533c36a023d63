"""Windows that slide over channel-last images: where their pixels lie."""


def window_pixels(shape, window, stride):
    """Yield for each place (a, b) in the window the pixels that stand there, in all windows.

    Parameters
    ----------
    shape : tuple
        Of the images, (n, h, w, c).
    window : (int, int)
        Height and width, no larger than the images.
    stride : int

    Yields
    ------
    a, b : int
    pixels : index
        ``x[pixels]`` of images x is (n, h', w', c); its entry ``[n, h, w, c]`` is
        ``x[n, stride * h + a, stride * w + b, c]``.
    """
    rows, columns = ((length - size) // stride * stride + 1
                     for length, size in zip(shape[1:3], window))
    for a in range(window[0]):
        for b in range(window[1]):
            yield a, b, (slice(None), slice(a, a + rows, stride), slice(b, b + columns, stride))
