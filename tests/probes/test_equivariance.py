"""Poses that move by a rule, and those that do not."""
import numpy as np
import pytest

from tests.ops.facts import close, refuses
from tests.reference import probes as reference
from tinycaps.backend import get_xp, to_numpy
from tinycaps.probes import (MOVEMENTS, equivariance, linear_fit, move, principal_components,
                             r_squared)

SIZE = 11


def draw(xp, n, seed=0):
    """Images with ink in the middle only, so that none is lost when they move."""
    images = np.zeros((n, SIZE, SIZE, 1))
    images[:, 4:7, 4:7] = np.random.default_rng(seed).random((n, 3, 3, 1))
    return xp.asarray(images)


def forward(images):
    """Class 0 if there is much ink, else class 1."""
    ink = images.sum(axis=(1, 2, 3))
    return get_xp(images).stack([ink, 0 * ink + 4.5], axis=1)


def centre(images, classes):
    """The centre of mass (y, x), which a shift moves as far as the image."""
    xp = get_xp(images)
    y, x = (xp.asarray(axis.astype(float)) for axis in np.mgrid[:SIZE, :SIZE])
    maps = images[..., 0]
    return xp.stack([(maps * axis).sum(axis=(1, 2)) / maps.sum(axis=(1, 2)) for axis in (y, x)],
                    axis=1)


@pytest.mark.parametrize("movement", ["right", "down"])
def test_a_pose_that_moves_linearly_has_r_squared_one(xp, movement):
    found = equivariance(forward, centre, draw(xp, 60), draw(xp, 40, 1), movement, 2,
                         np.random.default_rng(0))
    assert found.pose == pytest.approx(1, abs=1e-9)
    assert found.amount == pytest.approx(1, abs=1e-9) and found.kept > 0.9


def test_a_curved_movement_is_less_than_linear():
    # The pose moves by t + t², t uniform in ±1. The rule is t: it leaves t², of mean square 1/5, of
    # a variance of 1/3 + 4/45.
    def curved(images, classes):
        x = centre(images, None)[:, 1:] - SIZE // 2
        return x + x ** 2
    images = np.zeros((400, SIZE, SIZE, 1))
    images[:, 5, 5] = 0.5
    found = equivariance(forward, curved, images, images, "right", 1, np.random.default_rng(0))
    assert found.pose == pytest.approx(1 - (1 / 5) / (1 / 3 + 4 / 45), abs=0.05)


def test_noise_and_a_pose_that_ignores_the_movement_have_none():
    rng = np.random.default_rng(0)
    images = draw(np, 400), draw(np, 300, 1)
    noise = equivariance(forward, lambda images, classes: rng.standard_normal((len(images), 4)),
                         *images, "rotation", 20, rng)
    assert abs(noise.pose) < 0.1 and abs(noise.amount) < 0.1
    still = equivariance(forward, lambda images, classes: np.ones((len(images), 4)), *images,
                         "rotation", 20, rng)
    assert np.isnan(still.pose) and abs(still.amount) < 0.1


def test_every_class_has_a_frame_of_its_own(xp):
    def signed(images, classes):
        return centre(images, classes) * (1 - 2 * classes[:, None])
    found = equivariance(forward, signed, draw(xp, 60), draw(xp, 40, 1), "right", 2,
                         np.random.default_rng(0))
    assert found.pose == pytest.approx(1, abs=1e-9)


def test_the_class_that_changes_is_counted():
    images = draw(np, 50)

    def fickle(images):
        x = centre(images, None)[:, 1]
        return np.stack([x, 0 * x + 6], axis=1)
    found = equivariance(fickle, centre, images, images, "right", 4, np.random.default_rng(0))
    assert 0.1 < found.kept < 0.9


def test_it_is_the_capsule_of_the_first_winner_that_is_followed():
    asked, images = [], draw(np, 30)

    def pose(images, classes):
        asked.append(classes.tolist())
        return centre(images, None)

    def side(images):
        x = centre(images, None)[:, 1]
        return np.stack([5.2 + 0 * x, x], axis=1)
    found = equivariance(side, pose, images, images, "right", 3, np.random.default_rng(0))
    assert found.kept < 1 and len({*map(tuple, asked)}) == 1 and {*asked[0]} == {0, 1}


def test_a_class_that_no_training_image_has_is_foretold_not_to_move():
    dark, light = draw(np, 20) / 9, np.minimum(1, 0.6 + draw(np, 10, 1))
    found = equivariance(lambda images: np.eye(2)[(images.mean(axis=(1, 2, 3)) > 0.3).astype(int)],
                         centre, dark, light, "right", 1, np.random.default_rng(0))
    assert found.pose <= 0


def test_movements_by_hand(xp):
    # One pixel at row 5, column 7, of a centre at (5, 5): turned clockwise by 90 degrees it is at
    # (7, 5); moved right by 2 at (5, 9); down by 2 at (7, 7); scaled by 2 at (5, 9).
    image = np.zeros((1, SIZE, SIZE, 1))
    image[0, 5, 7] = 1
    for movement, amount, place in (("rotation", 90, (7, 5)), ("right", 2, (5, 9)),
                                    ("down", 2, (7, 7)), ("scale", np.log(2), (5, 9))):
        moved = to_numpy(move(xp.asarray(image), movement, np.array([amount])))
        close(moved[0, place[0], place[1]], [1.0])


@pytest.mark.parametrize("movement", MOVEMENTS)
def test_no_amount_moves_nothing(xp, movement):
    images = draw(xp, 3)
    close(move(images, movement, np.zeros(3)), images)


def test_r_squared_equals_the_loops_and_by_hand():
    # y = 1, 3 about its mean 2: spread 2. Fitted 1, 2: error 1. R² = 1/2.
    assert r_squared(np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]])) == 0.5
    y, fitted = np.random.default_rng(0).standard_normal((2, 7, 3))
    close(r_squared(y, fitted), reference.r_squared(y.tolist(), fitted.tolist()))
    assert r_squared(y, y) == 1 and r_squared(y, 0 * y + y.mean(axis=0)) == 0
    assert np.isnan(r_squared(np.ones((3, 2)), np.ones((3, 2))))


def test_a_linear_fit_finds_the_map():
    x, A = np.random.default_rng(0).standard_normal((9, 4)), np.arange(8.0).reshape(4, 2)
    np.testing.assert_allclose(linear_fit(x, x @ A), A, atol=1e-12)


def test_principal_components_are_the_widest_directions():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((50, 2)) * [5, 3] @ np.linalg.qr(rng.random((6, 2)))[0].T + 1
    two = principal_components(features, 2)
    close(two(features).mean(axis=0), [0, 0])
    distances = [np.linalg.norm(f[1:] - f[0], axis=1) for f in (features, two(features))]
    np.testing.assert_allclose(*distances, rtol=1e-12)
    assert two(features).var(axis=0)[0] > two(features).var(axis=0)[1]


def test_bad_input():
    images, rng = draw(np, 4), np.random.default_rng(0)
    refuses(ValueError, "movement", "rotation or right", move, images, "shear", np.zeros(4))
    refuses(ValueError, "extent", "above 0", equivariance, forward, centre, images, images,
            "right", 0, rng)
    refuses(ValueError, "pose", "(4, n)", equivariance, forward,
            lambda images, classes: images[..., 0], images, images, "right", 1, rng)
    refuses(ValueError, "size", "at most 3", principal_components, np.ones((5, 3)), 4)
