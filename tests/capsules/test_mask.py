"""Masking all capsules but one."""
import numpy as np

from tests.reference import capsules as reference
from tests.ops.facts import (close, draw, on, on_device, refuses, refuses_bad_labels,
                             refuses_two_memories, stays_float32)
from tinycaps.capsules import mask_backward, mask_forward
from tinycaps.gradcheck import assert_gradients

LABELS = np.array([2, 0])


def test_equals_the_loops(xp):
    v, = draw((2, 3, 4))
    masked, _ = mask_forward(*on(xp, v, LABELS))
    close(masked, [reference.mask(sample, label) for sample, label in zip(v, LABELS)])


def test_gradients(xp):
    assert_gradients(mask_forward, mask_backward, *on(xp, *draw((2, 3, 4)), LABELS))


def test_mask_by_hand(xp):
    v = xp.asarray(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    masked, cache = mask_forward(v, xp.asarray(np.array([1])))
    # The label is 1: capsule 0 is multiplied by 0, capsule 1 by 1, forward and backward.
    close(masked, [[[0, 0], [3, 4]]])
    close(mask_backward(10 * v, cache), [[[0, 0], [30, 40]]])


def test_masks_of_all_labels_add_up_to_the_capsules(xp):
    v, = on(xp, *draw((2, 3, 4)))
    close(sum(mask_forward(v, xp.full(2, k))[0] for k in range(3)), v)


def test_float32_stays_float32(xp):
    masked, cache = mask_forward(*on(xp, *draw((2, 3, 4), dtype="float32"), LABELS))
    stays_float32(xp, masked, mask_backward(masked, cache))


def test_bad_input(xp):
    v, labels = on(xp, *draw((2, 3, 4)), LABELS)
    refuses(ValueError, "v", "(n, j, q)", mask_forward, v[0], labels)
    refuses(TypeError, "v", "floating-point numbers", mask_forward, v.astype("int64"), labels)
    refuses(ValueError, "v", "at least one along every axis", mask_forward, v[:0], labels[:0])
    refuses_bad_labels(xp, lambda labels: mask_forward(v, labels))
    _, cache = mask_forward(v, labels)
    refuses(ValueError, "dmasked", "j = 3", mask_backward, v.swapaxes(1, 2), cache)
    refuses(ValueError, "dmasked", "q = 4", mask_backward, v[:, :, :3], cache)
    refuses(ValueError, "dmasked", "n = 2", mask_backward, v[:1], cache)


@on_device
def test_host_and_device_do_not_mix(xp):
    v, = draw((2, 3, 4))
    refuses_two_memories("v, labels", mask_forward, xp.asarray(v), LABELS)
    refuses_two_memories(r"cache, dmasked", mask_backward, v,
                         mask_forward(*on(xp, v, LABELS))[1])
