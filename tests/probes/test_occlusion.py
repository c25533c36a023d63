"""Regions hidden, and restored."""
import numpy as np
import pytest

from tests.ops.facts import close, refuses
from tests.probes.linear_network import draw_images, linear_network
from tests.reference import probes as reference
from tinycaps.backend import get_xp, to_numpy
from tinycaps.probes import accuracy, border, halves, hide, occlusion, patches, restoration

NOTHING = np.zeros((6, 5), bool)


def test_patches_by_hand():
    # On 3x4 pixels a square of 2 fits at 2 rows and 3 columns; number (1, 2) is the lower right.
    found = patches(3, 4, 2)
    assert found.shape == (2, 3, 3, 4) and (found.sum(axis=(2, 3)) == 4).all()
    np.testing.assert_array_equal(found[1, 2], [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]])
    assert patches(8, 8, 3, stride=3).shape == (2, 2, 8, 8)
    assert patches(4, 4, 4).all()


def test_a_border_by_hand():
    np.testing.assert_array_equal(border(4, 5, 1), [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1],
                                                    [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]])


def test_halves_do_not_overlap_and_leave_the_middle_of_an_odd_size():
    found = halves(6, 5)
    assert not (found["top"] & found["bottom"]).any() and (found["top"] | found["bottom"]).all()
    assert (found["left"] | found["right"]).sum() == 24 and not found["left"][:, 2].any()
    assert found["top"][:3].all() and found["left"][:, :2].all()


def test_what_is_hidden_has_the_fill_and_the_rest_stays(xp):
    images, _ = draw_images(xp)
    region = halves(6, 5)["top"]
    hidden = to_numpy(hide(images, region, 0.5))
    assert (hidden[:, :3] == 0.5).all()
    np.testing.assert_array_equal(hidden[:, 3:], to_numpy(images)[:, 3:])
    small = hide(images.astype("float32"), region, 0.5)
    assert small.dtype == np.float32 and get_xp(small) is xp


def test_hiding_nothing_changes_nothing_and_hiding_all_leaves_one_answer(xp):
    forward, _ = linear_network(xp)
    images, labels = draw_images(xp)
    np.testing.assert_array_equal(to_numpy(hide(images, NOTHING)), to_numpy(images))
    found = occlusion(forward, images, labels, np.stack([NOTHING, ~NOTHING]))
    assert found[0] == accuracy(forward, images, labels)
    assert found[1] == 3 / 8                                # black: all scores 0, class 0 is first


def test_the_map_shows_where_the_class_is_written(xp):
    images = np.zeros((2, 6, 5, 1))
    images[1, 2, 3] = 1
    corner = xp.asarray(np.eye(30)[2 * 5 + 3])

    def forward(images):
        lit = images.reshape(len(images), -1) @ corner
        return xp.stack([0.5 + 0 * lit, lit], axis=1)
    found = occlusion(forward, xp.asarray(images), xp.asarray(np.arange(2)), patches(6, 5, 1))
    assert found.shape == (6, 5) and found[2, 3] == 0.5 and found.sum() == 29.5


def test_restoration_equals_the_loops(xp):
    images, _ = draw_images(xp, n=2)
    region = border(6, 5, 1)
    found = restoration(lambda images: images / 2 + 0.2, images, region, 0.3)
    shown = to_numpy(images).ravel().tolist()
    hidden = [*region.ravel().tolist()] * 2
    seen = [x / 2 + 0.2 for x in shown]
    guessed = [0.3 / 2 + 0.2 if h else x for x, h in zip(seen, hidden)]
    close(np.array(found), [reference.restored(shown, guessed, hidden, 0.3),
                            reference.restored(shown, seen, hidden, 0.3)])


def test_one_that_knows_the_images_restores_all_and_one_that_copies_nothing(xp):
    images, _ = draw_images(xp)
    region = halves(6, 5)["left"]
    assert restoration(lambda seen: images, images, region) == (1, 1)
    assert restoration(lambda seen: seen, images, region) == (0, 1)
    assert all(map(np.isnan, restoration(lambda seen: seen, 0 * images, region)))


def test_bad_input(xp):
    images, labels = draw_images(xp)
    refuses(ValueError, "size", "at most 5", patches, 6, 5, 6)
    refuses(ValueError, "size", "at least 1", patches, 6, 5, 0)
    refuses(ValueError, "stride", "at least 1", patches, 6, 5, 2, 0)
    refuses(ValueError, "pixels", "less than half of 5", border, 6, 5, 3)
    refuses(ValueError, "region", "bool of (6, 5)", hide, images, np.zeros((5, 6), bool))
    refuses(ValueError, "region", "bool of (6, 5)", hide, images, np.zeros((6, 5)))
    refuses(ValueError, "fill", "[0, 1]", hide, images, NOTHING, -1)
    refuses(ValueError, "reconstruct", "(8, 6, 5, 1)", restoration, lambda seen: seen[:1], images,
            ~NOTHING)


@pytest.mark.parametrize("size", [5, 6])
def test_a_border_leaves_something(size):
    assert not border(size, size, 2).all()
