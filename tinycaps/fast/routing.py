"""The fast twin of `tinycaps.capsules.routing`: the same rounds by batched matrix products.

What it trades: readable lines. For each sample and parent the votes are an (i, q) matrix, and every
sum over i or q is this matrix times a vector. The gradient of the votes is a sum of 2r − 1 outer
products,

    dû_j|i = Σ_t c_t,ij ds_t,j + Σ_{t<r} db_t+1,ij v_t,j

which for each sample and parent is one product of an (i, 2r − 1) with a (2r − 1, q) matrix: apart
from û and dû no (n, i, j, q) array is ever made. Forward and backward of 128 samples of the
published network, three rounds, on one thread: 3.2 times as fast (medians of five, taking turns).
"""
from ..backend import get_xp
from ..capsules.routing import RoutingCache
from ..capsules.squash import squash_backward, squash_forward
from ..checks import check_count, door
from ..ops.softmax import softmax_backward, softmax_forward


@door(u_hat="n,i,j,q")
def fast_routing_forward(u_hat, iterations=3, stop_gradient: bool = False):
    """Route votes as `tinycaps.capsules.routing_forward` does: same arguments, same values."""
    check_count(iterations=iterations)
    xp = get_xp(u_hat)
    n, i, j, _ = u_hat.shape
    votes = u_hat.swapaxes(1, 2)                                                # (n, j, i, q)
    cache = RoutingCache(u_hat, [], [], [], [], stop_gradient)
    b = xp.zeros((n, j, i), u_hat.dtype)
    for t in range(iterations):
        c, softmax_cache = softmax_forward(b, axis=1)
        v, squash_cache = squash_forward(xp.matmul(c[:, :, None], votes)[:, :, 0])
        if t < iterations - 1:
            b = b + xp.matmul(votes, v[..., None])[..., 0]
        for entries, entry in zip(cache[1:5], (c.swapaxes(1, 2), v, softmax_cache, squash_cache)):
            entries.append(entry)
    return v, cache


@door(dv="n,j,q", cache=("n,i,j,q",))
def fast_routing_backward(dv, cache, out=None):
    """dv (n, j, q) -> du_hat (n, i, j, q), written into ``out`` if that is given."""
    xp = get_xp(dv)
    votes = cache.u_hat.swapaxes(1, 2)
    last, left, right, db = len(cache.v) - 1, [], [], None
    for t in range(last, -1, -1):
        if t < last:
            dv = xp.matmul(db[:, :, None], votes)[:, :, 0]
            left.append(db)
            right.append(cache.v[t])
        ds = squash_backward(dv, cache.squash[t])
        left.append(cache.coupling[t].swapaxes(1, 2))
        right.append(ds)
        if t == 0 or cache.stop_gradient:
            break
        dsoftmax = softmax_backward(xp.matmul(votes, ds[..., None])[..., 0], cache.softmax[t])
        db = dsoftmax if db is None else db + dsoftmax
    du_hat = xp.empty_like(cache.u_hat) if out is None else out
    xp.matmul(xp.stack(left, axis=-1), xp.stack(right, axis=-2), out=du_hat.swapaxes(1, 2))
    return du_hat
