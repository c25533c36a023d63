"""What the tests ask of the source of every one-file demo."""
import ast
import re
from pathlib import Path

import numpy as np


def check_form(module):
    """Assert that it is short, needs NumPy alone, and that each backward mirrors its forward."""
    source = Path(module.__file__).read_text(encoding="utf-8")
    lines = source.splitlines()
    assert len(lines) <= 150
    assert max(map(len, lines)) <= 100
    tree = ast.parse(source)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    found = [ast.unparse(node) for node in imports]
    assert found == ["from pathlib import Path", "import numpy as np"]
    functions = {node.name: lines[node.lineno:node.end_lineno] for node in tree.body
                 if isinstance(node, ast.FunctionDef)}
    stems, mirrored = ({name.removesuffix(way) for name in functions if name.endswith(way)}
                       for way in ("_forward", "_backward"))
    assert stems and stems == mirrored
    for stem in stems:
        forward, backward = (tags(functions[f"{stem}_{way}"]) for way in ("forward", "backward"))
        assert forward and forward == backward, stem


def tags(lines):
    """Return the tags of lines, without those of lines that have no derivative."""
    groups = [re.search(r"  # \[([^\]]+)\]", line) for line in lines]
    found = {tag for group in groups if group for tag in group[1].split(", ")}
    return {tag for tag in found if not tag.endswith(" -")}


def same(got, want):
    """Assert that two dicts of gradients are equal up to rounding, name by name."""
    assert got.keys() == want.keys()
    for key in want:
        np.testing.assert_allclose(got[key], want[key], rtol=1e-10, atol=1e-14, err_msg=key)
