"""The linear map x @ W + bias."""
from ..checks import door


@door(x="n,f", W="f,m", bias="m")
def linear_forward(x, W, bias):
    """Apply a fully connected layer.

        y_nm = Σ_f x_nf W_fm + bias_m        [a]

    Parameters
    ----------
    x : array (n, f)
    W : array (f, m)
    bias : array (m,)

    Returns
    -------
    y : array (n, m)

    Notes
    -----
    The textbook layer, samples in rows.
    Loops: tests.reference.ops.linear
    """
    return x @ W + bias, (x, W)                                     # [a]


@door(dy="n,m", cache=("n,f", "f,m"))
def linear_backward(dy, cache, input_gradient: bool = True):
    """dy (n, m) -> dx (n, f), dW (f, m), dbias (m,).

    Forward had y_nm = Σ_f x_nf W_fm + bias_m, so each factor's gradient is dy times the other
    factor, summed over the index that it lacks: m for x, n for W and bias. A first layer does not
    need dx; leaving it out (None) saves one of the three products of forward and backward.
    """
    x, W = cache
    dx = dy @ W.T if input_gradient else None                       # [a] y = x W, so dx = dy Wᵀ
    dW = x.T @ dy                                                   # [a] and dW = xᵀ dy
    return dx, dW, dy.sum(axis=0)                                   # [a] + bias: dbias = Σ_n dy_n
