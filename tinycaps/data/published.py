"""A published file: named by the user, in the folder of TINYCAPS_DATA, cached, or downloaded."""
import os
from pathlib import Path

from .download import download


def read_published(urls, subfolder, check, limit, path=None):
    """Read a file that others have published, whole and checked.

    Parameters
    ----------
    urls : sequence of str
        The file on several mirrors, under one name.
    subfolder : str
        Where it lies in the folder of TINYCAPS_DATA and in the cache.
    check : callable
        ``check(content, source)`` raises a ValueError that names the source if the content is
        wrong.
    limit : int
        Bytes of the file, at most.
    path : str or path, optional
        The file, or the folder that holds it. Without it: the subfolder of the environment variable
        TINYCAPS_DATA if the file is there, else the user's cache, else a download into the cache.

    Returns
    -------
    content : bytes
    source : Path

    Raises
    ------
    FileNotFoundError
        If path is given and there is no such file.
    ValueError
        If a file outside the cache is too large or wrong; one in the cache is downloaded again.
    OSError
        If no mirror serves a good file.
    """
    name = urls[0].rpartition("/")[2]
    if path is not None:
        path = Path(path)
        path = path / name if path.is_dir() else path
        if not path.is_file():
            raise FileNotFoundError(f"{path}: got no such file, wanted the published {name}")
        return _read(path, check, limit), path
    if "TINYCAPS_DATA" in os.environ:
        path = Path(os.environ["TINYCAPS_DATA"]) / subfolder / name
        if path.is_file():
            return _read(path, check, limit), path
    import pooch
    path = pooch.os_cache("tinycaps") / subfolder / name
    try:
        return _read(path, check, limit), path
    except (FileNotFoundError, ValueError):
        """There is none, or none that is good."""
    try:
        download(urls, path, check, limit)
    except OSError as error:
        raise OSError(f"{error}; the file can be put by hand into {path.parent}, or into a "
                      f"subfolder {subfolder} of a folder named by TINYCAPS_DATA") from None
    return path.read_bytes(), path


def _read(path, check, limit):
    """Return the checked content of a file."""
    size = path.stat().st_size
    if size > limit:
        raise ValueError(f"{path}: got {size:,} bytes, wanted at most {limit:,}")
    content = path.read_bytes()
    check(content, path)
    return content
