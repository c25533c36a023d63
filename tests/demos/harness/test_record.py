"""The record of a run can be read again, and says how to do the run again."""
import json
import shlex

import numpy as np
import pytest

from demos.harness.arguments import make_parser
from demos.harness.record import Record, write_log


@pytest.fixture
def arguments(tmp_path):
    return make_parser("boat", "A boat.").parse_args(["--out", str(tmp_path)])


def written(arguments):
    return json.loads((arguments.out / "run.json").read_text(encoding="utf-8"))


def test_the_record_says_how_to_do_it_again(arguments):
    words = ["--out", "a folder/with spaces", "--seed", "3"]
    Record("boat", words, arguments).write(0.25, names=["a", None])
    found = written(arguments)
    assert shlex.split(found["command"]) == ["python", "-m", "demos", "boat", *words]
    assert found["arguments"] == {"seed": 0, "out": str(arguments.out)}
    assert found["seconds"] >= 0 and found["environment"]["numpy"] == np.__version__
    assert len(found["date"].split("-")) == 3


@pytest.mark.parametrize("given, expected", [
    ({}, {"error": 0.25, "seeds": [0.25]}),
    ({"baseline": 0.5, "wrong": 9}, {"error": 0.25, "seeds": [0.25], "baseline": 0.5, "wrong": 9}),
    ({"seeds": [0.2, 0.3]}, {"error": 0.25, "seeds": [0.2, 0.3]})])
def test_every_record_has_one_error_and_those_of_the_seeds(arguments, given, expected):
    Record("boat", [], arguments).write(0.25, **given)
    assert written(arguments)["results"] == expected


def test_the_log_is_one_object_a_line(arguments):
    log = [{"network": "a", "loss": 0.5}, {"network": "a", "error": 0.25}]
    write_log(arguments, log)
    lines = (arguments.out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == log
    with pytest.raises(TypeError):
        write_log(arguments, [{"no": object()}])
    assert (arguments.out / "metrics.jsonl").read_text(encoding="utf-8").splitlines() == lines
