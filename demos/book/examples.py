"""What a page needs to run the loops of its op: inputs, calls, and the backward's gradients."""
import functools
import inspect
import json

import numpy as np

from demos.gradcheck.faults import find_point
from demos.gradcheck.loops import by_loops
from demos.gradcheck.wrong_forwards import WRONG_FORWARDS

from . import driver, loops, proofs
from .writing import Html, el

SHOWN = 24
"""The most entries whose derivative is measured in the page."""
MARK = 2.0 ** 40
"""Added to a place, so that no other number is taken for one."""


def example(pair):
    """Return what the page needs to run the loop of a pair at its point: a dict for JSON.

    Every number by which the pair is differentiated is given a place in one flat list, to which the
    loop's calls refer; of its other arguments they refer to the names.
    """
    if pair.op not in WRONG_FORWARDS:
        return None
    forward, backward, inputs, keywords = find_point(pair.op, WRONG_FORWARDS[pair.op][0])
    piece = proofs.loops(pair)
    loop = loops.load(piece)
    inputs = [_rounded(each) for each in inputs]
    names = [*inspect.signature(forward).parameters][:len(inputs)]
    arrays = {}
    for name, each in zip(names, inputs):
        arrays |= ({(name, key): array for key, array in each.items()} if isinstance(each, dict)
                   else {(name, None): each})
    out, cache = forward(*inputs, **keywords)
    is_loss = np.ndim(out) == 0
    weights = np.ones(()) if is_loss else np.random.default_rng(0).integers(-3, 4, out.shape) / 2
    gradients = _gradients(backward(1.0 if is_loss else weights, cache), names, inputs)
    calls = _calls(pair.op, forward, loop, inputs, keywords)
    data = {
        "name": piece.name, "code": loops.program(piece), "loss": is_loss,
        "given": _name_given(calls, [*inspect.signature(loop).parameters]), "calls": calls,
        "inputs": [{"name": name, "key": key, "values": np.asarray(array).tolist()}
                   for (name, key), array in arrays.items()],
        "weights": np.ravel(weights).tolist(), "entries": _entries(arrays, gradients)}
    found = driver.run(data["code"], data | {"entries": []})
    expected = by_loops(pair.op, forward, loop, inputs, keywords)
    np.testing.assert_allclose(found["value"], float(np.ravel(weights) @ expected), rtol=1e-9,
                               atol=1e-12)
    return data


def _rounded(value):
    """Round arrays to two decimals: numbers that a reader can type."""
    if isinstance(value, dict):
        return {key: _rounded(array) for key, array in value.items()}
    return np.round(value, 2)


def _gradients(returned, names, inputs):
    returned = returned if isinstance(returned, tuple) else (returned,)
    found = {}
    for name, value, gradient in zip(names, inputs, returned):
        found |= ({(name, key): gradient[key] for key in value} if isinstance(value, dict)
                  else {(name, None): gradient})
    return found


def _entries(arrays, gradients):
    """Return the entries to measure: [place, label, analytic], the largest gradients of each."""
    each = max(1, SHOWN // len(arrays))
    entries, start = [], 0
    for (name, key), array in arrays.items():
        gradient = np.ravel(gradients[name, key])
        chosen = np.argsort(-abs(gradient), kind="stable")[:each] \
            if gradient.size > each else range(gradient.size)
        for k in sorted(chosen):
            index = ", ".join(map(str, np.unravel_index(k, array.shape)))
            label = f"{name}[{key!r}][{index}]" if key else f"{name}[{index}]"
            entries.append([start + int(k), label, float(gradient[k])])
        start += array.size
    return entries


def _calls(op, forward, loop, inputs, keywords):
    """Return the arguments of every call of the loop, numbers of the inputs by their places."""
    calls, start = [], 0
    marked = []
    for value in inputs:
        arrays = value if isinstance(value, dict) else {None: value}
        places = {}
        for key, array in arrays.items():
            places[key] = MARK + start + np.arange(array.size, dtype=float).reshape(array.shape)
            start += array.size
        marked.append(places if isinstance(value, dict) else places[None])

    @functools.wraps(loop)
    def recorder(*arguments):
        calls.append([_written(each) for each in arguments])
        return np.zeros(1)

    with np.errstate(all="ignore"):
        by_loops(op, forward, recorder, marked, keywords)
    return calls


def _name_given(calls, parameters):
    """Let calls refer by name to arguments that are no inputs; return these: name to value.

    One that differs from call to call becomes a list with an entry for each.
    """
    given = {}
    for position, (name, *_) in enumerate(zip(parameters, *calls)):
        values = [call[position] for call in calls]
        if any(word in json.dumps(values) for word in ('"place"', '"config"', '"dict"')):
            continue
        same = all(value == values[0] for value in values)
        given[name] = values[0] if same else values
        for k, call in enumerate(calls):
            call[position] = {"given": name} if same else {"given": name, "at": k}
    return given


def _written(value):
    """Return an argument as JSON holds it."""
    if isinstance(value, dict):
        return {"dict": {key: _written(each) for key, each in value.items()}}
    if isinstance(value, np.ndarray):
        return _written(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_written(each) for each in value]
    if isinstance(value, np.generic):
        return _written(value.item())
    if isinstance(value, float) and value >= MARK:
        return {"place": int(value - MARK)}
    if value is None or isinstance(value, (int, float, str, bool)):
        return value
    return {"config": {name: _written(getattr(value, name)) for name in dir(value)
                       if not name.startswith("_")
                       and isinstance(getattr(value, name), (int, float, tuple))}}


def as_script(data):
    """Return the data of a page as a JSON script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return el("script", Html(text), type="application/json", id="loop-data")


def as_text(data):
    """Return all arguments of the loop as Python that a reader can change."""
    named = {}
    for each in data["inputs"]:
        if each["key"]:
            named.setdefault(each["name"], {})[each["key"]] = each["values"]
        else:
            named[each["name"]] = each["values"]
    named |= data["given"]
    return "\n".join(f"{name} = {_literal(value)}" for name, value in named.items())


def _literal(value):
    """Return nested lists as text, a line for each entry of the outermost."""
    if isinstance(value, dict):
        return "{\n" + "".join(f"    {key!r}: {each},\n" for key, each in value.items()) + "}"
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "[" + ",\n    ".join(map(str, value)) + "]"
    return repr(value)
