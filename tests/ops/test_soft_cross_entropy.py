"""Softmax at a temperature, and the losses that soft targets define (D15 section 2)."""
import math

import numpy as np
import pytest

from tests.reference import ops as reference
from tests.distillation.answers import LABELS, answers, softened
from tests.ops.facts import (ALONG_DIRECTIONS, close, draw, error, on, on_device, refuses,
                             refuses_bad_dloss, refuses_two_memories, stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.checks import door
from tinycaps.distillation import logit_matching_backward, logit_matching_forward
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import soft_cross_entropy as module
from tinycaps.ops import (cross_entropy_backward, cross_entropy_forward, kl_divergence_backward,
                          kl_divergence_forward, soft_cross_entropy_backward,
                          soft_cross_entropy_forward, soften, softmax_forward)

temperatures = pytest.mark.parametrize("temperature", [0.5, 1, 20.0])
BOTH = {"cross entropy": (soft_cross_entropy_forward, soft_cross_entropy_backward),
        "divergence": (kl_divergence_forward, kl_divergence_backward)}
both = pytest.mark.parametrize("forward, backward", BOTH.values(), ids=BOTH)


def soft_gradient(logits, teacher_logits, temperature):
    """That of the student's logits, the teacher's answers softened at the same temperature."""
    soft_targets = soften(teacher_logits, temperature)
    _, cache = soft_cross_entropy_forward(logits, soft_targets, temperature)
    return soft_cross_entropy_backward(1.0, cache)


def zero_mean(logits):
    return logits - logits.mean(axis=1, keepdims=True)


@temperatures
def test_soften_equals_the_loops(xp, temperature):
    logits, = draw((5, 3))
    close(soften(xp.asarray(logits), temperature), softened(logits, temperature))


def test_soften_by_hand(xp):
    logits = xp.asarray(np.log([[1.0, 16.0, 81.0]]))
    close(soften(logits), [[1 / 98, 16 / 98, 81 / 98]])
    close(soften(logits, 2), [[1 / 14, 4 / 14, 9 / 14]])                # the roots: 1, 4, 9
    close(soften(logits, 4), [[1 / 6, 2 / 6, 3 / 6]])                   # and theirs: 1, 2, 3
    close(soften(logits, 0.5), [[1 / 6818, 256 / 6818, 6561 / 6818]])   # the squares


def test_at_temperature_one_it_is_the_softmax(xp):
    logits, = on(xp, *draw((5, 3)))
    assert (soften(logits) == softmax_forward(logits)[0]).all()
    assert (soften(logits, 1) == soften(logits)).all()


def test_high_temperature_knows_no_difference_and_low_temperature_nothing_else(xp):
    logits, = on(xp, np.array([[1.0, 3.0, 2.0], [0.0, -1.0, -1.0]]))
    close(soften(logits, 1e15), np.full((2, 3), 1 / 3))
    close(soften(logits, 1e-3), [[0, 1, 0], [1, 0, 0]])


@temperatures
def test_loss_equals_the_loops(xp, temperature):
    logits, targets = answers(temperature)
    for forward, loops in ((soft_cross_entropy_forward, reference.soft_cross_entropy),
                           (kl_divergence_forward, reference.kl_divergence)):
        loss, _ = forward(*on(xp, logits, targets), temperature)
        assert loss.shape == ()
        close(loss, sum(loops(z, p, temperature) for z, p in zip(logits, targets)) / 5)


@temperatures
@both
def test_gradient_equals_the_loops(xp, temperature, forward, backward):
    logits, targets = answers(temperature)
    _, cache = forward(*on(xp, logits, targets), temperature)
    wanted = [reference.soft_cross_entropy_gradient(z, p, temperature)
              for z, p in zip(logits, targets)]
    close(backward(1.0, cache), np.array(wanted) / 5)


@temperatures
@both
def test_gradients(xp, temperature, forward, backward):
    logits, soft_targets = on(xp, *answers(temperature))
    assert_gradients(forward, backward, logits, soft_targets=soft_targets, temperature=temperature,
                     **ALONG_DIRECTIONS)


def by_hand(xp):
    """A student that says (1, 4, 9)/14 when softened at 2, and a teacher that says (½, ½, 0)."""
    return on(xp, np.log([[1.0, 16.0, 81.0]]), np.array([[0.5, 0.5, 0.0]]))


def test_soft_cross_entropy_by_hand(xp):
    loss, cache = soft_cross_entropy_forward(*by_hand(xp), 2)
    close(loss, 0.5 * math.log(14) + 0.5 * math.log(14 / 4))
    # (1, 4, 9)/14 − (7, 7, 0)/14, over T = 2; then with the T².
    close(soft_cross_entropy_backward(1.0, cache), [[-3 / 14, -1.5 / 14, 4.5 / 14]])
    close(soft_cross_entropy_backward(4.0, cache), [[-12 / 14, -6 / 14, 18 / 14]])


def test_kl_divergence_by_hand(xp):
    loss, cache = kl_divergence_forward(*by_hand(xp), 2)
    # ½ log(½ / (1/14)) + ½ log(½ / (4/14)), and the gradient of the soft cross entropy.
    close(loss, 0.5 * math.log(7) + 0.5 * math.log(7 / 4))
    close(kl_divergence_backward(1.0, cache), [[-3 / 14, -1.5 / 14, 4.5 / 14]])


@both
def test_with_the_labels_for_soft_targets_it_is_the_cross_entropy(xp, forward, backward):
    logits, labels = on(xp, *draw((5, 3)), LABELS)
    one_hot = xp.asarray(np.eye(3)[LABELS])                             # whose entropy is zero
    loss, cache = forward(logits, one_hot)
    wanted, wanted_cache = cross_entropy_forward(logits, labels)
    close(loss, wanted)
    close(backward(3.0, cache), cross_entropy_backward(3.0, wanted_cache))


@both
def test_repeating_the_batch_changes_nothing(xp, forward, backward):
    logits, targets = on(xp, *answers())
    twice = xp.concatenate([logits, logits]), xp.concatenate([targets, targets])
    close(forward(*twice)[0], forward(logits, targets)[0])


def test_classes_are_summed_and_not_averaged(xp):
    logits, targets = on(xp, *answers())
    twice = (xp.concatenate([logits, logits], axis=1),
             xp.concatenate([targets, targets], axis=1) / 2)
    # Every class split into two equal ones: each half as probable, one bit more to say. A mean over
    # classes would halve the loss.
    close(soft_cross_entropy_forward(*twice)[0],
          soft_cross_entropy_forward(logits, targets)[0] + math.log(2))
    close(kl_divergence_forward(*twice)[0], kl_divergence_forward(logits, targets)[0])


@temperatures
def test_divergence_is_zero_where_the_student_agrees_and_above_zero_elsewhere(xp, temperature):
    logits, = on(xp, *draw((5, 3)))
    agreed = soften(logits, temperature)
    loss, cache = kl_divergence_forward(logits, agreed, temperature)
    assert abs(loss) < 1e-14 and abs(kl_divergence_backward(1.0, cache)).max() < 1e-15
    for seed in range(10):
        other, = on(xp, *draw((5, 3), seed=seed + 1))
        assert kl_divergence_forward(logits, soften(other, temperature), temperature)[0] > 1e-6
    nearby = logits + 1e-3 * other
    assert 0 < kl_divergence_forward(nearby, agreed, temperature)[0] < 1e-5


@temperatures
def test_divergence_is_the_cross_entropy_less_what_no_student_can_change(xp, temperature):
    logits, targets = on(xp, *answers(temperature))
    other, = on(xp, *draw((5, 3), seed=7))

    def difference(z):
        return (soft_cross_entropy_forward(z, targets, temperature)[0]
                - kl_divergence_forward(z, targets, temperature)[0])
    close(difference(logits), -(targets * xp.log(targets)).sum() / 5)
    close(difference(other), difference(logits))
    ours, theirs = (backward(1.0, forward(logits, targets, temperature)[1])
                    for forward, backward in BOTH.values())
    assert (ours == theirs).all()


@both
def test_targets_of_zero_are_fine(xp, forward, backward):
    logits, targets = on(xp, *draw((2, 3)), np.array([[0.0, 0.25, 0.75], [0.0, 0.0, 1.0]]))
    loss, cache = forward(logits, targets)
    assert xp.isfinite(loss) and xp.isfinite(backward(1.0, cache)).all()
    assert_gradients(forward, backward, logits, soft_targets=targets)


@both
def test_only_differences_of_logits_matter(xp, forward, backward):
    logits, targets = on(xp, *answers(4.0))
    shift = xp.asarray(np.array([[1.0], [-3.0], [8.0], [0.5], [-20.0]]))
    close(forward(logits + shift, targets, 4.0)[0], forward(logits, targets, 4.0)[0])
    close(backward(1.0, forward(logits, targets, 4.0)[1]).sum(axis=1), np.zeros(5))


TEMPERATURES = [10, 20, 40, 80, 160]
"""High ones, where in powers of 1/T, for logits of zero mean in each sample,

    k q_k = 1 + z_k/T + (z_k² − Σ z²/k) / 2T² + …,    so that
    k T² (q_k − p_k)/T = (z_k − v_k) + ((z_k² − v_k²) − Σ (z² − v²)/k) / 2T + …

The limit is that of matched logits, and what is left falls as 1/T: it halves where T doubles.
"""


def scaled_gradients(xp, logits, teacher_logits):
    """n k T² times the gradient, at every temperature."""
    n, k = logits.shape
    z, v = on(xp, logits, teacher_logits)
    return [n * k * t ** 2 * to_numpy(soft_gradient(z, v, t)) for t in TEMPERATURES]


def test_at_high_temperature_it_matches_logits_of_zero_mean(xp):
    z, v = map(zero_mean, draw((5, 4), (5, 4)))
    off = [got - (z - v) for got in scaled_gradients(xp, z, v)]
    sizes = [np.abs(each).max() for each in off]
    np.testing.assert_allclose(np.divide(sizes[:-1], sizes[1:]), 2, rtol=0.1)
    np.testing.assert_allclose(sizes[-2] / sizes[-1], 2, rtol=0.01)
    # The next term, as derived.
    assert error(TEMPERATURES[-1] * off[-1], zero_mean(z * z - v * v) / 2) < 0.02
    matched = logit_matching_backward(1.0, logit_matching_forward(*on(xp, z, v))[1])
    assert error(4 * 1e4 ** 2 * soft_gradient(*on(xp, z, v), 1e4), matched) < 3e-4


def test_of_two_classes_the_deviation_falls_faster(xp):
    # With z = (a, −a) both squares are equal, the term in 1/T vanishes, and that in 1/T² is next:
    # a quarter where T doubles.
    a, b = draw((5, 1), (5, 1))
    z, v = np.hstack([a, -a]), np.hstack([b, -b])
    sizes = [np.abs(got - (z - v)).max() for got in scaled_gradients(xp, z, v)]
    np.testing.assert_allclose(np.divide(sizes[:-1], sizes[1:]), 4, rtol=0.05)


def test_logits_of_another_mean_are_not_matched_but_their_differences_are(xp):
    z, v = draw((5, 4), (5, 4))
    z += np.arange(5.0)[:, None]
    got = scaled_gradients(xp, z, v)
    sizes = [np.abs(each - (zero_mean(z) - zero_mean(v))).max() for each in got]
    np.testing.assert_allclose(np.divide(sizes[:-1], sizes[1:]), 2, rtol=0.1)
    # What separates it from z − v is the difference of the means, at any temperature.
    apart = (z - v).mean(axis=1, keepdims=True)
    assert np.abs(apart).max() > 3
    np.testing.assert_allclose(got[-1] - (z - v), np.broadcast_to(-apart, z.shape), atol=0.02)


def test_with_the_square_of_the_temperature_the_gradient_keeps_its_size(xp):
    z, v = on(xp, *draw((5, 4), (5, 4)))
    sizes = [math.sqrt(float((soft_gradient(z, v, t) ** 2).sum())) for t in TEMPERATURES]
    kept = [t ** 2 * size for t, size in zip(TEMPERATURES, sizes)]
    np.testing.assert_allclose(kept[:-1], kept[1:], rtol=0.05)
    # Its limit is the length of the differences (z − v) less their means, over n k.
    limit = np.linalg.norm(zero_mean(to_numpy(z - v))) / 20
    np.testing.assert_allclose(kept[-1], limit, rtol=0.005)
    # Without it: as 1/T².
    np.testing.assert_allclose(np.divide(sizes[:-1], sizes[1:]), 4, rtol=0.05)


@both
@pytest.mark.parametrize("temperature", [1.0, 20.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_give_finite_values_and_gradients(xp, forward, backward, dtype, temperature):
    logits, targets = on(xp, np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]], dtype),
                         np.array([[0, 1, 0], [0.5, 0.25, 0.25]], dtype))
    # q is (1, 0, 0) and (0, ½, ½). First: log q₂ = −2e4/T. Second: half of 2e4/T and log 2; p has
    # an entropy of 1.5 log 2.
    loss, cache = forward(logits, targets, temperature)
    entropy = 0 if forward is soft_cross_entropy_forward else 0.75 * math.log(2)
    want = (3e4 / temperature + math.log(2)) / 2 - entropy
    np.testing.assert_allclose(float(loss), want, rtol=1e-6)
    close(temperature * backward(1.0, cache), [[0.5, -0.5, 0], [-0.25, 0.125, 0.125]])
    close(soften(logits, temperature), [[1, 0, 0], [0, 0.5, 0.5]])


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_targets_rounded_to_half_precision_are_accepted(xp, classes):
    logits, = draw((50, classes), dtype="float32")
    for temperature in 1.0, 20.0:
        rounded = to_numpy(soften(3 * logits, temperature)).astype("float16").astype("float32")
        assert (rounded.sum(axis=1) != 1).any()
        for forward, backward in BOTH.values():
            loss, cache = forward(*on(xp, logits, rounded), temperature)
            stays_float32(xp, loss, backward(1.0, cache))
            assert xp.isfinite(loss)


@both
def test_gradients_are_exact_where_targets_are_rounded(xp, forward, backward):
    logits, soft_targets = answers()
    soft_targets, = on(xp, soft_targets.astype("float16").astype("float64"))
    assert_gradients(forward, backward, *on(xp, logits), soft_targets=soft_targets)


def test_a_student_that_follows_the_gradient_comes_to_agree(xp):
    logits, targets = on(xp, *answers(4.0))
    first, _ = kl_divergence_forward(logits, targets, 4.0)
    for _ in range(100):
        _, cache = kl_divergence_forward(logits, targets, 4.0)
        logits = logits - 5 * kl_divergence_backward(16.0, cache)
    assert kl_divergence_forward(logits, targets, 4.0)[0] < 1e-6 * first


def test_float32_stays_float32(xp):
    logits, targets = on(xp, *answers(4.0, "float32"))
    for temperature in 4.0, np.float64(4):
        stays_float32(xp, soften(logits, temperature))
        for forward, backward in BOTH.values():
            loss, cache = forward(logits, targets, temperature)
            stays_float32(xp, loss, backward(loss, cache), backward(0.5, cache))


@pytest.mark.parametrize("temperature", [0, -1.0, math.inf, math.nan])
def test_bad_temperatures(temperature):
    logits, targets = answers()
    wanted = "a finite number above 0"
    refuses(ValueError, "temperature", wanted, soften, logits, temperature)
    for forward, _ in BOTH.values():
        refuses(ValueError, "temperature", wanted, forward, logits, targets, temperature)


@both
def test_bad_input(xp, forward, backward):
    logits, targets = on(xp, *answers())
    for wrong, wanted in [(targets[:, :2], "(n, k) with k = 3 as in logits"),
                          (targets[:4], "(n, k) with n = 5 as in logits"),
                          (targets[:, 0], "(n, k)"),
                          (targets[:0], "at least one along every axis")]:
        refuses(ValueError, "soft_targets", wanted, forward, logits, wrong)
    for wrong, wanted in [(xp.asarray(LABELS), "floating-point numbers"),
                          (targets.astype("float32"), "the precision of logits, float64"),
                          ([[1.0, 0.0, 0.0]] * 5, "a NumPy or CuPy array")]:
        refuses(TypeError, "soft_targets", wanted, forward, logits, wrong)
    refuses(ValueError, "logits", "(n, k)", forward, logits[0], targets)
    refuses(ValueError, "logits", "at least one along every axis", forward, logits[:0], targets[:0])
    refuses_bad_dloss(xp, backward, forward(*on(xp, *answers(dtype="float32")))[1])


@both
def test_targets_that_are_no_probabilities(xp, forward, backward):
    logits, _ = on(xp, *answers())
    certain = np.eye(3)[LABELS]

    def line_for(row, numbers):
        targets = certain.copy()
        targets[row] = numbers
        with pytest.raises(ValueError) as caught:
            forward(logits, xp.asarray(targets))
        return str(caught.value)
    negative = line_for(1, [1.25, -0.25, 0])
    assert negative == "soft_targets: got -0.25, wanted probabilities, at least 0"
    for row, numbers, total in [(3, [0.5, 0.25, 0], "0.75"), (0, [0.998, 0, 0], "0.998"),
                                (4, [1, 1, 1], "3"),                    # logits, for instance
                                (2, [math.nan, 0, 1], "nan"), (2, [math.inf, 0, 0], "inf")]:
        assert line_for(row, numbers) == (f"soft_targets: got a sum of {total} in row {row}, "
                                          "wanted 1 in every row")
    worst = line_for([1, 4], [[0.5, 0, 0], [0.25, 0, 0]])
    assert "a sum of 0.25 in row 4" in worst


def test_sums_may_be_off_by_the_tolerance_and_no_more(monkeypatch):
    assert module.SUM_TO_ONE == 1e-3
    monkeypatch.setattr(module, "SUM_TO_ONE", 0.25)
    soft_cross_entropy_forward(np.zeros((1, 2)), np.array([[0.75, 0.5]]))
    refuses(ValueError, "soft_targets", "1 in every row", soft_cross_entropy_forward,
            np.zeros((1, 2)), np.array([[0.75, 0.50001]]))


def test_what_another_op_has_proved_is_not_looked_at_again(xp):
    logits, targets = on(xp, *answers())
    loss, _ = door()(soft_cross_entropy_forward)(logits, 2 * targets)   # no probabilities
    close(loss, 2 * soft_cross_entropy_forward(logits, targets)[0])


def test_soften_takes_rows_of_logits(xp):
    logits, = on(xp, *draw((5, 3)))
    refuses(ValueError, "logits", "(n, k)", soften, logits[0])
    refuses(ValueError, "logits", "at least one along every axis", soften, logits[:0])
    refuses(TypeError, "logits", "floating-point numbers", soften, xp.asarray(LABELS))


@on_device
@both
def test_host_and_device_do_not_mix(xp, forward, backward):
    logits, targets = answers()
    refuses_two_memories("logits, soft_targets", forward, xp.asarray(logits), targets)
    refuses_two_memories("logits, soft_targets", forward, logits, xp.asarray(targets))
    _, cache = forward(*on(xp, logits, targets))
    refuses_two_memories(r"cache\[0\], cache\[1\], dloss", backward, np.ones(()), cache)
