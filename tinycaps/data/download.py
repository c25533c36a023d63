"""One file from the first mirror that serves it whole."""
import io
import os
import sys


def download(urls, path, check):
    """Write to path what the first good url serves.

    The file appears under its name only when it is complete and checked: no other process ever sees
    half of it.

    Parameters
    ----------
    urls : sequence of str
        The same file on several mirrors, tried in this order.
    path : Path
        Its folder is made if it does not exist; an existing file is replaced.
    check : callable
        ``check(content, url)`` raises a ValueError that names the url if the content is wrong.

    Raises
    ------
    OSError
        If no mirror serves a good file: one line that names each and the reason.
    """
    faults = []
    for url in urls:
        try:
            content = _get(url)
            check(content, url)
        except (OSError, ValueError) as error:
            faults.append(str(error))
        else:
            return _write(content, path)
    raise OSError(f"{path.name}: got it from no mirror: {'; '.join(faults)}")


def _get(url):
    """Return what the url serves, with a progress bar on a terminal and none in a log."""
    import pooch
    buffer = io.BytesIO()
    try:
        pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=2**16)(url, buffer, None)
    except OSError as error:  # every error of requests is one
        raise OSError(f"{url}: {error}") from None
    return buffer.getvalue()


def _write(content, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
