"""The probes as plain Python: one image or one list, one number at a time."""
import math


def sign(a):
    """−1, 0 or 1"""
    return (a > 0) - (a < 0)


def clip(a, low, high):
    """The number in [low, high] that is nearest to a"""
    return min(max(a, low), high)


def fgsm(pixels, gradient, epsilon, targeted=False):
    """x' = clip(x ± ε sign ∂loss/∂x, 0, 1), Goodfellow et al. 2015; − with a target"""
    toward = -1 if targeted else 1
    return [clip(x + toward * epsilon * sign(g), 0, 1) for x, g in zip(pixels, gradient)]


def bim(pixels, gradient_at, epsilon, step, iterations, targeted=False):
    """x_t+1 = clip(x_t ± α sign ∂loss/∂x_t, x − ε, x + ε) in [0, 1], Kurakin et al. 2017"""
    moved, toward = list(pixels), -1 if targeted else 1
    for _ in range(iterations):
        moved = [clip(m + toward * step * sign(g), max(x - epsilon, 0), min(x + epsilon, 1))
                 for m, g, x in zip(moved, gradient_at(moved), pixels)]
    return moved


def published_iterations(grey_values):
    """min(ε + 4, 1.25 ε) for ε in grey values, Kurakin et al. 2017, rounded up"""
    return math.ceil(min(grey_values + 4, 1.25 * grey_values))


def restored(image, redrawn, hidden, fill):
    """1 − Σ (redrawn − x)² / Σ (fill − x)² over the hidden pixels"""
    wrong = sum((r - x) ** 2 for x, r, h in zip(image, redrawn, hidden) if h)
    return 1 - wrong / sum((fill - x) ** 2 for x, h in zip(image, hidden) if h)


def r_squared(y, fitted):
    """1 − Σ (y − fitted)² / Σ (y − mean)² for rows of numbers, each column with its mean"""
    means = [sum(column) / len(y) for column in zip(*y)]
    wrong = sum((a - b) ** 2 for row, fit in zip(y, fitted) for a, b in zip(row, fit))
    return 1 - wrong / sum((a - m) ** 2 for row in y for a, m in zip(row, means))


def alarm_threshold(errors, alarms):
    """The largest error that is exceeded by the given number of the others"""
    return next(e for e in sorted(errors) if sum(other > e for other in errors) <= alarms)
