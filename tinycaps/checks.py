"""One clear line for the mistakes people make: the argument, what came, what was wanted."""
import math
import operator

from .backend import free_memory, get_xp, is_array


WORTH_ASKING = 2 ** 26
"""Bytes; below, nobody asks how much memory is free."""


def _precision(array):
    """Bits of one real number: float32 and complex64 have the same."""
    return array.dtype.itemsize * 8 // (2 if array.dtype.kind == "c" else 1)


def check_shapes(**arrays):
    """Hold floating-point arrays against named axes, ``check_shapes(u=(u, "n,i,p"), W=(W, "i,j,q,p"))``.

    The same letter means the same size in every array of the call; a leading ``...`` stands for any number of axes; a tuple
    of integers, such as another array's shape, may replace the letters, with None where any number n will do. All arrays must
    have one precision and one memory.

    Raises
    ------
    TypeError
        If an argument is no array, holds no floating-point numbers, or differs from the first in precision or memory.
    ValueError
        If a shape is wrong, or an array is empty.
    """
    sizes, first = {}, None
    for name, (array, axes) in arrays.items():
        if not is_array(array):
            raise TypeError(f"{name}: got {type(array).__name__}, wanted a NumPy or CuPy array")
        if array.dtype.kind not in "fc":
            raise TypeError(f"{name}: got dtype {array.dtype}, wanted floating-point numbers")
        if first is None:
            first = name
        elif _precision(array) != _precision(arrays[first][0]):
            raise TypeError(f"{name}: got {array.dtype}, wanted the precision of {first}, {arrays[first][0].dtype}")
        _check_axes(name, array.shape, axes, sizes)
    named_xp(**{name: array for name, (array, _) in arrays.items()})


def named_xp(**arrays):
    """Return the array module of arguments, as `tinycaps.backend.get_xp` does, and name them if they have none in common."""
    try:
        return get_xp(*arrays.values())
    except TypeError as error:
        raise TypeError(f"{', '.join(arrays)}: {error}") from None


def check_dloss(dloss, like):
    """Hold the upstream gradient of a loss against a number, or a 0-d array of the precision of ``like``.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    if not isinstance(dloss, (int, float)) or is_array(dloss):
        check_shapes(cache=(like, like.shape), dloss=(dloss, ()))


def _check_axes(name, shape, axes, sizes):
    """Bind the letters of one array's axes in sizes, letter -> (size, name of the array that set it)."""
    if 0 in shape:
        raise ValueError(f"{name}: got shape {shape}, wanted at least one along every axis")
    if not isinstance(axes, str):
        if len(shape) != len(axes) or any(size != want for size, want in zip(shape, axes) if want is not None):
            wanted = ", ".join("n" if want is None else str(want) for want in axes)
            raise ValueError(f"{name}: got shape {shape}, wanted ({wanted}{',' if len(axes) == 1 else ''})")
        return
    letters = axes.split(",")
    trailing = letters[1:] if letters[0] == "..." else letters
    wanted = f"({', '.join(letters)}{',' if len(letters) == 1 else ''})"
    if len(shape) < len(trailing) or (len(shape) > len(trailing) and letters[0] != "..."):
        raise ValueError(f"{name}: got shape {shape}, wanted {wanted}")
    for letter, size in zip(trailing, shape[len(shape) - len(trailing):]):
        bound, origin = sizes.setdefault(letter, (size, name))
        if size != bound:
            raise ValueError(f"{name}: got shape {shape}, wanted {wanted} with {letter} = {bound} as in {origin}")


def check_labels(labels, samples, classes):
    """Hold labels against (samples,) integers in 0..classes-1.

    Raises
    ------
    TypeError
        If labels is no array, or not of integers.
    ValueError
        If the shape is wrong or a label is out of range.
    """
    if not is_array(labels) or labels.dtype.kind not in "iu":
        came = f"dtype {labels.dtype}" if is_array(labels) else type(labels).__name__
        raise TypeError(f"labels: got {came}, wanted an array of integers")
    if labels.shape != (samples,) or samples == 0:
        raise ValueError(f"labels: got shape {labels.shape}, wanted ({samples or 'at least 1'},)")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(f"labels: got values {low}..{high}, wanted 0..{classes - 1}")


def check_count(**counts):
    """Hold integers against 1, 2, 3, ...: ``check_count(iterations=iterations)``.

    Raises
    ------
    ValueError
        If one is not a positive integer.
    """
    for name, count in counts.items():
        try:
            good = not isinstance(count, bool) and operator.index(count) >= 1
        except TypeError:
            good = False
        if not good:
            raise ValueError(f"{name}: got {count!r}, wanted an integer of at least 1")


def check_positive(**numbers):
    """Hold numbers against finite ones above 0: ``check_positive(theta=theta)``.

    Raises
    ------
    ValueError
        If one is something else.
    """
    _check_numbers(lambda number: 0 < number < math.inf, "a finite number above 0", numbers)


def check_not_negative(**numbers):
    """Hold numbers against finite ones of at least 0.

    Raises
    ------
    ValueError
        If one is something else.
    """
    _check_numbers(lambda number: 0 <= number < math.inf, "a finite number of at least 0", numbers)


def check_share(**numbers):
    """Hold numbers against those from 0 to 1.

    Raises
    ------
    ValueError
        If one is something else.
    """
    _check_numbers(lambda number: 0 <= number <= 1, "a number in [0, 1]", numbers)


def _check_numbers(is_good, wanted, numbers):
    for name, number in numbers.items():
        try:
            good = bool(is_good(number))
        except (TypeError, ValueError):
            good = False
        if not good:
            raise ValueError(f"{name}: got {number!r}, wanted {wanted}")


def check_memory(xp, dtype, **arrays):
    """Refuse to begin what cannot fit: ``check_memory(xp, u.dtype, u_hat=dict(n=128, i=1152, j=10, q=16))``.

    Raises
    ------
    MemoryError
        If an array of these axes is larger than what is free.
    """
    for name, axes in arrays.items():
        need = math.prod(axes.values()) * dtype.itemsize
        free = free_memory(xp) if need > WORTH_ASKING else None
        if free is not None and need > free:
            sizes = ", ".join(f"{letter} = {size:,}" for letter, size in axes.items())
            raise MemoryError(f"{name}: got {sizes}, {need / 2 ** 30:,.1f} GiB, wanted at most the {free / 2 ** 30:,.1f} GiB "
                              "that are free: a smaller batch or fewer capsules")


def check_images(images):
    """Hold images against finite floating-point (n, h, w, c), at least one.

    Raises
    ------
    TypeError
        If they are no array of floating-point numbers.
    ValueError
        If the rank is wrong, there are no images, or a pixel is NaN or infinite.
    """
    check_shapes(images=(images, "n,h,w,c"))
    xp = get_xp(images)
    bad = ~xp.isfinite(images).all(axis=(1, 2, 3))
    if bad.any():
        raise ValueError(f"images: got NaN or infinity in {int(bad.sum())} of them, first in number {int(bad.argmax())}, "
                         "wanted finite pixels")
