"""Routing, step by step: a slider over the rounds, and over the gradients that flow back."""
import json

import numpy as np

from tinycaps.capsules import (length_backward, length_forward, routing_backward, routing_forward)
from tinycaps.ops import margin_loss_backward, margin_loss_forward

from .trace import trace
from .writing import Html, el, fill, table

PAGE = "routing-rounds.html"
VOTES = np.array([[[[0.9, 0.5], [-0.6, 0.4], [0.2, -0.9]],
                   [[1.0, 0.4], [0.7, -0.5], [-0.8, -0.3]],
                   [[0.8, 0.6], [0.1, 0.9], [0.9, 0.4]],
                   [[-0.3, 0.8], [-0.5, 0.5], [0.3, -0.8]]]])
"""û (n, i, j, q) of one sample: three children agree on parent 1, two on parents 2 and 3."""
LABEL = 0
ROUNDS = 3
LONGEST = 0.5
"""Of the arrows that show gradients, in units of the circle's radius."""


def write(site):
    """Write the page."""
    data = steps(VOTES, ROUNDS, LABEL)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    site.page(PAGE, "Routing, step by step", fill(
        "routing.html", data=el("script", Html(text), type="application/json", id="drawing-data"),
        last=len(data["steps"]) - 1, tables=_tables(data)), scripts=("drawing.js",))
    site.searchable("Routing, step by step", PAGE, "drawing",
                    "slider rounds coupling outputs gradients Procedure 1")


def steps(votes, rounds, label):
    """Return what the drawing shows, as JSON holds it: the drawing itself knows no routing.

    A step has a title, a sentence, matrices (children by parents), and for each parent a plane with
    arrows: [kind, x, y] from the origin, or [kind, x, y, from x, from y]; a strength from 0 to 1
    may follow the kind as in "vote:0.4".
    """
    (v, cache), forward = trace(routing_forward, votes, rounds, keep=np.copy)
    length, length_cache = length_forward(v)
    loss, margin = margin_loss_forward(length, np.array([label]))
    dv = length_backward(margin_loss_backward(1.0, margin), length_cache)
    _, backward = trace(routing_backward, dv, cache, keep=np.copy)
    found = _forward_steps(votes[0], forward)
    found += _backward_steps(votes[0], backward, cache, float(loss))
    _, children, parents, _ = votes.shape
    return {"children": [f"child {i + 1}" for i in range(children)],
            "parents": [f"parent {j + 1}" for j in range(parents)], "steps": found}


def _rounded(array):
    return np.round(array, 4).tolist()


def _of(steps, name, round_):
    """Return what the steps made under a name in a round, counted in the order of the steps."""
    return [step.made[name][0] for step in steps if name in step.made][round_]


def _forward_steps(u_hat, forward):
    found, b = [], np.zeros(u_hat.shape[:2])
    for t in range(ROUNDS):
        c, s, v = (_of(forward, name, t) for name in "csv")
        after = _of(forward, "b", t + 1)
        planes = [[*([f"vote:{c[i, j]:.3f}", *_rounded(u_hat[i, j])] for i in range(len(u_hat))),
                   ["total", *_rounded(s[j])], ["output", *_rounded(v[j])]]
                  for j in range(len(v))]
        found.append({
            "title": f"Forward, round {t + 1} of {ROUNDS}",
            "text": ("Every child divides itself evenly, since all logits are zero. " if t == 0 else
                     "Children whose votes agreed with an output send it more. ")
            + ("The output of this round is the output of routing." if t == ROUNDS - 1 else
               "The agreement û·v of this round is added to the logits of the next."),
            "back": False, "planes": planes,
            "numbers": [["length of v", _rounded(np.linalg.norm(v, axis=-1))]],
            "matrices": [["b, the logits [l.2, l.7]", _rounded(b)],
                         ["c = softmax over the parents [l.4]", _rounded(c)],
                         ["agreement û·v [l.7]", _rounded(after - b)]]})
        b = after
    return found


def _backward_steps(u_hat, backward, cache, loss):
    found, du_before = [], np.zeros_like(u_hat)
    entries = [k for k, step in enumerate(backward) if "dc" in step.made]
    for k, t in enumerate(reversed(range(ROUNDS))):
        end = entries[k]
        seen = [step for step in backward[:end + 2]]
        dv, ds, dc, du = (_of(seen, name, -1) for name in ("dv", "ds", "dc", "du_hat"))
        dv = [step.made["dv"][0] for step in seen if "l.7" in step.tags and "dv" in step.made][-1]
        db_in = next(step.read["db"][0] for step in reversed(seen) if "l.7" in step.tags)
        db_out = _of(seen, "db", -1)
        v = cache.v[t][0]
        times = int(LONGEST / max(abs(du).max(), abs(dv).max()))
        planes = [[*([f"vote:{cache.coupling[t][0, i, j]:.3f}", *_rounded(u_hat[i, j])]
                     for i in range(len(u_hat))),
                   ["output", *_rounded(v[j])],
                   *(["wanted", *_rounded(-times * du[i, j]), *_rounded(u_hat[i, j])]
                     for i in range(len(u_hat))),
                   ["gradient", *_rounded(-times * dv[j]), *_rounded(v[j])]]
                  for j in range(len(v))]
        found.append({
            "title": f"Backward, round {t + 1} of {ROUNDS}",
            "text": (f"The loss is the margin loss with parent {LABEL + 1} true, {loss:.3f}; its "
                     "gradient arrives at v, and db is zero: nobody reads the last logits. "
                     if k == 0 else
                     "Nothing reads v of this round but line 7: all of dv comes through the "
                     "logits. ")
            + "Red arrows point where the loss wants an output or a vote to go, "
              f"drawn at {times} times their length; those of the votes are the sum so far.",
            "back": True, "planes": planes,
            "numbers": [["length of dv", _rounded(np.linalg.norm(dv, axis=-1))],
                        ["length of ds", _rounded(np.linalg.norm(ds, axis=-1))]],
            "matrices": [["db of the next round, on entry", _rounded(db_in)],
                         ["dc = û·ds [l.5]", _rounded(dc)],
                         ["db = db + softmax backward [l.4]", _rounded(db_out)],
                         ["length of what this round adds to dû",
                          _rounded(np.linalg.norm(du - du_before, axis=-1))]]})
        du_before = du
    return found


def _tables(data):
    """Return all numbers as tables, for print and for those who do not see the drawing."""
    parts = []
    for step in data["steps"]:
        parts.append(el("h3", step["title"]))
        for name, rows in step["matrices"]:
            parts.append(table(("", *data["parents"]),
                               [(child, *[f"{number:.3f}" for number in row])
                                for child, row in zip(data["children"], rows)],
                               f"{step['title']}: {name}"))
    return parts
