"""The user's own images: what is printed and drawn, and what is said of files that are none."""
import os

import numpy as np
import pytest
from matplotlib.image import imsave

from demos.capsules import capsnet as demo
from demos.capsules.read_images import shorten
from tests.demos.calls import call
from tinycaps.data import load_digits


@pytest.fixture
def captions(tmp_path, monkeypatch):
    """In an empty folder; the captions of the figure that would be drawn, and its images."""
    def table(rows, captions, correct):
        seen.append((captions, rows["image"]))
    seen = []
    monkeypatch.setattr("tinycaps.plot.image_table", table)
    monkeypatch.setattr("tinycaps.plot.save", lambda figure, path: path.write_bytes(b""))
    monkeypatch.chdir(tmp_path)
    return seen


def draw(name, k):
    image = load_digits().test_images[k, :, :, 0]
    imsave(name, np.kron(image, np.ones((10, 10))), cmap="gray", vmin=0, vmax=1)
    return name


def test_a_bad_file_is_named_and_the_others_are_read(captions, capsys):
    good = draw("zero.png", 0), draw("five.png", 5)
    with open(good[0], "rb") as whole, open("cut.png", "wb") as cut:
        cut.write(whole.read()[:200])
    os.mkdir("folder.png")
    words = [good[0], "cut.png", "gone.png", "folder.png", good[1]]
    assert call(demo, "--predict", *words) == 2
    said = capsys.readouterr()
    assert [line.partition(": got ")[0] for line in said.err.splitlines()] == [
        "error: cut.png", "error: gone.png", "error: folder.png"]
    assert "folder.png: got a folder, wanted a PNG or JPEG" in said.err
    assert [line.partition(": ")[0] for line in said.out.splitlines()[1:3]] == [*good]
    (titles, images), = captions
    assert len(titles) == len(images) == 2 and os.listdir("out/capsnet") == ["predicted.png"]


def test_nothing_is_drawn_where_nothing_was_read(captions, capsys):
    assert call(demo, "--predict", "gone.png", "lost.png") == 2
    assert capsys.readouterr().err.count("error: ") == 2
    assert not captions and not os.listdir("out/capsnet")


def test_the_figure_names_each_file_and_how_sure_its_answer_is(captions, capsys):
    assert call(demo, "--predict", draw("zero.png", 0), draw("a digit of many strokes.png", 5)) == 0
    lines = capsys.readouterr().out.splitlines()[1:3]
    answers = [line.partition(": ")[2].partition(",")[0] for line in lines]
    (titles, _), = captions
    assert titles == [f"zero.png\n{answers[0]}", f"a digit…es.png\n{answers[1]}"]


def test_an_answer_whose_capsule_is_short_is_called_uncertain(captions, monkeypatch, capsys):
    def lengths(v):
        return np.array([[0.3, 0.499, 0.1], [0.3, 0.2, 0.5]]), None
    monkeypatch.setattr("demos.capsules.read_images.length_forward", lengths)
    assert call(demo, "--predict", draw("a.png", 0), draw("b.png", 5)) == 0
    assert capsys.readouterr().out.splitlines()[1:3] == [
        "a.png: 1 (0.50), 0 (0.30), 2 (0.10): uncertain", "b.png: 2 (0.50), 0 (0.30), 1 (0.20)"]
    (titles, _), = captions
    assert titles == ["a.png\n1 (0.50)\nuncertain", "b.png\n2 (0.50)"]


@pytest.mark.parametrize("name, short", [
    ("a.png", "a.png"), ("fourteen_1.png", "fourteen_1.png"),
    ("fourteen_12.png", "fourtee…12.png")])
def test_long_names_lose_their_middle(name, short):
    assert shorten(name) == short and len(short) <= 14
