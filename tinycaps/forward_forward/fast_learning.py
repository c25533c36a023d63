"""The fast twins of `supervised_gradients` and `unsupervised_gradients`: the same gradients, for two quiet cores or more.

What it trades for speed, in order of gain:

1. Samples do not meet before the gradient product. So slices of them go through all layers in one go, each slice on a thread and in
   the cache of a core; and units do not meet in it, so slices of these learn.
2. The three inputs of the first layer, neutral, positive and negative, differ in their label pixels and in their length alone:
   x = (label, ink)/‖(label, ink)‖. So the product of ink with W is made once for all three, and that with their gradients once for both.
3. No activity is ever divided by its length: (y/‖y‖) W = (y W)/‖y‖ and (y/‖y‖)ᵀ dz = yᵀ (dz/‖y‖), and ‖y‖² is the goodness.

Train inside ``with tinycaps.parallel.parallel(np):``. The functions hold the BLAS to one thread for themselves; let loose between the
steps, its threads take the cores from ours. Two runs on two cores, medians, a step of the published network: 22.4 and 23.8 ms; let loose
22.8 and 24.4; the plain functions 24.9 and 25.9.
"""
from ..backend import get_xp
from ..checks import check_labels
from ..parallel import parallel
from ..workspace import empty
from .goodness import goodness_backward, goodness_loss_backward, goodness_loss_forward
from .learning import predictor_gradients
from .negatives import hybrid_negatives, wrong_labels
from .network import FIRST_HEARD, check_batch
from .peer_normalisation import peer_normalisation_backward, peer_normalisation_forward


class _Layers:
    """All layers, for n samples: their activities, in a workspace, their goodness, and what their input is multiplied by."""

    def __init__(self, params, like, config, workspace):
        self.params, self.config, self.workspace, self.like = params, config, workspace, like
        self.depth = len(config.hidden)

    def new(self, name, *shape):
        """Return an array in the workspace."""
        return empty(self.workspace, name, shape, self.like)

    def upwards(self, split, scale, product):
        """Send samples through all layers; ``product(rows, out)`` multiplies some by the first layer's weights, scale not yet applied."""
        xp, n, hidden = get_xp(self.like), len(scale), self.config.hidden
        self.y = [self.new(f"y {j} {n}", n, m) for j, m in enumerate(hidden)]
        self.goodness = [self.new(f"goodness {j} {n}", n) for j in range(self.depth)]
        self.scale = [scale, *(self.new(f"scale {j} {n}", n, 1) for j in range(self.depth))]

        def samples(rows):
            for j, m in enumerate(hidden):
                z = self.y[j][rows]
                if j:
                    xp.matmul(self.y[j - 1][rows], self.params[f"{j}.W"], out=z)
                else:
                    product(rows, z)
                z *= self.scale[j][rows]
                z += self.params[f"{j}.bias"]
                xp.maximum(z, 0, out=z)
                self.goodness[j][rows] = xp.einsum("nm,nm->n", z, z)
                self.scale[j + 1][rows] = _scale(m, self.goodness[j][rows])

        split(samples, n)

    def learn(self, split, product):
        """Return the mean loss and all gradients, of positive samples and as many negative ones; ``product(units, dz, out)`` makes the
        first layer's from the scaled gradients of its total input."""
        xp, config, loss, grads = get_xp(self.like), self.config, 0, {}
        for j, (goodness, y, scale, theta) in enumerate(zip(self.goodness, self.y, self.scale, config.thetas)):
            n, mean_activity = len(y) // 2, self.params[f"{j}.mean_activity"]
            layer_loss, cache = goodness_loss_forward(goodness[:n], goodness[n:], theta, config.goal)
            dgoodness = xp.concatenate(goodness_loss_backward(1.0, cache))
            push = None
            if config.peer_weight:
                peer_loss, peer = peer_normalisation_forward(y[:n], mean_activity, config.peer_weight)
                push, mean_activity = peer_normalisation_backward(1.0, peer), peer[0]
                layer_loss = layer_loss + peer_loss
            dW, dbias = self.new(f"dW {j}", *self.params[f"{j}.W"].shape), self.new(f"dbias {j}", y.shape[1])

            def units(these):
                dz = goodness_backward(dgoodness, y[:, these])
                if push is not None:
                    dz[:n] += push[:, these]
                dz.sum(axis=0, out=dbias[these])
                dz *= scale
                if j:
                    xp.matmul(self.y[j - 1].T, dz, out=dW[:, these])
                else:
                    product(these, dz, dW[:, these])

            split(units, y.shape[1])
            loss = loss + layer_loss
            grads |= {f"{j}.mean_activity": mean_activity, f"{j}.bias": dbias, f"{j}.W": dW}
        return loss / self.depth, grads


def fast_supervised_gradients(params, images, labels, rng, config, hard=True, workspace=None):
    """Learn from a batch as `supervised_gradients` does.

    Parameters
    ----------
    params, images, labels, rng, config, hard
        As for `supervised_gradients`.
    workspace : Workspace, optional
        The gradients are views of it, and hold until the next call.

    Returns
    -------
    loss : 0-d array
    grads : dict

    Raises
    ------
    ValueError, TypeError
        As `supervised_gradients`.

    Notes
    -----
    The same values as the plain function up to rounding, with the same wrong labels from the same rng.
    """
    check_batch(params, images, config)
    check_labels(labels, len(images), config.classes)
    xp, n, k = get_xp(images), len(images), config.classes
    ink = images.reshape(n, -1).copy()
    ink[:, :k] = 0
    squares = xp.einsum("nf,nf->n", ink, ink)
    layers, W = _Layers(params, ink, config, workspace), params["0.W"]
    shown = layers.new("ink W", n, config.hidden[0])
    label = config.label_strength / k * W[:k].sum(axis=0)
    which = xp.arange(2 * n) % n

    def neutral(rows, out):
        xp.matmul(ink[rows], W, out=shown[rows])
        xp.add(shown[rows], label, out=out)

    def labelled(rows, out):
        xp.matmul(pixels[rows], W[:k], out=out)
        out += shown[which[rows]]

    def first_product(units, dz, out):
        xp.matmul(ink.T, dz[:n] + dz[n:], out=out)
        xp.matmul(pixels.T, dz, out=out[:k])

    with parallel(xp) as split:
        layers.upwards(split, _scale(config.pixels, squares + config.label_strength ** 2 / k), neutral)
        features = xp.concatenate([y * scale for y, scale in list(zip(layers.y, layers.scale[1:]))[FIRST_HEARD:]], axis=1)
        _, predictor, logits = predictor_gradients(params, features, labels)
        wrong = wrong_labels(labels, k, rng, logits if hard else None)
        pixels = config.label_strength * (xp.concatenate([labels, wrong])[:, None] == xp.arange(k)).astype(ink.dtype)
        layers.upwards(split, _scale(config.pixels, xp.concatenate([squares, squares]) + config.label_strength ** 2), labelled)
        loss, grads = layers.learn(split, first_product)
    return loss, grads | predictor


def fast_unsupervised_gradients(params, images, labels, rng, config, workspace=None):
    """Learn from a batch as `unsupervised_gradients` does.

    Parameters
    ----------
    params, images, labels, rng, config
        As for `unsupervised_gradients`.
    workspace : Workspace, optional
        The gradients are views of it, and hold until the next call.

    Returns
    -------
    loss : 0-d array
    grads : dict

    Notes
    -----
    The same values as the plain function up to rounding, with the same masks from the same rng.
    """
    check_batch(params, images, config)
    xp, n = get_xp(images), len(images)
    x_pos, x_neg = (x.reshape(n, -1) for x in (images, hybrid_negatives(images, rng)))
    layers, x = _Layers(params, x_pos, config, workspace), xp.concatenate([x_pos, x_neg])
    with parallel(xp) as split:
        layers.upwards(split, _scale(config.pixels, xp.einsum("nf,nf->n", x, x)),
                       lambda rows, out: xp.matmul(x[rows], params["0.W"], out=out))
        return layers.learn(split, lambda units, dz, out: xp.matmul(x.T, dz, out=out))


def _scale(size, squares):
    """Return what samples of so many numbers, with such a sum of squares, are multiplied by to have a mean square of one, (n, 1)."""
    return (size ** 0.5 / get_xp(squares).sqrt(squares + (squares == 0)))[:, None]
