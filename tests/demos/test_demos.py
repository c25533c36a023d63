"""`python -m demos`: lists every demo, runs each by its name, and starts quickly."""
import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demos import __main__ as demos
from demos.harness.run import run

ROOT = Path(__file__).parents[2]
PATHS = {name: path for room in demos.find_demos().values() for name, path in room.items()}


def docstring(path):
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def start(*words):
    return subprocess.run([sys.executable, "-W", "error", "-m", "demos", *words], cwd=ROOT,
                          capture_output=True, text=True, timeout=60)


def test_every_file_with_a_main_is_a_demo_and_names_are_unique():
    files = [path for path in (ROOT / "demos").glob("*/*.py")
             if path.parent.name not in demos.NO_ROOM and path.name != "__init__.py"]
    with_main = {path for path in files if "\ndef main(" in path.read_text(encoding="utf-8")
                 and path.parent.name != "one_file"}
    scripts = {path for path in files if path.parent.name == "one_file"}
    assert set(PATHS.values()) == with_main | scripts
    rooms = demos.find_demos().values()
    assert len(PATHS) == sum(map(len, rooms))
    assert {"capsnet", "table1", "boat_or_house", "forward_forward", "distillation", "benchmark",
            "gradient_check_tour"} <= PATHS.keys()


def test_rooms_and_demos_come_in_a_sensible_order(tmp_path, monkeypatch):
    for name in "probes/look", "capsules/b", "capsules/capsules", "gradcheck/tour", "harness/run":
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text('"""A demo."""\n\n\ndef main(argv):\n    pass\n')
    (tmp_path / "one_file").mkdir()
    (tmp_path / "one_file" / "net.py").write_text('"""A script."""\n')
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "__main__.py").write_text('"""A package."""\n\n\ndef main(argv): ...\n')
    (tmp_path / "capsules" / "drawings.py").write_text('"""No demo."""\n')
    monkeypatch.setattr(demos, "HERE", tmp_path)
    found = demos.find_demos()
    assert {room: [*names] for room, names in found.items()} == {
        "capsules": ["capsules", "b"], "book": ["book"], "probes": ["look"],
        "gradcheck": ["tour"], "one_file": ["one_file/net"]}
    assert list(found) == ["capsules", "book", "probes", "gradcheck", "one_file"]


def test_lists_every_demo_with_the_first_line_of_its_docstring(capsys):
    for words in [], ["--help"]:
        assert demos.main(words) == 0
        printed = capsys.readouterr().out.splitlines()
        for name, path in PATHS.items():
            line, = [line for line in printed if line.startswith(f"  {name} ")]
            first = docstring(path).splitlines()[0]
            assert line.endswith(f"  {first}") and len(line) <= 120


def test_an_unknown_name_gets_one_line_with_near_matches(capsys):
    for name, near in ("capsnt", "wanted capsnet"), ("xyz", "wanted one of those"):
        with pytest.raises(SystemExit, match="^2$"):
            run(demos.main, [name, "--quick"])
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1
        assert captured.err.startswith(f"error: demo: got '{name}', ") and near in captured.err


def test_runs_a_script_of_one_file_with_its_arguments(tmp_path, monkeypatch, capsys):
    path = tmp_path / "one_file" / "net.py"
    path.parent.mkdir()
    path.write_text("import sys\nif __name__ == '__main__':\n    print(sys.argv)\n")
    monkeypatch.setattr(demos, "HERE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["before"])
    assert demos.main(["one_file/net", "--epochs", "3"]) == 0
    assert capsys.readouterr().out == f"{[str(path), '--epochs', '3']}\n"


@pytest.mark.parametrize("name", [name for name in PATHS
                                  if "/" not in name and name != "results"])
def test_a_docstring_is_a_help_that_names_its_command_and_last_line(name, capsys):
    doc = " ".join(docstring(PATHS[name]).split())
    assert f"python -m demos {name}" in doc and f"demos.{name}" not in doc
    assert "last line" in doc and re.search("hour|minute|second", doc)
    with pytest.raises(SystemExit, match="^0$"):
        run(demos.main, [name, "--help"])
    assert doc in " ".join(capsys.readouterr().out.split())


def test_listing_and_help_import_nothing_heavy():
    code = ("import sys\nfrom demos.__main__ import main\n"
            "try:\n    main({words})\nexcept SystemExit:\n    pass\n"
            "heavy = {{'scipy', 'matplotlib', 'tqdm', 'torch', 'pooch'}} | set({more})\n"
            "print(sorted(heavy & set(sys.modules)))")
    for words, more in ([], ["numpy"]), (["capsnet", "--help"], []), (["table1", "--help"], []):
        done = subprocess.run([sys.executable, "-c", code.format(words=words, more=more)],
                              cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_the_exit_code_of_a_demo_is_that_of_the_command():
    done = start("boat_or_house", "--iterations", "0")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert done.stderr.startswith("python -m demos boat_or_house: error: argument --iterations: ")
