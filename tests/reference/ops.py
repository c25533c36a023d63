"""Ordinary ops as plain Python: one sample, one number at a time. Nothing here knows the package.

Vectors are lists, matrices lists of rows, images ``image[y][x][c]``; arrays are read like them.
"""
import math


def linear(x, W, bias):
    """y_m = Σ_f x_f W_fm + bias_m"""
    return [bias[m] + sum(x[f] * W[f][m] for f in range(len(x))) for m in range(len(bias))]


def relu(x):
    """y = max(x, 0)"""
    return [a if a > 0 else 0.0 for a in x]


def sigmoid(x):
    """y = 1 / (1 + exp(−x))"""
    return [1 / (1 + math.exp(-a)) for a in x]


def softmax(x):
    """y_k = exp(x_k) / Σ_l exp(x_l)"""
    total = sum(math.exp(a) for a in x)
    return [math.exp(a) / total for a in x]


def cross_entropy(logits, label):
    """− log softmax(logits)[label]"""
    return -math.log(softmax(logits)[label])


def sigmoid_cross_entropy(logits, there):
    """− Σ_k log y_k if k is there, else log(1 − y_k), with y = sigmoid(logits)"""
    return -sum(math.log(y if k in there else 1 - y) for k, y in enumerate(sigmoid(logits)))


def squared_error(x, target):
    """Σ_f (x_f − target_f)²"""
    return sum((a - b) ** 2 for a, b in zip(x, target, strict=True))


def dropout(x, mask, rate):
    """y = x / (1 − rate) where the unit stays, else 0"""
    return [a / (1 - rate) if stays else 0.0 for a, stays in zip(x, mask, strict=True)]


def conv2d(image, W, bias, stride=1, padding="valid"):
    """out_yxf = Σ_abc image_(s·y+a−top),(s·x+b−left),c W_abcf + bias_f, zero outside the image"""
    h, w, kh, kw = len(image), len(image[0]), len(W), len(W[0])
    if padding == "same":
        rows, columns = math.ceil(h / stride), math.ceil(w / stride)
        top = max((rows - 1) * stride + kh - h, 0) // 2
        left = max((columns - 1) * stride + kw - w, 0) // 2
    else:
        rows, columns, top, left = (h - kh) // stride + 1, (w - kw) // stride + 1, 0, 0
    out = [[[bias[f] for f in range(len(bias))] for x in range(columns)] for y in range(rows)]
    for y in range(rows):
        for x in range(columns):
            for a in range(kh):
                for b in range(kw):
                    row, column = y * stride + a - top, x * stride + b - left
                    if 0 <= row < h and 0 <= column < w:
                        for c in range(len(image[0][0])):
                            for f in range(len(bias)):
                                out[y][x][f] += image[row][column][c] * W[a][b][c][f]
    return out


def max_pool(image, size, stride):
    """y_yxc = max_ab image_(s·y+a),(s·x+b),c"""
    rows, columns = (len(image) - size) // stride + 1, (len(image[0]) - size) // stride + 1
    places = [(a, b) for a in range(size) for b in range(size)]
    return [[[max(image[y * stride + a][x * stride + b][c] for a, b in places)
              for c in range(len(image[0][0]))] for x in range(columns)] for y in range(rows)]


def flat(image):
    """Row by row, pixel by pixel, channel by channel."""
    return [number for row in image for pixel in row for number in pixel]


def mlp(params, x, prefix="", dropouts=()):
    """linear, relu, linear, relu, …, linear; dropouts[k] is None or the mask and the rate"""
    k = 0
    while f"{prefix}{k}.W" in params:
        x = relu(x) if k else x
        x = dropout(x, *dropouts[k]) if dropouts and dropouts[k] else x
        x = linear(x, params[f"{prefix}{k}.W"], params[f"{prefix}{k}.bias"])
        k += 1
    return x


def margin_loss(lengths, label, present=0.9, absent=0.1, down_weight=0.5):
    """L = Σ_k T_k max(0, m⁺ − ‖v_k‖)² + λ (1 − T_k) max(0, ‖v_k‖ − m⁻)², S17 Eq. 4

    The label is one class, or the list of all that are there.
    """
    there, loss = label if isinstance(label, list) else [label], 0.0
    for k in range(len(lengths)):
        if k in there:
            loss += max(0, present - lengths[k]) ** 2
        else:
            loss += down_weight * max(0, lengths[k] - absent) ** 2
    return loss


def soften(logits, temperature):
    """q_k = exp(z_k / T) / Σ_l exp(z_l / T), D15 Eq. 1"""
    return softmax([z / temperature for z in logits])


def soft_cross_entropy(logits, soft_targets, temperature=1):
    """− Σ_k p_k log q_k, q softened, D15 section 2"""
    softened = soften(logits, temperature)
    return -sum(p * math.log(q) for p, q in zip(soft_targets, softened, strict=True))


def soft_cross_entropy_gradient(logits, soft_targets, temperature=1):
    """(q − p) / T, D15 Eq. 2"""
    softened = soften(logits, temperature)
    return [(q - p) / temperature for p, q in zip(soft_targets, softened, strict=True)]


def kl_divergence(logits, soft_targets, temperature=1):
    """Σ_k p_k log(p_k / q_k), where p_k = 0 adds nothing"""
    softened = soften(logits, temperature)
    return sum(p * math.log(p / q) for p, q in zip(soft_targets, softened, strict=True) if p > 0)
