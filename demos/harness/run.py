"""How a demo begins and ends: its place and device checked first, one line for an error, a code."""
import os
import signal
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
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:                     # not where it is ignored
        signal.signal(signal.SIGINT, interrupt)
    try:
        sys.exit(main(argv))
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        print(f"error: {describe(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        checkpoints = Path("runs").glob("*/checkpoint.npz")
        if any(path.stat().st_mtime >= started for path in checkpoints):
            print("the same command with --resume goes on from the last checkpoint",
                  file=sys.stderr)
        print("stopped", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, usual)


def interrupt(number, frame):
    """Raise KeyboardInterrupt; in an import, which may swallow it or never end, leave at once."""
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os.write(2, b"stopped\n")
            os._exit(130)
        frame = frame.f_back
    raise KeyboardInterrupt


def describe(error):
    """Return what an error says and, if it names neither file nor size, what was being done."""
    import traceback
    unnamed = isinstance(error, OSError) and error.errno and error.filename is None
    if str(error) and not unnamed:
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if {"tinycaps", "demos"} & {*Path(each.filename).parts}]
    last, message = (ours or frames)[-1], str(error) or "out of memory"
    return f"{message}: in {last.name}, line {last.lineno} of {last.filename}: {last.line}"


def prepare(arguments):
    """Raise before the work, not after it, if the device is missing or --out cannot be written."""
    from tinycaps.backend import asarray
    from tinycaps.checkpoint import sweep
    if getattr(arguments, "device", "cpu") == "gpu":
        asarray([0.0], "gpu")
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=arguments.out).close()
        sweep(arguments.out, age=3600)                          # others may write here just now
    except OSError as error:
        raise OSError(f"out: got {arguments.out}, wanted a folder that can be written "
                      f"({error.strerror})") from None


def exit_code(arguments, error):
    """Return 1 if the error rate is larger than --min-accuracy allows, else 0."""
    return int(arguments.min_accuracy is not None and 1 - error < arguments.min_accuracy)
