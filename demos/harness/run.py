"""How a demo begins and ends: its place and device checked first, one line for an error, a code."""
import sys
import tempfile
import time
from pathlib import Path


def run(main, argv):
    """Call a demo's main and leave with its exit code.

    An error of the user becomes one line and exit code 2. Ctrl-C leaves with 130 and, where a
    training has written a checkpoint, says how to go on.
    """
    started = time.time() - 1                                   # the times of files are coarse
    try:
        sys.exit(main(argv))
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        checkpoints = Path("runs").glob("*/checkpoint.npz")
        if any(path.stat().st_mtime >= started for path in checkpoints):
            print("the same command with --resume goes on from the last checkpoint",
                  file=sys.stderr)
        print("stopped", file=sys.stderr)
        sys.exit(130)


def prepare(arguments):
    """Raise before the work, not after it, if the device is missing or --out cannot be written."""
    from tinycaps.backend import asarray
    if getattr(arguments, "device", "cpu") == "gpu":
        asarray([0.0], "gpu")
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=arguments.out).close()
    except OSError as error:
        raise OSError(f"out: got {arguments.out}, wanted a folder that can be written "
                      f"({error.strerror})") from None


def exit_code(arguments, error):
    """Return 1 if the error rate is larger than --min-accuracy allows, else 0."""
    return int(arguments.min_accuracy is not None and 1 - error < arguments.min_accuracy)
