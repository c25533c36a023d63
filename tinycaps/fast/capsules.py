"""The upper half of the fast CapsNet: squash, predictions and routing, in slices on threads."""
from ..backend import get_xp
from ..capsules.squash import squash_backward, squash_forward
from ..checks import check_memory
from .threads import pieces
from .routing import fast_routing_backward, fast_routing_forward
from .workspace import empty


def sliced_squash_forward(s, split):
    u, caches = get_xp(s).empty_like(s), {}

    def work(part):
        u[part], caches[part.start] = squash_forward(s[part])

    split(work, len(s), pieces(len(s), s[0].size))
    return u, caches


def sliced_squash_backward(du, caches, split):
    ds = get_xp(du).empty_like(du)

    def work(part):
        ds[part] = squash_backward(du[part], caches[part.start])

    split(work, len(du), pieces(len(du), du[0].size))
    return ds


def sliced_predictions_forward(u, W, split, workspace):
    """û_j|i = W_ij u_i, the children shared out."""
    xp = get_xp(u, W)
    i, j, q, p = W.shape
    if workspace is None or not workspace.holds("u_hat", (len(u), i, j, q), u.dtype):
        check_memory(xp, u.dtype, u_hat=dict(n=len(u), i=i, j=j, q=q))
    u_hat = empty(workspace, "u_hat", (len(u), i, j, q), u)
    stacked, children = W.reshape(i, j * q, p).swapaxes(1, 2), u.swapaxes(0, 1)
    votes = u_hat.reshape(-1, i, j * q).swapaxes(0, 1)
    split(lambda part: xp.matmul(children[part], stacked[part], out=votes[part]), i)
    return u_hat, (u, W)


def sliced_predictions_backward(du_hat, cache, split):
    """du_i = Σ_j W_ijᵀ dû_j|i and dW_ij = Σ_n dû_j|i u_iᵀ, the children shared out."""
    u, W = cache.predictions
    xp = get_xp(du_hat, W)
    i, j, q, p = W.shape
    du, dW = xp.empty_like(u), empty(cache.workspace, "digit.dW", (i, j * q, p), W)
    stacked, children = W.reshape(i, j * q, p), u.swapaxes(0, 1)
    votes = du_hat.reshape(-1, i, j * q).swapaxes(0, 1)

    def work(part):
        xp.matmul(votes[part], stacked[part], out=du.swapaxes(0, 1)[part])
        xp.matmul(votes[part].swapaxes(1, 2), children[part], out=dW[part])

    split(work, i)
    return du, dW.reshape(W.shape)


def sliced_routing_forward(u_hat, config, split):
    """Route a few samples at a time."""
    n, _, j, q = u_hat.shape
    v, caches = get_xp(u_hat).empty((n, j, q), u_hat.dtype), {}

    def work(part):
        v[part], caches[part.start] = fast_routing_forward(u_hat[part], config.iterations,
                                                           config.stop_gradient)

    split(work, n, pieces(n, u_hat[0].size))
    return v, (u_hat, caches)


def sliced_routing_backward(dv, cache, split):
    """Go back through the rounds a few samples at a time; in a workspace dû overwrites û."""
    u_hat, caches = cache.routing
    du_hat = empty(cache.workspace, "u_hat", u_hat.shape, u_hat)

    def work(part):
        fast_routing_backward(dv[part], caches[part.start], out=du_hat[part])

    split(work, len(dv), pieces(len(dv), u_hat[0].size))
    return du_hat
