"""Teachers' and students' answers for the tests."""
import numpy as np

from tests.reference import ops as reference
from tests.ops.facts import draw

LABELS = np.array([2, 0, 2, 1, 0])


def softened(logits, temperature):
    """Soft targets by the loops."""
    return np.array([reference.soften(row, temperature) for row in logits])


def answers(temperature=1.0, dtype="float64"):
    """The student's logits and the teacher's soft targets for five samples of three classes."""
    logits, teacher_logits = draw((5, 3), (5, 3))
    return logits.astype(dtype), softened(3 * teacher_logits, temperature).astype(dtype)
