"""Against a real server on this machine; nothing here leaves the loopback."""
import gzip
import hashlib
import http.server
import socket
import threading
import time

import numpy as np
import pytest

from tinycaps.data import download, load_fashion_mnist, load_mnist, mnist


class Mirrors(http.server.ThreadingHTTPServer):
    """Serves files, path -> content; of a path in cut_short only half, with the whole length.

    Of a path in endless the content again and again, a piece each time that it waits.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut_short, self.asked, self.endless = {}, set(), [], {}
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        if self.path in self.server.endless:
            self.end_headers()
            return self.go_on(content, self.server.endless[self.path])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        cut = len(content) // 2 if self.path in self.server.cut_short else len(content)
        self.wfile.write(content[:cut])

    def go_on(self, content, seconds):
        try:
            while not self.server.closing.wait(seconds):
                self.wfile.write(content)
        except OSError:
            """The other side has had enough."""

    def log_message(self, *args):
        """Keep the test's output clean."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Mirrors() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def dead():
    """The address of a mirror where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}/"


@pytest.fixture
def small(monkeypatch, small_family, tmp_path, server, dead):
    """A tiny MNIST whose mirrors are dead, empty, and good, in this order, and an empty cache."""
    files = small_family(1)
    family = mnist.FAMILIES["mnist"]._replace(
        mirrors=(dead, f"{server.url}first/", f"{server.url}second/"),
        gzipped={name: hashlib.sha256(packed).hexdigest() for name, packed in files.items()},
        unpacked={name: hashlib.sha256(gzip.decompress(packed)).hexdigest()
                  for name, packed in files.items()})
    monkeypatch.setitem(mnist.FAMILIES, "mnist", family)
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    monkeypatch.delenv("TINYCAPS_DATA", raising=False)
    server.files = {f"/second/{name}.gz": packed for name, packed in files.items()}
    return files


def cached(tmp_path):
    return {path.name: path.read_bytes() for path in (tmp_path / "tinycaps" / "mnist").glob("*")}


def check(data, small):
    images = np.frombuffer(gzip.decompress(small["t10k-images-idx3-ubyte"])[16:], np.uint8)
    assert np.array_equal(data.test_images.ravel(), images / np.float32(255))


def test_second_load_asks_nobody(small, server, tmp_path):
    check(load_mnist(), small)
    assert cached(tmp_path) == {f"{name}.gz": packed for name, packed in small.items()}
    server.asked.clear()
    check(load_mnist(), small)
    assert not server.asked


def test_mirrors_are_asked_in_order_and_only_until_one_serves(small, server):
    server.files |= {path.replace("second", "first"): packed
                     for path, packed in server.files.items()}
    check(load_mnist(), small)
    assert server.asked == [f"/first/{name}.gz" for name in small]


def test_bad_files_of_every_kind_send_us_to_the_next_mirror(small, server, tmp_path, small_family):
    cut, half, bent, foreign = small
    server.files |= {f"/first/{cut}.gz": small[cut],            # half arrives, the header knows
                     # Half arrives, and the header does not know.
                     f"/first/{half}.gz": small[half][:len(small[half]) // 2],
                     f"/first/{bent}.gz": small[bent][:50] + b"?" + small[bent][51:],
                     # Well formed, of another data set.
                     f"/first/{foreign}.gz": small_family(2)[foreign]}
    server.cut_short.add(f"/first/{cut}.gz")
    check(load_mnist(), small)
    asked = [path for path in server.asked if "first" in path]
    assert asked == [f"/first/{name}.gz" for name in small]
    assert cached(tmp_path) == {f"{name}.gz": packed for name, packed in small.items()}


def test_unpacked_on_the_way_is_as_good(small, server):
    server.files = {path: gzip.decompress(packed) for path, packed in server.files.items()}
    check(load_mnist(), small)


def test_damaged_cache_is_replaced(small, server, tmp_path):
    load_mnist()
    server.asked.clear()
    name = "t10k-images-idx3-ubyte"
    path = tmp_path / "tinycaps" / "mnist" / f"{name}.gz"
    path.write_bytes(small[name][:-1])
    check(load_mnist(), small)
    assert server.asked == [f"/first/{name}.gz", f"/second/{name}.gz"]
    assert path.read_bytes() == small[name]


def test_no_good_mirror_is_one_line_that_says_all(small, server, dead, tmp_path):
    server.files = {path: b"<html>log in to this network</html>" for path in server.files}
    with pytest.raises(OSError) as raised:
        load_mnist()
    line = str(raised.value)
    assert "\n" not in line
    assert f"{dead}train-images-idx3-ubyte.gz: " in line and "refused" in line
    assert f"{server.url}first/train-images-idx3-ubyte.gz: 404" in line
    assert f"{server.url}second/train-images-idx3-ubyte.gz: got SHA-256" in line
    assert f"by hand into {tmp_path / 'tinycaps' / 'mnist'}" in line and "TINYCAPS_DATA" in line
    assert not cached(tmp_path)


@pytest.mark.parametrize("damage", [gzip.decompress, lambda packed: b"<html>"],
                         ids=["unpacked", "a web page"])
def test_fashion_is_downloaded_gzipped_or_not_at_all(small, server, monkeypatch, damage):
    family = mnist.FAMILIES["fashion_mnist"]
    hashes = {name: hashlib.sha256(packed).hexdigest() for name, packed in small.items()}
    changed = family._replace(mirrors=(f"{server.url}second/",), gzipped=hashes)
    monkeypatch.setitem(mnist.FAMILIES, "fashion_mnist", changed)
    whole = server.files
    server.files = {path: damage(packed) for path, packed in whole.items()}
    with pytest.raises(OSError, match="got SHA-256 .*.gzipped. of train-images-idx3-ubyte of Fash"):
        load_fashion_mnist()
    server.files = whole
    check(load_fashion_mnist(), small)


def test_no_partial_file_stays_when_the_disk_refuses(small, tmp_path, monkeypatch):
    def full(self, target):
        raise OSError("no space left")
    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="no space left"):
        load_mnist()
    assert not cached(tmp_path)


@pytest.fixture
def fetch(server, tmp_path):
    """fetch(*urls) gets a file from one of these paths, checking nothing but its length."""
    def check(content, url):
        if len(content) != 7:
            raise ValueError(f"{url}: got {len(content)} bytes, wanted 7")

    def fetch(*urls, limit=10 ** 6):
        download.download([server.url + url for url in urls], tmp_path / "folder" / "file", check,
                          limit)
        return (tmp_path / "folder" / "file").read_bytes()
    server.files["/good"] = b"content"
    return fetch


@pytest.mark.parametrize("content, seconds, reason", [
    (bytes(2 ** 16), 0, "got more than 1,000,000 bytes, wanted at most these"),
    (b"?", 10, "timed out"), (b"?", 0.02, r"got 0 bytes in 0\.4 s, wanted the whole file"),
    (bytes(2 ** 16), 0.05, r"got [1-9][\d,]+ bytes in 0\.4 s, wanted the whole file")],
    ids=["endless", "silent", "slow, byte by byte", "slow"])
def test_a_body_without_an_end_sends_us_to_the_next_mirror(server, fetch, monkeypatch, content,
                                                           seconds, reason):
    monkeypatch.setattr(download, "LONGEST", 0.4)
    monkeypatch.setattr(download, "SILENCE", 0.2)
    server.files["/endless"], server.endless["/endless"] = content, seconds
    begun = time.monotonic()
    line = rf"^file: got it from no mirror: .*/endless: .*{reason}.*/missing: 404"
    with pytest.raises(OSError, match=line):
        fetch("endless", "missing")
    assert time.monotonic() - begun < 5


def test_a_wrong_size_or_an_error_of_any_kind_sends_us_to_the_next_mirror(server, fetch,
                                                                          monkeypatch):
    server.files |= {"/long": b"content?", "/none": b""}
    assert fetch("long", "none", "missing", "good") == b"content"
    with pytest.raises(OSError, match="long: got more than 7 bytes.*none: got 0 bytes.*404"):
        fetch("long", "none", "missing", limit=7)
    from pooch import HTTPDownloader
    get, asked = HTTPDownloader.__call__, []

    def fail(self, url, *arguments):
        asked.append(url)
        if len(asked) == 1:
            raise KeyError("of the\nlibrary")
        get(self, url, *arguments)
    monkeypatch.setattr(HTTPDownloader, "__call__", fail)
    assert fetch("bad", "good") == b"content" and len(asked) == 2


def test_a_file_is_hashed_before_it_is_unpacked(small, server, monkeypatch):
    server.files |= {path.replace("second", "first"): gzip.compress(bytes(10 ** 6))
                     for path in server.files}
    monkeypatch.setattr(mnist, "gunzip", lambda *arguments: pytest.fail("unpacked"))
    check(load_mnist(), small)


def test_threads_that_want_one_file_do_not_disturb_each_other(fetch):
    faults = []

    def get():
        try:
            for _ in range(5):
                assert fetch("good") == b"content"
        except Exception as error:
            faults.append(error)
    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
