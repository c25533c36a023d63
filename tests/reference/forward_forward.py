"""H22 as plain Python: one sample, one number at a time."""
import math

from tests.reference.capsules import length
from tests.reference.ops import linear, relu, sigmoid


def goodness(y):
    """G = Σ_m y_m², H22 section 2"""
    return sum(a * a for a in y)


def goodness_loss(positive, negative, theta, sign=1):
    """− log σ(G⁺ − θ) − log σ(θ − G⁻) of one pair, H22 Eq. 1; minimised where the sign is −1"""
    return -sum(math.log(p) for p in sigmoid([sign * (positive - theta),
                                              sign * (theta - negative)]))


def length_normalise(y, length_wanted):
    """ŷ = s y / ‖y‖, H22 section 2.1"""
    return [length_wanted * a / length(y) for a in y] if any(y) else [0.0 for _ in y]


def running_means(batch, means, decay=0.9):
    """a_m = decay · a_m + (1 − decay) · 1/n Σ_n y_nm, Hinton's Matlab for H22"""
    return [decay * means[m] + (1 - decay) * sum(y[m] for y in batch) / len(batch)
            for m in range(len(means))]


def peer_normalisation(batch, means, weight=0.03, decay=0.9):
    """weight / (1 − decay) · Σ_m (a_m − ā)², with twice the gradient of Hinton's Matlab for H22"""
    a = running_means(batch, means, decay)
    return weight / (1 - decay) * sum((each - sum(a) / len(a)) ** 2 for each in a)


def ff_layer_loss(W, bias, positive, negative, theta, sign=1):
    """H22 Eq. 1, mean over the pairs"""
    total = 0.0
    for pair in zip(positive, negative, strict=True):
        total += goodness_loss(*(goodness(relu(linear(x, W, bias))) for x in pair), theta, sign)
    return total / len(positive)


def ff_layer_gradient(W, bias, positive, negative, theta, sign=1, push=None, through_relu=False):
    """∂/∂W and ∂/∂bias of H22 Eq. 1: dz_m = ∓ (1 − p(right)) 2 y_m / n

    push_m / n is added for positive samples; with through_relu also where the relu is off, as in
    Hinton's Matlab.
    """
    dW, dbias = [[0.0 for _ in row] for row in W], [0.0 for _ in bias]
    push, none = push or [0.0 for _ in bias], [0.0 for _ in bias]
    for towards, samples, besides in (sign, positive, push), (-sign, negative, none):
        for x in samples:
            y = relu(linear(x, W, bias))
            right, = sigmoid([towards * (goodness(y) - theta)])
            for m in range(len(bias)):
                dz = -towards * (1 - right) * 2 * y[m]
                if y[m] > 0 or through_relu:
                    dz += besides[m]
                dbias[m] += dz / len(samples)
                for f in range(len(x)):
                    dW[f][m] += x[f] * dz / len(samples)
    return dW, dbias


def hybrid_mask(bits, blurs):
    """Bits blurred repeatedly with ¼, ½, ¼ along rows and columns, cut at one half, H22 section 3.2

    Mirrored at the edges.
    """
    for _ in range(2 * blurs):
        last = len(bits[0]) - 1
        bits = [[row[max(x - 1, 0)] / 4 + row[x] / 2 + row[min(x + 1, last)] / 4
                 for x in range(last + 1)] for row in bits]
        bits = [list(column) for column in zip(*bits)]
    return [[a > 0.5 for a in row] for row in bits]


def ff_network(params, x, layers, length_wanted):
    """The activities of every layer for one image, H22 section 2

    Length normalisation makes the length of a vector length_wanted(size).
    """
    activities = []
    for k in range(layers):
        x = length_normalise(x, length_wanted(len(x)))
        x = relu(linear(x, params[f"{k}.W"], params[f"{k}.bias"]))
        activities.append(x)
    return activities
