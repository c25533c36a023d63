"""What is computed at build: tables of gradient checks, of faults, and of forwards and loops."""
import re

import numpy as np

from demos.gradcheck.faults import FAULTS, find_point, planted
from demos.gradcheck.loops import by_loops
from demos.gradcheck.wrong_forwards import WRONG_FORWARDS
from tinycaps.gradcheck import check_gradients

from . import loops, proofs
from .writing import el, section, table

ENTRIES = 30
"""Arrays with more entries are checked along random directions; of a faulty pair, one."""


def gradient_table(op, report, caption):
    """Return the table of a Report, cell by cell as it prints itself, and what it says below."""
    head, *lines = str(report).split("\n")
    rows = [re.split(" {2,}", line.strip()) for line in lines[:len(report.rows)]]
    below = [el("p", line) for line in lines[len(report.rows):]]
    return table(re.split(" {2,}", head), rows, caption,
                 lambda row: "wrong" if row[-1] == "WRONG" else "right"), below


def of_pair(pair):
    """Return the section with the gradient check of a pair."""
    if pair.op not in FAULTS:
        return section("Gradient check", el("p", (
            "None: this backward is, on purpose, no derivative of its forward, as its derivation "
            "says.")))
    forward, backward, inputs, keywords = find_point(pair.op)
    report = check_gradients(forward, backward, *inputs, max_entries=ENTRIES, **keywords)
    if not report.ok:
        raise ValueError(f"{pair.op}: got a gradient that the check refuses, wanted one that it "
                         "accepts; see python -m demos gradient_check_tour")
    return section("Gradient check", el("p", (
        "Computed when this page was made. Each row is an array, at the entry or along the "
        "direction where the backward differs most, of all that were checked. Analytic is the "
        "backward's gradient of the outputs weighted by random numbers, numeric the measured "
        "derivative, ± error its estimated error; the complex step is a second witness, and kinks "
        "counts the points where the slopes of the two sides differ. It is ok if the gradient lies "
        "within eight estimated errors of the measured derivative.")),
        gradient_table(pair.op, report, f"Gradients of {pair.op}"))


def faults(pair):
    """Return the section with the planted faults of a pair: a menu, and a panel for each."""
    panels = [(f"In the backward: {fault.why}", _backward_fault(pair, fault))
              for fault in FAULTS.get(pair.op, ())]
    panels += [(f"In the forward: {fault.why}", _forward_fault(pair, fault))
               for fault in WRONG_FORWARDS.get(pair.op, ())]
    if not panels:
        return ""
    menu = el("p", el("label", "Plant a fault: ", for_="faults"),
              el("select", [el("option", title, value=f"fault-{k}")
                            for k, (title, _) in enumerate(panels)], id="faults"),
              class_="menu", hidden=True)
    return section("Planted faults", el("p", "Each fault changes one piece of the source; the "
                                        "tables were computed with it in place."), menu,
                   [el("div", el("h3", title), body, class_="panel", id=f"fault-{k}")
                    for k, (title, body) in enumerate(panels)], name="planted-faults")


def _change(side, fault):
    """Return a sentence that says where a side is changed, and to what."""
    piece = fault.piece.strip()
    lines = [line.number for line in side.lines if piece in line.code]
    letter = "f" if side.name.endswith("_forward") else "b"
    where = [el("a", f"Line {lines[0]}", href=f"#{letter}{lines[0]}"), ": "] if lines else ""
    after = el("ins", el("code", fault.by.strip())) if fault.by.strip() else "nothing"
    return el("p", where, el("del", el("code", piece)), " becomes ", after, class_="change")


def _check(forward, backward, inputs, keywords):
    return check_gradients(forward, backward, *inputs, max_entries=ENTRIES, directions=1,
                           **keywords)


def _backward_fault(pair, fault):
    forward, backward, inputs, keywords = find_point(pair.op, fault)
    report = _check(forward, planted(backward, fault.piece, fault.by), inputs, keywords)
    if report.ok:
        raise ValueError(f"{pair.op}: got a planted fault, {fault.why}, that the gradient check "
                         "accepts, wanted one that it refuses")
    return [_change(pair.backward, fault),
            gradient_table(pair.op, report, f"The check refuses it: {fault.why}")]


def _forward_fault(pair, fault):
    forward, backward, inputs, keywords = find_point(pair.op, fault)
    wrong = planted(forward, fault.piece, fault.by)
    report = _check(wrong, backward, inputs, keywords)
    if not report.ok:
        raise ValueError(f"{pair.op}: got a wrong forward, {fault.why}, that the gradient check "
                         "refuses, wanted one that it accepts")
    wanted = by_loops(pair.op, forward, loops.load(proofs.loops(pair)), inputs, keywords)
    right, seen = (np.ravel(each(*inputs, **keywords)[0]) for each in (forward, wrong))
    rows = [_compare("as it is", right, wanted), _compare("with the fault", seen, wanted)]
    return [
        _change(pair.forward, fault),
        el("p", "The gradient check does ", el("strong", "not"), " see it, for the backward is "
           "the derivative of this forward, too:"),
        gradient_table(pair.op, report, f"The check accepts it: {fault.why}"),
        el("p", "The loops do: they compute the paper's formula without the package."),
        table(("forward", "output", "loops", "forward says", "off by", "verdict"), rows,
              "Compared with the loops where they differ most",
              lambda row: "wrong" if row[-1] == "WRONG" else "right")]


def _compare(name, seen, wanted):
    k = int(np.argmax(abs(seen - wanted)))
    apart = abs(seen[k] - wanted[k])
    verdict = "ok" if apart <= 1e-12 * abs(wanted).max() + 1e-14 else "WRONG"
    return name, f"{k} of {len(wanted)}", f"{wanted[k]:.10g}", f"{seen[k]:.10g}", \
        f"{apart:.1e}", verdict
