"""Dynamic routing by agreement (S17 Procedure 1) and its exact gradient, through every round.

Each lower capsule i has one vote û_j|i for every parent j and divides itself among the parents with the coupling coefficients
c_ij, Σ_j c_ij = 1. A parent's output is the squashed sum of the votes that came to it; children whose votes agree with that
output (a large dot product) send it more in the next round.

    forward, rounds t = 1 … r                              backward, rounds t = r … 1
    ------------------------------------------------       ---------------------------------------------------------
    b_1   = 0                              l.2             db = 0,  dv_r = the upstream gradient
    c_t   = softmax_j(b_t)                 l.4, Eq. 3      db += softmax_backward(dc)                          l.4
    s_t   = Σ_i c_t,ij û_j|i               l.5, Eq. 2      dc_ij = û_j|i · ds_j        dû_j|i += c_t,ij ds_j   l.5
    v_t   = squash(s_t)                    l.6, Eq. 1      ds = squash_backward(dv)                            l.6
    b_t+1 = b_t + û_j|i · v_t              l.7             dv_j = Σ_i db_ij û_j|i      dû_j|i += db_ij v_t,j   l.7

Read the right column from the bottom up; line 7 for every round but the last, whose update of b nobody sees. Two things are worth a
pause.

* b_t reaches the loss along two ways: through the softmax of its own round, and straight on as a summand of b_t+1. So db is
  carried down the rounds and each round adds to it.
* v_t of an earlier round is no output: it acts only through the logits. So its gradient is line 7's alone.

û enters line 5 of all r rounds and line 7 of all but the last: its gradient is a sum of 2r − 1 outer products,

    dû_j|i = Σ_t c_t,ij ds_t,j + Σ_{t<r} db_t+1,ij v_t,j

which for each sample and parent is one product of an (i, 2r − 1) with a (2r − 1, q) matrix. All sums over i or q are products too,
for each sample and parent its (i, q) matrix of votes times a vector: no (n, i, j, q) array but û and dû is ever made.

With ``stop_gradient`` the coupling of the last round is a constant to the backward: only c_r,ij ds_r,j is left of the sum. Many
implementations do so; the authors' published code does not.
"""
from typing import NamedTuple

from ..backend import get_xp
from ..checks import check_count, check_shapes
from ..ops.softmax import softmax_backward, softmax_forward
from .squash import squash_backward, squash_forward


class RoutingCache(NamedTuple):
    """What the rounds left behind, one entry of each list per round."""

    u_hat: object
    coupling: list
    """Coupling coefficients c_ij (n, i, j), as they were used in the round."""
    v: list
    """Output of the parents (n, j, q) at the end of the round."""
    softmax: list
    squash: list
    stop_gradient: bool


def routing_forward(u_hat, iterations=3, stop_gradient=False):
    """Route the votes of the lower capsules to the parents that they agree on (S17 Procedure 1).

    Parameters
    ----------
    u_hat : array (n, i, j, q)
        Prediction vectors û_j|i: what child i expects parent j to be.
    iterations : int
        Rounds r, at least 1. With r = 1 every child divides itself evenly, c = 1/J.
    stop_gradient : bool
        Let the backward take the last round's coupling as constant.

    Returns
    -------
    v : array (n, j, q)
        Outputs of the parents.
    cache : RoutingCache
        ``cache.coupling[t]`` is what the demos draw.

    Raises
    ------
    ValueError
        If iterations < 1 or u_hat has another rank.

    Notes
    -----
    Same as the paper: the softmax runs over the parents j, for each child; there is no bias; logits start at zero for every
    sample. The default gradient is that of the whole procedure.
    """
    check_shapes(u_hat=(u_hat, "n,i,j,q"))
    check_count(iterations=iterations)
    xp = get_xp(u_hat)
    n, i, j, q = u_hat.shape
    votes = u_hat.swapaxes(1, 2)                                                         # (n, j, i, q), a view
    cache = RoutingCache(u_hat, [], [], [], [], stop_gradient)
    b = xp.zeros((n, j, i), u_hat.dtype)                                                 # l.2
    for t in range(iterations):                                                          # l.3
        c, softmax_cache = softmax_forward(b, axis=1)                                    # l.4  S17 Eq. 3
        s = xp.matmul(c[:, :, None], votes)[:, :, 0]                                     # l.5  S17 Eq. 2: Σ_i c_ij û_j|i
        v, squash_cache = squash_forward(s)                                              # l.6  S17 Eq. 1
        if t < iterations - 1:
            b = b + xp.matmul(votes, v[..., None])[..., 0]                               # l.7  b_ij + û_j|i · v_j
        cache.coupling.append(c.swapaxes(1, 2))
        cache.v.append(v)
        cache.softmax.append(softmax_cache)
        cache.squash.append(squash_cache)
    return v, cache


def routing_backward(dv, cache, out=None):
    """Return the gradient with respect to the votes, exact through all rounds; the derivation is the module's docstring.

    Parameters
    ----------
    dv : array (n, j, q)
    cache : RoutingCache
        From `routing_forward`.
    out : array (n, i, j, q), optional
        Where du_hat is to be written.

    Returns
    -------
    du_hat : array (n, i, j, q)

    Notes
    -----
    Same as the derivative of the paper's procedure, or, with ``stop_gradient``, of its last round with c frozen.
    """
    check_shapes(dv=(dv, cache.v[-1].shape), u_hat=(cache.u_hat, "n,i,j,q"))
    xp = get_xp(dv)
    votes = cache.u_hat.swapaxes(1, 2)                                                   # (n, j, i, q)
    last = len(cache.v) - 1
    left, right = [], []                                                                 # the outer products of dû
    db = None
    for t in range(last, -1, -1):
        if t < last:
            dv = xp.matmul(db[:, :, None], votes)[:, :, 0]                               # l.7  dv_j = Σ_i db_ij û_j|i
            left.append(db)                                                              # l.7  dû_j|i += db_ij v_j
            right.append(cache.v[t])
        ds = squash_backward(dv, cache.squash[t])                                        # l.6
        left.append(cache.coupling[t].swapaxes(1, 2))                                    # l.5  dû_j|i += c_ij ds_j
        right.append(ds)
        if t == 0 or cache.stop_gradient:
            break
        dc = xp.matmul(votes, ds[..., None])[..., 0]                                     # l.5  dc_ij = û_j|i · ds_j
        dsoftmax = softmax_backward(dc, cache.softmax[t])                                # l.4
        db = dsoftmax if db is None else db + dsoftmax
    du_hat = xp.empty_like(cache.u_hat) if out is None else out
    check_shapes(u_hat=(cache.u_hat, du_hat.shape), out=(du_hat, du_hat.shape))
    xp.matmul(xp.stack(left, axis=-1), xp.stack(right, axis=-2), out=du_hat.swapaxes(1, 2))
    return du_hat
