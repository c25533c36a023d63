"""Co-distillation: which networks are given which labels."""
import numpy as np
import pytest

from demos.distillation import co_distillation as demo

SIZE = ["--quick", "--hidden", "12", "--networks", "4", "--epochs", "2", "--alone-epochs", "1"]


def own(path, side):
    """Write images whose class is their bright row."""
    rng, labels = np.random.default_rng(0), np.arange(60) % 3
    images = rng.integers(0, 60, (60, side, side), np.uint8)
    images[np.arange(60), labels] += 150
    np.savez(path, images=images, labels=labels)


@pytest.mark.parametrize("side, words, different", [
    (8, [], True), (8, ["--same"], False), (20, [], False), (20, ["--different"], True)])
def test_small_images_are_shared_out_by_default_and_large_ones_are_not(empty, monkeypatch, side,
                                                                       words, different):
    seen, rates, gradients, learn = [], [], demo.co_distillation_gradients, demo.learn

    def watched(params, x, labels, prefixes, temperature, agreement, told):
        seen.append(told)
        return gradients(params, x, labels, prefixes, temperature, agreement, told)

    def taught(training, *rest, **settings):
        rates.append(training.settings["learning_rate"])
        return learn(training, *rest, **settings)
    monkeypatch.setattr(demo, "co_distillation_gradients", watched)
    monkeypatch.setattr(demo, "learn", taught)
    own("own.npz", side)
    assert demo.main([*SIZE, "--data", "own.npz", *words]) == 0
    assert all((told is not None) == different for told in seen)
    assert set(rates) == {demo.SMALL["learning_rate"] / (2 if different else 1)}
    for told in seen if different else ():
        assert told.shape[0] == 4 and (told.sum(axis=0) == 1).all()


def test_it_cannot_be_both(capsys):
    with pytest.raises(SystemExit) as stopped:
        demo.main(["--same", "--different"])
    assert stopped.value.code == 2 and "not allowed with" in capsys.readouterr().err
