"""FGSM and BIM."""
import numpy as np
import pytest

from tests.ops.facts import close, refuses
from tests.probes.linear_network import draw_images, linear_network
from tests.reference import probes as reference
from tinycaps.backend import get_xp, to_numpy
from tinycaps.ops import cross_entropy_forward
from tinycaps.probes import (bim, draw_targets, fgsm, least_likely, published_iterations,
                             robustness, unmoved)


@pytest.fixture
def network(xp):
    return linear_network(xp)


@pytest.mark.parametrize("targeted", [False, True])
def test_equal_the_loops(xp, network, targeted):
    _, gradient = network
    images, labels = draw_images(xp)

    def gradient_at(n):
        def at(pixels):
            image = xp.asarray(np.reshape(pixels, (1, *images.shape[1:])))
            return to_numpy(gradient(image, labels[n:n + 1])).ravel().tolist()
        return at

    once = fgsm(gradient, images, labels, 0.2, targeted)
    often = bim(gradient, images, labels, 0.2, step=0.07, iterations=4, targeted=targeted)
    for n, pixels in enumerate(to_numpy(images).reshape(len(images), -1).tolist()):
        close(once[n].ravel(), reference.fgsm(pixels, gradient_at(n)(pixels), 0.2, targeted))
        close(often[n].ravel(), reference.bim(pixels, gradient_at(n), 0.2, 0.07, 4, targeted))


def test_attacks_by_hand(xp):
    # Pixels 0.5, 0.9, 0.3 with the gradients 2, 1, -3 everywhere, and one of 0.25 with none.
    # ε = 0.2: 0.5 + 0.2 = 0.7; 0.9 + 0.2 = 1.1 -> 1; 0.3 - 0.2 = 0.1; 0.25 stays.
    images = xp.asarray(np.array([0.5, 0.9, 0.3, 0.25]).reshape(1, 2, 2, 1))
    slopes = xp.asarray(np.array([2.0, 1.0, -3.0, 0.0]).reshape(1, 2, 2, 1))

    def gradient(images, labels):
        return slopes
    close(fgsm(gradient, images, None, 0.2).ravel(), [0.7, 1, 0.1, 0.25])
    close(fgsm(gradient, images, None, 0.2, targeted=True).ravel(), [0.3, 0.7, 0.5, 0.25])
    # Three steps of 0.15 are stopped at ε = 0.2; one is not: 0.65, 1, 0.15.
    close(bim(gradient, images, None, 0.2, 0.15, 3).ravel(), [0.7, 1, 0.1, 0.25])
    close(bim(gradient, images, None, 0.2, 0.15, 1).ravel(), [0.65, 1, 0.15, 0.25])


@pytest.mark.parametrize("attack", [fgsm, bim])
@pytest.mark.parametrize("targeted", [False, True])
def test_no_epsilon_changes_nothing(xp, network, attack, targeted):
    images, labels = draw_images(xp)
    moved = attack(network[1], images, labels, 0, targeted=targeted)
    assert get_xp(moved) is xp
    np.testing.assert_array_equal(to_numpy(moved), to_numpy(images))


def test_fgsm_moves_every_pixel_by_epsilon_where_nothing_is_clipped(xp, network):
    images, labels = draw_images(xp)
    images = 0.2 + 0.6 * images
    close(abs(fgsm(network[1], images, labels, 0.2) - images), np.full(images.shape, 0.2))


def test_bim_stays_near_the_image_and_in_range(xp, network):
    images, labels = draw_images(xp)
    moved = bim(network[1], images, labels, 0.1, step=0.04, iterations=7)
    assert float(abs(moved - images).max()) <= 0.1 + 1e-15
    assert 0 <= float(moved.min()) and float(moved.max()) <= 1
    one_step = bim(network[1], images, labels, 0.1, step=0.1, iterations=1)
    close(one_step, fgsm(network[1], images, labels, 0.1))


@pytest.mark.parametrize("attack", [fgsm, bim])
def test_attacks_raise_the_loss_and_lower_that_of_a_target(xp, network, attack):
    forward, gradient = network
    images, labels = draw_images(xp)

    def loss(images):
        return float(cross_entropy_forward(forward(images), labels)[0])

    assert loss(attack(gradient, images, labels, 0.1)) > loss(images)
    assert loss(attack(gradient, images, labels, 0.1, targeted=True)) < loss(images)


def test_nothing_is_written_into_the_images(xp, network):
    images, labels = draw_images(xp)
    before = to_numpy(images).copy()
    bim(network[1], images, labels, 0.1)
    np.testing.assert_array_equal(to_numpy(images), before)


def test_float32_stays_float32(xp):
    images, labels = draw_images(xp)
    images = images.astype("float32")
    for attack in fgsm, bim:
        moved = attack(lambda x, labels: x - xp.float32(0.5), images, labels, np.float64(0.1))
        assert moved.dtype == np.float32


@pytest.mark.parametrize("grey", [0, 1, 2, 3, 8, 16, 17, 51, 128, 255])
def test_the_published_number_of_iterations(grey):
    assert published_iterations(grey / 255, 1 / 255) == reference.published_iterations(grey)


def test_the_published_number_is_the_default(xp, network):
    images, labels = draw_images(xp)
    calls = []

    def gradient(images, labels):
        calls.append(1)
        return network[1](images, labels)
    bim(gradient, images, labels, 8 / 255)
    assert len(calls) == 10                                         # min(8 + 4, 10)


def test_unmoved_images_have_no_gradient(xp, network):
    images, labels = draw_images(xp)
    flat = xp.asarray(np.arange(8) < 2).reshape(8, 1, 1, 1)
    assert unmoved(network[1], images, labels) == 0
    assert unmoved(lambda *which: network[1](*which) * flat, images, labels) == 0.75


def test_targets_are_wrong_classes_all_of_them(xp, network):
    labels = np.repeat([0, 1, 2, 3], 50)
    targets = draw_targets(labels, 4, np.random.default_rng(0))
    pairs = {*zip(labels.tolist(), targets.tolist())}
    assert pairs == {(a, b) for a in range(4) for b in range(4) if a != b}
    images, _ = draw_images(xp)
    least = to_numpy(least_likely(network[0], images))
    np.testing.assert_array_equal(least, to_numpy(network[0](images)).argmin(axis=1))


def test_robustness_falls_with_epsilon_and_targets_are_hit(xp, network):
    forward, gradient = network
    images, _ = draw_images(xp)
    labels = forward(images).argmax(axis=1)
    away = robustness(forward, gradient, images, labels, (0, 0.02, 0.5))
    assert away[0].accuracy == 1 and away[0].hit is None
    assert away[0].accuracy >= away[1].accuracy > away[2].accuracy
    targets = xp.asarray(draw_targets(to_numpy(labels), 3, np.random.default_rng(0)))
    to = robustness(forward, gradient, images, labels, [0, 0.5], "bim", targets, step=0.1,
                    iterations=10)
    assert to[0].hit == 0 and to[0].accuracy == 1 and to[1].hit == 1 and to[1].accuracy == 0


def test_bad_input(xp, network):
    forward, gradient = network
    images, labels = draw_images(xp)
    for attack in fgsm, bim:
        refuses(ValueError, "epsilon", "at least 0", attack, gradient, images, labels, -0.1)
        refuses(ValueError, "epsilon", "at least 0", attack, gradient, images, labels, np.nan)
        refuses(ValueError, "images", "pixels in [0, 1]", attack, gradient, 2 * images, labels, 0.1)
        refuses(TypeError, "input_gradient", "array", attack,
                lambda *which: ({}, gradient(*which)), images, labels, 0.1)
        refuses(ValueError, "input_gradient", "(8, 6, 5, 1)", attack,
                lambda *which: gradient(*which)[:1], images, labels, 0.1)
        refuses(ValueError, "input_gradient", "finite", attack,
                lambda *which: gradient(*which) * xp.nan, images, labels, 0.1)
    refuses(ValueError, "step", "at least 0", bim, gradient, images, labels, 0.1, -1)
    refuses(ValueError, "iterations", "at least 1", bim, gradient, images, labels, 0.1, 0.1, 0)
    refuses(ValueError, "attack", "fgsm or bim", robustness, forward, gradient, images, labels,
            [0.1], "pgd")
    refuses(ValueError, "classes", "at least 2", draw_targets, np.array([0, 0]), 1,
            np.random.default_rng(0))
