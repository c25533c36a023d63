"""One file from the first mirror that serves it whole."""
import io
import sys
import threading
import time
import uuid

SILENCE = 30
"""Seconds that a mirror may send nothing."""
LONGEST = 600
"""Seconds that a mirror may take for a file."""


def download(urls, path, check, limit):
    """Write to path what the first good url serves.

    The file appears under its name only when it is complete and checked: no other process ever sees
    half of it.

    A mirror that serves another file, more bytes than the limit, nothing for half a minute, or not
    all within ten minutes, is left for the next.

    Parameters
    ----------
    urls : sequence of str
        The same file on several mirrors, tried in this order.
    path : Path
        Its folder is made if it does not exist; an existing file is replaced.
    check : callable
        ``check(content, url)`` raises a ValueError that names the url if the content is wrong.
    limit : int
        Bytes that are taken at most.

    Raises
    ------
    OSError
        If no mirror serves a good file: one line that names each and the reason.
    """
    faults = []
    for url in urls:
        try:
            content = _get(url, limit)
            check(content, url)
        except (OSError, ValueError) as error:
            faults.append(str(error))
        else:
            return _write(content, path)
    raise OSError(f"{path.name}: got it from no mirror: {'; '.join(faults)}")


def _get(url, limit):
    """Return what the url serves, with a progress bar on a terminal and none in a log.

    No limit of a reader holds against a mirror that sends a byte now and then, so the reader has a
    thread of its own, which is left alone when its time is over.
    """
    buffer, faults = _Buffer(limit), []
    thread = threading.Thread(target=_fill, args=(buffer, url, faults), daemon=True)
    thread.start()
    thread.join(LONGEST)
    if thread.is_alive():
        raise OSError(f"{url}: got {buffer.tell():,} bytes in {LONGEST} s, wanted the whole file")
    if faults:
        raise OSError(f"{url}: {faults[0]}")
    return buffer.getvalue()


def _fill(buffer, url, faults):
    import pooch
    try:
        pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=2**16, timeout=SILENCE)(
            url, buffer, None)
    except Exception as error:          # whatever it is, it is this mirror's, and there is another
        faults.append(" ".join(str(error).split()))


class _Buffer(io.BytesIO):
    """Takes a file that has an end, in size and in time."""

    def __init__(self, limit):
        super().__init__()
        self.limit, self.end = limit, time.monotonic() + LONGEST

    def write(self, piece):
        if self.tell() + len(piece) > self.limit:
            raise OSError(f"got more than {self.limit:,} bytes, wanted at most these")
        if time.monotonic() > self.end:
            raise OSError("got it too late")
        return super().write(piece)


def _write(content, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")     # also among threads
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
