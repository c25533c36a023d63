"""Networks that learn from each other."""
import math

import numpy as np
import pytest

from tests.reference import distillation, ops
from tests.gradcheck.pairs import verdict
from tests.ops.facts import (ALONG_DIRECTIONS, close, draw, on, on_device, refuses, refuses_bad_labels, refuses_two_memories,
                             stays_float32, with_biases)
from tinycaps.backend import get_xp, to_numpy
from tinycaps.distillation import co_distillation_gradients, others_answers
from tinycaps.ops import soft_cross_entropy_backward, soft_cross_entropy_forward, soften
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import cross_entropy_backward, cross_entropy_forward, init_mlp, mlp_backward, mlp_forward

PREFIXES = "a.", "b.", "c."
HIDDEN = {"a.": (6,), "b.": (4, 5), "c.": ()}                   # they need not be equals
LABELS = np.array([2, 0, 2, 1, 0])
TOLD = np.array([[True, False, True, True, False], [False, False, True, False, False], [True, True, True, True, True]])


def networks(xp, dtype="float64", prefixes=PREFIXES):
    """Parameters of all networks, five samples, their labels."""
    params = {}
    for k, prefix in enumerate(prefixes):
        params |= with_biases(init_mlp(np.random.default_rng(k), (4, *HIDDEN[prefix], 3), prefix, dtype), seed=k + 5)
    return on(xp, params, *draw((5, 4), dtype=dtype), LABELS)


def of(prefix, params):
    return {key: array for key, array in params.items() if key.startswith(prefix)}


def own_loss(k, params, x, labels, temperature, agreement, told):
    """The pair of one network's loss over its own parameters; what the others answer is frozen."""
    prefix = PREFIXES[k]
    answers = get_xp(x).stack([soften(mlp_forward(params, x, each)[0], temperature) for each in PREFIXES])
    targets, weight = others_answers(answers)[k], agreement * temperature ** 2

    def forward(own):
        z, cache = mlp_forward(own, x, prefix)
        hard, hard_cache = cross_entropy_forward(z[told[k]], labels[told[k]])
        soft, soft_cache = soft_cross_entropy_forward(z, targets, temperature)
        return hard + weight * soft, (cache, hard_cache, soft_cache)

    def backward(dloss, cache):
        _, grads = co_distillation_gradients(params, x, labels, PREFIXES, temperature, agreement, told)
        return {key: dloss * grad for key, grad in of(prefix, grads).items()}
    return forward, backward


def test_others_answers_equal_the_loops(xp):
    answers = np.array([[ops.softmax(row) for row in each] for each in draw((5, 3), (5, 3), (5, 3), (5, 3))])
    wanted = [distillation.others_answers(list(each)) for each in answers.swapaxes(0, 1)]
    close(others_answers(xp.asarray(answers)), np.array(wanted).swapaxes(0, 1))


def test_others_answers_by_hand(xp):
    answers, = on(xp, np.array([[[1.0, 0.0]], [[0.5, 0.5]], [[0.25, 0.75]]]))
    close(others_answers(answers), [[[0.375, 0.625]], [[0.625, 0.375]], [[0.75, 0.25]]])
    close(others_answers(answers[:2]), [[[0.5, 0.5]], [[1.0, 0.0]]])                            # of two: the other one's


def test_others_answers_are_probabilities_however_small(xp):
    logits = 30 * np.random.default_rng(0).standard_normal((4, 200, 10)).astype("float32")
    answers = others_answers(xp.stack([soften(z) for z in on(xp, *logits)]))
    assert (answers >= 0).all() and abs(answers.sum(axis=2) - 1).max() < 1e-6


@pytest.mark.parametrize("told", [None, TOLD], ids=["all told", "some told"])
@pytest.mark.parametrize("temperature, agreement", [(2.0, 1.0), (1, 0.3), (5.0, 2), (3.0, 0)])
def test_loss_equals_the_loops(xp, temperature, agreement, told):
    params, x, labels = networks(np)
    logits = [[ops.mlp(params, row, prefix) for row in x] for prefix in PREFIXES]
    losses = distillation.co_distillation_losses(logits, labels, np.ones((3, 5)) if told is None else told, temperature, agreement)
    loss, grads = co_distillation_gradients(*on(xp, params, x, labels), PREFIXES, temperature, agreement,
                                            told if told is None else xp.asarray(told))
    assert loss.shape == () and grads.keys() == params.keys()
    close(loss, sum(losses) / 3)


@pytest.mark.parametrize("k", range(3))
def test_gradients_are_those_of_each_networks_own_loss_with_the_others_frozen(xp, k):
    params, x, labels = networks(xp)
    forward, backward = own_loss(k, params, x, labels, 2.0, 0.7, xp.asarray(TOLD))
    report = assert_gradients(forward, backward, of(PREFIXES[k], params), **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == set(of(PREFIXES[k], params))


def test_gradients_are_not_those_of_the_sum():
    pair = "c.", "a."
    params, x, labels = networks(np, prefixes=pair)

    def summed(agreement):
        def forward(params):
            loss, grads = co_distillation_gradients(params, x, labels, pair, agreement=agreement)
            return 2 * loss, grads
        return forward

    def backward(dloss, grads):
        return {key: dloss * grad for key, grad in grads.items()}
    # There the others would be moved as well: by being answered to. Without agreement there is no difference.
    assert verdict(summed(1.0), backward, params, **ALONG_DIRECTIONS) == "WRONG"
    assert verdict(summed(0), backward, params, **ALONG_DIRECTIONS) == "ok"


@pytest.mark.parametrize("temperature", [1, 2.0, 20.0])
def test_without_agreement_each_learns_alone(xp, temperature):
    params, x, labels = networks(xp)
    loss, grads = co_distillation_gradients(params, x, labels, PREFIXES, temperature, agreement=0)
    total, alone = 0.0, {}
    for prefix in PREFIXES:
        z, cache = mlp_forward(params, x, prefix)
        each, hard_cache = cross_entropy_forward(z, labels)
        total += float(each)
        alone |= mlp_backward(cross_entropy_backward(1.0, hard_cache), cache)
    close(loss, total / 3)
    assert grads.keys() == alone.keys() and all((grads[key] == alone[key]).all() for key in alone)


def test_a_network_that_is_told_nothing_gets_only_the_agreement(xp):
    params, x, labels = networks(xp)
    told = TOLD.copy()
    told[1] = False
    _, grads = co_distillation_gradients(params, x, labels, PREFIXES, 2.0, 0.7, xp.asarray(told))
    z, cache = mlp_forward(params, x, "b.")
    targets = (soften(mlp_forward(params, x, "a.")[0], 2.0) + soften(mlp_forward(params, x, "c.")[0], 2.0)) / 2
    wanted = mlp_backward(soft_cross_entropy_backward(0.7 * 4, soft_cross_entropy_forward(z, targets, 2.0)[1]), cache)
    for key, grad in wanted.items():
        close(grads[key], grad)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_that_hears_nothing_at_all_stays_as_it_is(xp, dtype):
    params, x, labels = networks(xp, dtype)
    loss, grads = co_distillation_gradients(params, x, labels, PREFIXES, agreement=0, told=xp.zeros((3, 5), dtype=bool))
    assert loss == 0 and loss.shape == () and loss.dtype == dtype
    assert grads.keys() == params.keys() and not any(grad.any() for grad in grads.values())


def test_told_by_hand(xp):
    # Two networks that answer the same to everything: a (¼, ¾), b (½, ½). a is told that the first sample is of class 0, b nothing.
    params = {"a.0.W": np.zeros((1, 2)), "a.0.bias": np.log([1.0, 3.0]), "b.0.W": np.zeros((1, 2)), "b.0.bias": np.zeros(2)}
    params, x, labels, told = on(xp, params, np.array([[1.0], [2.0]]), np.array([0, 1]), np.array([[True, False], [False, False]]))
    loss, grads = co_distillation_gradients(params, x, labels, ["a.", "b."], temperature=1, agreement=2.0, told=told)
    # a: log 4, and 2 (½ log 4 + ½ log 4/3) for answering otherwise than b; b: 2 log 2, its answer being ½ whatever a says.
    close(loss, (math.log(4) + math.log(4) + math.log(4 / 3) + 2 * math.log(2)) / 2)
    # a, sample 0: (¼ − 1, ¾) told, the mean of one; each sample: 2 (¼ − ½, ¾ − ½)/2 = (−¼, ¼). So (−1, 1) and (−¼, ¼).
    close(grads["a.0.bias"], [-1.25, 1.25])
    close(grads["a.0.W"], [[-1.5, 1.5]])                                                        # 1·(−1) + 2·(−¼)
    # b: 2 (½ − ¼, ½ − ¾)/2 = (¼, −¼) for each.
    close(grads["b.0.bias"], [0.5, -0.5])
    close(grads["b.0.W"], [[0.75, -0.75]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_huge_logits_give_finite_values_and_gradients(xp, dtype, temperature):
    params = {"a.0.W": np.zeros((1, 2), dtype), "a.0.bias": np.array([1e4, -1e4], dtype), "b.0.W": np.zeros((1, 2), dtype),
              "b.0.bias": np.array([-1e4, 1e4], dtype)}
    params, x, labels = on(xp, params, np.ones((1, 1), dtype), np.array([0]))
    loss, grads = co_distillation_gradients(params, x, labels, ["a.", "b."], temperature)
    # a is right, and 2e4/T from what b is sure of, times T²; b the same, and wrong by 2e4.
    np.testing.assert_allclose(float(loss), 2e4 * temperature + 1e4, rtol=1e-6)
    close(grads["a.0.bias"], [temperature, -temperature])
    close(grads["b.0.bias"], [-1 - temperature, 1 + temperature])


def test_the_temperature_keeps_the_size_of_the_agreement(xp):
    params, x, labels = networks(xp)
    nothing = xp.zeros((3, 5), dtype=bool)
    sizes = []
    for temperature in 20.0, 40.0, 80.0, 160.0:
        _, grads = co_distillation_gradients(params, x, labels, PREFIXES, temperature, told=nothing)
        sizes.append(math.sqrt(sum(float((grad ** 2).sum()) for grad in grads.values())))
    np.testing.assert_allclose(sizes, sizes[-1], rtol=0.1)                                      # without the T²: 64 times


def test_the_order_of_the_networks_does_not_matter(xp):
    params, x, labels = networks(xp)
    loss, grads = co_distillation_gradients(params, x, labels, PREFIXES, told=xp.asarray(TOLD))
    for order in [1, 2, 0], [2, 1, 0]:
        other, others = co_distillation_gradients(params, x, labels, [PREFIXES[k] for k in order], told=xp.asarray(TOLD[order]))
        close(other, loss)
        for key, grad in grads.items():
            close(others[key], grad)


def test_two_equal_networks_that_agree_get_only_the_hard_gradient(xp):
    params, x, labels = networks(xp, prefixes=("a.",))
    params |= {key.replace("a.", "b.", 1): array for key, array in params.items()}
    loss, grads = co_distillation_gradients(params, x, labels, ["a.", "b."], temperature=2.0, agreement=5.0)
    hard, alone = co_distillation_gradients(params, x, labels, ["a.", "b."], agreement=0)
    for key, grad in grads.items():
        close(grad, alone[key])
        close(grad, grads[key.replace("b.", "a.", 1)])
    q = soften(mlp_forward(params, x, "a.")[0], 2.0)
    close(loss - hard, -5 * 4 * (q * get_xp(q).log(q)).sum() / 5)                               # the entropy of what they say


def test_networks_that_only_hear_each_other_come_to_agree():
    params, x, labels = networks(np)

    def apart():
        answers = [soften(mlp_forward(params, x, prefix)[0]) for prefix in PREFIXES]
        return max(np.abs(answers[k] - answers[l]).max() for k in range(3) for l in range(k))
    assert apart() > 0.5
    for _ in range(150):
        _, grads = co_distillation_gradients(params, x, labels, PREFIXES, told=np.zeros((3, 5), bool))
        params = {key: array - 0.1 * grads[key] for key, array in params.items()}
    assert apart() < 0.2


def test_no_argument_is_changed(xp):
    params, x, labels = networks(xp)
    arrays = params | {"x": x, "labels": labels, "told": xp.asarray(TOLD)}
    before = {key: to_numpy(array).copy() for key, array in arrays.items()}
    co_distillation_gradients(params, x, labels, PREFIXES, told=arrays["told"])
    assert all(np.array_equal(to_numpy(array), before[key]) for key, array in arrays.items())


def test_float32_stays_float32(xp):
    params, x, labels = networks(xp, "float32")
    for told in None, xp.asarray(TOLD):
        stays_float32(xp, *co_distillation_gradients(params, x, labels, PREFIXES, told=told))
    stays_float32(xp, *co_distillation_gradients(params, x, labels, PREFIXES, np.float64(2), np.float64(1)))
    stays_float32(xp, others_answers(xp.stack([soften(x)] * 3)))


def test_bad_settings(xp):
    params, x, labels = networks(xp)
    line = "got {} network, wanted at least 2: a single one has nobody to agree with"
    refuses(ValueError, "prefixes: " + line.format(1), co_distillation_gradients, params, x, labels, ["a."])
    refuses(ValueError, "prefixes: " + line.format(0), co_distillation_gradients, params, x, labels, [])
    refuses(ValueError, "answers: got those of 1 network, wanted at least 2: a single one has nobody to agree with",
            others_answers, soften(x)[None])
    for temperature in 0, -1, math.inf, math.nan:
        refuses(ValueError, f"temperature: got {temperature!r}, wanted a finite number above 0",
                co_distillation_gradients, params, x, labels, PREFIXES, temperature)
    for agreement in -0.1, math.inf, math.nan:
        refuses(ValueError, f"agreement: got {agreement!r}, wanted a finite number of at least 0",
                co_distillation_gradients, params, x, labels, PREFIXES, agreement=agreement)


def test_bad_input(xp):
    params, x, labels = networks(xp)
    refuses_bad_labels(xp, lambda labels: co_distillation_gradients(params, x[:2], labels, PREFIXES))
    refuses(ValueError, "x: got shape (0, 4), wanted at least one along every axis",
            co_distillation_gradients, params, x[:0], labels[:0], PREFIXES)
    refuses(ValueError, "prefixes: got a., b., a., wanted each once", co_distillation_gradients, params, x, labels, ["a.", "b.", "a."])
    refuses(TypeError, "x: got list, wanted a NumPy or CuPy array", co_distillation_gradients, params, [[0.0]], labels, PREFIXES)
    other, = on(xp, init_mlp(np.random.default_rng(0), (4, 2), "d.", "float64"))
    refuses(ValueError, "logits of d.: got shape (5, 2), wanted (n, k) with k = 3 as in logits of a.",
            co_distillation_gradients, params | other, x, labels, ["a.", "d."])
    refuses(ValueError, "answers: got shape (5, 4), wanted (a, n, k)", others_answers, x)


def test_bad_masks(xp):
    params, x, labels = networks(xp)
    for told, came in (TOLD.T, "bool (5, 3)"), (TOLD[0], "bool (5,)"), (TOLD[:2], "bool (2, 5)"), (TOLD.astype("int64"), "int64 (3, 5)"):
        refuses(ValueError, f"told: got {came}, wanted bool (3, 5)",
                co_distillation_gradients, params, x, labels, PREFIXES, told=xp.asarray(told))
    refuses(TypeError, "x, told: got list, wanted a NumPy or CuPy array",
            co_distillation_gradients, params, x, labels, PREFIXES, told=TOLD.tolist())


@on_device
def test_host_and_device_do_not_mix(xp):
    params, x, labels = networks(xp)
    refuses_two_memories("x, W, bias", co_distillation_gradients, networks(np)[0], x, labels, PREFIXES)
    refuses_two_memories("x, labels", co_distillation_gradients, params, x, LABELS, PREFIXES)
    refuses_two_memories("x, told", co_distillation_gradients, params, x, labels, PREFIXES, told=TOLD)
