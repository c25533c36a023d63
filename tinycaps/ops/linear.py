"""The linear map x @ W + bias."""
from ..checks import check_shapes


def linear_forward(x, W, bias):
    """Apply a fully connected layer.

        y_nm = Σ_f x_nf W_fm + bias_m

    Parameters
    ----------
    x : array (n, f)
    W : array (f, m)
    bias : array (m,)

    Returns
    -------
    y : array (n, m)
    cache : tuple

    Notes
    -----
    The textbook layer, inputs in rows.
    """
    check_shapes(x=(x, "n,f"), W=(W, "f,m"), bias=(bias, "m"))
    return x @ W + bias, (x, W)


def linear_backward(dy, cache, input_gradient=True):
    """Return the gradients with respect to x, W and bias.

    Forward had y = x W + bias, so dx = dy Wᵀ, dW = xᵀ dy, dbias = Σ_n dy_n.

    Parameters
    ----------
    dy : array (n, m)
    cache : tuple
    input_gradient : bool
        Without it dx is None: for the first layer, where nobody asks for it.

    Returns
    -------
    dx, dW, dbias : arrays, shaped as x, W, bias
    """
    x, W = cache
    check_shapes(dy=(dy, (len(x), W.shape[1])), W=(W, W.shape))
    return dy @ W.T if input_gradient else None, x.T @ dy, dy.sum(axis=0)
