"""Run a reader's loop and measure its derivative: the same file at build and in Brython."""


class Config:
    """Settings as attributes."""


def resolve(value, numbers, given):
    """Return an argument of a call: places are numbers of the inputs, names other arguments."""
    if isinstance(value, list):
        return [resolve(each, numbers, given) for each in value]
    if isinstance(value, dict):
        if "given" in value:
            named = given[value["given"]]
            return named[value["at"]] if "at" in value else named
        if "place" in value:
            return numbers[value["place"]]
        if "dict" in value:
            return {key: resolve(each, numbers, given) for key, each in value["dict"].items()}
        config = Config()
        for name, each in value["config"].items():
            setattr(config, name, each)
        return config
    return value


def flatten(value):
    """Return the numbers of nested lists in a row."""
    if not isinstance(value, (list, tuple)):
        return [value]
    return [number for each in value for number in flatten(each)]


def run(code, data, values=None, given=None, step=1e-5):
    """Return the outputs, their weighted sum, and the measured derivative of every entry.

    Parameters
    ----------
    code : str
        The reader's program, which defines ``data["name"]``.
    data : dict
        From `demos.book.loops.example`.
    values : list, optional
        Of the inputs, in their order, if they are not those of the data.
    given : dict, optional
        The other arguments by name, if they are not those of the data.
    step : float
        Of the central differences.
    """
    names = {}
    exec(code, names)
    loop = names[data["name"]]
    numbers = flatten([each["values"] for each in data["inputs"]] if values is None else values)

    given = data["given"] if given is None else given

    def outputs(numbers):
        found = []
        for call in data["calls"]:
            out = loop(*[resolve(each, numbers, given) for each in call])
            found.append(flatten(out[0] if isinstance(out, tuple) else out))
        if data["loss"]:
            return [sum(each[0] for each in found) / len(found)]
        return flatten(found)

    def value(numbers):
        return sum(w * y for w, y in zip(data["weights"], outputs(numbers)))

    measured = []
    for place, _, _ in data["entries"]:
        moved = list(numbers)
        moved[place] = numbers[place] + step
        above = value(moved)
        moved[place] = numbers[place] - step
        measured.append((above - value(moved)) / (2 * step))
    return {"outputs": outputs(numbers), "value": value(numbers), "measured": measured}
