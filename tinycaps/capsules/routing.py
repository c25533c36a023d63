"""Dynamic routing by agreement (S17 Procedure 1) and its exact gradient, through every round.

Each lower capsule i, a child, has one vote û_j|i, a vector of q numbers, for every parent j of J.
It divides itself among the parents by the coupling coefficients c_ij, Σ_j c_ij = 1. The output v_j
of a parent is the squashed sum of the votes that came to it; children whose votes agree with that
output (a large dot product) send it more in the next round.

    forward, rounds t = 1 … r              backward, rounds t = r … 1: read it upwards
    -----------------------------------    -------------------------------------------------------
    b_1   = 0                    [l.2]     db_1 is dropped: b_1 is a constant
    c_t   = softmax_j(b_t)       [l.4]     db_t = db_t+1 + softmax_backward(dc_t)
    s_t   = Σ_i c_t,ij û_j|i     [l.5]     dû_j|i += c_t,ij ds_t,j     dc_t,ij = û_j|i · ds_t,j
    v_t   = squash(s_t)          [l.6]     ds_t = squash_backward(dv_t)
    b_t+1 = b_t + û_j|i · v_t    [l.7]     dv_t,j = Σ_i db_t+1,ij û_j|i    dû_j|i += db_t+1,ij v_t,j
                                           and to dv_r the upstream gradient is added
    the output is v_r                      start: db_r+1 = 0, since nobody reads b_r+1

Two points deserve attention.

* b_t reaches the loss along two paths: through the softmax of its own round, and straight on, as
  a summand of b_t+1. So db is carried down the rounds and each round adds to it. A backward that
  forgets the straight path does no harm with one or two rounds: what it loses is zero in the last
  round, and not needed any more in the first. From three rounds up the gradient is wrong.
* v_t of an earlier round is no output: it acts only through the logits b, so all of its gradient
  comes from line 7. In the last round line 7 adds nothing, since db_r+1 = 0.

What the logits mean: c = softmax(b), so b_1 is, up to a constant for each child, the logarithm of
a prior probability that capsule i belongs to parent j. Zero is an even prior; S17 mentions that
others could be learned. Each round adds the agreement, which plays the role of a log likelihood.

Why this is no max-pooling: max-pooling keeps the strongest child and discards all others, and with
them the positions. Routing keeps the vote of every child, position included, and chooses which
parent hears it: separately for every child, and by agreement instead of strength.

With ``stop_gradient`` the coupling of the last round is a constant to the backward: of all terms
only dû_j|i = c_r,ij ds_r,j is left. Many implementations do so; the authors' code does not.

Tags name the lines of Procedure 1; one with a minus, such as [l.3 -], has no derivative to answer.
"""
from typing import NamedTuple

from ..backend import get_xp
from ..checks import check_count, door
from ..ops import softmax_backward, softmax_forward
from .squash import squash_backward, squash_forward


class RoutingCache(NamedTuple):
    """What the rounds left behind; the lists have one entry for each round."""

    u_hat: object
    coupling: list
    """Coupling coefficients c_ij (n, i, j), as the round used them."""
    v: list
    """Outputs of the parents (n, j, q) at the end of the round."""
    softmax: list
    """Caches of `softmax_forward`."""
    squash: list
    """Caches of `squash_forward`."""
    stop_gradient: bool


@door(u_hat="n,i,j,q")
def routing_forward(u_hat, iterations=3, stop_gradient: bool = False):
    """Route the votes of the lower capsules to the parents that they agree on (S17 Procedure 1).

        b_ij = 0                                    [l.2]
        for t = 1 … r                               [l.3]
            c_ij = softmax_j(b_ij)                  [l.4]
            s_j = Σ_i c_ij û_j|i                    [l.5]
            v_j = squash(s_j)                       [l.6]
            b_ij ← b_ij + û_j|i · v_j               [l.7]

    Parameters
    ----------
    u_hat : array (n, i, j, q)
        Prediction vectors û_j|i: what child i expects parent j to be.
    iterations : int
        Rounds r, at least 1. With r = 1 every child divides itself evenly, c = 1/J.
    stop_gradient : bool
        Treat the coupling of the last round as a constant in the backward.

    Returns
    -------
    v : array (n, j, q)
        Outputs of the parents.
    cache : RoutingCache
        ``cache.coupling[t]`` is what the demos draw.

    Notes
    -----
    Same as the paper: the softmax runs over the parents j, for each child; there is no bias; logits
    start at zero for every sample. Lines 4, 5 and 6 are Eq. 3, 2 and 1. The gradient is that of the
    whole procedure, unless stopped.
    Loops: tests.reference.capsules.routing
    """
    check_count(iterations=iterations)
    xp = get_xp(u_hat)
    cache = RoutingCache(u_hat, [], [], [], [], stop_gradient)
    b = xp.zeros(u_hat.shape[:3], u_hat.dtype)                      # [l.2 -]
    for _ in range(iterations):                                     # [l.3 -]
        c, softmax_cache = softmax_forward(b)                       # [l.4] over the parents j
        s = xp.einsum("nij,nijq->njq", c, u_hat)                    # [l.5]
        v, squash_cache = squash_forward(s)                         # [l.6]
        b = b + xp.einsum("nijq,njq->nij", u_hat, v)                # [l.7]
        cache.coupling.append(c)
        cache.v.append(v)
        cache.softmax.append(softmax_cache)
        cache.squash.append(squash_cache)
    return v, cache


@door(dv="n,j,q", cache=("n,i,j,q",))
def routing_backward(dv, cache):
    """dv (n, j, q) -> du_hat (n, i, j, q), exact through all rounds unless ``stop_gradient``.

    The derivation is the right column of the module's docstring; lines 7 and 5 take two statements
    each. On entry to a round, db is the gradient of its b_t+1, and line 4 makes it that of b_t.
    With ``stop_gradient`` the loop stops during its first pass, the last round, after dû += c ds.
    """
    xp = get_xp(dv)
    u_hat = cache.u_hat
    du_hat, db = xp.zeros_like(u_hat), xp.zeros_like(cache.coupling[0])
    for t in reversed(range(len(cache.v))):                         # [l.3 -]
        dv = dv + xp.einsum("nij,nijq->njq", db, u_hat)             # [l.7] b += û·v: dv += Σ db û
        du_hat += xp.einsum("nij,njq->nijq", db, cache.v[t])        # [l.7] and dû += db v
        ds = squash_backward(dv, cache.squash[t])                   # [l.6]
        du_hat += xp.einsum("nij,njq->nijq", cache.coupling[t], ds)  # [l.5] s = Σ c û: dû += c ds
        if cache.stop_gradient:
            break
        dc = xp.einsum("nijq,njq->nij", u_hat, ds)                  # [l.5] and dc = û · ds
        db = db + softmax_backward(dc, cache.softmax[t])            # [l.4] softmax, and straight on
        dv = 0                                                      # [l.6 -] earlier v: no output
    return du_hat
