"""The control of hybrid negatives: the same softmax on layers that nobody has trained."""
import json
import re
from pathlib import Path

import numpy as np
import pytest

from demos.forward_forward import forward_forward as demo
from tinycaps.checkpoint import load_checkpoint
from tinycaps.data import load_digits
from tinycaps.forward_forward import FFConfig, ff_features, init_ff

SIZE = ["--quick", "--hidden", "30", "20", "25", "--seed", "3"]
OUT = Path("out/forward_forward")


def results():
    """Return the results in run.json."""
    return json.loads((OUT / "run.json").read_text(encoding="utf-8"))["results"]


def test_the_layers_of_the_control_are_those_that_were_drawn(empty, monkeypatch, capsys):
    monkeypatch.setattr(demo, "draw", lambda *arguments: None)
    assert demo.main([*SIZE, "--negatives", "hybrid"]) == 0
    path, = Path("runs").glob("*left-at-random*/checkpoint.npz")
    found, digits = load_checkpoint(path), load_digits()
    images, labels = digits.test_images[:256], digits.test_labels[:256]
    config = FFConfig(**found.about["config"])
    layers = init_ff(np.random.default_rng(3), config)
    features = ff_features(layers, images.reshape(256, -1), config)
    logits = features @ found.params["softmax.W"] + found.params["softmax.bias"]
    wrong = int((logits.argmax(axis=1) != labels).sum())
    error = results()["errors"][demo.RANDOM]
    assert error == results()["baseline"] == wrong / 256
    assert results()["wrong"][demo.RANDOM] == wrong
    assert re.search(rf", {100 * error:.2f} % by softmax on layers left at random "
                     rf"\(\d+, {wrong} of 256 wrong\)$", capsys.readouterr().out.splitlines()[-1])


def test_both_softmaxes_are_trained_alike_on_different_layers(empty, monkeypatch):
    monkeypatch.setattr(demo, "draw", lambda *arguments: None)
    assert demo.main([*SIZE, "--negatives", "hybrid"]) == 0
    one, other = (load_checkpoint(path).about
                  for path in sorted(Path("runs").glob("*softmax*/checkpoint.npz")))
    assert one.pop("layers_crc32") != other.pop("layers_crc32") and one == other
    assert len(list(Path("runs").iterdir())) == 3


@pytest.mark.parametrize("kind", ["hard", "random"])
def test_layers_that_learn_with_labels_have_no_control(empty, monkeypatch, kind):
    monkeypatch.setattr(demo, "draw", lambda *arguments: None)
    assert demo.main([*SIZE, "--negatives", kind]) == 0
    assert results()["errors"].keys() >= {"goodness", "softmax", "shortlist"}
    assert demo.RANDOM not in results()["errors"] and "baseline" not in results()
