"""Time: the seconds of a call, which divided by its images are the time per image read."""
import time

from ..backend import to_numpy
from ..checks import check_count


def seconds(function, *arguments, repeats=5):
    """Return the least seconds of a few calls, after one that is not counted.

    Parameters
    ----------
    function : callable
        Returns an array: on a device, its way to the host waits for the work to be done.
    *arguments
    repeats : int

    Returns
    -------
    float

    Notes
    -----
    The least, since whatever else the machine does can only add to it.
    """
    check_count(repeats=repeats)
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        to_numpy(function(*arguments))
        times.append(time.perf_counter() - started)
    return min(times[1:])
