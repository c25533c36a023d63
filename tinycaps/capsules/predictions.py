"""Prediction vectors: what each lower capsule expects each parent to be (S17 Eq. 2)."""
from ..backend import get_xp
from ..checks import check_memory, check_shapes


def predictions_forward(u, W):
    """Multiply every lower capsule's output by its transformation matrix for every parent.

        û_j|i = W_ij u_i                                                                       S17 Eq. 2, right half

    Parameters
    ----------
    u : array (n, i, p)
        Outputs of the lower capsules.
    W : array (i, j, q, p)
        Transformation matrices; ``W[i, j] @ u[n, i]`` is the formula.

    Returns
    -------
    u_hat : array (n, i, j, q)
        Prediction vectors, "votes" for short.
    cache : tuple

    Raises
    ------
    ValueError, TypeError
        If shapes, precisions or memories differ.
    MemoryError
        If the votes, n·i·j·q numbers, are more than what is free.

    Notes
    -----
    Same as the paper: every pair (i, j) has a matrix of its own, and there is no bias. For each child i the matrices of all parents
    make one (p, j·q) matrix, and all samples one product with it.
    """
    check_shapes(u=(u, "n,i,p"), W=(W, "i,j,q,p"))
    xp = get_xp(u, W)
    i, j, q, p = W.shape
    check_memory(xp, u.dtype, u_hat=dict(n=len(u), i=i, j=j, q=q))
    u_hat = xp.empty((len(u), i, j, q), u.dtype)
    stacked = W.reshape(i, j * q, p)
    xp.matmul(u.swapaxes(0, 1), stacked.swapaxes(1, 2), out=u_hat.reshape(-1, i, j * q).swapaxes(0, 1))     # nip,ijqp->nijq
    return u_hat, (u, W)


def predictions_backward(du_hat, cache):
    """Return the gradients with respect to u and W.

    Forward had û_nijq = Σ_p W_ijqp u_nip, so du_nip = Σ_jq W_ijqp dû_nijq (each child hears from all its parents) and
    dW_ijqp = Σ_n dû_nijq u_nip.

    Parameters
    ----------
    du_hat : array (n, i, j, q)
    cache : tuple

    Returns
    -------
    du : array (n, i, p)
    dW : array (i, j, q, p)
    """
    u, W = cache
    i, j, q, p = W.shape
    check_shapes(du_hat=(du_hat, (len(u), i, j, q)), W=(W, W.shape))
    xp = get_xp(du_hat, W)
    flat = du_hat.reshape(-1, i, j * q).swapaxes(0, 1)                                                      # (i, n, j·q)
    du = xp.empty_like(u)
    xp.matmul(flat, W.reshape(i, j * q, p), out=du.swapaxes(0, 1))                                          # nijq,ijqp->nip
    dW = xp.matmul(flat.swapaxes(1, 2), u.swapaxes(0, 1))                                                   # nijq,nip->ijqp
    return du, dW.reshape(W.shape)
