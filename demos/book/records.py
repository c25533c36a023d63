"""What the records say of a network: the error of every run, with its command."""
from demos.results.__main__ import current_command, read_records

from . import rooms, sizes
from .writing import el, section, table


def section_of(pair):
    """Return the section with the recorded runs of the demos that train with a network."""
    if pair.op not in sizes.PUBLISHED or "params" not in (row[0] for row in pair.arrays):
        return ""
    rows = [(name, el("code", current_command(record).strip("`")), _error(record),
             f"{record['seconds']:.0f}") for name, record in read_records().items()
            if record["command"].replace("demos.", "demos ").split()[3] in rooms.demos_of(pair.op)]
    rows = [row for row in rows if "gradient_check_tour" not in row[1]]
    return section("Results", el("p", el(
        "a", "What they mean, and what does not follow", href=f"paper-{pair.room}.html#measured"
    ) if pair.room != "ops" else "", "." if pair.room != "ops" else ""), table(
        ("record", "command", "error", "seconds"), rows,
        f"Recorded runs of the demos that train with {pair.op}")) if rows else ""


def _error(record):
    unit = record["results"].get("unit")
    return f"{record['error']:.4g} {unit}" if unit else f"{100 * record['error']:.2f} %"
