"""The demo of the probes."""
import numpy as np
import pytest

from demos.probes import probes as demo
from tests.demos.calls import call, own, refused, results
from tinycaps import plot


def test_the_command_prints_its_table_and_writes_its_figure_and_record(tmp_path, monkeypatch,
                                                                       capsys):
    monkeypatch.chdir(tmp_path)
    drawn = []
    monkeypatch.setattr(plot, "save", lambda figure, path: drawn.append((figure, path.name)))
    monkeypatch.setattr(demo, "BIM_STEPS", 2)
    monkeypatch.setattr("demos.harness.data.WATCHED", 60)           # training images, for the fit
    assert call(demo, "--images", "40") == 0
    printed, found = capsys.readouterr().out, results(demo)
    last = printed.splitlines()[-1]
    assert last == (f"misclassified: {1 - found['clean']:.1%}, and {found['error']:.1%} under FGSM "
                    "with ε = 0.1")
    assert found["images"] == 40 and found["clean"] > 0.9
    attacks = found["attacks"]
    assert found["error"] == 1 - attacks["FGSM"][1]
    assert attacks["FGSM"][2] < attacks["random signs"][2] <= 1
    assert np.shape(found["places"]) == (6, 6) and 0 < found["unmoved"] < 1
    assert [*found["equivariance"]] == ["rotation ±20", "right ±1", "down ±1", "scale ±0.2"]
    assert [row["distance"] for row in found["crowding"]] == [0, 1, 2, 3, 4]
    for name in (*attacks, *found["occlusion"], *found["equivariance"], "no gradient"):
        assert f"  {name} " in printed
    (figure, name), = drawn
    assert name == "probes.png"
    above, below = figure.subfigs
    assert len(above.axes) == 4 and len(below.axes) == 30           # a colour bar; ten classes
    assert len(above.axes[0].lines) == 6


def test_detection_judges_misclassified_images_that_did_not_set_the_threshold(monkeypatch):
    images = np.arange(40).reshape(40, 1, 1, 1) / 100
    labels = np.zeros(40, int)

    class asked:
        def forward(images):
            wrong = images.reshape(-1) > 0.45
            return np.stack([~wrong, wrong], axis=1).astype(float)

        def input_gradient(images, labels):
            return np.ones(images.shape)

        def reconstruct(images):
            return np.minimum(images, 0.39)
    found = demo.detect(asked, images, labels, 0.2)
    # Clean 0.01, 0.03 ... 0.39 plus 0.2: beyond 0.45 are those from 0.27 on, seven of them.
    assert found["FGSM"]["fooled"] == 7 and found["FGSM"]["attacked"] == 20
    assert found["FGSM"]["true_positives"] == 1 and found["FGSM"]["false_alarms"] == 0
    assert demo.detect(asked, images, labels, 0.0) == {}


@pytest.mark.parametrize("words, name, wanted", [
    (["--images", "1"], "images", "at least 40"), (["--data", "nothing"], "data", "FILE.npz"),
    (["--checkpoint", "no.npz"], "checkpoint", "checkpoint.npz")])
def test_bad_input_gets_one_line_and_code_2(empty, capsys, words, name, wanted):
    assert call(demo, *words) == 2
    refused(capsys.readouterr(), name, wanted)


def test_images_that_do_not_fit_the_network_are_refused(empty, capsys):
    path = own(empty / "mine.npz", 4)
    assert call(demo, "--data", path) == 2
    refused(capsys.readouterr(), "data", "10 of (8, 8, 1)")
