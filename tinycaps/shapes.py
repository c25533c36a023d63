"""Checks of arrays: shape, kind of number, precision, memory; `tinycaps.checks` hands them on."""
import numpy as np

from .backend import get_xp, is_array

HALF = 65504
"""The largest number of float16."""


def check_shapes(**arrays):
    """Check arrays against named axes, ``check_shapes(u=(u, "n,i,p"), W=(W, "i,j,q,p"))``.

    The same letter means the same size in every array of the call, and so does a leading ``...``,
    which stands for any number of axes. A tuple of integers, such as the shape in a config, may
    replace the letters, with None where any size will do. Arrays are of floating-point numbers, all
    of one precision, unless the axes say otherwise:

        "n,k"         floating-point numbers
        ""            a Python number, or a 0-d array: the upstream gradient of a loss
        "n < k"       labels: integers in 0..k-1, one for each n; earlier arrays have set n and k
        "bool n,k"    a mask
        "square n,k"  floating-point numbers, the sum of whose squares along the last axis they hold

    Returns
    -------
    xp : module
        numpy or cupy, the one that all arrays belong to.

    Raises
    ------
    TypeError
        If an argument is not an array, holds other numbers, or differs in precision or memory from
        most others.
    ValueError
        If a shape is wrong, an array is empty, or a label is out of range.
    """
    sizes, first, found = {}, None, {}
    for name, (array, axes) in arrays.items():
        if axes == "" and isinstance(array, (int, float)) and not is_array(array):
            continue
        found[name] = array
        if isinstance(axes, str) and "<" in axes:
            samples, classes = (sizes[letter.strip()][0] for letter in axes.split("<"))
            check_labels(array, samples, classes, name)
            continue
        kind, _, axes = axes.rpartition(" ") if isinstance(axes, str) else ("", "", axes)
        _check_kind(name, array, kind)
        if kind != "bool":
            first = first or name
            if _precision(array) != _precision(found[first]):
                odd, usual = _by_precision(name, first, arrays)
                raise TypeError(f"{odd}: got {found[odd].dtype}, wanted the precision of {usual}, "
                                f"{found[usual].dtype}")
        _check_axes(name, array.shape, axes, sizes)
        if kind == "square":
            _check_squares(name, array)
    return named_xp(**found)


def check_like(**arrays):
    """Check that arrays have one shape, precision and memory, ``check_like(dv=dv, v=v)``."""
    *_, like = arrays.values()
    return check_shapes(**{name: (array, like.shape) for name, array in reversed(arrays.items())})


def named_xp(**arrays):
    """Return the array module of arguments, and name them if they have none in common."""
    try:
        return get_xp(*arrays.values())
    except TypeError as error:
        raise TypeError(f"{', '.join(arrays)}: {error}") from None


def _precision(array):
    """Return the bits of one real number: float32 and complex64 have the same."""
    return array.dtype.itemsize * 8 // (2 if array.dtype.kind == "c" else 1)


def _by_precision(name, first, arrays):
    """Return the names of two arrays, first the one whose precision fewer of all arrays have."""
    bits = [_precision(array) for array, _ in arrays.values()
            if is_array(array) and array.dtype.kind in "fc"]
    return sorted([name, first], key=lambda each: bits.count(_precision(arrays[each][0])))


def _check_kind(name, array, kind):
    if not is_array(array):
        raise TypeError(f"{name}: got {type(array).__name__}, wanted a NumPy or CuPy array")
    if array.dtype.kind not in ("b" if kind == "bool" else "fc"):
        wanted = "bool" if kind == "bool" else "floating-point numbers"
        raise TypeError(f"{name}: got dtype {array.dtype}, wanted {wanted}")
    if array.dtype == np.float16 and max(array.shape, default=0) > HALF:
        raise TypeError(f"{name}: got float16 of shape {array.shape}, wanted float32: half "
                        f"precision has no number above {HALF:,}, so means and sums over an axis "
                        "like this do not fit")


def _check_squares(name, array):
    xp = get_xp(array)
    with np.errstate(over="ignore"):
        lost = xp.isinf((array * array).sum(axis=-1)) & xp.isfinite(array).all(axis=-1)
    if lost.any():
        raise ValueError(f"{name}: got numbers up to {float(abs(array).max()):.3g}, wanted vectors "
                         f"whose squared length {array.dtype} can hold")


def _check_axes(name, shape, axes, sizes):
    """Bind the letters of an array's axes in sizes: letter -> (size, the array that set it)."""
    if 0 in shape:
        raise ValueError(f"{name}: got shape {shape}, wanted at least one along every axis")
    if not isinstance(axes, str):
        fits = [want is None or want == size for size, want in zip(shape, axes)]
        if len(shape) != len(axes) or not all(fits):
            wanted = _written("n" if want is None else want for want in axes)
            raise ValueError(f"{name}: got shape {shape}, wanted {wanted}")
        return
    letters = axes.split(",") if axes else []
    leading = letters[:1] == ["..."]
    more = len(shape) - len(letters) + leading
    if more < 0 or (more > 0 and not leading):
        raise ValueError(f"{name}: got shape {shape}, wanted {_written(letters)}")
    for letter, size in zip(letters, [shape[:more], *shape[more:]] if leading else shape):
        bound, origin = sizes.setdefault(letter, (size, name))
        if size != bound:
            raise ValueError(f"{name}: got shape {shape}, wanted {_written(letters)} "
                             f"with {letter} = {bound} as in {origin}")


def _written(axes):
    axes = [str(axis) for axis in axes]
    return f"({', '.join(axes)}{',' * (len(axes) == 1)})"


def check_labels(labels, samples, classes, name="labels"):
    """Check labels against (samples,) integers in 0..classes-1.

    Raises
    ------
    TypeError
        If labels are not an array of integers.
    ValueError
        If the shape is wrong or a label is out of range. CuPy would wrap such an index silently.
    """
    if not is_array(labels) or labels.dtype.kind not in "iu":
        came = f"dtype {labels.dtype}" if is_array(labels) else type(labels).__name__
        raise TypeError(f"{name}: got {came}, wanted an array of integers")
    if labels.shape != (samples,) or samples == 0:
        raise ValueError(f"{name}: got shape {labels.shape}, wanted ({samples or 'at least 1'},)")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(f"{name}: got values {low}..{high}, wanted 0..{classes - 1}")


def check_finite(**arrays):
    """Check that no sample of floating-point arrays (n, ...) holds NaN or infinity.

    Raises
    ------
    ValueError
        If one does: the message says how many do, and which is the first.
    """
    for name, array in arrays.items():
        bad = ~get_xp(array).isfinite(array).reshape(len(array), -1).all(axis=1)
        if bad.any():
            raise ValueError(f"{name}: got NaN or infinity in {int(bad.sum())} of {len(bad)} "
                             f"samples, first in number {int(bad.argmax())}, wanted finite numbers")


def check_images(images):
    """Check that images are finite floating-point (n, h, w, c), at least one.

    Raises
    ------
    TypeError
        If they are not an array of floating-point numbers.
    ValueError
        If the number of axes is wrong, there are no images, or a pixel is NaN or infinite.
    """
    check_shapes(images=(images, "n,h,w,c"))
    check_finite(images=images)
