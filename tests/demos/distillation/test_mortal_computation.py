"""Mortal computation: pieces of hardware differ, copies die on them, and what is taught lives."""
import numpy as np

from demos import mortal_computation as demo
from tests.demos.distillation_demos import call, results
from tinycaps.data import load_digits
from tinycaps.ops import init_mlp, mlp_forward

HOME, COPIED, TAUGHT = (name.replace("\n", " ") for name in (demo.HOME, demo.COPIED, demo.TAUGHT))


def test_without_spread_and_noise_hardware_is_an_mlp():
    arguments, sizes = demo.build_parser().parse_args(["--gain-spread", "0", "--offset-spread", "0", "--noise", "0"]), [64, 30, 10]
    params, images = init_mlp(np.random.default_rng(0), sizes), load_digits().test_images[:50]
    logits = demo.logits_of(params, images, demo.on_hardware(arguments, sizes, 1), arguments)
    np.testing.assert_array_equal(logits, mlp_forward(params, images.reshape(50, -1))[0])


def test_pieces_differ_and_are_always_the_same():
    arguments, sizes = demo.build_parser().parse_args(["--noise", "0.3"]), [64, 30, 10]
    params, images = init_mlp(np.random.default_rng(0), sizes), load_digits().test_images[:50]
    first, again, other = (demo.logits_of(params, images, demo.on_hardware(arguments, sizes, piece), arguments) for piece in (1, 1, 2))
    assert np.array_equal(first, again) and not np.allclose(first, other) and first.dtype == np.float32


def test_nobody_knows_the_gains(empty, monkeypatch):
    known, backward = [], demo.hardware_mlp_backward

    def watched(dout, cache, known_=None, **words):
        known.append(words["known"] if "known" in words else known_)
        return backward(dout, cache, **words)
    monkeypatch.setattr(demo, "hardware_mlp_backward", watched)
    assert call(demo, "--quick", "--hidden", 12, "--pieces", 1) == 0
    assert known and set(known) == {False}


def test_copies_die_and_the_taught_live(empty):
    assert call(demo, "--pieces", 2, "--epochs", 25, "--min-accuracy", 0.9) == 0
    wrong = results(demo)["wrong"]
    assert len(wrong[HOME]) == 1 and len(wrong[COPIED]) == len(wrong[TAUGHT]) == 2
    assert min(wrong[COPIED]) > 60 > 40 > max(wrong[TAUGHT])


def test_good_hardware_lets_copies_live(empty):
    assert call(demo, "--pieces", 1, "--epochs", 10, "--gain-spread", 0, "--offset-spread", 0) == 0
    wrong = results(demo)["wrong"]
    assert abs(wrong[COPIED][0] - wrong[HOME][0]) <= 2
