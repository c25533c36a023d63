"""Networks that learn from each other."""
import math

import numpy as np
import pytest

from tests.gradcheck.pairs import verdict
from tests.ops.facts import (ALONG_DIRECTIONS, close, defaults, draw, on, on_device, refuses,
                             refuses_bad_labels, refuses_two_memories, stays_float32, with_biases)
from tests.reference import distillation, ops
from tinycaps.backend import get_xp, to_numpy
from tinycaps.distillation import co_distillation_gradients, others_answers
from tinycaps.gradcheck import assert_gradients
from tinycaps.ops import (cross_entropy_backward, cross_entropy_forward, init_mlp, mlp_backward,
                          mlp_forward, soft_cross_entropy_backward, soft_cross_entropy_forward,
                          soften)

PREFIXES = "a.", "b.", "c."
HIDDEN = {"a.": (6,), "b.": (4, 5), "c.": ()}                   # they need not be of one size
LABELS = np.array([2, 0, 2, 1, 0])
LABELLED = np.array([[True, False, True, True, False], [False, False, True, False, False],
                     [True, True, True, True, True]])


def networks(xp, dtype="float64", prefixes=PREFIXES):
    """Parameters of all networks, five samples, their labels."""
    params = {}
    for k, prefix in enumerate(prefixes):
        sizes = 4, *HIDDEN[prefix], 3
        own = init_mlp(np.random.default_rng(k), sizes, prefix, dtype)
        params |= with_biases(own, seed=k + 5)
    return on(xp, params, *draw((5, 4), dtype=dtype), LABELS)


def of(prefix, params):
    return {key: array for key, array in params.items() if key.startswith(prefix)}


def own_loss(k, params, x, labels, temperature, agreement, labelled):
    """The pair of one network's loss over its own parameters; the others' answers are frozen."""
    prefix = PREFIXES[k]
    answers = get_xp(x).stack([soften(mlp_forward(params, x, each)[0], temperature)
                               for each in PREFIXES])
    targets, weight = others_answers(answers)[k], agreement * temperature ** 2

    def forward(own):
        z, cache = mlp_forward(own, x, prefix)
        hard, hard_cache = cross_entropy_forward(z[labelled[k]], labels[labelled[k]])
        soft, soft_cache = soft_cross_entropy_forward(z, targets, temperature)
        return hard + weight * soft, (cache, hard_cache, soft_cache)

    def backward(dloss, cache):
        _, grads = co_distillation_gradients(params, x, labels, PREFIXES, temperature, agreement,
                                             labelled)
        return {key: dloss * grad for key, grad in of(prefix, grads).items()}
    return forward, backward


def test_others_answers_equal_the_loops(xp):
    answers = np.array([[ops.softmax(row) for row in each] for each in draw(*[(5, 3)] * 4)])
    wanted = [distillation.others_answers(list(each)) for each in answers.swapaxes(0, 1)]
    close(others_answers(xp.asarray(answers)), np.array(wanted).swapaxes(0, 1))


def test_others_answers_by_hand(xp):
    answers, = on(xp, np.array([[[1.0, 0.0]], [[0.5, 0.5]], [[0.25, 0.75]]]))
    # For the first (½ + ¼)/2 and (½ + ¾)/2; for the second (1 + ¼)/2; for the third (1 + ½)/2.
    close(others_answers(answers), [[[0.375, 0.625]], [[0.625, 0.375]], [[0.75, 0.25]]])
    close(others_answers(answers[:2]), [[[0.5, 0.5]], [[1.0, 0.0]]])        # of two: the other's


def test_others_answers_are_probabilities_however_small(xp):
    logits = 30 * np.random.default_rng(0).standard_normal((4, 200, 10)).astype("float32")
    answers = others_answers(xp.stack([soften(z) for z in on(xp, *logits)]))
    assert (answers >= 0).all() and abs(answers.sum(axis=2) - 1).max() < 1e-6


@pytest.mark.parametrize("labelled", [None, LABELLED], ids=["all labels", "some labels"])
@pytest.mark.parametrize("temperature, agreement", [(2.0, 1.0), (1, 0.3), (5.0, 2), (3.0, 0)])
def test_loss_equals_the_loops(xp, temperature, agreement, labelled):
    params, x, labels = networks(np)
    logits = [[ops.mlp(params, row, prefix) for row in x] for prefix in PREFIXES]
    mask = np.ones((3, 5)) if labelled is None else labelled
    wanted = distillation.co_distillation_losses(logits, labels, mask, temperature, agreement)
    loss, grads = co_distillation_gradients(
        *on(xp, params, x, labels), PREFIXES, temperature, agreement,
        labelled if labelled is None else xp.asarray(labelled))
    assert loss.shape == () and grads.keys() == params.keys()
    close(loss, sum(wanted) / 3)


@pytest.mark.parametrize("k", range(3))
def test_gradients_are_those_of_each_networks_own_loss_with_the_others_frozen(xp, k):
    params, x, labels = networks(xp)
    forward, backward = own_loss(k, params, x, labels, 2.0, 0.7, xp.asarray(LABELLED))
    own = of(PREFIXES[k], params)
    report = assert_gradients(forward, backward, own, **ALONG_DIRECTIONS)
    assert {row.name for row in report.rows} == set(own)


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
    # The sum also moves each network towards answers that are easy to agree with. Without agreement
    # there is no difference.
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
    assert grads.keys() == alone.keys()
    assert all((grads[key] == alone[key]).all() for key in alone)


def test_a_network_without_labels_gets_only_the_agreement(xp):
    params, x, labels = networks(xp)
    labelled = LABELLED.copy()
    labelled[1] = False
    _, grads = co_distillation_gradients(params, x, labels, PREFIXES, 2.0, 0.7,
                                         xp.asarray(labelled))
    z, cache = mlp_forward(params, x, "b.")
    others = [soften(mlp_forward(params, x, prefix)[0], 2.0) for prefix in ("a.", "c.")]
    _, soft_cache = soft_cross_entropy_forward(z, (others[0] + others[1]) / 2, 2.0)
    wanted = mlp_backward(soft_cross_entropy_backward(0.7 * 4, soft_cache), cache)
    for key, grad in wanted.items():
        close(grads[key], grad)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_with_neither_labels_nor_agreement_nothing_moves(xp, dtype):
    params, x, labels = networks(xp, dtype)
    loss, grads = co_distillation_gradients(params, x, labels, PREFIXES, agreement=0,
                                            labelled=xp.zeros((3, 5), dtype=bool))
    assert loss == 0 and loss.shape == () and loss.dtype == dtype
    assert grads.keys() == params.keys() and not any(grad.any() for grad in grads.values())


def two_constant_networks(xp, dtype, *biases):
    """Parameters of two networks that give every image the same logits, their biases."""
    params = {}
    for prefix, bias in zip(("a.", "b."), biases):
        params |= {f"{prefix}0.W": np.zeros((1, 2), dtype), f"{prefix}0.bias": bias.astype(dtype)}
    return on(xp, params)[0]


def test_co_distillation_gradients_by_hand(xp):
    # a always answers (¼, ¾), b (½, ½). a learns that the first sample is of class 0, b no label.
    params = two_constant_networks(xp, "float64", np.log([1.0, 3.0]), np.zeros(2))
    x, labels, labelled = on(xp, np.array([[1.0], [2.0]]), np.array([0, 1]),
                             np.array([[True, False], [False, False]]))
    loss, grads = co_distillation_gradients(params, x, labels, ["a.", "b."], temperature=1,
                                            agreement=2.0, labelled=labelled)
    # a: log 4 for the label, 2 (½ log 4 + ½ log 4/3) = log 4 + log 4/3 for the answers of b.
    # b: 2 log 2, since it answers ½ to both, whatever a answers.
    close(loss, (math.log(4) + math.log(4) + math.log(4 / 3) + 2 * math.log(2)) / 2)
    # a: (¼ − 1, ¾) on sample 0, the mean of one label, and 2 (¼ − ½, ¾ − ½)/2 = (−¼, ¼) on each.
    # Together (−1, 1) on sample 0 and (−¼, ¼) on sample 1.
    close(grads["a.0.bias"], [-1.25, 1.25])
    close(grads["a.0.W"], [[-1.5, 1.5]])                            # 1·(−1) + 2·(−¼)
    # b: 2 (½ − ¼, ½ − ¾)/2 = (¼, −¼) on each.
    close(grads["b.0.bias"], [0.5, -0.5])
    close(grads["b.0.W"], [[0.75, -0.75]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_huge_logits_give_finite_values_and_gradients(xp, dtype, temperature):
    params = two_constant_networks(xp, dtype, np.array([1e4, -1e4]), np.array([-1e4, 1e4]))
    x, labels = on(xp, np.ones((1, 1), dtype), np.array([0]))
    loss, grads = co_distillation_gradients(params, x, labels, ["a.", "b."], temperature)
    # Each is certain of the answer that the other has at 2e4/T below it, times T²; b is wrong by
    # 2e4 as well.
    np.testing.assert_allclose(float(loss), 2e4 * temperature + 1e4, rtol=1e-6)
    close(grads["a.0.bias"], [temperature, -temperature])
    close(grads["b.0.bias"], [-1 - temperature, 1 + temperature])


def test_the_temperature_keeps_the_size_of_the_agreement(xp):
    params, x, labels = networks(xp)
    none = xp.zeros((3, 5), dtype=bool)
    sizes = []
    for temperature in 20.0, 40.0, 80.0, 160.0:
        _, grads = co_distillation_gradients(params, x, labels, PREFIXES, temperature,
                                             labelled=none)
        sizes.append(math.sqrt(sum(float((grad ** 2).sum()) for grad in grads.values())))
    np.testing.assert_allclose(sizes, sizes[-1], rtol=0.1)          # without the T²: 64 times


def test_the_order_of_the_networks_does_not_matter(xp):
    params, x, labels = networks(xp)
    loss, grads = co_distillation_gradients(params, x, labels, PREFIXES,
                                            labelled=xp.asarray(LABELLED))
    for order in [1, 2, 0], [2, 1, 0]:
        prefixes = [PREFIXES[k] for k in order]
        other, others = co_distillation_gradients(params, x, labels, prefixes,
                                                  labelled=xp.asarray(LABELLED[order]))
        close(other, loss)
        for key, grad in grads.items():
            close(others[key], grad)


def test_two_equal_networks_get_only_the_hard_gradient(xp):
    params, x, labels = networks(xp, prefixes=("a.",))
    params |= {key.replace("a.", "b.", 1): array for key, array in params.items()}
    both = ["a.", "b."]
    loss, grads = co_distillation_gradients(params, x, labels, both, temperature=2.0, agreement=5.0)
    hard, alone = co_distillation_gradients(params, x, labels, both, agreement=0)
    for key, grad in grads.items():
        close(grad, alone[key])
        close(grad, grads[key.replace("b.", "a.", 1)])
    q = soften(mlp_forward(params, x, "a.")[0], 2.0)
    entropy = -(q * get_xp(q).log(q)).sum() / 5
    close(loss - hard, 5 * 4 * entropy)


def test_networks_that_learn_from_each_other_alone_come_to_agree():
    params, x, labels = networks(np)

    def apart():
        answers = [soften(mlp_forward(params, x, prefix)[0]) for prefix in PREFIXES]
        return max(np.abs(answers[k] - answers[l]).max() for k in range(3) for l in range(k))
    assert apart() > 0.5
    for _ in range(150):
        _, grads = co_distillation_gradients(params, x, labels, PREFIXES,
                                             labelled=np.zeros((3, 5), bool))
        params = {key: array - 0.1 * grads[key] for key, array in params.items()}
    assert apart() < 0.2


def test_no_argument_is_changed(xp):
    params, x, labels = networks(xp)
    arrays = params | {"x": x, "labels": labels, "labelled": xp.asarray(LABELLED)}
    before = {key: to_numpy(array).copy() for key, array in arrays.items()}
    co_distillation_gradients(params, x, labels, PREFIXES, labelled=arrays["labelled"])
    assert all(np.array_equal(to_numpy(array), before[key]) for key, array in arrays.items())


def test_float32_stays_float32(xp):
    params, x, labels = networks(xp, "float32")
    settings = dict(temperature=np.float64(2), agreement=np.float64(1))
    for given in {}, dict(labelled=xp.asarray(LABELLED)), settings:
        stays_float32(xp, *co_distillation_gradients(params, x, labels, PREFIXES, **given))
    stays_float32(xp, others_answers(xp.stack([soften(x)] * 3)))


def test_bad_settings(xp):
    arrays = networks(xp)

    def refuses_setting(name, wanted, prefixes=PREFIXES, **settings):
        refuses(ValueError, name, wanted, co_distillation_gradients, *arrays, prefixes, **settings)
    for few in ["a."], []:
        refuses_setting("prefixes", "at least 2", few)
    refuses_setting("prefixes", "each once", ["a.", "b.", "a."])
    refuses(ValueError, "answers", "at least 2", others_answers, soften(arrays[1])[None])
    for temperature in 0, -1, math.inf, math.nan, "2":
        refuses_setting("temperature", "a finite number above 0", temperature=temperature)
    for agreement in -0.1, math.inf, math.nan:
        refuses_setting("agreement", "a finite number of at least 0", agreement=agreement)


def test_bad_input(xp):
    params, x, labels = networks(xp)

    def refuses_input(error, name, wanted, params, x, labels, prefixes=PREFIXES):
        refuses(error, name, wanted, co_distillation_gradients, params, x, labels, prefixes)
    refuses_bad_labels(
        xp, lambda labels: co_distillation_gradients(params, x[:2], labels, PREFIXES))
    refuses_input(ValueError, "x", "at least one", params, x[:0], labels[:0])
    refuses_input(TypeError, "x", "NumPy or CuPy array", params, [[0.0]], labels)
    two, = on(xp, init_mlp(np.random.default_rng(0), (4, 2), "d.", "float64"))
    refuses_input(ValueError, "d.0.bias", "(k,) with k = 3 as in a.1.bias", params | two, x, labels,
                  ["a.", "d."])
    refuses_input(ValueError, "params", "d.0.W", params, x, labels, ["a.", "d."])
    refuses(ValueError, "answers", "(a, n, k)", others_answers, x)


@pytest.mark.parametrize("key", ["a.0.W", "b.1.W", "b.2.bias", "c.0.W"])
def test_parameters_of_wrong_shape_or_precision(xp, key):
    params, x, labels = networks(xp)
    for error, array in ((ValueError, params[key][1:]), (TypeError, params[key].astype("float32"))):
        with pytest.raises(error, match="got .*, wanted "):
            co_distillation_gradients(params | {key: array}, x, labels, PREFIXES)


def test_bad_masks(xp):
    arrays = networks(xp)

    def refuses_mask(error, wanted, labelled):
        refuses(error, "labelled", wanted, co_distillation_gradients, *arrays, PREFIXES,
                labelled=labelled)
    refuses_mask(ValueError, "n = 5 as in x", xp.asarray(LABELLED.T))
    refuses_mask(ValueError, "(a, n)", xp.asarray(LABELLED[0]))
    refuses_mask(ValueError, "one for each of the 3 networks", xp.asarray(LABELLED[:2]))
    refuses_mask(TypeError, "bool", xp.asarray(LABELLED.astype("int64")))
    refuses_mask(TypeError, "NumPy or CuPy array", LABELLED.tolist())


@on_device
def test_host_and_device_do_not_mix(xp):
    params, x, labels = networks(xp)
    host = networks(np)[0]
    for wrong in (host, x, labels), (params, x, LABELS):
        refuses_two_memories(r"x, .*\.bias.*", co_distillation_gradients, *wrong, PREFIXES)
    refuses_two_memories(r"x, .*labels, labelled", co_distillation_gradients, params, x, labels,
                         PREFIXES, labelled=LABELLED)


def test_defaults():
    # Ours, the talk gives none: mild softening, and as much weight as the labels have.
    assert defaults(co_distillation_gradients) == dict(temperature=2.0, agreement=1.0)
