"""Mortal computation: pieces of hardware differ, copies die on them, and what is taught lives."""
import numpy as np

from demos.distillation import mortal_computation as demo
from tests.demos.calls import call, results
from tinycaps.data import load_digits
from tinycaps.ops import init_mlp, mlp_forward

HOME, COPIED, TAUGHT = (name.replace("\n", " ") for name in (demo.HOME, demo.COPIED, demo.TAUGHT))
SIZES = [64, 30, 10]


def logits_on(piece, *words):
    """Return an mlp's logits of 50 images on a piece of hardware, and on none."""
    arguments = demo.build_parser().parse_args(words)
    params, images = init_mlp(np.random.default_rng(0), SIZES), load_digits().test_images[:50]
    forward = demo.on_hardware(arguments, SIZES, piece)
    return (demo.logits_of(params, images, forward, arguments),
            mlp_forward(params, images.reshape(50, -1))[0])


def test_without_spread_and_noise_hardware_is_an_mlp():
    words = ["--gain-spread", "0", "--offset-spread", "0", "--noise", "0"]
    np.testing.assert_array_equal(*logits_on(1, *words))


def test_pieces_differ_and_are_always_the_same():
    first, again, other = (logits_on(piece, "--noise", "0.3")[0] for piece in (1, 1, 2))
    assert np.array_equal(first, again) and not np.allclose(first, other)
    assert first.dtype == np.float32


def test_nobody_knows_the_gains(empty, monkeypatch):
    known, backward = [], demo.hardware_mlp_backward

    def watched(dout, cache, **words):
        known.append(words.get("known"))
        return backward(dout, cache, **words)
    monkeypatch.setattr(demo, "hardware_mlp_backward", watched)
    assert call(demo, "--quick", "--hidden", 12, "--pieces", 1) == 0
    assert known and set(known) == {False}


def test_copies_die_and_the_taught_live(empty):
    assert call(demo, "--pieces", 2, "--epochs", 25, "--min-accuracy", 0.9) == 0
    found = results(demo)
    wrong = found["wrong"]
    assert len(wrong[HOME]) == 1 and len(wrong[COPIED]) == len(wrong[TAUGHT]) == 2
    assert min(wrong[COPIED]) > 60 > 40 > max(wrong[TAUGHT])
    assert found["error"] == np.mean(wrong[TAUGHT]) / 360
    assert found["baseline"] == np.mean(wrong[COPIED]) / 360


def test_good_hardware_lets_copies_live(empty):
    words = ["--pieces", 1, "--epochs", 10, "--gain-spread", 0, "--offset-spread", 0]
    assert call(demo, *words) == 0
    wrong = results(demo)["wrong"]
    assert abs(wrong[COPIED][0] - wrong[HOME][0]) <= 2
