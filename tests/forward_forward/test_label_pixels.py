"""The label in the first pixels (H22 section 3.3)."""
import numpy as np
import pytest

from tests.ops.facts import (close, defaults, on, on_device, refuses, refuses_bad_labels,
                             refuses_two_memories, stays_float32)
from tinycaps.backend import to_numpy
from tinycaps.data import load_digits
from tinycaps.forward_forward import make_room, write_labels, write_neutral

IMAGES, LABELS = 0.1 + 0.8 * np.random.default_rng(0).random((4, 3, 5, 2)), np.array([2, 0, 1, 2])
flat = pytest.mark.parametrize("flat", [False, True])


def test_labels_by_hand(xp):
    x = write_labels(xp.full((2, 1, 3, 2), 0.7), *on(xp, np.array([2, 0])), classes=3, strength=5.0)
    close(x, [[0, 0, 5, 0.7, 0.7, 0.7], [5, 0, 0, 0.7, 0.7, 0.7]])


def test_neutral_label_by_hand(xp):
    close(write_neutral(xp.full((1, 1, 5, 1), 0.7), classes=4, strength=2.0),
          [[0.5, 0.5, 0.5, 0.5, 0.7]])
    close(write_neutral(xp.zeros((1, 11))), [[0.1] * 10 + [0]])     # the paper's: ten times 0.1


@flat
def test_only_the_label_pixels_change_and_only_in_the_copy(xp, flat):
    images, labels = on(xp, IMAGES.reshape(4, -1) if flat else IMAGES, LABELS)
    for x in write_labels(images, labels, 3), write_neutral(images, 3):
        assert x.shape == (4, 30)
        close(x[:, 3:], IMAGES.reshape(4, -1)[:, 3:])
        close(x[:, :3].sum(axis=1), np.ones(4))
    assert np.array_equal(to_numpy(images).ravel(), IMAGES.ravel())
    assert np.array_equal(to_numpy(labels), LABELS)


def test_the_label_can_be_read_off(xp):
    x = to_numpy(write_labels(*on(xp, IMAGES, LABELS), 3))
    assert np.array_equal(x[:, :3].argmax(axis=1), LABELS)


def test_the_neutral_label_is_the_mean_of_all_labels(xp):
    images, = on(xp, IMAGES)
    close(sum(write_labels(images, xp.full(4, k), 3, strength=2.0) for k in range(3)) / 3,
          write_neutral(images, 3, strength=2.0))


def test_images_that_do_not_lie_in_one_piece(xp):
    images, labels = on(xp, IMAGES, LABELS)
    close(write_labels(images.swapaxes(1, 2), labels, 3),
          write_labels(images.swapaxes(1, 2).copy(), labels, 3))


def test_images_with_black_where_the_label_goes_are_left_alone(xp):
    mnist_like, = on(xp, IMAGES.copy())
    mnist_like[:, 0] = 0
    train, test = make_room(mnist_like, mnist_like[:2], classes=10)
    assert train is mnist_like and test.shape == (2, 3, 5, 2)


def test_ink_in_one_of_the_sets_gives_all_of_them_room(xp):
    images, = on(xp, IMAGES)
    for sets in (images, 0 * images[:2]), (0 * images, images[:2]):
        train, test = make_room(*sets, classes=11)
        # 11 numbers need 2 rows of 5·2.
        assert (train.shape, test.shape) == ((4, 5, 5, 2), (2, 5, 5, 2))
    train, _ = make_room(images, images, classes=11)
    assert not train[:, :2].any()
    close(train[:, 2:], IMAGES)


def test_ink_next_to_the_label_needs_no_room(xp):
    images, = on(xp, IMAGES.copy())
    images[:, 0, 0] = 0                             # one pixel, two channels
    assert make_room(images, classes=2)[0] is images
    assert make_room(images, classes=3)[0].shape == (4, 4, 5, 2)


def test_the_embedded_digits_get_two_rows():
    data = load_digits()
    train, test = make_room(data.train_images, data.test_images)
    assert train.shape == (len(data.train_images), 10, 8, 1)
    assert test.shape == (len(data.test_images), 10, 8, 1)
    assert train.dtype == data.train_images.dtype and not train[:, :2].any()
    assert make_room(train, test)[0] is train                                       # once is enough


def test_float32_stays_float32(xp):
    images, labels = on(xp, IMAGES.astype("float32"), LABELS)
    stays_float32(xp, write_labels(images, labels, 3, strength=0.3),
                  write_neutral(images, 3, strength=0.3), *make_room(images))


def test_bad_input(xp):
    images, labels = on(xp, IMAGES[:2], LABELS[:2])
    for call in (lambda images, **classes: write_labels(images, labels, **classes)), write_neutral:
        refuses(ValueError, "classes", "at most the 30 pixels of an image: each class needs one",
                call, images, classes=31)
        refuses(ValueError, "classes", "an integer of at least 1", call, images, classes=0)
        refuses(ValueError, "images", "(n, h, w, c)", call, images[0])
        refuses(TypeError, "images", "floating-point numbers", call, images.astype("int64"))
        refuses(TypeError, "images", "a NumPy or CuPy array", call, [[0.0]])
    refuses_bad_labels(xp, lambda labels: write_labels(images, labels, 3))
    refuses(ValueError, "images 1", "(n, h, w, c)", make_room, images, images[0])
    for other in images.swapaxes(1, 2), images[:, 1:], images[:, :, 1:], images[..., :1]:
        refuses(ValueError, "images 1", "(n, 3, 5, 2)", make_room, images, other)
        refuses(ValueError, "images 2", "(n, 3, 5, 2)", make_room, 0 * images, images[:1],
                0 * other)
    refuses(ValueError, "classes", "an integer of at least 1", make_room, images, classes=2.5)


@on_device
def test_host_and_device_do_not_mix(xp):
    images, labels = on(xp, IMAGES, LABELS)
    refuses_two_memories("images, labels", write_labels, images, LABELS, 3)
    refuses_two_memories("images, labels", write_labels, IMAGES, labels, 3)


def test_defaults_are_those_of_the_paper():
    # H22 section 3.3: the first ten pixels, and a neutral label of ten times 0.1.
    assert defaults(write_labels) == defaults(write_neutral) == dict(classes=10, strength=1.0)
    assert defaults(make_room) == dict(classes=10)


def test_ten_classes_need_ten_pixels():
    assert write_neutral(np.zeros((1, 10))).shape == (1, 10)
    refuses(ValueError, "classes", "at most the 9 pixels", write_neutral, np.zeros((1, 9)))
    refuses(ValueError, "labels", "0..9", write_labels, np.zeros((1, 11)), np.array([10]))
