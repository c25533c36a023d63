"""The mutation run: what it makes of a source, what it reports, and a sample of it."""
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.mutants import find_mutants

ROOT = Path(__file__).parents[2]
AREA = '''"""Areas."""


def area(a, b=2):
    """Multiply, one day."""
    if b < 0:
        raise ValueError("b: got 1 - 2")
    return 1.5 * a @ -b  # [a] a comment
'''
MUTANTS = [
    "def area(a, b=2): | 2 -> 3",
    "if b < 0: | b < 0 -> b <= 0",
    "if b < 0: | b < 0 -> b >= 0",
    "if b < 0: | 0 -> 1",
    "return 1.5 * a @ -b | 1.5 * a @ -b -> 1.5 * a * -b",
    "return 1.5 * a @ -b | 1.5 * a @ -b -> -b @ (1.5 * a)",
    "return 1.5 * a @ -b | 1.5 * a -> 1.5 / a",
    "return 1.5 * a @ -b | 1.5 -> 1.65",
    "return 1.5 * a @ -b | -b -> b",
]


def test_mutants_of_a_source():
    found = find_mutants(AREA, "ops/area.py")
    assert [mutant.name for mutant in found] == [f"ops/area.py area | {name}" for name in MUTANTS]
    assert found[6].source == AREA.replace("1.5 * a", "(1.5 / a)")


@pytest.mark.parametrize("line, by", [
    ("x += f(1, y)", ["x -= f(1, y)", "x = f(1, y)", "pass", "x += (f(y, 1))", "x += f((2), y)"]),
    ("x[0] = y.sum(axis=-1)", ["pass", "x[(1)] = y.sum(axis=-1)", "x[0] = (y.mean)(axis=-1)",
                               "x[0] = y.sum(axis=0)", "x[0] = y.sum(axis=(1))",
                               "x[0] = y.sum(axis=-(2))"]),
    ("x = x if y else f(x=True)", ["pass", "x = (f(x=True) if y else x)",
                                   "x = x if y else f(x=(False))"]),
    ("f(y, y)", ["pass"]),
    ("x = get_xp(y, x)", ["pass"]),
])
def test_mutants_of_a_statement(line, by):
    sources = [mutant.source for mutant in find_mutants(line, "f.py")]
    assert sorted(sources) == sorted(by)


def run(*words):
    done = subprocess.run([sys.executable, "-m", "tests.mutation", *map(str, words)], cwd=ROOT,
                          capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def tree(tmp_path):
    """A checkout of one file, with a test that says nothing about b = 0."""
    for name, text in {
            "tinycaps/ops/area.py": "def area(a, b=2):\n    return a * abs(b)\n",
            "tests/ops/test_area.py": "from tinycaps.ops.area import area\n\n\n"
                                      "def test_area():\n    assert area(3, -4) == 12\n",
            "tests/ops/test_more.py": "from tinycaps.ops.area import area\n\n\n"
                                      "def test_more():\n    assert area(1, 2) == 2\n"}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


LEFT = "ops/area.py area | def area(a, b=2): | 2 -> 3"
KILLED = "ops/area.py area | return a * abs(b) | a * abs(b) -> a / abs(b)"


def test_a_mutant_that_survives_is_reported_and_the_tree_stays(tree):
    before = {path: path.read_text() for path in tree.rglob("*.py")}
    code, lines = run("--room", "ops", "--tree", tree)
    assert code == 1 and lines[-1] == f"survived: {LEFT}"
    assert lines[-2].split() == ["all", "2", "1", "0", "1"]
    assert {path: path.read_text() for path in tree.rglob("*") if path.is_file()} == before


def test_the_list_of_equivalent_mutants_is_believed_and_checked(tree):
    path, gone = tree / "tests" / "mutation" / "equivalent.toml", "ops/area.py area | gone"
    path.parent.mkdir()
    path.write_text(f"[[equivalent]]\nreason = 'b is given'\nmutants = {[LEFT, KILLED, gone]}\n")
    code, lines = run("--room", "ops", "--tree", tree)
    assert code == 1 and lines[2].split() == ["all", "2", "1", "1", "0"]
    assert lines[3:] == [f"no more, take it off the list: {gone}",
                         f"killed, take it off the list: {KILLED}"]


def test_a_sample_of_the_mathematics():
    code, lines = run("--room", "ops/linear", "ops/softmax", "--sample", 4)
    assert code == 0, lines
    assert lines[-1].split()[:2] == ["all", "4"]
