"""Optimisers and limits of weights as plain Python, one number at a time.

Each optimiser takes a first value p and the gradients of all steps, and returns the last value.
"""
import math

from tests.reference.capsules import length


def sgd(p, gradients, learning_rate=0.01, momentum=0.9, weight_decay=0.0):
    """velocity ← momentum · velocity − learning_rate · (g + weight_decay · p), p ← p + velocity"""
    velocity = 0.0
    for g in gradients:
        velocity = momentum * velocity - learning_rate * (g + weight_decay * p)
        p = p + velocity
    return p


def rmsprop(p, gradients, learning_rate=0.001, decay=0.9, epsilon=1e-8):
    """r ← decay · r + (1 − decay) g², p ← p − learning_rate · g / (√r + epsilon)"""
    r = 0.0
    for g in gradients:
        r = decay * r + (1 - decay) * g * g
        p = p - learning_rate * g / (math.sqrt(r) + epsilon)
    return p


def adam(p, gradients, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """K15 Algorithm 1, line by line"""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat = m / (1 - beta1 ** t)
        v_hat = v / (1 - beta2 ** t)
        p = p - learning_rate * m_hat / (math.sqrt(v_hat) + epsilon)
    return p


def limit_norm(w, largest):
    """w min(1, largest / ‖w‖), the incoming weights of one unit"""
    return [a * largest / length(w) for a in w] if length(w) > largest else list(w)
