"""The house's rules, read off its source: who may import whom, what a file may be, what is mapped.

    backend <- checks <- ops, services, data <- topics <- fast <- demos

A topic uses ops, services and data, and no other topic; services, data and plot know no topic;
nothing imports demos or tests. Rooms that are none of those named here are topics. Links and the
length of the front page are checked in test_readme.py, tags in test_tags.py.
"""
import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinycaps
from demos.__main__ import find_demos

ROOT = Path(__file__).parents[1]
GROUND = {"archive", "backend", "checks", "shapes", "scalars"}
SERVICES = {"checkpoint", "divergence", "environment", "gradcheck", "optim", "resume", "run_log",
            "train"}
ROOMS = sorted(path.parent.name for path in (ROOT / "tinycaps").glob("*/__init__.py"))
TOPICS = {*ROOMS} - {"gradcheck", "ops", "data", "plot", "fast"}
BELOW_TOPICS = GROUND | SERVICES | {"ops", "data"}
MAY_IMPORT = {
    "__init__": set(),
    "archive": set(),
    "backend": set(),
    "scalars": set(),
    "shapes": {"backend", "scalars"},
    "checks": {"backend", "scalars", "shapes"},
    "ops": GROUND,
    "data": GROUND,
    **{service: GROUND | SERVICES for service in (*SERVICES, "plot", "__main__")},
    **{topic: BELOW_TOPICS for topic in TOPICS},
    "fast": BELOW_TOPICS | TOPICS,
}
"""A room, or a file that is one by itself, to what it may import from besides itself."""
LAZY = {"PIL", "cupy", "cupyx", "matplotlib", "pooch", "scipy", "threadpoolctl", "tqdm"}
"""What only those who need it wait for: imported inside functions."""


def files(*folders):
    return [pytest.param(path, id=str(path.relative_to(ROOT)))
            for folder in folders for path in sorted((ROOT / folder).glob("**/*.py"))]


PACKAGE = files("tinycaps")
every_file = pytest.mark.parametrize("path", files("tinycaps", "demos", "tests"))


def imports(path):
    """Yield the name of every module that a file imports, and whether a function does it."""
    def walk(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                package = path.relative_to(ROOT).parts[:-1]
                package = package[:len(package) - child.level + 1] if child.level else ()
                module = ".".join([*package, *filter(None, [child.module])])
                for alias in child.names:
                    name = f"{module}.{alias.name}"
                    yield (name if exists(name) else module), inside
            else:
                function = isinstance(child, (ast.FunctionDef, ast.Lambda))
                yield from walk(child, inside or function)
    yield from walk(ast.parse(path.read_text(encoding="utf-8")), False)


def exists(module):
    path = ROOT.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def room_of(path):
    """Return the room of a file of the package; a file by itself is a room."""
    return path.relative_to(ROOT / "tinycaps").with_suffix("").parts[0]


def test_the_reader_of_imports_finds_them_all(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    for name in "tinycaps/backend.py", "tinycaps/ops/linear.py", "tinycaps/ops/conv.py":
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    path = tmp_path / "tinycaps" / "ops" / "mlp.py"
    path.write_text("import os, numpy.linalg as la\nfrom .. import backend, __version__\n"
                    "from ..backend import get_xp\nfrom . import conv\nfrom .linear import linear\n"
                    "if os:\n    from scipy import special\n"
                    "class A:\n    def f(self):\n        import tinycaps.fast\n")
    assert list(imports(path)) == [
        ("os", False), ("numpy.linalg", False), ("tinycaps.backend", False), ("tinycaps", False),
        ("tinycaps.backend", False), ("tinycaps.ops.conv", False), ("tinycaps.ops.linear", False),
        ("scipy", False), ("tinycaps.fast", True)]


def test_every_room_has_its_place():
    alone = {path.stem for path in (ROOT / "tinycaps").glob("*.py")}
    assert alone | {*ROOMS} == {*MAY_IMPORT}
    assert {"capsules", "distillation", "forward_forward", "probes"} <= TOPICS


@pytest.mark.parametrize("path", PACKAGE)
def test_doors_between_rooms(path):
    room = room_of(path)
    for module, _ in imports(path):
        top, _, inner = module.partition(".")
        assert top not in ("demos", "tests"), module
        if top == "tinycaps":
            other = inner.partition(".")[0] or "__init__"
            assert other in MAY_IMPORT[room] | {room, "__init__"}, f"{room} imports {module}"


@pytest.mark.parametrize("path", PACKAGE)
def test_only_numpy_is_imported_at_the_top(path):
    for module, inside in imports(path):
        top = module.partition(".")[0]
        assert inside or top in sys.stdlib_module_names | {"numpy", "tinycaps"}, module


@pytest.mark.parametrize("module", ["tinycaps", *(f"tinycaps.{room}" for room in ROOMS),
                                    *(f"tinycaps.{name}" for name in sorted(SERVICES | GROUND))])
def test_importing_loads_numpy_and_nothing_else(module):
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=True)
    loaded = set(done.stdout.split())
    assert "tinycaps" in loaded and not loaded & LAZY
    assert ("numpy" in loaded) == (module != "tinycaps")


@pytest.mark.parametrize("path", files("demos"))
def test_demos_import_no_tests_and_the_harness_no_demo(path):
    for module, _ in imports(path):
        assert not module.startswith("tests"), module
        if path.parent.name == "harness":
            assert module.startswith("demos.harness") or not module.startswith("demos"), module


@every_file
def test_a_file_is_called_by_its_idea(path):
    names = {*path.relative_to(ROOT).with_suffix("").parts}
    assert not names & {"utils", "util", "helpers", "core", "misc", "common"}


@every_file
def test_lines_have_at_most_100_columns(path):
    text = path.read_text(encoding="utf-8")
    long = [number for number, line in enumerate(text.split("\n"), 1) if len(line) > 100]
    assert long == [], f"{len(long)} lines are longer"


@pytest.mark.parametrize("path", PACKAGE)
def test_a_file_is_short_enough_to_be_one_idea(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 220


@pytest.mark.parametrize("room", ROOMS)
def test_every_pair_that_a_room_imports_is_offered(room):
    path = ROOT / "tinycaps" / room / "__init__.py"
    offered = {*importlib.import_module(f"tinycaps.{room}").__all__}
    imported = {alias.asname or alias.name
                for node in ast.parse(path.read_text(encoding="utf-8")).body
                if isinstance(node, ast.ImportFrom) for alias in node.names}
    wanted = {f"{op}_{way}" for name in imported for op, _, way in [name.rpartition("_")]
              if way in ("forward", "backward") for way in ("forward", "backward")}
    assert wanted <= imported, f"import {sorted(wanted - imported)} in {path.relative_to(ROOT)}"
    assert wanted <= offered, (f"add {sorted(wanted - offered)} to __all__ in "
                               f"{path.relative_to(ROOT)}")


@pytest.mark.parametrize("room", ROOMS)
def test_every_name_that_a_room_offers_is_there_and_every_pair_is_on_its_map(room):
    module = importlib.import_module(f"tinycaps.{room}")
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert not missing, f"tinycaps/{room}/__init__.py offers {missing} and does not import them"
    assert module.__all__ == sorted({*module.__all__}), (
        f"sort __all__ in tinycaps/{room}/__init__.py")
    page = (ROOT / "tinycaps" / room / "README.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|") and ".py)" in line]
    mapped = {*re.findall(r"`(\w+)`", " ".join(rows))}
    for name in module.__all__:
        if name.endswith(("_forward", "_backward")):
            op = name.rpartition("_")[0]
            assert {f"{op}_forward", f"{op}_backward"} <= {*module.__all__}, f"{name} stands alone"
            assert f"{op}_forward" in mapped, (
                f"the map in tinycaps/{room}/README.md needs a row with `{op}_forward`")


def test_names_of_demos_are_unique_over_the_rooms():
    names = [name for demos in find_demos().values() for name in demos]
    assert len(names) >= 10 and sorted({*names}) == sorted(names)


def test_the_version_is_the_same_everywhere():
    assert re.fullmatch(r"\d+\.\d+\.\d+", tinycaps.__version__)
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, re.M)[1] == tinycaps.__version__
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert re.search(r"^version = (.*)$", setup, re.M)[1] == "attr: tinycaps.__version__"
    assert f"## {tinycaps.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
