"""Loops as programs of their own: value and derivative are those of the pair."""
import json
import types
from pathlib import Path

import numpy as np
import pytest

from demos.book import driver, examples, loops, proofs, source
from demos.gradcheck.wrong_forwards import WRONG_FORWARDS

PAIRS = source.find_pairs()


@pytest.mark.parametrize("op", sorted({*WRONG_FORWARDS} - {"capsnet_loss", "cnn", "cnn_loss"}))
def test_the_measured_derivative_of_the_loops_is_the_gradient(op):
    data = json.loads(json.dumps(examples.example(PAIRS[op])))
    found = driver.run(data["code"], data)
    analytic = [entry[2] for entry in data["entries"]]
    assert len(analytic) and np.any(analytic)
    np.testing.assert_allclose(found["measured"], analytic, rtol=1e-6, atol=1e-8)


def test_a_program_needs_nothing_but_math():
    code = loops.program(proofs.loops(PAIRS["capsnet_loss"]))
    assert [line for line in code.split("\n") if "import" in line] == ["import math"]
    assert code.index("def length") < code.index("def squash") < code.index("def capsnet_loss")


def test_a_changed_line_changes_the_value_and_the_derivative():
    data = examples.example(PAIRS["squash"])
    changed = data["code"].replace("(1 + norm ** 2)", "(2 + norm ** 2)")
    assert changed != data["code"]
    right, wrong = (driver.run(code, data) for code in (data["code"], changed))
    assert right["value"] != wrong["value"]
    assert not np.allclose(wrong["measured"], [entry[2] for entry in data["entries"]])


@pytest.mark.parametrize("op", ["squash", "mlp", "conv2d"])
def test_the_inputs_as_a_reader_sees_them_are_those_of_the_calls(op):
    data, names = examples.example(PAIRS[op]), {}
    exec(examples.as_text(data), names)
    values = [names[each["name"]][each["key"]] if each["key"] else names[each["name"]]
              for each in data["inputs"]]
    assert values == [each["values"] for each in data["inputs"]]
    given = {name: names[name] for name in data["given"]}
    assert given == data["given"]
    assert driver.run(data["code"], data, values, given) == driver.run(data["code"], data)


@pytest.mark.parametrize("op, name, other", [
    ("margin_loss", "present", 0.5), ("soft_cross_entropy", "temperature", 1.0),
    ("routing", "iterations", 1)])
def test_every_argument_of_the_loop_is_seen_and_can_be_changed(op, name, other):
    data, names = examples.example(PAIRS[op]), {}
    exec(examples.as_text(data), names)
    assert names[name] == data["given"][name] != other
    before = driver.run(data["code"], data)
    assert driver.run(data["code"], data, given=data["given"] | {name: other}) != before


def test_a_script_of_data_cannot_end_early():
    text = examples.as_script({"code": "</script>"})
    assert text.count("</script>") == 1 and text.endswith("</script>")


def test_a_layer_stack_without_a_derivative_has_no_example():
    assert examples.example(PAIRS["ff"]) is None


def test_without_brython_there_is_no_bundle(monkeypatch):
    monkeypatch.setattr(loops.importlib.util, "find_spec", lambda name: None)
    assert loops.bundle() is None


def test_the_bundle_holds_brython_its_math_and_the_driver(monkeypatch, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "brython.js").write_text("var brython = 1", encoding="utf-8")
    library = 'var scripts = {"cmath": [".js", "no"], "math": [".js", "yes </script>"]}'
    (tmp_path / "data" / "brython_stdlib.js").write_text(library, encoding="utf-8")
    package = types.SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(loops.importlib.util, "find_spec", lambda name: package)
    brython, own = (json.loads(line.partition(" = ")[2].removesuffix(";"))
                    for line in loops.bundle().strip().split("\n"))
    assert "var brython = 1" in brython and '"yes </script>"' in brython and "no" not in brython
    assert own == Path(driver.__file__).read_text(encoding="utf-8")
