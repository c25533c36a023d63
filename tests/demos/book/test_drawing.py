"""What drawings are made of: traces of runs, rows of a data flow, steps of routing."""
import re

import numpy as np
import pytest

from demos.book import flow, routing_page, sizes
from demos.book.source import find_pairs
from demos.book.trace import trace
from tinycaps.capsules import routing_backward, routing_forward

VOTES = np.random.default_rng(0).standard_normal((2, 4, 3, 5))


def rows(op):
    arguments, keywords, samples = sizes.arguments(op)
    return flow.run(find_pairs()[op], arguments, keywords, samples)


def test_a_trace_returns_what_the_function_does_and_notes_each_step():
    (v, cache), steps = trace(routing_forward, VOTES, iterations=2, keep=np.copy)
    np.testing.assert_array_equal(v, routing_forward(VOTES, iterations=2)[0])
    tags = [step.tags for step in steps if step.tags]
    assert tags == [("l.4",), ("l.5",), ("l.6",), ("l.7",)] * 2
    made = [step.made["c"] for step in steps if "c" in step.made]
    np.testing.assert_array_equal(made, cache.coupling)
    assert {*steps[-2].read} >= {"b", "u_hat", "v"}


def test_a_trace_of_routings_backward_ends_with_its_gradient():
    _, cache = routing_forward(VOTES)
    dv = np.ones((2, 3, 5))
    gradient, steps = trace(routing_backward, dv, cache, keep=np.copy)
    last = [step.made["du_hat"] for step in steps if "du_hat" in step.made][-1]
    np.testing.assert_array_equal(last, routing_backward(dv, cache))
    np.testing.assert_array_equal(last, gradient)


def test_every_round_of_routing_stands_opposite_its_backward():
    found = rows("routing")
    assert [row.tags[0] for row in found] == ["l.2", *["l.4", "l.5", "l.6", "l.7"] * 3]
    for row in found[1:]:
        assert row.backward and row.backward[0].tags == row.tags
    assert found[1].forward[0].made["c"] == ("(n, 1152, 10)", None)


def test_layers_that_learn_alone_stand_opposite_their_own_gradients():
    layers = [row for row in rows("ff") if row.tags == ("Eq. 1",)]
    assert [[*row.backward[0].made] for row in layers] == [
        [f"{k}.W", f"{k}.bias"] for k in range(3)]


def test_names_of_arrows_to_one_box_stand_above_each_other(monkeypatch):
    monkeypatch.delitem(sizes.PUBLISHED, "capsnet_multi_label_loss")    # a small one will do
    text = str(flow.section_of(find_pairs()["capsnet_multi_label_loss"]))
    places = dict(re.findall(r' y="(\d+\.\d)" text-anchor="start">(\w+)', text))
    assert {*places.values()} == {"dv", "dlength"}


def test_a_box_names_the_parameters_that_its_line_reads():
    text = str(flow.section_of(find_pairs()["mlp"]))
    boxes = re.findall(r">(\w+)</text><text[^>]*>\[[^<]*</text><text[^>]*>([^<]*)</text>", text)
    assert [below for op, below in boxes if op == "linear"][:3] == [
        f"{k}.W, {k}.bias" for k in range(3)]
    assert {below for op, below in boxes if op == "relu"} == {""}


@pytest.mark.parametrize("op", ["mlp", "routing", "distillation_loss", "goodness_loss"])
def test_a_drawing_links_the_pairs_that_it_is_made_of(op):
    pair = find_pairs()[op]
    text = str(flow.section_of(pair))
    linked = {*re.findall(r'<a href="(\w+)\.html"><rect', text)}
    assert linked and linked <= {*find_pairs()}
    assert text.count("<svg") == 1 and "arrow" in text


def test_parameters_are_counted():
    assert "784×1200" in flow.parameters(find_pairs()["mlp"])
    assert "2,395,210" in flow.parameters(find_pairs()["mlp"])  # 785·1200 + 1201·1200 + 1201·10
    assert flow.parameters(find_pairs()["squash"]) == ""


def test_the_steps_of_routing_are_its_own_numbers():
    data = routing_page.steps(routing_page.VOTES, 3, 0)
    v, cache = routing_forward(routing_page.VOTES)
    titles = [step["title"] for step in data["steps"]]
    assert titles == [f"Forward, round {t} of 3" for t in (1, 2, 3)] + [
        f"Backward, round {t} of 3" for t in (3, 2, 1)]
    for step, coupling, output in zip(data["steps"], cache.coupling, cache.v):
        np.testing.assert_allclose(step["matrices"][1][1], coupling[0], atol=1e-4)
        shown = [arrow[1:] for plane in step["planes"] for arrow in plane if arrow[0] == "output"]
        np.testing.assert_allclose(shown, output[0], atol=1e-4)
    on_entry = [step["matrices"][0][1] for step in data["steps"][3:]]
    after = [step["matrices"][2][1] for step in data["steps"][3:]]
    assert not np.any(on_entry[0]) and on_entry[1:] == after[:-1]
