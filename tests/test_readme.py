"""The READMEs: their code runs, their links lead somewhere, the front page is short."""
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tinycaps.capsules import squash_backward, squash_forward

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted(path for path in ROOT.glob("**/*.md")
               if not {".git", ".venv", "build", "out", "runs"} & set(path.relative_to(ROOT).parts)
               and not path.relative_to(ROOT).parts[0].endswith(".egg-info"))
COMMANDS = [
    "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/python -m demos capsnet",
    'python3 -m venv .venv && .venv/bin/pip install -e ".[test]" && .venv/bin/python -m pytest']


def blocks(path):
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


def runnable():
    for path in README, ROOT / "tinycaps" / "gradcheck" / "README.md":
        for number, code in enumerate(blocks(path), 1):
            yield pytest.param(code, id=f"{path.relative_to(ROOT)} block {number}")


@pytest.mark.parametrize("code", list(runnable()))
def test_every_block_runs_as_pasted(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "pasted", "exec"), {"__name__": "__main__"})


def test_the_gradient_check_finds_the_fault_that_the_readme_plants(capsys):
    code, = (code for code in blocks(README) if "check_gradients" in code)
    exec(compile(code, "pasted", "exec"), {"__name__": "__main__"})
    x, W = capsys.readouterr().out.splitlines()[1:]
    assert x.startswith("x ") and x.endswith(" ok")
    assert W.startswith("W ") and W.endswith(" WRONG")


def test_the_look_at_the_code_is_the_code():
    code, = (code for code in blocks(README) if "def squash_forward" in code)
    source = "\n".join(map(inspect.getsource, (squash_forward, squash_backward)))
    there = {" ".join(line.split()) for line in source.splitlines()}
    shown = {" ".join(line.split()) for line in code.splitlines() if not line.startswith("from ")}
    assert shown - {""} <= there
    assert {tag for line in shown for tag in re.findall(r"# \[.*?\]", line)} == {"# [Eq. 1]"}


def test_the_readme_is_a_front_page():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert len(re.sub(r"<!--.*?-->", "", text, flags=re.S).split()) <= 1800
    assert all(f"    {command}" in text.splitlines() for command in COMMANDS)


def anchors(path):
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = link.partition("#")
        if "://" not in link:
            target = path.parent / file if file else path
            if not target.exists() or anchor and anchor not in anchors(target):
                missing.append(link)
    assert missing == []


def test_the_recipe_ends_with_green_tests(tmp_path):
    for name in "tinycaps", "tests", "demos", "setup.cfg":
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for code in blocks(ROOT / "tinycaps" / "README.md"):
        path, adds = re.match(r"# (\S+?)(: add at the end)?\n", code).groups()
        assert (tmp_path / path).exists() == bool(adds)
        with open(tmp_path / path, "a", encoding="utf-8") as file:
            file.write(f"\n\n{code}")
    with open(tmp_path / "tinycaps/ops/__init__.py", "a", encoding="utf-8") as file:
        file.write('__all__ += ["softplus_backward", "softplus_forward"]\n')
    run(tmp_path, "-m", "pytest", "-q", "-k", "softplus or argument", "tests/ops/test_softplus.py",
        "tests/test_tags.py", "tests/gradcheck/test_faults.py")
    assert "softplus" in run(tmp_path, "-c", "from demos.gradcheck.points import find_pairs\n"
                                             "print(list(find_pairs()))")


def run(folder, *words):
    """What Python prints in a folder, where it must end well."""
    ran = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True,
                         env=os.environ | {"PYTHONPATH": str(folder)})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
