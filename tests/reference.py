"""The papers as plain Python: one sample, one number at a time, slow and plain to see. Nothing here knows the package.

Vectors are lists, matrices lists of rows, images ``image[y][x][c]``; arrays are read in the same way. Tags name the equation.
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


def squared_error(x, target):
    """Σ_f (x_f − target_f)²"""
    return sum((a - b) ** 2 for a, b in zip(x, target, strict=True))


def dropout(x, mask, rate):
    """y = x / (1 − rate) where the unit stays, else 0"""
    return [a / (1 - rate) if stays else 0.0 for a, stays in zip(x, mask, strict=True)]


def conv2d(image, W, bias, stride=1, padding="valid"):
    """out_yxf = Σ_abc image_(s·y+a−top),(s·x+b−left),c W_abcf + bias_f, with zeros outside the image"""
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
    return [[[max(image[y * stride + a][x * stride + b][c] for a in range(size) for b in range(size))
              for c in range(len(image[0][0]))] for x in range(columns)] for y in range(rows)]


def flat(image):
    """Row by row, pixel by pixel, channel by channel."""
    return [number for row in image for pixel in row for number in pixel]


def mlp(params, x, prefix=""):
    """linear, relu, linear, relu, …, linear"""
    k = 0
    while f"{prefix}{k}.W" in params:
        x = linear(relu(x) if k else x, params[f"{prefix}{k}.W"], params[f"{prefix}{k}.bias"])
        k += 1
    return x


def length(v):
    """‖v‖, S17 section 2"""
    return math.sqrt(sum(a * a for a in v))


def squash(s):
    """v = ‖s‖² / (1 + ‖s‖²) · s / ‖s‖, S17 Eq. 1"""
    norm = length(s)
    return [norm ** 2 / (1 + norm ** 2) * a / norm for a in s]


def predictions(u, W):
    """û_j|i = W_ij u_i, S17 Eq. 2, right half"""
    return [[[sum(W[i][j][q][p] * u[i][p] for p in range(len(u[i]))) for q in range(len(W[i][j]))]
             for j in range(len(W[i]))] for i in range(len(u))]


def routing(u_hat, iterations):
    """v_j and the coupling of every round, S17 Procedure 1"""
    children, parents, dims = range(len(u_hat)), range(len(u_hat[0])), range(len(u_hat[0][0]))
    coupling = []
    b = [[0.0 for j in parents] for i in children]                                                          # l.2
    for _ in range(iterations):                                                                             # l.3
        c = [softmax(b[i]) for i in children]                                                               # l.4, S17 Eq. 3
        s = [[sum(c[i][j] * u_hat[i][j][q] for i in children) for q in dims] for j in parents]              # l.5, S17 Eq. 2
        v = [squash(s[j]) for j in parents]                                                                 # l.6, S17 Eq. 1
        b = [[b[i][j] + sum(u_hat[i][j][q] * v[j][q] for q in dims) for j in parents] for i in children]    # l.7
        coupling.append(c)
    return v, coupling


def margin_loss(lengths, label, present=0.9, absent=0.1, down_weight=0.5):
    """Σ_k T_k max(0, m⁺ − ‖v_k‖)² + λ (1 − T_k) max(0, ‖v_k‖ − m⁻)², S17 Eq. 4"""
    loss = 0.0
    for k in range(len(lengths)):
        if k == label:
            loss += max(0, present - lengths[k]) ** 2
        else:
            loss += down_weight * max(0, lengths[k] - absent) ** 2
    return loss


def mask(v, label):
    """All capsules but one set to zero, S17 section 4.1"""
    return [[a if j == label else 0.0 for a in v[j]] for j in range(len(v))]


def decoder(params, masked):
    """The pixels in a row, S17 section 4.1 and Figure 2"""
    return sigmoid(mlp(params, [a for capsule in masked for a in capsule], "decoder."))


def primary_capsules(maps, dims):
    """Each pixel's channels, cut into pieces of some numbers: a squashed capsule each, S17 section 4"""
    return [squash(pixel[k:k + dims]) for row in maps for pixel in row for k in range(0, len(pixel), dims)]


def capsnet(params, image, config):
    """The class capsules v_j of one image, S17 section 4 and Figure 1"""
    maps = conv2d(image, params["conv1.W"], params["conv1.bias"])
    maps = [[relu(pixel) for pixel in row] for row in maps]
    maps = conv2d(maps, params["primary.W"], params["primary.bias"], config.primary_stride)
    u = primary_capsules(maps, config.primary_dims)
    return routing(predictions(u, params["digit.W"]), config.iterations)[0]


def capsnet_loss(params, image, label, config):
    """Margin loss and reconstruction error of one image, to be weighed and added, S17 sections 3 and 4.1"""
    v = capsnet(params, image, config)
    margin = margin_loss([length(capsule) for capsule in v], label)
    return margin, squared_error(decoder(params, mask(v, label)), flat(image))


def cnn(params, image, config, mask=None):
    """The logits of the paper's baseline, S17 section 5"""
    for k in range(len(config.channels)):
        image = conv2d(image, params[f"conv{k + 1}.W"], params[f"conv{k + 1}.bias"], padding="same")
        image = [[relu(pixel) for pixel in row] for row in image]
    h = relu(mlp(params, flat(image), "hidden."))
    if mask is not None:
        h = dropout(h, mask, config.dropout)
    return linear(h, params["output.0.W"], params["output.0.bias"])


def goodness(y):
    """G = Σ_m y_m², H22 section 2"""
    return sum(a * a for a in y)


def goodness_loss(positive, negative, theta, sign=1):
    """− log σ(G⁺ − θ) − log σ(θ − G⁻) of one pair, H22 Eq. 1; with the sign −1 goodness is minimised"""
    return -sum(math.log(p) for p in sigmoid([sign * (positive - theta), sign * (theta - negative)]))


def length_normalise(y, length_wanted):
    """ŷ = s y / ‖y‖, H22 section 2.1"""
    return [length_wanted * a / length(y) for a in y] if any(y) else [0.0 for _ in y]


def running_means(batch, means, decay=0.9):
    """a_m = decay · a_m + (1 − decay) · 1/n Σ_n y_nm, Hinton's Matlab for H22"""
    return [decay * means[m] + (1 - decay) * sum(y[m] for y in batch) / len(batch) for m in range(len(means))]


def peer_normalisation(batch, means, weight=0.03, decay=0.9):
    """weight / (1 − decay) · Σ_m (a_m − ā)², whose gradient is twice the term of Hinton's Matlab for H22"""
    a = running_means(batch, means, decay)
    return weight / (1 - decay) * sum((each - sum(a) / len(a)) ** 2 for each in a)


def ff_layer_loss(W, bias, positive, negative, theta, sign=1):
    """H22 Eq. 1, mean over the pairs"""
    total = 0.0
    for pair in zip(positive, negative, strict=True):
        total += goodness_loss(*(goodness(relu(linear(x, W, bias))) for x in pair), theta, sign)
    return total / len(positive)


def ff_layer_gradient(W, bias, positive, negative, theta, sign=1, push=None, through_relu=False):
    """∂/∂W and ∂/∂bias of H22 Eq. 1: dz_m = ∓ (1 − p(right)) 2 y_m / n, and push_m / n on every positive sample besides

    through_relu lets the push pass where the relu is off, as Hinton's Matlab does.
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
    """Blurred with ¼, ½, ¼ along rows and columns, over and over, and cut at one half; mirrored at the edges; H22 section 3.2"""
    for _ in range(2 * blurs):
        last = len(bits[0]) - 1
        bits = [[row[max(x - 1, 0)] / 4 + row[x] / 2 + row[min(x + 1, last)] / 4 for x in range(last + 1)] for row in bits]
        bits = [list(column) for column in zip(*bits)]
    return [[a > 0.5 for a in row] for row in bits]


def ff_network(params, x, layers, length_wanted):
    """The activities of every layer for one image, H22 section 2; length_wanted(size) is what length normalisation makes it"""
    activities = []
    for k in range(layers):
        x = length_normalise(x, length_wanted(len(x)))
        x = relu(linear(x, params[f"{k}.W"], params[f"{k}.bias"]))
        activities.append(x)
    return activities


def soften(logits, temperature):
    """p_k = exp(z_k / T) / Σ_l exp(z_l / T), D15 Eq. 1"""
    return softmax([z / temperature for z in logits])


def soft_cross_entropy(logits, soft_targets, temperature=1):
    """− Σ_k p_k log q_k, q softened, D15 section 2"""
    return -sum(p * math.log(q) for p, q in zip(soft_targets, soften(logits, temperature), strict=True))


def soft_cross_entropy_gradient(logits, soft_targets, temperature=1):
    """(q − p) / T, D15 Eq. 2"""
    return [(q - p) / temperature for p, q in zip(soft_targets, soften(logits, temperature), strict=True)]


def kl_divergence(logits, soft_targets, temperature=1):
    """Σ_k p_k log(p_k / q_k), where p_k = 0 adds nothing"""
    return sum(p * math.log(p / q) for p, q in zip(soft_targets, soften(logits, temperature), strict=True) if p > 0)


def distillation_loss(logits, label, soft_targets, temperature=20, hard_weight=0.1):
    """w · hard + (1 − w) · T² · soft, D15 section 2"""
    soft = temperature ** 2 * soft_cross_entropy(logits, soft_targets, temperature)
    return hard_weight * cross_entropy(logits, label) + (1 - hard_weight) * soft


def logit_matching(logits, teacher_logits):
    """½ Σ_k (z_k − v_k)², D15 section 2.1"""
    return squared_error(logits, teacher_logits) / 2


def others_answers(answers):
    """For each network the mean of what all others answer to one sample"""
    return [[sum(each) / len(each) for each in zip(*(q for l, q in enumerate(answers) if l != k))] for k in range(len(answers))]


def co_distillation_losses(logits, labels, told, temperature=2, agreement=1):
    """Of each network: CE over the labels that it is told + agreement · T² · CE with the others' mean; logits[k][n], told[k][n]"""
    answers = [others_answers([soften(z[n], temperature) for z in logits]) for n in range(len(labels))]
    losses = []
    for k, z in enumerate(logits):
        hard = [cross_entropy(z[n], label) for n, label in enumerate(labels) if told[k][n]]
        soft = [soft_cross_entropy(z[n], answers[n][k], temperature) for n in range(len(labels))]
        losses.append(sum(hard) / max(len(hard), 1) + agreement * temperature ** 2 * sum(soft) / len(soft))
    return losses


def hardware_mlp(params, x, hardware, noise=None):
    """z = gain (x W + bias) + offset + noise, relu, z = …; noise[k] belongs to this sample"""
    k = 0
    while f"{k}.W" in params:
        total = linear(relu(x) if k else x, params[f"{k}.W"], params[f"{k}.bias"])
        x = [gain * a + offset for gain, a, offset in zip(hardware[f"{k}.gain"], total, hardware[f"{k}.offset"], strict=True)]
        if noise is not None:
            x = [a + b for a, b in zip(x, noise[k], strict=True)]
        k += 1
    return x


def dropout_mlp(params, x, dropouts):
    """An mlp whose linear maps hear what dropout leaves; dropouts[k] is None or this sample's mask and the rate"""
    for k, pair in enumerate(dropouts):
        x = relu(x) if k else x
        x = dropout(x, *pair) if pair else x
        x = linear(x, params[f"{k}.W"], params[f"{k}.bias"])
    return x


def limit_norm(w, largest):
    """w min(1, largest / ‖w‖), the incoming weights of one unit"""
    return [a * largest / length(w) for a in w] if length(w) > largest else list(w)
