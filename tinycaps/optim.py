"""Optimisers: they write in place.

Each call updates ``params`` and ``state`` where they lie. The state begins as an empty dict and ends as a flat one, so that a
checkpoint can hold it: for every parameter running averages such as ``"m.digit.W"``, and Adam's ``"step"``.
"""
import numpy as np

from .backend import get_xp
from .checks import check_positive, check_shapes
from .parallel import parallel

BLOCK = 65536
"""Numbers of each array that are updated together, so that they stay in the cache from one line to the next."""


def _begin(params, grads, state, slots):
    """Check the keys, make missing slots; return for each parameter [p, g, slot, ...]."""
    if grads.keys() != params.keys():
        wrong = sorted(grads.keys() ^ params.keys())
        raise ValueError(f"grads: got other keys than params ({', '.join(wrong)} in one of them only), wanted the same")
    for key, p in params.items():
        check_shapes(**{f"params[{key!r}]": (p, p.shape), f"grads[{key!r}]": (grads[key], p.shape)})
    for key, p in params.items():
        for slot in slots:
            if f"{slot}.{key}" not in state:
                state[f"{slot}.{key}"] = get_xp(p).zeros_like(p)
    return [[p, grads[key], *(state[f"{slot}.{key}"] for slot in slots)] for key, p in params.items()]


def _update(together, formula):
    """Call formula(p, g, slot, ...), which writes in place, on all arrays; on large ones block by block, the threads sharing them."""
    blocks = []
    for arrays in together:
        if arrays[0].size <= BLOCK or get_xp(arrays[0]) is not np or not all(a.flags.c_contiguous for a in arrays):
            formula(*arrays)
        else:
            flat = [a.reshape(-1) for a in arrays]
            blocks += [[a[k:k + BLOCK] for a in flat] for k in range(0, flat[0].size, BLOCK)]
    if blocks:
        with parallel(np) as split:
            split(lambda part: [formula(*block) for block in blocks[part]], len(blocks))


def sgd(params, grads, state, learning_rate=0.01, momentum=0.9, weight_decay=0.0):
    """Step down the gradient, with momentum and weight decay.

        velocity ← momentum · velocity − learning_rate · (g + weight_decay · p)
        p ← p + velocity

    Parameters
    ----------
    params, grads : dict of arrays
        With the same keys.
    state : dict
        Empty at first.
    learning_rate, momentum : float
    weight_decay : float
        Of parameters with two axes or more: biases do not decay.

    Raises
    ------
    ValueError
        If params and grads have other keys.

    Notes
    -----
    Polyak's momentum as Hinton's group writes it, the learning rate inside the velocity.
    """
    def formula(p, g, velocity):
        velocity *= momentum
        velocity -= learning_rate * g
        p += velocity

    def decaying(p, g, velocity):
        change = weight_decay * p
        change += g
        formula(p, change, velocity)

    together = _begin(params, grads, state, ("velocity",))
    _update([arrays for arrays in together if arrays[0].ndim < 2], formula)
    _update([arrays for arrays in together if arrays[0].ndim >= 2], decaying if weight_decay else formula)


def rmsprop(params, grads, state, learning_rate=0.001, decay=0.9, epsilon=1e-8):
    """Divide the gradient by a running root mean square of itself.

        r ← decay · r + (1 − decay) g²
        p ← p − learning_rate · g / (√r + epsilon)

    Parameters
    ----------
    params, grads : dict of arrays
        With the same keys.
    state : dict
        Empty at first.
    learning_rate, decay, epsilon : float

    Raises
    ------
    ValueError
        If params and grads have other keys.

    Notes
    -----
    Hinton's Coursera lecture 6e, 2012, which has no epsilon.
    """
    def formula(p, g, r):
        r *= decay
        r += (1 - decay) * (g * g)
        p -= learning_rate * g / (get_xp(r).sqrt(r) + epsilon)

    _update(_begin(params, grads, state, ("r",)), formula)


def adam(params, grads, state, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Step by running averages of the gradient and of its square, corrected for having begun at zero (K15 Algorithm 1).

        m ← β₁ m + (1 − β₁) g,    v ← β₂ v + (1 − β₂) g²
        p ← p − learning_rate · m̂ / (√v̂ + epsilon),    m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)

    Parameters
    ----------
    params, grads : dict of arrays
        With the same keys.
    state : dict
        Empty at first.
    learning_rate, beta1, beta2, epsilon : float

    Raises
    ------
    ValueError
        If params and grads have other keys.

    Notes
    -----
    Same as the paper.
    """
    together = _begin(params, grads, state, ("m", "v"))
    state["step"] = int(state.get("step", 0)) + 1
    rate = learning_rate / (1 - beta1 ** state["step"])
    correction = (1 - beta2 ** state["step"]) ** -0.5

    def formula(p, g, m, v):
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * (g * g)
        p -= rate * m / (correction * get_xp(v).sqrt(v) + epsilon)

    _update(together, formula)


def limit_norms(params, largest):
    """Shorten, in place, the incoming weights of every unit that have become longer than allowed.

        W_m ← W_m min(1, largest / ‖W_m‖)

    Parameters
    ----------
    params : dict of arrays
        Of which those with two axes (f, m) are weights: one unit in each column.
    largest : float
        Above 0.

    Raises
    ------
    ValueError
        If largest is not a finite number above 0.

    Notes
    -----
    Max-norm, as in Hinton et al. 2012 (dropout): it lets a large learning rate explore without weights that run away.
    """
    check_positive(largest=largest)
    for p in params.values():
        if p.ndim == 2:
            xp = get_xp(p)
            p *= largest / xp.maximum(xp.sqrt(xp.einsum("fm,fm->m", p, p)), largest)


def exponential_decay(learning_rate, step, rate=0.96, period=2000):
    """Return the learning rate at a step: multiplied by ``rate`` every ``period`` steps, smoothly.

    Notes
    -----
    S17 says "exponentially decaying" and no more; 0.96 every 2000 steps are the authors' published code.
    """
    return learning_rate * rate ** (step / period)


def flat_then_linear(learning_rate, step, steps):
    """Return the learning rate at a step: unchanged through the first half of so many steps, then falling to zero on a line.

    Notes
    -----
    Hinton's Matlab for H22, which takes whole epochs.
    """
    return learning_rate * min(1.0, max(0.0, 2.0 * (1 - step / steps)))


def rising_momentum(step, steps, first=0.5, last=0.99):
    """Return the momentum at a step: rising from ``first`` on a line, and at ``last`` from so many steps on.

    Notes
    -----
    Hinton et al. 2012 (dropout), whose 500 epochs of it are ``steps``. Their learning rate is multiplied by 1 − momentum, so that a
    constant gradient is followed at the same speed throughout.
    """
    return first + (last - first) * min(1.0, step / steps)
