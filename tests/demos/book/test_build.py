"""The whole book: every pair, every tag, every link."""
import re

import pytest

from demos.book import build, mathematics, sizes, tables
from demos.book.__main__ import main
from demos.book.proofs import SourceError
from demos.book.source import find_pairs
from demos.gradcheck.faults import FAULTS
from demos.gradcheck.wrong_forwards import WRONG_FORWARDS
from demos.harness.run import run

PAIRS = find_pairs()
LARGE = {"capsnet", "capsnet_loss", "capsnet_multi_label_loss", "cnn", "cnn_loss",
         "cnn_multi_label_loss", "decoder"}
"""Drawn at a small size here, and their tables left to the build itself: seconds of work."""


@pytest.fixture
def small(monkeypatch):
    """Leave out of a build what takes seconds and what other tests check."""
    for name in "of_pair", "faults":
        full = getattr(tables, name)
        monkeypatch.setattr(tables, name, lambda pair, full=full: full(pair) if pair.op in (
            "squash", "softmax", "ff") else "")
    published = {op: sizes.PUBLISHED[op] for op in {*sizes.PUBLISHED} - LARGE}
    monkeypatch.setattr(sizes, "PUBLISHED", published)


def test_the_book(small, tmp_path):
    site = build.build(tmp_path)                        # which checks links, anchors and addresses
    for op, pair in PAIRS.items():
        page = (tmp_path / f"{op}.html").read_text(encoding="utf-8")
        every_tagged_line_has_its_partner(pair, page)
        assert page.count('class="formula ') == len(pair.formula) <= page.count("<math")
        assert "Loops" in page and "<h2 id=\"links\">" in page
    for room in {pair.room for pair in PAIRS.values()}:
        assert any(room in name for name in site.pages)
    squash = (tmp_path / "squash.html").read_text(encoding="utf-8")
    faults = len(FAULTS["squash"]) + len(WRONG_FORWARDS["squash"])
    assert squash.count("<option") == squash.count('class="panel"') == faults
    assert squash.count(">WRONG<") == faults
    without_brython = sum(path.stat().st_size for path in tmp_path.iterdir()
                          if path.name != "brython.js")
    assert without_brython < 5e6


def every_tagged_line_has_its_partner(pair, page):
    lines = {name: (tags or "").split() for name, tags in re.findall(
        r'<li id="([fb]\d+)"(?: class="tagged" data-tags="([^"]*)")?', page)}
    for side, other, letters in (pair.forward, pair.backward, "fb"), (pair.backward, pair.forward,
                                                                      "bf"):
        for line in side.lines:
            assert bool(lines[f"{letters[0]}{line.number}"]) >= bool(line.tags)
            for tag in line.tags:
                partners = [each.number for each in other.lines if tag in each.tags]
                assert partners and f'href="#{letters[1]}{partners[0]}"' in page


def test_a_formula_that_the_parser_does_not_know_is_named():
    pair = PAIRS["squash"]
    line = pair.formula[0]._replace(text="v = ☃ s")
    with pytest.raises(SourceError, match="^squash_forward: .*☃.*; wanted a formula") as caught:
        mathematics.formula(pair, line, {})
    assert "\n" not in str(caught.value)


def test_a_derivation_is_set_as_mathematics_unless_it_holds_prose():
    text = "    ds = g dv + (dv · s) g'(‖s‖) s/‖s‖,    g' = (1 − ‖s‖²) / (1 + ‖s‖²)²"
    assert str(mathematics.paragraph(text, "squash_backward", {})).count("<math") == 1
    assert mathematics.paragraph(text + "\n    and so on", "squash_backward", {}) is None


def test_a_wrong_gradient_stops_the_build(monkeypatch):
    forward, backward, inputs, keywords = tables.find_point("squash")
    monkeypatch.setattr(tables, "find_point", lambda op: (
        forward, lambda dv, cache: 2 * backward(dv, cache), inputs, keywords))
    with pytest.raises(ValueError, match="^squash: got a gradient that the check refuses"):
        tables.of_pair(PAIRS["squash"])


def test_a_folder_that_cannot_be_written_is_one_line_and_exit_code_2(tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        run(main, ["--out", str(tmp_path / "file" / "book")])
    assert caught.value.code == 2
    line, = capsys.readouterr().err.strip().split("\n")
    assert "out: got" in line and "wanted a folder that can be written" in line


def test_the_symbols_of_a_formula_have_names_and_shapes():
    known = mathematics.symbols(PAIRS["routing"])
    assert "in the code u_hat: array (n, i, j, q)" in known["û"] and "coupling" in known["c"]
    assert "index of the parent capsule" in known["j"] and "loop" in known["t"]
    assert "in the code iterations" in known["r"]


def test_a_letter_has_no_meaning_of_another_room():
    assert "teacher" in mathematics.symbols(PAIRS["soft_cross_entropy"])["p"]
    assert "q" not in mathematics.symbols(PAIRS["soft_cross_entropy"])
    margins = mathematics.symbols(PAIRS["margin_loss"])
    assert "present" in margins["m⁺"] and "absent" in margins["m⁻"] and "v" not in margins
    assert "teacher_logits" in mathematics.symbols(PAIRS["logit_matching"])["v"]
