"""Prediction vectors: what each lower capsule expects each parent to be (S17)."""
from ..backend import get_xp
from ..checks import check_memory, door


@door(u="n,i,p", W="i,j,q,p")
def predictions_forward(u, W):
    """Multiply the output of every lower capsule by its transformation matrix for every parent.

        û_j|i = W_ij u_i        [Eq. 2]

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

    Raises
    ------
    MemoryError
        If the n·i·j·q numbers of u_hat exceed the free memory.

    Notes
    -----
    Same as the paper, where this is the right half of Eq. 2: every pair (i, j) has its own matrix,
    and there is no bias.
    Loops: tests.reference.capsules.predictions
    """
    xp = get_xp(u, W)
    i, j, q, _ = W.shape
    check_memory(xp, u.dtype, u_hat=dict(n=len(u), i=i, j=j, q=q))
    u_hat = xp.einsum("ijqp,nip->nijq", W, u, optimize=True)        # [Eq. 2]
    return u_hat, (u, W)


@door(du_hat="n,i,j,q", cache=("n,i,p", "i,j,q,p"))
def predictions_backward(du_hat, cache):
    """du_hat (n, i, j, q) -> du (n, i, p), dW (i, j, q, p).

    Forward had û_nijq = Σ_p W_ijqp u_nip, so each factor's gradient is dû times the other factor,
    summed over the letters that it lacks: a child sums over all of its parents, a matrix over all
    samples.
    """
    u, W = cache
    xp = get_xp(du_hat, W)
    du = xp.einsum("nijq,ijqp->nip", du_hat, W, optimize=True)      # [Eq. 2] û = W u, so du = Wᵀ dû
    dW = xp.einsum("nijq,nip->ijqp", du_hat, u, optimize=True)      # [Eq. 2] and dW = Σ_n dû uᵀ
    return du, dW
