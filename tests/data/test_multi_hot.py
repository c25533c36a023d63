"""Labels of several classes."""
import numpy as np
import pytest

from tests.ops.facts import refuses
from tinycaps.data import multi_hot

LABELS = np.array([[0, 0, 1], [1, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "bool"])
def test_zeros_and_ones_of_any_kind_become_bool(dtype):
    found = multi_hot(LABELS.astype(dtype))
    assert found.dtype == bool and np.array_equal(found, LABELS == 1)


@pytest.mark.parametrize("labels, wanted", [
    (LABELS[0], "(n, k) with k of at least 2"), (LABELS[:, :1], "(n, k) with k of at least 2"),
    (2 * LABELS, "0 or 1 for each class"), (LABELS - 0.5, "0 or 1 for each class"),
    (np.where(LABELS, np.nan, 0), "0 or 1 for each class"),
    (LABELS.astype(str), "0 or 1 for each class"),
    (LABELS[:1], "each in some and not in others"), (1 - 0 * LABELS, "each in some")])
def test_bad_labels(labels, wanted):
    refuses(ValueError, "mine.npz: labels", wanted, multi_hot, labels, "mine.npz: labels")
