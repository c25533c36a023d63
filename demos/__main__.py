"""List the demos, or run one: python -m demos [NAME ...].

    python -m demos                         what there is, one line each
    python -m demos capsnet --help          what a demo shows, and its arguments
    python -m demos capsnet --quick         run it

A demo is a file in a room, a folder of demos/, that has a function main; or a whole room with a
__main__.py; or any file of one_file/, a script that is run by itself.
"""
import ast
import difflib
import importlib
import os
import runpy
import sys
from pathlib import Path

from demos.harness.run import run

HERE = Path(__file__).parent
FIRST = ("capsules", "forward_forward", "distillation")
LAST = ("gradcheck", "benchmark", "one_file", "results")
"""Rooms at the beginning and at the end of the list; the others stand between them, by name."""
NO_ROOM = {"harness", "figures"}


def find_demos():
    """Return the file of every demo: {room: {name: path}}, in the order of the list."""
    def place(room):
        if room in FIRST:
            return FIRST.index(room), room
        return len(FIRST) + 1 + LAST.index(room) if room in LAST else len(FIRST), room

    rooms = {path.name for path in HERE.iterdir() if path.is_dir() and path.name[0] not in "._"}
    found = {room: _demos_in(room) for room in sorted(rooms - NO_ROOM, key=place)}
    return {room: demos for room, demos in found.items() if demos}


def _demos_in(room):
    folder = HERE / room
    if (folder / "__main__.py").exists():
        return {room: folder / "__main__.py"}
    paths = [path for path in folder.glob("*.py") if path.stem != "__init__"]
    paths.sort(key=lambda path: (path.stem != room, path.stem))     # one named as its room first
    if room == "one_file":
        return {f"{room}/{path.stem}": path for path in paths}
    return {path.stem: path for path in paths if _has_main(path)}


def _read(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _has_main(path):
    return any(isinstance(node, ast.FunctionDef) and node.name == "main"
               for node in _read(path).body)


def list_demos(rooms):
    """Yield the lines of the list: each demo with the first line of its docstring."""
    width = max(len(name) for demos in rooms.values() for name in demos)
    for room, demos in rooms.items():
        yield room
        for name, path in demos.items():
            yield f"  {name:{width}}  {ast.get_docstring(_read(path)).splitlines()[0]}"


def main(words):
    """List the demos, or run the one that the first word names; return the exit code."""
    rooms = find_demos()
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        print("\n".join(list_demos(rooms)))
        return 0
    name, *argv = words
    paths = {name: path for demos in rooms.values() for name, path in demos.items()}
    if name not in paths:
        near = difflib.get_close_matches(name, paths) or ["one of those that python -m demos lists"]
        raise ValueError(f"demo: got {name!r}, wanted {' or '.join(near)}")
    path = paths[name]
    if path.parent.name == "one_file":
        sys.argv = [str(path), *argv]
        runpy.run_path(str(path), run_name="__main__")
        return 0
    module = ".".join(path.relative_to(HERE.parent).with_suffix("").parts)
    return importlib.import_module(module).main(argv)


if __name__ == "__main__":
    try:
        run(main, sys.argv[1:])
    except SystemExit as stop:
        if stop.code == 130:                # Ctrl-C: no thread is waited for
            sys.stdout.flush()
            os._exit(130)
        raise
