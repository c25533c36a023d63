"""Distilling the Knowledge in a Neural Network (Hinton, Vinyals, Dean 2015, arXiv:1503.02531).

A trained network gives wrong classes probabilities too, and they differ: a 3 may look a little like
an 8 and not at all like a 4. This knowledge is in the small probabilities, and a temperature T over
1 makes them large enough to learn from: softmax(z / T). So a large network, the teacher, answers
training images at temperature T, and a small one, the student, learns from these soft targets.

The teacher learns 1,437 images and each student a tenth of them, after the paper's experiment with
soft targets as regularizers. A student learns twice, from the same first weights and the same
images in one order: from labels, and from the teacher's soft targets with a little of the labels.

`python demos/one_file/distillation.py` prints what the teacher thinks of a doubtful image, the test
errors of five students, each with images of its own, and after ten seconds as its last line
test error 2.78 % teacher; mean of 5 students: 9.06 % on labels, 6.06 % on soft targets

Soft targets help here, where images are few. They do not help everywhere: of students with 20
hidden units that learned all images, those on soft targets made no fewer errors on held-out images.

Lines of mathematics end with a tag: an equation of the paper or a letter. The line of the backward
that answers one has the same tag; dX is the gradient of the loss with respect to X.
"""
from pathlib import Path

import numpy as np

TEMPERATURE, HARD_WEIGHT = 4.0, 0.1                         # chosen on held-out training images


def mlp_forward(params, x, masks=(1, 1, 1)):
    """Return logits: linear, relu, …, linear; masks are for dropout, on each layer's input."""
    inputs, depth = [], len(params) // 2
    for k in range(depth):
        x = x * masks[k]                                                                    # [a]
        inputs.append(x)
        x = x @ params[f"{k}.W"] + params[f"{k}.bias"]                                      # [b]
        if k < depth - 1:
            x = np.maximum(x, 0)                                                            # [c]
    return x, (params, inputs, masks)


def mlp_backward(dout, cache):
    """Return the gradients by parameter name: the forward from the last line to the first."""
    params, inputs, masks = cache
    grads = {}
    for k in reversed(range(len(inputs))):
        grads[f"{k}.W"], grads[f"{k}.bias"] = inputs[k].T @ dout, dout.sum(axis=0)          # [b]
        dx = dout @ params[f"{k}.W"].T                      # [b] out = x W + bias, so dx = dout Wᵀ
        dout = dx * masks[k] * (inputs[k] > 0)              # [a, c] through units that were on
    return grads


def soften(logits, temperature):
    """Turn logits into probabilities at a temperature."""
    z = logits / temperature
    q = np.exp(z - z.max(axis=1, keepdims=True))            # the largest subtracted: no overflow
    return q / q.sum(axis=1, keepdims=True)


def cross_entropy_forward(logits, p, temperature):
    """Return −Σ_k p_k log q_k with q = softmax(z / T), mean over samples."""
    z = logits / temperature                                                                # [d]
    z = z - z.max(axis=1, keepdims=True)
    log_q = z - np.log(np.exp(z).sum(axis=1, keepdims=True))                               # [Eq. 1]
    loss = -(p * log_q).sum() / len(p)                                                      # [e]
    return loss, (log_q, p, temperature)


def cross_entropy_backward(dloss, cache):
    log_q, p, temperature = cache
    dz = dloss * (np.exp(log_q) - p) / len(p)               # [e, Eq. 1] −Σ p log softmax: q − p
    return dz / temperature                                 # [d] the paper's Eq. 2: (q − p) / T


def distillation_loss_forward(logits, labels, soft_targets, temperature, hard_weight):
    """Mix the cross entropy with the labels and that with the soft targets."""
    one_hot = np.eye(logits.shape[1], dtype=logits.dtype)[labels]
    hard, hard_cache = cross_entropy_forward(logits, one_hot, 1.0)                          # [f]
    soft, soft_cache = cross_entropy_forward(logits, soft_targets, temperature)             # [g]
    soft_weight = (1 - hard_weight) * temperature ** 2      # gradients of soft go as 1/T²: undo it
    loss = hard_weight * hard + soft_weight * soft                                          # [h]
    return loss, (hard_cache, soft_cache, hard_weight, soft_weight)


def distillation_loss_backward(cache):
    hard_cache, soft_cache, hard_weight, soft_weight = cache
    dlogits = cross_entropy_backward(hard_weight, hard_cache)                               # [h, f]
    return dlogits + cross_entropy_backward(soft_weight, soft_cache)                        # [h, g]


def train(sizes, x, labels, soft_targets, hard_weight, rng, epochs, batch, rate, dropout=0.0):
    """Draw weights and follow the gradients by Adam (arXiv:1412.6980), the rate falling to 0."""
    params, m, v, step = {}, {}, {}, 0
    for k, (f, units) in enumerate(zip(sizes, sizes[1:])):
        params[f"{k}.W"] = rng.normal(0, (2 / f) ** 0.5, (f, units)).astype("float32")
        params[f"{k}.bias"] = np.zeros(units, "float32")
    for epoch in range(epochs):
        for which in np.array_split(rng.permutation(len(x)), -(-len(x) // batch)):
            kept = [rng.random((len(which), units)) >= dropout for units in sizes[1:-1]]
            masks = [1] + [(mask / (1 - dropout)).astype("float32") for mask in kept]
            logits, cache = mlp_forward(params, x[which], masks)
            loss, loss_cache = distillation_loss_forward(logits, labels[which], soft_targets[which],
                                                         TEMPERATURE, hard_weight)
            step += 1
            for key, g in mlp_backward(distillation_loss_backward(loss_cache), cache).items():
                m[key], v[key] = 0.9 * m.get(key, 0) + 0.1 * g, 0.999 * v.get(key, 0) + 1e-3 * g * g
                m_hat, v_hat = m[key] / (1 - 0.9 ** step), v[key] / (1 - 0.999 ** step)
                params[key] -= rate * (1 - epoch / epochs) * m_hat / (np.sqrt(v_hat) + 1e-8)
    return params


def main(seed=0):
    archive = np.load(Path(__file__).parents[2] / "tinycaps/data/digits.npz")
    x, labels = archive["images"].reshape(-1, 64).astype("float32") / 16, archive["labels"]
    test = np.arange(len(x)) % 5 == 0                       # every fifth image
    x, labels, x_test, labels_test = x[~test], labels[~test], x[test], labels[test]

    def error(params):
        return 100 * (mlp_forward(params, x_test)[0].argmax(axis=1) != labels_test).mean()

    teacher = train((64, 300, 300, 10), x, labels, np.eye(10, dtype="float32")[labels], 1.0,
                    np.random.default_rng(seed), epochs=40, batch=64, rate=0.001, dropout=0.5)
    logits = mlp_forward(teacher, x)[0]
    doubtful = soften(logits, 1.0).max(axis=1).argmin()
    for row in x[doubtful].reshape(8, 8):
        print("".join(" .:-=+*#%@"[int(9.9 * pixel)] for pixel in row))
    for temperature in 1.0, TEMPERATURE:
        q = soften(logits[[doubtful]], temperature)[0]
        print(f"T = {temperature:g}:", *(f" {k}: {100 * q[k]:2.0f} %" for k in range(10)))

    soft_targets, errors = soften(logits, TEMPERATURE), []
    for k in range(5):
        for hard_weight in 1.0, HARD_WEIGHT:
            rng = np.random.default_rng([seed, k])          # for both, all draws are the same
            few = rng.permutation(len(x))[:144]
            student = train((64, 100, 10), x[few], labels[few], soft_targets[few], hard_weight, rng,
                            epochs=100, batch=16, rate=0.002)
            errors.append(error(student))
        print(f"student {k}: {errors[-2]:.2f} % on labels, {errors[-1]:.2f} % on soft targets")
    print(f"test error {error(teacher):.2f} % teacher; mean of 5 students: "
          f"{np.mean(errors[::2]):.2f} % on labels, {np.mean(errors[1::2]):.2f} % on soft targets")


if __name__ == "__main__":
    main()
