"""Soft and hard targets mixed, and the matching of logits (D15 sections 2, 2.1)."""
import math

import numpy as np
import pytest

from tests.distillation.answers import LABELS, answers
from tests.ops.facts import (ALONG_DIRECTIONS, close, defaults, draw, error, on, on_device, refuses,
                             refuses_bad_dloss, refuses_bad_labels, refuses_two_memories,
                             stays_float32)
from tests.reference import distillation as reference
from tinycaps.backend import to_numpy
from tinycaps.distillation import (distillation_loss_backward, distillation_loss_forward,
                                   logit_matching_backward, logit_matching_forward)
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import (cross_entropy_backward, cross_entropy_forward,
                          soft_cross_entropy_backward, soft_cross_entropy_forward, soften)

SETTINGS = {"paper": {}, "one": dict(temperature=1), "low": dict(temperature=2.5, hard_weight=0.5),
            "teacher alone": dict(temperature=4, hard_weight=0),
            "labels alone": dict(temperature=4, hard_weight=1)}
settings = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


@settings
def test_equals_the_loops(xp, settings):
    logits, targets = answers(settings.get("temperature", 20))
    loss, _ = distillation_loss_forward(*on(xp, logits, LABELS, targets), **settings)
    assert loss.shape == ()
    samples = zip(logits, LABELS, targets)
    close(loss, sum(reference.distillation_loss(*each, **settings) for each in samples) / 5)


@settings
def test_gradients(xp, settings):
    logits, targets, labels = on(xp, *answers(settings.get("temperature", 20)), LABELS)
    assert_gradients(distillation_loss_forward, distillation_loss_backward, logits, labels=labels,
                     soft_targets=targets, **settings, **ALONG_DIRECTIONS)


def test_distillation_loss_by_hand(xp):
    # The student at T = 1: (1, 16)/17, at T = 2: (1, 4)/5. The teacher at 2: (½, ½). The label: 0.
    logits, labels, targets = on(xp, np.log([[1.0, 16.0]]), np.array([0]), np.array([[0.5, 0.5]]))
    loss, cache = distillation_loss_forward(logits, labels, targets, temperature=2,
                                            hard_weight=0.25)
    hard, soft = math.log(17), (math.log(5) + math.log(5 / 4)) / 2
    close(loss, 0.25 * hard + 0.75 * 4 * soft)
    # Hard: (1/17 − 1, 16/17). Soft: (1/5 − 1/2, 4/5 − 1/2)/2 = (−0.15, 0.15), times 4.
    want = 0.25 * 16 / 17 + 0.75 * 4 * 0.15
    close(distillation_loss_backward(1.0, cache), [[-want, want]])
    close(distillation_loss_backward(-2.0, cache), [[2 * want, -2 * want]])


def gradient(xp, logits, labels, targets, temperature, hard_weight):
    """Return the loss of a mixture and its gradient."""
    loss, cache = distillation_loss_forward(*on(xp, logits, labels, targets), temperature,
                                            hard_weight)
    return loss, distillation_loss_backward(1.0, cache)


def test_without_labels_it_is_the_soft_loss_and_without_teacher_the_hard_one(xp):
    hosts = answers(4.0)
    logits, targets, labels = on(xp, *hosts, LABELS)
    soft, soft_cache = soft_cross_entropy_forward(logits, targets, 4.0)
    hard, hard_cache = cross_entropy_forward(logits, labels)
    loss, dlogits = gradient(xp, logits, labels, targets, 4.0, hard_weight=0)
    assert loss == 16 * soft
    assert (dlogits == soft_cross_entropy_backward(16.0, soft_cache)).all()
    loss, dlogits = gradient(xp, logits, labels, targets, 4.0, hard_weight=1)
    assert loss == hard and (dlogits == cross_entropy_backward(1.0, hard_cache)).all()


def test_the_gradient_of_the_mixture_is_the_mixture_of_the_gradients(xp):
    logits, targets = answers(4.0)
    ends = [gradient(xp, logits, LABELS, targets, 4.0, weight) for weight in (0, 1)]
    for weight in 0.1, 0.5, 0.9:
        mixtures = gradient(xp, logits, LABELS, targets, 4.0, weight)
        for mixed, soft, hard in zip(mixtures, *ends):
            close(mixed, weight * hard + (1 - weight) * soft)


def test_at_temperature_one_with_the_labels_for_a_teacher_it_is_the_cross_entropy(xp):
    logits, labels = on(xp, *draw((5, 3)), LABELS)
    wanted, cache = cross_entropy_forward(logits, labels)
    for weight in 0, 0.3, 1:
        loss, dlogits = gradient(xp, logits, labels, np.eye(3)[LABELS], 1, weight)
        close(loss, wanted)
        close(dlogits, cross_entropy_backward(1.0, cache))


def zero_mean_logits():
    """Logits of a student and a teacher for five samples, of zero mean over four classes."""
    return [z - z.mean(axis=1, keepdims=True) for z in draw((5, 4), (5, 4))]


def soft_gradient(xp, z, v, temperature):
    """Return the gradient of the soft loss in the mixture: of (1 − w) T² soft for w = 0."""
    z, v = on(xp, z, v)
    targets = soften(v, temperature)
    return to_numpy(gradient(xp, z, LABELS, targets, temperature, hard_weight=0)[1])


def test_without_the_t_squared_the_soft_gradient_falls_to_a_quarter_when_t_doubles(xp):
    z, v = zero_mean_logits()
    temperatures = np.array([20, 40, 80, 160])
    kept = [np.linalg.norm(soft_gradient(xp, z, v, float(T))) for T in temperatures]
    np.testing.assert_allclose(kept, kept[-1], rtol=0.05)
    bare = kept / temperatures ** 2
    np.testing.assert_allclose(bare[:-1] / bare[1:], 4, rtol=0.05)
    # One half of it is the 1/T of the chain rule, and the other that of q − p.
    apart = [np.linalg.norm(to_numpy(soften(z, float(T)) - soften(v, float(T))))
             for T in temperatures]
    np.testing.assert_allclose(np.divide(apart[:-1], apart[1:]), 2, rtol=0.05)


def test_the_labels_are_the_same_fraction_of_the_gradient_at_every_high_temperature(xp):
    z, v = zero_mean_logits()
    fractions = []
    for T in 20.0, 40.0, 80.0:
        targets = soften(*on(xp, v), T)
        mixed = gradient(xp, z, LABELS, targets, T, 0.1)[1]
        hard = 0.1 * gradient(xp, z, LABELS, targets, T, 1)[1]
        fractions.append(np.linalg.norm(to_numpy(hard)) / np.linalg.norm(to_numpy(mixed)))
    np.testing.assert_allclose(fractions, fractions[-1], rtol=0.05)


def test_at_high_temperature_distillation_is_logit_matching_at_a_kth_of_its_strength(xp):
    z, v = zero_mean_logits()
    matching = logit_matching_backward(1.0, logit_matching_forward(*on(xp, z, v))[1])
    off = [error(4 * soft_gradient(xp, z, v, T), matching) for T in (50.0, 100.0, 200.0, 400.0)]
    assert off[-1] < 0.005
    np.testing.assert_allclose(np.divide(off[:-1], off[1:]), 2, rtol=0.05)      # falls as 1/T


def test_a_constant_on_all_logits_of_a_sample_is_free_in_distillation_and_not_in_matching(xp):
    z, v = zero_mean_logits()
    near, far = soft_gradient(xp, z, v, 40.0), soft_gradient(xp, z + 3, v, 40.0)
    close(far, near)
    near, far = (logit_matching_backward(1.0, logit_matching_forward(*on(xp, each, v))[1])
                 for each in (z, z + 3))
    close(far - near, np.full((5, 4), 3 / 5))


def test_repeating_the_batch_changes_nothing(xp):
    logits, targets, labels = on(xp, *answers(20.0), LABELS)
    twice = [xp.concatenate([each, each]) for each in (logits, labels, targets)]
    close(distillation_loss_forward(*twice)[0],
          distillation_loss_forward(logits, labels, targets)[0])


@pytest.mark.parametrize("temperature", [1.0, 20.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_give_finite_values_and_gradients(xp, dtype, temperature):
    logits, targets = np.array([[1e4, -1e4, 0.0]], dtype), np.array([[0, 0.5, 0.5]], dtype)
    loss, dlogits = gradient(xp, logits, np.array([1]), targets, temperature, hard_weight=0.5)
    # Hard: 2e4. Soft: half of 2e4/T and half of 1e4/T, times T².
    np.testing.assert_allclose(float(loss), 0.5 * 2e4 + 0.5 * 1.5e4 * temperature, rtol=1e-6)
    # Hard: (1, −1, 0). Soft: (1, −½, −½)/T, times T².
    wanted = [[0.5 + temperature / 2, -0.5 - temperature / 4, -temperature / 4]]
    np.testing.assert_allclose(to_numpy(dlogits), wanted, rtol=1e-6)


def test_logit_matching_equals_the_loops(xp):
    logits, teacher_logits = draw((5, 3), (5, 3))
    loss, _ = logit_matching_forward(*on(xp, logits, teacher_logits))
    assert loss.shape == ()
    samples = zip(logits, teacher_logits)
    close(loss, sum(reference.logit_matching(*each) for each in samples) / 5)


def test_gradients_of_logit_matching(xp):
    logits, teacher_logits = on(xp, *draw((5, 3), (5, 3)))
    assert_gradients(logit_matching_forward, logit_matching_backward, logits,
                     teacher_logits=teacher_logits)


def test_logit_matching_by_hand(xp):
    logits, teacher_logits = on(xp, np.array([[1.0, 2.0], [0.0, 4.0]]),
                                np.array([[3.0, 1.0], [0.0, 4.0]]))
    loss, cache = logit_matching_forward(logits, teacher_logits)
    close(loss, 1.25)           # the first sample has ½ (4 + 1), the second 0; their mean
    close(logit_matching_backward(1.0, cache), [[-1.0, 0.5], [0.0, 0.0]])   # (1 − 3, 2 − 1)/2
    close(logit_matching_backward(-3.0, cache), [[3.0, -1.5], [0.0, 0.0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_are_matched_in_finite_numbers(xp, dtype):
    hosts = np.array([[1e4, -1e4]], dtype), np.array([[-1e4, 0]], dtype)
    loss, cache = logit_matching_forward(*on(xp, *hosts))
    np.testing.assert_allclose(float(loss), 2.5e8, rtol=1e-6)               # ½ (4e8 + 1e8)
    close(logit_matching_backward(1.0, cache), [[2e4, -1e4]])


def test_logit_matching_is_a_mean_over_samples_and_a_sum_over_classes(xp):
    pair = on(xp, *draw((5, 3), (5, 3)))
    loss, _ = logit_matching_forward(*pair)
    for axis, factor in (0, 1), (1, 2):
        twice = [xp.concatenate([each, each], axis=axis) for each in pair]
        close(logit_matching_forward(*twice)[0], factor * loss)


def test_float32_stays_float32(xp):
    logits, targets, labels = on(xp, *answers(20.0, "float32"), LABELS)
    for settings in {}, dict(temperature=np.float64(20), hard_weight=np.float64(0.1)):
        loss, cache = distillation_loss_forward(logits, labels, targets, **settings)
        stays_float32(xp, loss, *(distillation_loss_backward(each, cache) for each in (loss, 0.5)))
    loss, cache = logit_matching_forward(logits, targets)
    stays_float32(xp, loss, *(logit_matching_backward(each, cache) for each in (loss, 0.5)))


def test_bad_settings():
    logits, targets = answers()
    for weight in -0.1, 1.5, math.nan, math.inf, "0.5", None:
        refuses(ValueError, "hard_weight", "[0, 1]",
                distillation_loss_forward, logits, LABELS, targets, hard_weight=weight)
    for temperature in 0, -1, math.inf, math.nan:
        refuses(ValueError, "temperature", "a finite number above 0",
                distillation_loss_forward, logits, LABELS, targets, temperature=temperature)


def test_bad_input(xp):
    logits, targets, labels = on(xp, *answers(), LABELS)

    def refuses_input(kind, name, wanted, *arrays):
        refuses(kind, name, wanted, distillation_loss_forward, *arrays)
    refuses_bad_labels(xp, lambda each: distillation_loss_forward(logits[:2], each, targets[:2]))
    refuses_input(ValueError, "soft_targets", "(n, k) with k = 3", logits, labels, targets[:, :2])
    refuses_input(ValueError, "soft_targets", "(n, k) with n = 5", logits, labels, targets[:4])
    refuses_input(ValueError, "logits", "at least one", logits[:0], labels[:0], targets[:0])
    refuses_input(TypeError, "logits", "NumPy or CuPy array", None, labels, targets)
    refuses_input(TypeError, "soft_targets", "the precision of logits",
                  logits, labels, targets.astype("float32"))
    targets[3] = 1.0
    refuses_input(ValueError, "soft_targets", "1 in every row", logits, labels, targets)
    targets[3] = xp.asarray(np.array([1.5, -0.5, 0.0]))
    refuses_input(ValueError, "soft_targets", "at least 0", logits, labels, targets)


def test_bad_upstream_gradients(xp):
    logits, targets, labels = on(xp, *answers(dtype="float32"), LABELS)
    _, cache = distillation_loss_forward(logits, labels, targets)
    refuses_bad_dloss(xp, distillation_loss_backward, cache)
    refuses_bad_dloss(xp, logit_matching_backward, logit_matching_forward(logits, targets)[1])


def test_bad_logits_to_match(xp):
    logits, teacher_logits = on(xp, *draw((5, 3), (5, 3)))

    def refuses_input(kind, name, wanted, *arrays):
        refuses(kind, name, wanted, logit_matching_forward, *arrays)
    refuses_input(ValueError, "teacher_logits", "k = 3 as in logits", logits, teacher_logits[:, :2])
    refuses_input(ValueError, "logits", "(n, k)", logits[0], teacher_logits[0])
    refuses_input(ValueError, "logits", "at least one", logits[:0], logits[:0])
    refuses_input(TypeError, "teacher_logits", "the precision of logits",
                  logits, teacher_logits.astype("float32"))


@on_device
def test_host_and_device_do_not_mix(xp):
    hosts = (*answers(), LABELS)
    logits, targets, labels = on(xp, *hosts)
    refuses_two_memories("logits, labels, soft_targets",
                         distillation_loss_forward, logits, LABELS, targets)
    refuses_two_memories("logits, soft_targets",
                         distillation_loss_forward, logits, labels, hosts[1])
    refuses_two_memories("logits, teacher_logits", logit_matching_forward, logits, hosts[1])
    _, cache = distillation_loss_forward(logits, labels, targets)
    refuses_two_memories(r"cache\[0\], dloss", distillation_loss_backward, np.ones(()), cache)
    _, cache = logit_matching_forward(logits, targets)
    refuses_two_memories("cache, dloss", logit_matching_backward, np.ones(()), cache)


def test_defaults():
    # D15 section 3: a temperature of 20. Section 2 gives the labels a "considerably lower" weight;
    # the tenth is ours.
    assert defaults(distillation_loss_forward) == dict(temperature=20.0, hard_weight=0.1)
