"""A file that others have published: where it is looked for, and what is refused."""
import pytest

from tinycaps.data import published

URLS = ("https://first.invalid/a.gz", "https://second.invalid/a.gz")


def check(content, source):
    if content != b"whole":
        raise ValueError(f"{source}: got {content}, wanted b'whole'")


@pytest.fixture
def read(tmp_path, monkeypatch):
    """read(path, served) reads where the mirrors serve the content, and nothing is found."""
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.delenv("TINYCAPS_DATA", raising=False)

    def read(path=None, served=None, limit=9):
        def download(urls, target, check, limit):
            assert urls == URLS
            if served is None:
                raise OSError("a.gz: got it from no mirror: first: 503")
            check(served, urls[0])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(served)
        monkeypatch.setattr(published, "download", download)
        return published.read_published(URLS, "sub", check, limit, path)
    return read


def test_a_given_file_goes_before_the_environment_and_that_before_the_cache(
        read, write, monkeypatch, tmp_path):
    cached = tmp_path / "cache" / "tinycaps" / "sub" / "a.gz"
    assert read(served=b"whole") == (b"whole", cached)
    assert read() == (b"whole", cached)                     # nobody is asked again
    monkeypatch.setenv("TINYCAPS_DATA", str(tmp_path / "data"))
    assert read() == (b"whole", cached)
    found = write("data/sub/a.gz", b"whole")
    assert read() == (b"whole", found)
    given = write("given/a.gz", b"whole")
    assert read(given) == read(str(given.parent)) == (b"whole", given)


def test_a_damaged_cache_is_replaced_and_another_damaged_file_refused(read, write, monkeypatch,
                                                                      tmp_path):
    cached = write("cache/tinycaps/sub/a.gz", b"hole")
    assert read(served=b"whole") == (b"whole", cached)
    bad = write("data/sub/a.gz", b"hole")
    monkeypatch.setenv("TINYCAPS_DATA", str(tmp_path / "data"))
    for path in None, bad:
        with pytest.raises(ValueError, match="sub/a.gz: got b'hole', wanted b'whole'$"):
            read(path, served=b"whole")


def test_no_mirror_is_one_line_that_says_where_the_file_can_be_put(read, tmp_path):
    folder = tmp_path / "cache" / "tinycaps" / "sub"
    with pytest.raises(OSError, match=f"^a.gz: .* 503; the file can be put by hand into {folder}, "
                                      "or into a subfolder sub of a folder named by TINYC"):
        read()


def test_a_missing_and_a_large_file(read, write, tmp_path):
    with pytest.raises(FileNotFoundError, match="none: got no such file, wanted the published a"):
        read(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="a.gz: got no such file, wanted the published a"):
        read(tmp_path)
    path = write("large", b"whole")
    with pytest.raises(ValueError, match="large: got 5 bytes, wanted at most 4$"):
        read(path, limit=4)
