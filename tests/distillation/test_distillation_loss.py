"""Soft and hard targets mixed, and the matching of logits (D15 sections 2, 2.1)."""
import math

import numpy as np
import pytest

from tests.reference import distillation as reference
from tests.distillation.answers import LABELS, answers
from tests.ops.facts import (ALONG_DIRECTIONS, close, draw, on, on_device, refuses, refuses_bad_dloss, refuses_bad_labels,
                             refuses_two_memories, stays_float32)
from tinycaps.distillation import (distillation_loss_backward, distillation_loss_forward,
                                   logit_matching_backward, logit_matching_forward)
from tinycaps.ops import soft_cross_entropy_backward, soft_cross_entropy_forward, soften
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import cross_entropy_backward, cross_entropy_forward

SETTINGS = {"paper": {}, "one": dict(temperature=1), "low": dict(temperature=2.5, hard_weight=0.5),
            "teacher alone": dict(temperature=4, hard_weight=0), "labels alone": dict(temperature=4, hard_weight=1)}
settings = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


@settings
def test_equals_the_loops(xp, settings):
    logits, targets = answers(settings.get("temperature", 20))
    loss, _ = distillation_loss_forward(*on(xp, logits, LABELS, targets), **settings)
    assert loss.shape == ()
    close(loss, sum(reference.distillation_loss(*each, **settings) for each in zip(logits, LABELS, targets)) / 5)


@settings
def test_gradients(xp, settings):
    logits, targets, labels = on(xp, *answers(settings.get("temperature", 20)), LABELS)
    assert_gradients(distillation_loss_forward, distillation_loss_backward, logits, labels=labels, soft_targets=targets, **settings,
                     **ALONG_DIRECTIONS)


def test_example_by_hand(xp):
    # At T = 1 the student says (1, 16)/17; softened at 2, (1, 4)/5. The teacher says (½, ½) at 2, the label is 0.
    logits, labels, targets = on(xp, np.log([[1.0, 16.0]]), np.array([0]), np.array([[0.5, 0.5]]))
    loss, cache = distillation_loss_forward(logits, labels, targets, temperature=2, hard_weight=0.25)
    hard, soft = math.log(17), (math.log(5) + math.log(5 / 4)) / 2
    close(loss, 0.25 * hard + 0.75 * 4 * soft)
    # Hard: (1/17 − 1, 16/17). Soft: (1/5 − 1/2, 4/5 − 1/2)/2 = (−0.15, 0.15), times 4.
    want = 0.25 * 16 / 17 + 0.75 * 4 * 0.15
    close(distillation_loss_backward(1.0, cache), [[-want, want]])
    close(distillation_loss_backward(-2.0, cache), [[2 * want, -2 * want]])


def test_without_labels_it_is_the_soft_loss_and_without_teacher_the_hard_one(xp):
    logits, targets, labels = on(xp, *answers(4.0), LABELS)
    soft, soft_cache = soft_cross_entropy_forward(logits, targets, 4.0)
    hard, hard_cache = cross_entropy_forward(logits, labels)
    loss, cache = distillation_loss_forward(logits, labels, targets, temperature=4.0, hard_weight=0)
    assert loss == 16 * soft and (distillation_loss_backward(1.0, cache) == soft_cross_entropy_backward(16.0, soft_cache)).all()
    loss, cache = distillation_loss_forward(logits, labels, targets, temperature=4.0, hard_weight=1)
    assert loss == hard and (distillation_loss_backward(1.0, cache) == cross_entropy_backward(1.0, hard_cache)).all()


def test_the_gradient_of_the_mixture_is_the_mixture_of_the_gradients(xp):
    logits, targets, labels = on(xp, *answers(4.0), LABELS)

    def at(weight):
        loss, cache = distillation_loss_forward(logits, labels, targets, temperature=4.0, hard_weight=weight)
        return loss, distillation_loss_backward(1.0, cache)
    for weight in 0.1, 0.5, 0.9:
        for mixed, soft, hard in zip(at(weight), at(0), at(1)):
            close(mixed, weight * hard + (1 - weight) * soft)


def test_at_temperature_one_with_the_labels_for_a_teacher_it_is_the_cross_entropy(xp):
    logits, labels = on(xp, *draw((5, 3)), LABELS)
    wanted, wanted_cache = cross_entropy_forward(logits, labels)
    for weight in 0, 0.3, 1:
        loss, cache = distillation_loss_forward(logits, labels, xp.asarray(np.eye(3)[LABELS]), temperature=1, hard_weight=weight)
        close(loss, wanted)
        close(distillation_loss_backward(1.0, cache), cross_entropy_backward(1.0, wanted_cache))


def test_the_weights_mean_the_same_at_every_high_temperature(xp):
    logits, teacher_logits, labels = on(xp, *draw((5, 3), (5, 3)), LABELS)

    def soft_part(temperature):
        cache = distillation_loss_forward(logits, labels, soften(teacher_logits, temperature), temperature, hard_weight=0)[1]
        return math.sqrt(float((distillation_loss_backward(1.0, cache) ** 2).sum()))
    sizes = [soft_part(temperature) for temperature in (20, 40, 80, 160)]
    np.testing.assert_allclose(sizes, sizes[-1], rtol=0.05)                     # without the T² the first were 64 times the last


def test_repeating_the_batch_changes_nothing(xp):
    logits, targets, labels = on(xp, *answers(20.0), LABELS)
    close(distillation_loss_forward(*(xp.concatenate([each, each]) for each in (logits, labels, targets)))[0],
          distillation_loss_forward(logits, labels, targets)[0])


@pytest.mark.parametrize("temperature", [1.0, 20.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_give_finite_values_and_gradients(xp, dtype, temperature):
    logits, labels, targets = on(xp, np.array([[1e4, -1e4, 0.0]], dtype), np.array([1]), np.array([[0, 0.5, 0.5]], dtype))
    loss, cache = distillation_loss_forward(logits, labels, targets, temperature, hard_weight=0.5)
    # Hard: 2e4. Soft: half of 2e4/T and half of 1e4/T, times T².
    np.testing.assert_allclose(float(loss), 0.5 * 2e4 + 0.5 * 1.5e4 * temperature, rtol=1e-6)
    # Hard: (1, −1, 0). Soft: (1, −½, −½)/T, times T².
    np.testing.assert_allclose([[float(a) for a in distillation_loss_backward(1.0, cache)[0]]],
                               [[0.5 + temperature / 2, -0.5 - temperature / 4, -temperature / 4]], rtol=1e-6)


def test_logit_matching_equals_the_loops(xp):
    logits, teacher_logits = draw((5, 3), (5, 3))
    loss, _ = logit_matching_forward(*on(xp, logits, teacher_logits))
    assert loss.shape == ()
    close(loss, sum(reference.logit_matching(*each) for each in zip(logits, teacher_logits)) / 5)


def test_gradients_of_logit_matching(xp):
    logits, teacher_logits = on(xp, *draw((5, 3), (5, 3)))
    assert_gradients(logit_matching_forward, logit_matching_backward, logits, teacher_logits=teacher_logits)


def test_logit_matching_by_hand(xp):
    logits, teacher_logits = on(xp, np.array([[1.0, 2.0], [0.0, 4.0]]), np.array([[3.0, 1.0], [0.0, 4.0]]))
    loss, cache = logit_matching_forward(logits, teacher_logits)
    close(loss, 1.25)                                                           # ½ (4 + 1) of one sample, nothing of the other
    close(logit_matching_backward(1.0, cache), [[-1.0, 0.5], [0.0, 0.0]])       # (1 − 3, 2 − 1)/2
    close(logit_matching_backward(-3.0, cache), [[3.0, -1.5], [0.0, 0.0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_are_matched_in_finite_numbers(xp, dtype):
    loss, cache = logit_matching_forward(*on(xp, np.array([[1e4, -1e4]], dtype), np.array([[-1e4, 0]], dtype)))
    np.testing.assert_allclose(float(loss), 2.5e8, rtol=1e-6)                   # ½ (4e8 + 1e8)
    close(logit_matching_backward(1.0, cache), [[2e4, -1e4]])


def test_logit_matching_is_a_mean_over_samples_and_a_sum_over_classes(xp):
    logits, teacher_logits = on(xp, *draw((5, 3), (5, 3)))
    loss, _ = logit_matching_forward(logits, teacher_logits)
    close(logit_matching_forward(*(xp.concatenate([each, each]) for each in (logits, teacher_logits)))[0], loss)
    close(logit_matching_forward(*(xp.concatenate([each, each], axis=1) for each in (logits, teacher_logits)))[0], 2 * loss)


def test_float32_stays_float32(xp):
    logits, targets, labels = on(xp, *answers(20.0, "float32"), LABELS)
    for settings in {}, dict(temperature=np.float64(20), hard_weight=np.float64(0.1)):
        loss, cache = distillation_loss_forward(logits, labels, targets, **settings)
        stays_float32(xp, loss, distillation_loss_backward(loss, cache), distillation_loss_backward(0.5, cache))
    loss, cache = logit_matching_forward(logits, targets)
    stays_float32(xp, loss, logit_matching_backward(loss, cache), logit_matching_backward(0.5, cache))


def test_bad_settings():
    logits, targets = answers()
    for weight in -0.1, 1.5, math.nan, math.inf, "0.5", None:
        refuses(ValueError, f"hard_weight: got {weight!r}, wanted a number in [0, 1]",
                distillation_loss_forward, logits, LABELS, targets, hard_weight=weight)
    for temperature in 0, -1, math.inf, math.nan:
        refuses(ValueError, f"temperature: got {temperature!r}, wanted a finite number above 0",
                distillation_loss_forward, logits, LABELS, targets, temperature=temperature)


def test_bad_input(xp):
    logits, targets, labels = on(xp, *answers(), LABELS)
    refuses_bad_labels(xp, lambda labels: distillation_loss_forward(logits[:2], labels, targets[:2]))
    refuses(ValueError, "soft_targets: got shape (5, 2), wanted (n, k) with k = 3 as in logits",
            distillation_loss_forward, logits, labels, targets[:, :2])
    targets[3] = 1.0
    refuses(ValueError, "soft_targets: got a sum of 3 in row 3, wanted 1 in every row", distillation_loss_forward, logits, labels, targets)
    refuses(ValueError, "logits: got shape (0, 3), wanted at least one along every axis",
            distillation_loss_forward, logits[:0], labels[:0], targets[:0])
    logits, targets = on(xp, *answers(dtype="float32"))
    refuses_bad_dloss(xp, distillation_loss_backward, distillation_loss_forward(logits, labels, targets)[1])


def test_bad_logits_to_match(xp):
    logits, teacher_logits = on(xp, *draw((5, 3), (5, 3)))
    refuses(ValueError, "teacher_logits: got shape (5, 2), wanted (n, k) with k = 3 as in logits",
            logit_matching_forward, logits, teacher_logits[:, :2])
    refuses(ValueError, "logits: got shape (3,), wanted (n, k)", logit_matching_forward, logits[0], teacher_logits[0])
    refuses(ValueError, "logits: got shape (0, 3), wanted at least one along every axis", logit_matching_forward, logits[:0], logits[:0])
    refuses(TypeError, "teacher_logits: got float32, wanted the precision of logits, float64",
            logit_matching_forward, logits, teacher_logits.astype("float32"))
    refuses_bad_dloss(xp, logit_matching_backward, logit_matching_forward(*on(xp, *draw((5, 3), (5, 3), dtype="float32")))[1])


@on_device
def test_host_and_device_do_not_mix(xp):
    hosts = (*answers(), LABELS)
    logits, targets, labels = on(xp, *hosts)
    refuses_two_memories("logits, labels", distillation_loss_forward, logits, LABELS, targets)
    refuses_two_memories("logits, soft_targets", distillation_loss_forward, logits, labels, hosts[1])
    refuses_two_memories("logits, teacher_logits", logit_matching_forward, logits, hosts[1])
    for backward, cache in ((distillation_loss_backward, distillation_loss_forward(logits, labels, targets)[1]),
                            (logit_matching_backward, logit_matching_forward(logits, targets)[1])):
        refuses_two_memories("cache, dloss", backward, np.ones(()), cache)
