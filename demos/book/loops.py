"""The loop reference of an op as a program of its own: run at build, and in the page by Brython."""
import ast
import functools
import importlib.util
import json
import re
from pathlib import Path

from . import driver, source


@functools.cache
def _module(path):
    """Return a reference file's functions: name to text; and its imports: name to path and name."""
    text = path.read_text(encoding="utf-8")
    functions, imported = {}, {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = ast.get_source_segment(text, node), {
                each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        elif isinstance(node, ast.ImportFrom):
            other = source.ROOT.joinpath(*node.module.split(".")).with_suffix(".py")
            imported |= {alias.asname or alias.name: (other, alias.name) for alias in node.names}
    return functions, imported


def program(piece):
    """Return a loop and all functions that it calls as one program, the loop last."""
    texts = {}

    def add(path, name):
        functions, imported = _module(path)
        if name in imported:
            return add(*imported[name])
        if name in functions and name not in texts:
            text, names = functions[name]
            texts[name] = None
            for each in sorted(names - {name}):
                add(path, each)
            del texts[name]
            texts[name] = text

    add(piece.path, piece.name)
    return "\n\n\n".join(["import math", *texts.values()]) + "\n"


def load(piece):
    """Return the function of a loop, made from its text."""
    names = {}
    exec(program(piece), names)
    return names[piece.name]


def bundle():
    """Return brython.js: a script that holds Brython and the driver; None without Brython.

    From the disk a page may run a script but not read one, and a worker may load none. So the page
    gets Brython as a string, to start the worker with; of its library, `math` is enough.
    """
    package = importlib.util.find_spec("brython")
    if package is None or package.origin is None:               # any folder of that name is found
        return None
    data = Path(package.origin).parent / "data"
    text, library = ((data / name).read_text(encoding="utf-8")
                     for name in ("brython.js", "brython_stdlib.js"))
    found = re.search(r'"math": (?=\[)', library)
    mathematics, _ = json.JSONDecoder().raw_decode(library, found.end())
    text = "\n".join(('self.__BRYTHON__ = {brython_path: "file:///"};', text,
                      "__BRYTHON__.use_VFS = true;", "__BRYTHON__.update_VFS("
                      f"{json.dumps({'$timestamp': 1, 'math': mathematics})});"))
    own = Path(driver.__file__).read_text(encoding="utf-8")
    return f"const BRYTHON = {json.dumps(text)};\nconst DRIVER = {json.dumps(own)};\n"
