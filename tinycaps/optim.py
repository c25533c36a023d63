"""Optimisers: they update ``params`` and ``state`` in place.

The state begins as an empty dict and ends as a flat one, so that a checkpoint can hold it: for
every parameter running averages such as ``"m.digit.W"``, and the ``"step"`` of Adam. Each optimiser
is its formula, line by line; `tinycaps.fast.in_blocks` makes it fast on large arrays.
"""
from .backend import get_xp
from .checks import check_below_one, check_like, check_not_negative, check_positive, door


def check_update(params, grads, state, *_, **__):
    """Raise an error unless params and grads have the same keys, and arrays alike for each."""
    if grads.keys() != params.keys():
        wrong = sorted(grads.keys() ^ params.keys())
        raise ValueError(f"grads: got other keys than params ({', '.join(wrong)} in one of them "
                         "only), wanted the same")
    for key, p in params.items():
        check_like(**{f"grads[{key!r}]": grads[key], f"params[{key!r}]": p})


def _slot(state, name, p):
    """Return the running average of a parameter, zero at first."""
    if name not in state:
        state[name] = get_xp(p).zeros_like(p)
    return state[name]


@door(check_update)
def sgd(params: dict, grads: dict, state: dict, learning_rate=0.01, momentum=0.9, weight_decay=0.0):
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
        For parameters with two axes or more: biases do not decay.

    Notes
    -----
    Polyak's momentum as Hinton's group writes it, with the learning rate inside the velocity.
    Loops: tests.reference.optim.sgd
    """
    check_not_negative(learning_rate=learning_rate, weight_decay=weight_decay)
    check_below_one(momentum=momentum)
    for key, p in params.items():
        velocity, decay = _slot(state, f"velocity.{key}", p), weight_decay if p.ndim > 1 else 0.0
        velocity *= momentum
        velocity -= learning_rate * (grads[key] + decay * p)
        p += velocity


@door(check_update)
def rmsprop(params: dict, grads: dict, state: dict, learning_rate=0.001, decay=0.9, epsilon=1e-8):
    """Divide the gradient by a running root mean square of itself.

        r ← decay · r + (1 − decay) g²
        p ← p − learning_rate · g / (√r + epsilon)

    Parameters
    ----------
    params, grads, state
        As for `sgd`.
    learning_rate, decay, epsilon : float

    Notes
    -----
    Hinton's Coursera lecture 6e, 2012, which has no epsilon.
    Loops: tests.reference.optim.rmsprop
    """
    check_not_negative(learning_rate=learning_rate, epsilon=epsilon)
    check_below_one(decay=decay)
    for key, p in params.items():
        r, g = _slot(state, f"r.{key}", p), grads[key]
        r *= decay
        r += (1 - decay) * (g * g)
        p -= learning_rate * g / (get_xp(r).sqrt(r) + epsilon)


@door(check_update)
def adam(params: dict, grads: dict, state: dict, learning_rate=0.001, beta1=0.9, beta2=0.999,
         epsilon=1e-8):
    """Step by running averages of the gradient and of its square (K15 Algorithm 1).

        m ← β₁ m + (1 − β₁) g,    v ← β₂ v + (1 − β₂) g²
        p ← p − learning_rate · m̂ / (√v̂ + epsilon),    m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)

    Parameters
    ----------
    params, grads, state
        As for `sgd`.
    learning_rate, beta1, beta2, epsilon : float

    Notes
    -----
    Same as the paper. m̂ and v̂ correct for averages that begin at zero.
    Loops: tests.reference.optim.adam
    """
    check_not_negative(learning_rate=learning_rate, epsilon=epsilon)
    check_below_one(beta1=beta1, beta2=beta2)
    state["step"] = t = int(state.get("step", 0)) + 1
    rate, correction = learning_rate / (1 - beta1 ** t), (1 - beta2 ** t) ** -0.5
    for key, p in params.items():
        m, v, g = _slot(state, f"m.{key}", p), _slot(state, f"v.{key}", p), grads[key]
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * (g * g)
        p -= rate * m / (correction * get_xp(v).sqrt(v) + epsilon)


def limit_norms(params, largest):
    """Shorten, in place, the incoming weights of every unit whose norm exceeds a limit.

        W_m ← W_m min(1, largest / ‖W_m‖)

    Parameters
    ----------
    params : dict of arrays
        Those with two axes (f, m) are weights, with one unit in each column; others stay.
    largest : float
        Above 0.

    Raises
    ------
    ValueError
        If largest is not a finite number above 0.

    Notes
    -----
    Max-norm, as in Hinton et al. 2012 (dropout): with it a large learning rate can explore, and no
    weight grows without bound.
    Loops: tests.reference.optim.limit_norm
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
    S17 says "exponentially decaying" and no more; 0.96 every 2000 steps is in the authors'
    published code.
    """
    return learning_rate * rate ** (step / period)


def flat_then_linear(learning_rate, step, steps):
    """Return the learning rate at a step: constant for half of the steps, then linear to zero.

    Notes
    -----
    Hinton's Matlab for H22, which takes whole epochs.
    """
    return learning_rate * min(1.0, max(0.0, 2.0 * (1 - step / steps)))


def rising_momentum(step, steps, first=0.5, last=0.99):
    """Return the momentum at a step: linear from ``first`` to ``last``, then constant.

    Notes
    -----
    Hinton et al. 2012 (dropout), where ``steps`` is 500 epochs. Their learning rate is multiplied
    by 1 − momentum, so that a constant gradient leads to the same speed throughout.
    """
    return first + (last - first) * min(1.0, step / steps)
