"""The two convolutions of the fast CapsNet: the primary one by Fourier transform, or direct.

Each front takes images to the total inputs s (n, i, p) of the primary capsules, and its back takes
ds to the gradients of both convolutions by name.
"""
from typing import NamedTuple

from ..backend import get_xp
from ..ops.activations import relu_backward, relu_forward
from ..ops.conv import conv2d_backward, conv2d_forward
from .fourier_conv import ProductsCache, products_backward, products_forward
from .fourier_plan import fourier_plan
from .threads import pieces
from .workspace import empty


class FourierFront(NamedTuple):
    """Of the convolutions, the primary one by Fourier transform."""

    conv1: tuple
    products: ProductsCache


class DirectFront(NamedTuple):
    """Of the convolutions as the plain network has them."""

    conv1: tuple
    relu: object
    primary: tuple
    shape: tuple


def fourier_front(params, x, config, split, workspace):
    """Return the total inputs s (n, i, p) of the primary capsules, by Fourier transforms."""
    size = config.image_shape[0] - config.conv_kernel + 1
    plan = fourier_plan(size, config.primary_kernel, config.primary_stride)
    V, conv1 = _conv1_forward(x, params["conv1.W"], params["conv1.bias"], plan,
                              config.primary_stride, split, workspace)
    y, products = products_forward(V, params["primary.W"], params["primary.bias"], plan, split,
                                   workspace)
    s = get_xp(y).ascontiguousarray(y.swapaxes(0, 1)).reshape(len(x), -1, config.primary_dims)
    return s, FourierFront(conv1, products)


def fourier_back(ds, front, split):
    """Go back through both convolutions; return their gradients."""
    columns = ds.reshape(len(ds), front.products.plan.out ** 2, -1).swapaxes(0, 1)
    dy = get_xp(ds).ascontiguousarray(columns)
    dV, dW, dbias = products_backward(dy, front.products, split)
    dW1, dbias1 = _conv1_backward(dV, front, split)
    return {"primary.W": dW, "primary.bias": dbias, "conv1.W": dW1, "conv1.bias": dbias1}


def direct_front(params, x, config, split, workspace):
    """Return the total inputs s (n, i, p) of the primary capsules, as the plain network does."""
    h, conv1 = conv2d_forward(x, params["conv1.W"], params["conv1.bias"])
    h, relu = relu_forward(h)
    h, primary = conv2d_forward(h, params["primary.W"], params["primary.bias"],
                                stride=config.primary_stride)
    return h.reshape(len(x), -1, config.primary_dims), DirectFront(conv1, relu, primary, h.shape)


def direct_back(ds, front, split):
    dh, dW, dbias = conv2d_backward(ds.reshape(front.shape), front.primary)
    _, dW1, dbias1 = conv2d_backward(relu_backward(dh, front.relu), front.conv1, False)
    return {"primary.W": dW, "primary.bias": dbias, "conv1.W": dW1, "conv1.bias": dbias1}


def _conv1_forward(x, W, bias, plan, stride, split, workspace):
    """Convolve, relu and transform a few samples at a time: only V (R, n, s²·f) leaves the cache.

    The rows of the columns run over (h', w', sample, phase), so that the output of conv1 has the
    order which the transform wants. Behind the pixels of each patch stands a 1, for the bias.
    """
    xp = get_xp(x, W)
    k, _, c, f = W.shape
    rows, features = plan.grid ** 2 * stride ** 2, stride ** 2 * f
    B_T = xp.asarray(plan.B_T, dtype=x.dtype)
    stacked = xp.concatenate([W.reshape(-1, f), bias[None]])
    columns = empty(workspace, "columns", (len(x) * rows, k * k * c + 1), x)
    active = empty(workspace, "active", (len(x) * rows, f), x, bool)
    V = empty(workspace, "V", (len(B_T), len(x), features), x)

    def work(part):
        mine = slice(part.start * rows, part.stop * rows)
        _copy_patches(x[part], columns[mine], k, plan.grid, stride)
        h = xp.matmul(columns[mine], stacked)
        xp.greater(h, 0, out=active[mine])
        xp.maximum(h, 0, out=h)
        place = slice(part.start * features, part.stop * features)
        xp.matmul(B_T, h.reshape(plan.grid ** 2, -1), out=V.reshape(len(V), -1)[:, place])

    split(work, len(x), pieces(len(x), rows * f + V[:, 0].size))
    return V, (columns, active, W.shape, rows)


def _conv1_backward(dV, front, split):
    """Transform back and sum the kernel's gradient, a few samples at a time, in a fixed order."""
    columns, active, shape, rows = front.conv1
    xp = get_xp(dV)
    B = xp.asarray(front.products.plan.B_T.T, dtype=dV.dtype)
    n, features = dV.shape[1:]
    sums = {}

    def work(part):
        mine = slice(part.start * rows, part.stop * rows)
        place = slice(part.start * features, part.stop * features)
        dh = xp.matmul(B, dV.reshape(len(dV), -1)[:, place]).reshape(-1, shape[3])
        dh *= active[mine]
        sums[part.start] = xp.matmul(columns[mine].T, dh)

    split(work, n, pieces(n, rows * shape[3] + dV[:, 0].size))
    dstacked = sum(sums[start] for start in sorted(sums))
    return dstacked[:-1].reshape(shape), dstacked[-1]


def _copy_patches(x, columns, k, grid, stride):
    """Copy the k x k patches of a few images into rows (h', w', sample, phase)."""
    xp = get_xp(x)
    n, c = len(x), x.shape[3]
    windows = xp.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    windows = windows.transpose(1, 2, 0, 4, 5, 3)                               # h, w, n, k, k, c
    columns[:, -1] = 1
    places = columns[:, :-1].reshape(grid, grid, n, stride, stride, k, k, c)
    for a in range(stride):
        for b in range(stride):
            places[:, :, :, a, b] = windows[a::stride, b::stride]
