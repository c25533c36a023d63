"""The HTML of every kind of page, judged by the maintained Nu Html Checker (vnu)."""
import os
import shutil
import subprocess

import pytest

from demos.book import index_page, pair_page, paper_page, routing_page, source_page, tables
from demos.book.source import find_pairs
from demos.book.writing import Site

KINDS = ("squash", "softmax", "ff", "mlp")


def test_the_html_is_valid(tmp_path, monkeypatch):
    jar = os.environ.get("VNU_JAR", "")
    if not (shutil.which("java") and os.path.isfile(jar)):
        pytest.skip("VNU_JAR names no vnu.jar, or there is no Java")
    monkeypatch.setattr(tables, "of_pair", lambda pair: "")
    site = Site(tmp_path)
    for op in KINDS:
        pair_page.write(site, find_pairs()[op])
    paper_page.write_all(site)
    index_page.write(site)
    routing_page.write(site)
    site.sources = dict([*site.sources.items()][:2])
    source_page.write_all(site)
    done = subprocess.run(["java", "-jar", jar, *map(str, tmp_path.glob("*.html"))],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and len(site.pages) > 10, done.stderr
