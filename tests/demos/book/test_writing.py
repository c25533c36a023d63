"""Pieces of HTML: all text is escaped."""
import html
import re

import pytest

from demos.book.checks import problems
from demos.book.highlight import block, highlight
from demos.book.source import find_pairs
from demos.book.writing import Html, el, fill, prose, section, slug, table, words


def test_text_is_escaped_and_html_is_not():
    assert el("p", "a < b & ", Html("<b>c</b>")) == "<p>a &lt; b &amp; <b>c</b></p>"
    assert el("a", "x", href='"&', class_="k", data_tag=1, hidden=True, title=None) == (
        '<a href="&quot;&amp;" class="k" data-tag="1" hidden>x</a>')
    assert el("img", src="a.png", alt="") == '<img src="a.png" alt="">'
    page = fill("page.html", title="<t>", body=Html("<p>b</p>"), scripts=[])
    assert "<title>&lt;t&gt;" in page and "<p>b</p>" in page


@pytest.mark.parametrize("text, name", [("Eq. 1", "eq-1"), ("l.5", "l-5"), ("§2.1", "section-2-1"),
                                        ("Gradient check", "gradient-check")])
def test_a_slug(text, name):
    assert slug(text) == name


def test_the_prose_of_a_docstring():
    text = "One `a < b`\nline.\n\n    y = x < 1\n      + 2\n\n* first\n  half\n* second"
    assert prose(text) == (
        "<p>One <code>a &lt; b</code> line.</p>"
        '<pre class="formulas" tabindex="0">y = x &lt; 1\n  + 2</pre>'
        "<ul><li>first half</li><li>second</li></ul>")
    assert words("``x`` and") == "<code>x</code> and"
    assert section("Nothing", "", []) == ""


def test_a_table_has_headers():
    text = table(("a", "b"), [("x", "<"), ("y", 2)], "c", lambda row: row[0])
    assert text.count('scope="col"') == 2 and text.count('scope="row"') == 2
    assert '<tr class="x">' in text and "&lt;" in text and "<caption>c</caption>" in text


@pytest.mark.parametrize("op", find_pairs())
def test_highlighted_code_is_the_code(op):
    pair = find_pairs()[op]
    code = pair.path.read_text(encoding="utf-8").rstrip("\n")
    lines = highlight(code)
    assert [html.unescape(re.sub("<[^>]*>", "", line)) for line in lines] == code.split("\n")
    assert '<span class="k">def</span>' in "".join(lines)


def test_a_block_has_an_anchor_for_each_line():
    assert re.findall(r'id="(L\d+)"', block("a = 1\nb = 2", "b", first=7)) == ["L7", "L8"]


@pytest.mark.parametrize("page, problem", [
    ('<a href="https://example.org">x</a>', "got the address"),
    ('<img src="//example.org/x.png">', "got the address"),
    ('<a href="none.html">x</a>', "wanted a file that is there"),
    ('<a href="b.html#none">x</a>', "wanted an anchor that is there"),
    ('<a href="#none">x</a>', "wanted an anchor that is there"),
    ('<p id="x"></p><p id="x"></p>', "got the id 'x' twice")])
def test_what_is_wrong_with_a_page_is_found(page, problem):
    right = '<p id="y"></p><a href="#y">x</a><a href="b.html">x</a><img src="c.png">'
    pages, files = {"a.html": right, "b.html": ""}, {"a.html", "b.html", "c.png"}
    assert list(problems(pages, files)) == []
    found, = problems(pages | {"a.html": right + page}, files)
    assert found.startswith("a.html: ") and problem in found
