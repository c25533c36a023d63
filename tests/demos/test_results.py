"""The pages of results quote the records, all of them, and nothing but the records."""
import importlib
import json
import re

import pytest

from demos.__main__ import find_demos
from demos.results import __main__ as results

RECORDS = results.read_records()
DEMOS = {name: path for demos in find_demos().values() for name, path in demos.items()}
GALLERY = results.HERE.parent / "README.md"
PAGES = [path for path in results.PAGES if path.name != "README.md"]
pages = pytest.mark.parametrize("path", results.PAGES, ids=lambda path: path.name)
SAMPLE = {"run_1": results.Fields(error=0.0139, wrong={"a": 2},
                                  command="python -m demos.boat --out o --resume")}


@pages
def test_every_page_is_up_to_date(path):
    text = path.read_text(encoding="utf-8")
    assert results.insert(text, RECORDS) == text, "run python -m demos results"


def test_no_record_lacks_its_page():
    quoted = " ".join(place for path in PAGES
                      for place, _ in results.NUMBER.findall(path.read_text(encoding="utf-8")))
    assert [name for name in RECORDS if not re.search(rf"\b{name}\b", quoted)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_have_the_fixed_form(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Results: ")
    assert all(heading.endswith("?") for heading in re.findall(r"^## (.*)$", text, re.M))
    for part in "**How the ", "**What follows", "**What does not follow", "ommand", ".json":
        assert part in text


def commands():
    """Every demo that a page runs, and the options that it gives to it."""
    asked = {}
    for path in *results.PAGES, GALLERY:
        for name, words in re.findall(r"-m demos ([a-z_0-9/]+)([^`\n|]*)",
                                      path.read_text(encoding="utf-8")):
            asked.setdefault(name, set()).update(re.findall(r" (--[\w-]+)", words))
    return sorted(asked.items())


@pytest.mark.parametrize("name, options", commands())
def test_every_command_of_a_page_is_one(name, options, capsys):
    path = DEMOS[name]
    if path.parent.name == "one_file":
        assert not options
        return
    folder = results.HERE.parents[1]
    module = importlib.import_module(".".join(path.relative_to(folder).with_suffix("").parts))
    with pytest.raises(SystemExit):
        module.main(["--help"])
    assert options <= set(re.findall(r"--[\w-]+", capsys.readouterr().out))


def test_the_gallery_forgets_no_demo_and_no_figure():
    text = GALLERY.read_text(encoding="utf-8")
    assert [name for name in DEMOS if f"-m demos {name}" not in text] == []
    figures = (path.name for path in (GALLERY.parent / "figures").iterdir())
    assert [name for name in figures if f"figures/{name})" not in text] == []


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_has_its_error_and_that_of_every_seed(name):
    record = RECORDS[name]
    assert 0 <= record.error and (record.error <= 1 or "unit" in record)
    assert record.error == pytest.approx(sum(record.seeds) / len(record.seeds), rel=1e-6)
    assert results.current_command(record).startswith("`python -m demos ")


@pytest.mark.parametrize("place, shown", [
    ("run_1.error : .2%", "1.39 %"), ("1000 * run_1.error : .0f", "14"),
    ("run_1.wrong['a'] : d", "2"), ("mean([run_1.error, 0.0261]) : .1%", "2.0 %"),
    ("len(set([1, 2]) - set([2])) : d", "1"),
    ("interval(37, 10000) :", "0.26 to 0.51 %"), ("run_1 : command", "`python -m demos boat`")])
def test_a_number_is_inserted_again_and_again(place, shown):
    text = f"before <!--{{{place}}}-->old<!--/--> after <!-- a comment -->"
    new = results.insert(text, SAMPLE)
    assert new == f"before <!--{{{place}}}-->{shown}<!--/--> after <!-- a comment -->"
    assert results.insert(new, SAMPLE) == new


@pytest.mark.parametrize("place", [
    "run_2.error : d", "run_1.errors : d", "run_1.error : d", "run_1.error", "open('x') : s",
    "run_1. : d"])
def test_what_cannot_be_evaluated_is_named(place):
    with pytest.raises(ValueError, match="^number: got ") as caught:
        results.insert(f"<!--{{{place}}}--><!--/-->", SAMPLE)
    assert place in str(caught.value)


def test_names_become_identifiers():
    assert results.identifier("torch tuned") == "torch_tuned"
    assert results.identifier("30 units at T = 3") == "_30_units_at_T_3"


def test_the_command_rewrites_the_pages(tmp_path, monkeypatch, capsys):
    (tmp_path / "run-1.json").write_text(json.dumps(
        {"seconds": 3, "results": {"error": 0.5, "by row": {"a b": 7}}}))
    page = tmp_path / "page.md"
    page.write_text("<!--{run_1.error : .1%}-->?<!--/-->, <!--{run_1.by_row.a_b : d}--><!--/-->, "
                    "<!--{run_1.seconds : d}--><!--/-->", encoding="utf-8")
    monkeypatch.setattr(results, "HERE", tmp_path)
    monkeypatch.setattr(results, "PAGES", [page])
    assert results.main([]) == 0
    assert re.sub("<!--.*?-->", "", page.read_text(encoding="utf-8")) == "50.0 %, 7, 3"
    assert results.main([]) == 0
    assert capsys.readouterr().out == "page.md: 3 numbers, renewed\npage.md: 3 numbers\n"
