"""Limits of weights as plain Python."""
from tests.reference.capsules import length


def limit_norm(w, largest):
    """w min(1, largest / ‖w‖), the incoming weights of one unit"""
    return [a * largest / length(w) for a in w] if length(w) > largest else list(w)
