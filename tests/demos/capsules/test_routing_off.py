"""What capsnet shows of a trained network: routing switched off, images chosen, capsules moved."""
import json
from pathlib import Path

import numpy as np
import pytest

from demos.capsules import capsnet as demo
from tinycaps.capsules import DIGITS, CapsNetConfig, predict
from tinycaps.checkpoint import load_checkpoint
from tinycaps.data import load_digits


@pytest.mark.parametrize("rounds", [3, 1])
def test_routing_switched_off_is_the_same_network_with_one_round(empty, capsys, rounds):
    assert demo.main(["--quick", "--iterations", str(rounds)]) == 0
    path, = Path("runs").glob("*/checkpoint.npz")
    found, data = load_checkpoint(path), load_digits()
    settings = found.about["config"]
    assert settings["iterations"] == rounds
    wrong = [int((predict(found.params, data.test_images[:256],
                          CapsNetConfig(**settings | {"iterations": each}))
                  != data.test_labels[:256]).sum()) for each in (rounds, 1)]
    results = json.loads(Path("out/capsnet/run.json").read_text(encoding="utf-8"))["results"]
    assert [results["wrong"], results["wrong_with_one_round"]] == wrong
    printed = capsys.readouterr().out
    assert (f"has {wrong[1]} of 256 wrong" in printed) == (rounds > 1)


@pytest.mark.parametrize("found, labels, shown", [
    ([2, 0, 1, 1, 2, 0, 0], [2, 2, 1, 0, 2, 0, 2], [3, 2, 0, 1, 6]),    # 3 misclassifies its class
    ([0, 0], [0, 0], [0])])
def test_the_first_image_of_each_class_then_misclassified_ones(found, labels, shown):
    assert demo.choose_images(np.array(found), np.array(labels)).tolist() == shown


def test_misclassified_images_fill_the_line_and_no_more():
    labels = np.arange(100) % 10
    shown = demo.choose_images((labels + 1) % 10, labels)
    assert shown.tolist() == list(range(demo.ACROSS))


def test_the_sweep_is_that_of_the_capsule_and_the_dimensions_that_move_most(monkeypatch):
    rng, q = np.random.default_rng(0), DIGITS.class_dims
    weight = rng.random((DIGITS.classes, q))                # what a dimension adds to each pixel
    weight[4] += 1
    weight[2] += 2                                          # but that image is misclassified
    v = rng.random((3, DIGITS.classes, q)).astype("float32")

    def redraw(params, v, labels, config):
        shade = np.array([v[n, k] @ weight[k] for n, k in enumerate(labels)])
        return np.broadcast_to(shade[:, None, None, None], (len(shade), *config.image_shape))
    monkeypatch.setattr(demo, "redraw", redraw)
    given = {}
    monkeypatch.setattr(demo.drawings, "pose_sweep", lambda images, offsets, dimensions, title:
                        given.update(images=images, dimensions=dimensions, title=title))
    demo.sweep_figure({}, v, np.array([7, 4, 2]), np.array([7, 4, 1]), DIGITS)
    assert given["dimensions"].tolist() == weight[4].argsort()[::-1][:8].tolist()
    assert "class-4 capsule" in given["title"] and "the 8 that change" in given["title"]
    shades = v[1, 4] @ weight[4] + demo.OFFSETS * weight[4][given["dimensions"]][:, None]
    np.testing.assert_allclose(given["images"][..., 0, 0, 0], shades, rtol=1e-5)
