"""A loss that rose far is said; a training that learned is not accused."""
import logging

import pytest

from tests.test_train import fresh, go, linear
from tinycaps.divergence import warn_of_divergence
from tinycaps.optim import sgd


def said(caplog, losses, first, *evaluations):
    """The warnings of a log with these losses and evaluations."""
    caplog.clear()
    log = [{"step": k, "loss": loss} for k, loss in enumerate(losses)]
    warn_of_divergence("runs/x", log + [{"step": 9, **each} for each in evaluations], first)
    return caplog.messages


def test_a_loss_far_above_its_start_is_said_if_no_error_is_small(caplog):
    line, = said(caplog, [3.1, 3.4], 0.7, dict(error=0.9))
    assert line == ("loss: rose from 0.7 to 3.4 in runs/x, and the error is 90 % in the end: the "
                    "training has diverged. A smaller learning rate may help")
    line, = said(caplog, [3.1, 3.4], 0.7)
    assert line.startswith("loss: rose from 0.7 to 3.4 in runs/x: the training has diverged")
    assert said(caplog, [0.6, 1e6, 0.5], 0.7, dict(error=0.8), dict(error=0.7))  # down again
    assert said(caplog, [-1.0, 2.0], -1.0)


@pytest.mark.parametrize("losses, first, errors", [
    ([0.6, 0.3], 0.7, [0.9]), ([2.0, 2.05], 0.7, [0.05]), ([0.7, 1.4], 0.7, [0.9]),
    ([2.6, 11.0], 2.6, [0.73, 0.58]), ([-1.0, -0.1], -1.0, []), ([0.7, 9.0, 0.3], 0.7, [])])
def test_a_training_that_learned_or_did_not_rise_is_not_accused(caplog, losses, first, errors):
    evaluations = [{"error": 0.9, "error ensemble": error} for error in errors]
    assert said(caplog, losses, first, *evaluations) == []


@pytest.mark.parametrize("rate, diverges", [(1e-3, False), (0.3, True)])
def test_a_training_that_ends_so_says_it_once(tmp_path, caplog, rate, diverges):
    settings = dict(update=sgd, learning_rate=lambda step: rate, gradients=linear)
    go(tmp_path, fresh(), **settings)
    assert len(caplog.messages) == diverges
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * diverges
    go(tmp_path, fresh(), resume=True, **settings)                      # nothing left to do
    assert len(caplog.messages) == diverges
