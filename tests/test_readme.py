"""The READMEs: their code runs, their links lead somewhere, the front page is short."""
import ast
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


RECIPE = ROOT / "tinycaps" / "README.md"


def test_the_recipe_ends_with_green_tests(tmp_path):
    if (ROOT / "tinycaps" / "ops" / "softplus.py").exists():
        pytest.skip("softplus is here already: somebody has followed the recipe")
    for name in "tinycaps", "tests", "demos", "setup.cfg":
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    changed = []
    for code in blocks(RECIPE):
        name, how = re.match(r"# (\S+?)(?:: (.*))?\n", code).groups()
        path = tmp_path / name
        assert path.exists() == bool(how), name
        old = path.read_text(encoding="utf-8") if how else ""
        if how == "add at the end":
            code = f"{old}\n\n{code}"
        elif how:
            code = put_in(old, code)
        path.write_text(code, encoding="utf-8")
        changed.append(name)
    row, = re.findall(r"^```markdown\n(.*?)^```", RECIPE.read_text(encoding="utf-8"), re.M | re.S)
    page = tmp_path / "tinycaps" / "ops" / "README.md"
    text, count = re.subn(r"^(\|---.*\n)", lambda line: line[0] + row,
                          page.read_text(encoding="utf-8"), count=1, flags=re.M)
    assert count == 1
    page.write_text(text, encoding="utf-8")
    run(tmp_path, "-m", "pytest", "-q", "-n", "0", "-k",
        "softplus or argument or ops and (offers or offered)",
        "tests/ops/test_softplus.py", "tests/test_tags.py", "tests/test_house.py",
        "tests/gradcheck/test_faults.py")
    run(tmp_path, "-m", "flake8", *changed)
    assert "softplus" in run(tmp_path, "-c", "from demos.gradcheck.points import find_pairs\n"
                                             "print(list(find_pairs()))")
    assert "softplus-fault-2" in run(tmp_path, "-m", "demos", "exercise", "softplus-fault-2")


def put_in(source, block):
    """Return a source with a block's imports among its own and the entries of a list or dict."""
    for node in ast.parse(block).body:
        lines = source.split("\n")
        there = ast.parse(source).body
        if isinstance(node, ast.ImportFrom):
            first = next(line for line in there if isinstance(line, ast.ImportFrom))
            lines.insert(first.lineno - 1, ast.get_source_segment(block, node))
        else:
            name = node.targets[0].id
            old, = (line for line in there if isinstance(line, ast.Assign)
                    and line.targets[0].id == name)
            if name == "__all__":
                names = {*ast.literal_eval(old.value), *ast.literal_eval(node.value)} - {...}
                lines[old.lineno - 1:old.end_lineno] = [
                    "__all__ = [", *(f'    "{name}",' for name in sorted(names)), "]"]
            else:
                entries = ast.get_source_segment(block, node).split("\n")[1:-1]
                lines[old.lineno:old.lineno] = entries
        source = "\n".join(lines)
    return source


def run(folder, *words):
    """What Python prints in a folder, where it must end well."""
    ran = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True,
                         env=os.environ | {"PYTHONPATH": str(folder)})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
