"""What a gradient check found, to print and to compute with."""
from typing import NamedTuple

VERDICTS = {
    "ok": "the gradient lies within 8 estimated errors of the measured derivative",
    "kink": "the slopes of the two sides differ, and the gradient lies between them",
    "unsure": "the derivative could not be measured well enough to decide",
    "WRONG": "the gradient is not the derivative",
}
"""From good to bad, with what they mean."""


class Row(NamedTuple):
    """One array: how it was checked, and the entry (or random direction) with the worst result."""

    name: str
    shape: tuple
    checked: str
    index: tuple | None
    analytic: float
    """What backward returns for a random upstream gradient."""
    numeric: float
    """The measured derivative of the sum of the outputs, weighted by the same upstream gradient."""
    error: float
    """Estimated error of `numeric`."""
    complex_step: float | str | None
    """The second witness; None where forward takes no complex numbers, or "not analytic"."""
    kinks: int
    verdict: str
    slopes: tuple | None = None
    """At a kink: the slopes of the left and of the right side, of which `numeric` is the mean."""


class Report(NamedTuple):
    """All rows, and what is wrong with the pair apart from its numbers."""

    rows: list
    problems: list
    constants: tuple = ()
    """Arguments that were taken as constant, and why."""

    @property
    def ok(self):
        """No problem, and every row "ok" or "kink"."""
        return not self.problems and all(row.verdict in ("ok", "kink") for row in self.rows)

    @property
    def kinks(self):
        """Entries and directions at which the function has a kink."""
        return sum(row.kinks for row in self.rows)

    def as_dicts(self):
        """Return the rows as dictionaries that JSON can hold."""
        return [row._asdict() for row in self.rows]

    def __str__(self):
        head = ("parameter", "shape", "checked", "worst at", "analytic", "numeric", "off by",
                "± error", "complex step", "kinks", "verdict")
        table = [head] + [_cells(row) for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*table)]
        lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
        seen = {row.verdict for row in self.rows}
        if seen - {"ok"}:
            lines += [f"{verdict}: {meaning}" for verdict, meaning in VERDICTS.items()
                      if verdict in seen]
        if self.constants:
            lines.append(f"taken as constant: {', '.join(self.constants)}")
        return "\n".join(lines + [f"PROBLEM: {problem}" for problem in self.problems])


def _cells(row):
    index = "a direction" if row.index is None else str(row.index)
    numeric = f"{row.slopes[0]:.5g} | {row.slopes[1]:.5g}" if row.slopes else f"{row.numeric:.10g}"
    witness = (f"{row.complex_step:.10g}" if isinstance(row.complex_step, float)
               else row.complex_step or "none")
    return (row.name, str(row.shape), row.checked, index, f"{row.analytic:.10g}", numeric,
            f"{abs(row.analytic - row.numeric):.1e}", f"{row.error:.1e}", witness, str(row.kinks),
            row.verdict)
