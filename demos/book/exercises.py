"""The exercise of an op, where there is one."""
from pathlib import Path

from .writing import el


def of(op):
    """Return the command of an op's exercise, or nothing."""
    if not (Path(__file__).parents[1] / "exercise").exists():
        return ""
    return el("code", f"python -m demos exercise {op}")
