"""Alarm at a reconstruction error that few clean images have."""
import numpy as np
import pytest

from tests.ops.facts import close, refuses
from tests.reference import probes as reference
from tinycaps.probes import alarm_threshold, detection, reconstruction_errors


def test_errors_by_hand(xp):
    # Redrawn as 0.5: (0.5 - 0.1)² + (0.5 - 0.8)² = 0.16 + 0.09 = 0.25.
    images = xp.asarray(np.array([0.1, 0.8]).reshape(1, 1, 2, 1))
    close(reconstruction_errors(lambda images: 0 * images + 0.5, images), [0.25])


@pytest.mark.parametrize("n, fraction, alarms", [(100, 0.05, 5), (360, 0.05, 18), (100, 0.29, 29),
                                                 (30, 0.05, 1), (10, 0.05, 0), (10, 0, 0)])
def test_the_fraction_of_alarms_is_exact_on_the_images_that_set_it(xp, n, fraction, alarms):
    errors = np.random.default_rng(0).random(n)
    threshold = alarm_threshold(xp.asarray(errors), fraction)
    assert (errors > threshold).sum() == alarms
    assert threshold == reference.alarm_threshold(errors.tolist(), alarms)


def test_equal_errors_raise_no_more_alarms_than_asked_for():
    errors = np.array([1.0, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    assert (errors > alarm_threshold(errors, 0.3)).sum() == 0


def test_detects_what_is_redrawn_badly(xp):
    rng = np.random.default_rng(0)
    clean = xp.asarray(rng.random((40, 2, 2, 1)) / 2)
    strange = 0.5 + clean

    def reconstruct(images):
        return 0 * images + 0.25
    found = detection(reconstruct, clean[:20], clean[20:], xp.concatenate([strange, clean[:20]]))
    again = detection(reconstruct, clean[:20], clean[:20], strange)
    assert found.threshold == again.threshold and again.false_alarms == 0.05
    assert again.true_positives == 1 and found.true_positives == pytest.approx(41 / 60)


def test_bad_input():
    images = np.ones((3, 2, 2, 1))
    refuses(ValueError, "false_alarms", "[0, 1)", alarm_threshold, np.ones(3), 1)
    refuses(ValueError, "errors", "finite", alarm_threshold, np.array([1, np.nan]))
    refuses(ValueError, "reconstruct", "(3, 2, 2, 1)", reconstruction_errors,
            lambda images: images[..., 0], images)
