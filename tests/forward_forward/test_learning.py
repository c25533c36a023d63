"""Gradients of a batch, and the step that follows."""
import math
from dataclasses import replace

import numpy as np
import pytest

from tests.reference import forward_forward, ops
from tests.forward_forward.networks import NO_PEERS, SMALL, layers_only, network
from tests.ops.facts import (ALONG_DIRECTIONS, close, defaults, draw, on, on_device, refuses,
                             refuses_bad_labels, refuses_two_memories, stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.data import load_digits
from tinycaps.forward_forward import (FFConfig, ff_backward, ff_features, ff_forward, ff_update,
                                      hybrid_negatives, init_ff, make_room, predictor_gradients,
                                      readout_errors, supervised_gradients, unsupervised_gradients,
                                      write_labels, write_neutral, wrong_labels)
from tinycaps.gradcheck import assert_gradients


def rng():
    return np.random.default_rng(5)


def means(params):
    return {key for key in params if key.endswith("mean_activity")}


def without_predictor(params):
    return {key: array for key, array in params.items() if not key.startswith("softmax")}


def test_predictor_equals_the_loops(xp):
    params, _, labels = network(np)
    features, = draw((4, 11))
    loss, grads, logits = predictor_gradients(*on(xp, params, features, labels))
    wanted = [ops.linear(row, params["softmax.W"], params["softmax.bias"]) for row in features]
    close(logits, wanted)
    close(loss, sum(ops.cross_entropy(row, label) for row, label in zip(wanted, labels)) / 4)
    assert loss.shape == () and grads.keys() == {"softmax.W", "softmax.bias"}


def test_gradients_of_the_predictor(xp):
    params, _, labels = network(xp)
    features, = on(xp, *draw((4, 11)))
    assert_gradients(lambda params: predictor_gradients(params, features, labels)[:2],
                     lambda dloss, grads: {key: dloss * grad for key, grad in grads.items()},
                     {key: params[key] for key in ("softmax.W",
                                                   "softmax.bias")}, **ALONG_DIRECTIONS)


@pytest.mark.parametrize("hard", [True, False])
def test_a_supervised_batch_step_by_step(xp, hard):
    params, x, labels = network(xp)
    loss, grads = supervised_gradients(params, x, labels, rng(), SMALL, hard)
    assert grads.keys() == params.keys()
    features = ff_features(params, write_neutral(x, 3), SMALL)
    _, predictor, logits = predictor_gradients(params, features, labels)
    wrong = wrong_labels(labels, 3, rng(), logits if hard else None)
    losses, caches = ff_forward(params, write_labels(x, labels, 3), write_labels(x, wrong, 3),
                                SMALL)
    close(loss, sum(float(each) for each in losses) / 3)
    for key, grad in (predictor | ff_backward(caches)).items():
        close(grads[key], grad)
    for k, cache in enumerate(caches):
        y = to_numpy(cache.y)[:4]                   # those of the images with their true labels
        before = to_numpy(params[f"{k}.mean_activity"])
        close(grads[f"{k}.mean_activity"], forward_forward.running_means(y, before))


def test_hard_negatives_come_from_the_predictor(xp):
    params, x, labels = network(xp)
    certain = params | {"softmax.W": 0 * params["softmax.W"],
                        "softmax.bias": xp.asarray(np.array([0.0, 100.0, 0.0]))}
    # Classes 2 and 0 are true, so that 1 is drawn for both.
    asked, x_neg = labels[:2], xp.asarray(np.array([1, 1]))
    _, hard = supervised_gradients(certain, x[:2], asked, rng(), SMALL)
    _, caches = ff_forward(params, write_labels(x[:2], asked, 3), write_labels(x[:2], x_neg, 3),
                           SMALL)
    for key, grad in ff_backward(caches).items():
        close(hard[key], grad)


def test_the_strength_of_the_label_pixel_is_that_of_the_config(xp):
    params, x, labels = network(xp)
    strong = replace(SMALL, label_strength=5.0)
    loss, _ = supervised_gradients(params, x, labels, rng(), strong, hard=False)
    wrong = wrong_labels(labels, 3, rng())
    losses, _ = ff_forward(params, write_labels(x, labels, 3, 5.0), write_labels(x, wrong, 3, 5.0),
                           strong)
    close(loss, sum(float(each) for each in losses) / 3)


def test_an_unsupervised_batch_step_by_step(xp):
    params, x, _ = network(xp)
    params = without_predictor(params)
    loss, grads = unsupervised_gradients(params, x, None, rng(), SMALL)
    assert grads.keys() == params.keys()
    losses, caches = ff_forward(params, x.reshape(4, -1), hybrid_negatives(x, rng()).reshape(4, -1),
                                SMALL)
    close(loss, sum(float(each) for each in losses) / 3)
    for key, grad in ff_backward(caches).items():
        close(grads[key], grad)


def test_without_peers_the_running_means_stay(xp):
    params, x, labels = network(xp)
    for learn in supervised_gradients, unsupervised_gradients:
        _, grads = learn(params, x, labels, rng(), NO_PEERS)
        assert len(means(grads)) == 3
        assert all((grads[key] == params[key]).all() for key in means(grads))


def test_a_black_batch_has_finite_gradients(xp):
    params, x, labels = network(xp)
    for learn in supervised_gradients, unsupervised_gradients:
        loss, grads = learn(params, 0 * x, labels, rng(), SMALL)
        assert xp.isfinite(loss) and all(xp.isfinite(grad).all() for grad in grads.values())


def test_a_batch_changes_no_argument(xp):
    params, x, labels = network(xp)
    given = params | {"x": x, "labels": labels}
    before = {key: to_numpy(array).copy() for key, array in given.items()}
    supervised_gradients(params, x, labels, rng(), SMALL)
    unsupervised_gradients(params, x, labels, rng(), SMALL)
    assert all(np.array_equal(to_numpy(array), before[key]) for key, array in given.items())


def matlab(p, gradients, rate, decay=0.0, delay=0.9):
    """Hinton's rule for one number; his gradients say what gets better."""
    smooth = 0.0
    for better in gradients:
        smooth = delay * smooth + (1 - delay) * better
        p = p + rate * (smooth - decay * p)
    return p


def test_the_step_is_that_of_the_matlab_in_other_units(xp):
    params, _, _ = network(xp)
    first = {key: to_numpy(array).copy() for key, array in params.items()}
    shapes = [array.shape for array in params.values()]
    drawn = [dict(zip(params, on(xp, *draw(*shapes, seed=seed)))) for seed in range(5)]
    state = {}
    for grads in drawn:
        ff_update(params, grads, state, learning_rate=0.0005, weight_decay=0.0, predictor_decay=0.0)
    for key in params.keys() - means(params):
        # ∂y²/∂y = 2 y, and y in the Matlab
        halves, rate = (1, 0.1) if key.startswith("softmax") else (2, 0.01)
        for index in np.ndindex(first[key].shape):
            better = [-float(to_numpy(grads[key])[index]) / halves for grads in drawn]
            np.testing.assert_allclose(to_numpy(params[key])[index],
                                       matlab(first[key][index], better, rate), rtol=1e-12)


def test_weights_decay_as_in_the_port_in_the_long_run_and_biases_not_at_all():
    # The port ff-py of the Matlab has 0.002 and 0.003. There decay acts at once, here through the
    # velocity, which begins at zero: the same rate once the velocity has run in.
    params = {key: np.ones((1, 1) if key.endswith("W") else 1)
              for key in ("0.W", "0.bias", "softmax.W", "softmax.bias")}
    state, still = {}, {key: np.zeros_like(p) for key, p in params.items()}
    at = {}
    for step in range(1, 1201):
        ff_update(params, still, state, learning_rate=0.0005)
        if step % 600 == 0:
            at[step] = {key: math.log(p.item()) for key, p in params.items()}
    for key, rate, decay in ("0.W", 0.01, 0.002), ("softmax.W", 0.1, 0.003):
        np.testing.assert_allclose(at[1200][key] - at[600][key],
                                   math.log(matlab(1.0, [0.0] * 600, rate, decay)), rtol=4e-3)
        np.testing.assert_allclose(at[1200][key], math.log(matlab(1.0, [0.0] * 1200, rate, decay)),
                                   rtol=0.01)
    assert params["0.bias"] == params["softmax.bias"] == 1


def test_running_means_are_taken_over(xp):
    params, x, labels = network(xp)
    arrays, state = dict(params), {}
    _, grads = supervised_gradients(params, x, labels, rng(), SMALL)
    ff_update(params, grads, state, learning_rate=0.01)
    for key in means(params):
        assert params[key] is arrays[key] and params[key] is not grads[key]
        assert (params[key] == grads[key]).all()
    assert state.keys() == {f"velocity.{key}" for key in params.keys() - means(params)}


def test_a_step_without_a_predictor(xp):
    params, x, _ = network(xp)
    params, state = without_predictor(params), {}
    ff_update(params, unsupervised_gradients(params, x, None, rng(), SMALL)[1], state,
              learning_rate=0.001)
    assert state.keys() == {f"velocity.{key}" for key in layers_only(params)}


@pytest.mark.parametrize("learn", [supervised_gradients, unsupervised_gradients])
def test_two_hundred_digits_are_learned_in_sixty_steps(learn):
    digits, (images,) = load_digits(), make_room(load_digits().train_images[:200])
    labels, config = digits.train_labels[:200], FFConfig(image_shape=(10, 8, 1), hidden=(40, 30))
    params, state, losses, drawn = init_ff(rng(), config), {}, [], rng()
    if learn is unsupervised_gradients:
        params = without_predictor(params)
    for _ in range(60):
        loss, grads = learn(params, images, labels, drawn, config)
        ff_update(params, grads, state, learning_rate=0.002)
        losses.append(float(loss))
    assert losses[-1] < losses[0] / 4
    if learn is supervised_gradients:
        errors = readout_errors(params, images, labels, config)
        assert errors["softmax"] < 0.1 and errors["layer 0"] < 0.2


def test_float32_stays_float32(xp):
    params, x, labels = network(xp, "float32")
    loss, grads = supervised_gradients(params, x, labels, rng(), SMALL)
    stays_float32(xp, loss, grads, *unsupervised_gradients(params, x, labels, rng(), SMALL))
    state = {}
    ff_update(params, grads, state, learning_rate=0.001)
    stays_float32(xp, params, state)


def test_bad_batches(xp):
    params, x, labels = network(xp)
    one = replace(SMALL, classes=1)
    single = params | {"softmax.W": params["softmax.W"][:, :1],
                       "softmax.bias": params["softmax.bias"][:1]}
    refuses(ValueError, "classes", "at least 2: with a single class no label is wrong",
            supervised_gradients, single, x, 0 * labels, rng(), one)
    refuses_bad_labels(xp, lambda labels: supervised_gradients(params, x[:2], labels, rng(), SMALL))
    refuses(ValueError, "images", "(n, 3, 4, 2)", supervised_gradients, params, x[:, 1:], labels,
            rng(), SMALL)
    refuses(ValueError, "images", "(n, 3, 4, 2)",
            unsupervised_gradients, params, x.swapaxes(1, 2), None, rng(), SMALL)
    refuses(TypeError, "images", "a NumPy or CuPy array", unsupervised_gradients, params, [0.0],
            None, rng(), SMALL)
    # Parameters, and more classes than an image has pixels for.
    for key, shape in ("1.W", "(7, 6)"), ("2.mean_activity", "(5,)"), ("softmax.W", "(11, 3)"):
        refuses(ValueError, key, shape, supervised_gradients, params | {key: params[key][:-1]}, x,
                labels, rng(), SMALL)
        lacking = {other: p for other, p in params.items() if other != key}
        refuses(TypeError, key, "a NumPy or CuPy array", supervised_gradients, lacking, x, labels,
                rng(), SMALL)
    many = replace(SMALL, classes=25)
    refuses(ValueError, "classes", "at most the 24 pixels of an image", supervised_gradients,
            params | on(xp, init_ff(rng(), many, "float64"))[0], x, labels, rng(), many)


def test_bad_predictors(xp):
    params, _, labels = network(xp)
    features, = on(xp, *draw((4, 11)))
    for name, wanted, given in [
            ("softmax.W", "(f, k) with f = 10 as in features", (params, features[:, 1:], labels)),
            ("softmax.bias", "(k,) with k = 3", (params | {"softmax.bias": xp.ones(2)}, features,
                                                 labels)),
            ("labels", "(4,)", (params, features, labels[:3])),
            ("labels", "0..2", (params, features, labels + 1))]:
        refuses(ValueError, name, wanted, predictor_gradients, *given)


def test_other_keys_are_refused_in_one_line_and_change_nothing(xp):
    params, x, _ = network(xp)
    before, state = {key: to_numpy(p).copy() for key, p in params.items()}, {}
    _, grads = unsupervised_gradients(params, x, None, rng(), SMALL)    # none for the predictor
    refuses(ValueError, "grads", "the same", ff_update, params, grads, state, 0.01)
    lacking = {key: p for key, p in params.items() if key != "2.W"}
    refuses(ValueError, "grads", "the same", ff_update, lacking, params, state, 0.01)
    assert not state and all(np.array_equal(to_numpy(params[key]), before[key]) for key in params)


@on_device
def test_host_and_device_do_not_mix(xp):
    params, x, labels = network(xp)
    refuses_two_memories("images, labels", supervised_gradients, params, x, to_numpy(labels), rng(),
                         SMALL)
    refuses_two_memories("images, 0.W, .*", supervised_gradients, network(np)[0], x, labels, rng(),
                         SMALL)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_momentum_is_that_of_the_step(momentum):
    params, grads, state = {"0.W": np.ones((2, 3)), "softmax.W": np.ones((3, 2))}, {}, {}
    for _ in range(2):
        grads = {key: np.ones_like(p) for key, p in params.items()}
        ff_update(params, grads, state, 0.1, predictor_rate=2.0, momentum=momentum,
                  weight_decay=0.0, predictor_decay=0.0)
    # Two steps: −0.1, then −0.1 − 0.1 · momentum; the predictor's are twice as long.
    close(params["0.W"], np.full((2, 3), 1 - 0.2 - 0.1 * momentum))
    close(params["softmax.W"], np.full((3, 2), 1 - 0.4 - 0.2 * momentum))


def test_running_means_of_another_shape_are_refused():
    params, grads = {"0.mean_activity": np.ones(3)}, {"0.mean_activity": np.ones(1)}
    refuses(ValueError, "grads['0.mean_activity']", "(3,)", ff_update, params, grads, {}, 0.1)


def test_defaults_are_those_of_the_matlab():
    # The Matlab of H22 in our units, but for the layers' decay, of the port ff-py: its docstring.
    assert defaults(ff_update) == dict(predictor_rate=20.0, momentum=0.9, weight_decay=0.004,
                                       predictor_decay=0.003)
    assert defaults(supervised_gradients) == dict(hard=True)
