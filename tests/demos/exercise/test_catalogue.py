"""Which exercises there are, and in which order."""
from demos.book.source import find_pairs, uses
from demos.exercise.catalogue import order
from demos.gradcheck.points import find_pairs as all_pairs
from tests.demos.exercise.sheets import EXERCISES, FAULTY, PLAIN


def test_every_plain_pair_with_a_derivative_is_one_with_two_faults():
    plain = {op for op, (forward, _) in all_pairs().items()
             if not forward.__module__.startswith("tinycaps.fast")}
    assert {*PLAIN} == plain and len(PLAIN) >= 25
    assert {*FAULTY} == {f"{op}-fault-{k}" for op in plain for k in (1, 2)}
    for op in PLAIN:
        first, second = (EXERCISES[f"{op}-fault-{k}"].fault for k in (1, 2))
        assert first != second


def test_from_linear_to_routing_and_no_part_after_the_whole():
    assert PLAIN[0] == "linear"
    assert [op for op in PLAIN if PLAIN.index(op) > PLAIN.index("routing")] == [
        "capsnet", "capsnet_loss", "capsnet_multi_label_loss"]
    for op in PLAIN:
        assert all(PLAIN.index(part) < PLAIN.index(op) for part in uses()[op] if part in PLAIN)


def test_ops_of_one_kind_come_by_their_length():
    pairs = find_pairs()
    some = {op: pairs[op] for op in ("squash", "relu", "softmax", "length_normalise", "ff")}
    assert order(some) == ["relu", "softmax", "length_normalise", "squash"]
