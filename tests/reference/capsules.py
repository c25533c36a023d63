"""S17 as plain Python: one sample, one number at a time."""
import math

from tests.reference.ops import (conv2d, cross_entropy, dropout, flat, linear, margin_loss,
                                 max_pool, mlp, relu, sigmoid, sigmoid_cross_entropy, softmax,
                                 squared_error)


def length(v):
    """‖v‖, S17 section 2"""
    return math.sqrt(sum(a * a for a in v))


def squash(s):
    """v = ‖s‖² / (1 + ‖s‖²) · s / ‖s‖, S17 Eq. 1"""
    norm = length(s)
    return [norm ** 2 / (1 + norm ** 2) * a / norm for a in s]


def predictions(u, W):
    """û_j|i = W_ij u_i, S17 Eq. 2, right half"""
    return [[[sum(W[i][j][q][p] * u[i][p] for p in range(len(u[i])))
              for q in range(len(W[i][j]))] for j in range(len(W[i]))] for i in range(len(u))]


def routing(u_hat, iterations):
    """v_j and the coupling of every round, S17 Procedure 1; lines 4, 5, 6 are Eq. 3, 2, 1"""
    children, parents, dims = range(len(u_hat)), range(len(u_hat[0])), range(len(u_hat[0][0]))
    coupling = []
    b = [[0.0 for j in parents] for i in children]                          # l.2
    for _ in range(iterations):                                             # l.3
        c = [softmax(b[i]) for i in children]                               # l.4
        s = [[sum(c[i][j] * u_hat[i][j][q] for i in children)
              for q in dims] for j in parents]                              # l.5
        v = [squash(s[j]) for j in parents]                                 # l.6
        b = [[b[i][j] + sum(u_hat[i][j][q] * v[j][q] for q in dims)
              for j in parents] for i in children]                          # l.7
        coupling.append(c)
    return v, coupling


def mask(v, label):
    """All capsules but one set to zero, S17 section 4.1"""
    return [[a if j == label else 0.0 for a in v[j]] for j in range(len(v))]


def decoder(params, masked):
    """The pixels in a row, S17 section 4.1 and Figure 2"""
    return sigmoid(mlp(params, [a for capsule in masked for a in capsule], "decoder."))


def primary_capsules(maps, dims):
    """Each pixel's channels, cut into pieces of dims: a squashed capsule each, S17 section 4"""
    return [squash(pixel[k:k + dims])
            for row in maps for pixel in row for k in range(0, len(pixel), dims)]


def capsnet(params, image, config):
    """The class capsules v_j of one image, S17 section 4 and Figure 1"""
    maps = conv2d(image, params["conv1.W"], params["conv1.bias"])
    maps = [[relu(pixel) for pixel in row] for row in maps]
    maps = conv2d(maps, params["primary.W"], params["primary.bias"], config.primary_stride)
    u = primary_capsules(maps, config.primary_dims)
    return routing(predictions(u, params["digit.W"]), config.iterations)[0]


def capsnet_loss(params, image, label, config):
    """The loss of one image, its margin loss and reconstruction error, S17 sections 3 and 4.1"""
    v = capsnet(params, image, config)
    margin = margin_loss([length(capsule) for capsule in v], label)
    error = squared_error(decoder(params, mask(v, label)), flat(image))
    return margin + config.reconstruction_weight * error, margin, error


def capsnet_multi_label_loss(params, image, labels, digits, config):
    """The same for an image of several digits, each of them redrawn alone, S17 section 6"""
    v = capsnet(params, image, config)
    margin = margin_loss([length(capsule) for capsule in v], list(labels))
    error = sum(squared_error(decoder(params, mask(v, label)), flat(digit))
                for label, digit in zip(labels, digits, strict=True))
    return margin + config.reconstruction_weight * error, margin, error


def cnn(params, image, config, mask=None):
    """The logits of the paper's baseline, S17 section 5; with max pooling, section 6"""
    for k in range(len(config.channels)):
        image = conv2d(image, params[f"conv{k + 1}.W"], params[f"conv{k + 1}.bias"], padding="same")
        image = [[relu(pixel) for pixel in row] for row in image]
        image = max_pool(image, config.pool, config.pool)
    h = relu(mlp(params, flat(image), "hidden."))
    if mask is not None:
        h = dropout(h, mask, config.dropout)
    return linear(h, params["output.0.W"], params["output.0.bias"])


def cnn_loss(params, image, label, config, mask=None):
    """The baseline's loss of one image"""
    return cross_entropy(cnn(params, image, config, mask), label)


def cnn_multi_label_loss(params, image, labels, config, mask=None):
    """The baseline's loss of an image of several digits, S17 section 6"""
    return sigmoid_cross_entropy(cnn(params, image, config, mask), labels)
