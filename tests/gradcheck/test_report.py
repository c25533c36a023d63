"""A report prints as a table and reads as data."""
import json

import numpy as np
import pytest

import tinycaps.gradcheck
from tinycaps.gradcheck import Report, Row, check_gradients
from tinycaps.ops import relu_backward, relu_forward, sigmoid_backward, sigmoid_forward

RIGHT = Row("x", (2, 3), "all 6", (1, 2), 0.25, 0.25 + 1e-13, 2e-13, 0.25, 0, "ok")
KINKED = RIGHT._replace(name="W", kinks=3, verdict="kink", complex_step=None)


def test_all_is_well_without_problems_and_wrong_rows():
    assert Report([RIGHT], []).ok
    assert Report([RIGHT, KINKED], []).ok
    assert not Report([RIGHT], ["forward: wrote into its input x"]).ok
    assert not Report([RIGHT, RIGHT._replace(verdict="unsure")], []).ok
    assert not Report([RIGHT, RIGHT._replace(verdict="WRONG")], []).ok


def test_kinks_are_counted_and_shown():
    report = Report([RIGHT, KINKED], [])
    assert report.kinks == 3
    cells = str(report).splitlines()[2].split()
    assert cells[0] == "W" and cells[-2:] == ["3", "kink"]


def test_the_table():
    at_a_kink = KINKED._replace(index=None, checked="4 directions", slopes=(0.0, 0.5))
    report = Report([RIGHT, at_a_kink], ["forward: wrote into its input x"],
                    ("labels (int64, not floating-point)",))
    assert str(report) == "\n".join([
        "parameter  shape   checked       worst at     analytic  numeric  off by   ± error  "
        "complex step  kinks  verdict",
        "x          (2, 3)  all 6         (1, 2)       0.25      0.25     1.0e-13  2.0e-13  "
        "0.25          0      ok",
        "W          (2, 3)  4 directions  a direction  0.25      0 | 0.5  1.0e-13  2.0e-13  "
        "none          3      kink",
        "ok: the gradient lies within 8 estimated errors of the measured derivative",
        "kink: the slopes of the two sides differ, and the gradient lies between them",
        "taken as constant: labels (int64, not floating-point)",
        "PROBLEM: forward: wrote into its input x"])


def test_what_is_no_floating_point_array_is_named_as_constant():
    report = check_gradients(lambda x, k: (x * k, k), lambda dy, k: dy * k,
                             np.ones(3), np.arange(3))
    assert report.ok and report.constants == ("k (int64, not floating-point)",)


def test_a_forgotten_cache_is_reported():
    with pytest.raises(TypeError, match="^forward: got ndarray, wanted a tuple of two"):
        check_gradients(lambda x: 2 * x, lambda dy, cache: 2 * dy, np.ones(3))


def test_the_same_as_data():
    x = np.array([[0.0, 1.0, -2.0]])
    for pair in (relu_forward, relu_backward), (sigmoid_forward, sigmoid_backward):
        rows = json.loads(json.dumps(check_gradients(*pair, x).as_dicts()))
        assert [row["name"] for row in rows] == ["x"]
        assert rows[0].keys() == set(Row._fields)
        assert rows[0]["shape"] == [1, 3] and len(rows[0]["index"]) == 2
        off_by = abs(rows[0]["analytic"] - rows[0]["numeric"])
        assert off_by <= 8 * rows[0]["error"] or rows[0]["verdict"] == "kink"


def test_what_the_package_exports_is_there():
    assert all(hasattr(tinycaps.gradcheck, name) for name in tinycaps.gradcheck.__all__)
