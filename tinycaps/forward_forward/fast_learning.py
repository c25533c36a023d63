"""The fast twins of `supervised_gradients` and `unsupervised_gradients`: the same gradients, for two quiet cores or more.

What it trades for speed, in order of gain:

1. Samples do not meet before the gradient product. So slices of them go through all layers in one go, each slice on a thread and in
   the cache of a core.
2. The three inputs of the first layer, neutral, positive and negative, differ in their label pixels and in their length alone:
   x = (label, ink)/‖(label, ink)‖. So the product of ink with W is made once for all three, and that with their gradients once for both.
3. Nothing is made twice: the goodness of a layer is also the square of the length that its activities are divided by.

Train inside ``with tinycaps.parallel.parallel(np):``. The functions hold the BLAS to one thread for themselves; let loose between the
steps, its threads wake up, go on spinning and take the cores from ours: 34 ms for a step instead of 19 on two quiet cores, where the plain
functions took 24. Beside busy neighbours the gain is lost: see the README's table.
"""
from ..backend import get_xp
from ..checks import check_labels
from ..parallel import parallel
from ..workspace import empty
from .goodness import goodness_backward, goodness_loss_backward, goodness_loss_forward
from .learning import predictor_gradients
from .length_normalisation import length_normalise_forward
from .negatives import hybrid_negatives, wrong_labels
from .network import FIRST_HEARD, check_batch
from .peer_normalisation import peer_normalisation_backward, peer_normalisation_forward


class _Layers:
    """The arrays of all layers for a batch of n positive samples and as many negative ones, laid into a workspace."""

    def __init__(self, params, like, config, workspace):
        self.params, self.config, self.workspace, self.like = params, config, workspace, like
        self.n = len(like)
        self.x = [self.new(f"x {j}", 2 * self.n, m) for j, m in enumerate((config.pixels, *config.hidden))]
        self.y = [self.new(f"y {j}", 2 * self.n, m) for j, m in enumerate(config.hidden)]
        self.goodness = self.new("goodness", len(config.hidden), 2 * self.n)

    def new(self, name, *shape):
        """Return an array in the workspace."""
        return empty(self.workspace, name, shape, self.like)

    def upwards(self, rows):
        """Send a slice of samples through all layers, from the total input of the first, bias not yet added, that lies in y[0]."""
        xp = get_xp(self.like)
        for j, m in enumerate(self.config.hidden):
            y = self.y[j][rows]
            if j:
                xp.matmul(self.x[j][rows], self.params[f"{j}.W"], out=y)
            y += self.params[f"{j}.bias"]
            xp.maximum(y, 0, out=y)
            self.goodness[j, rows] = xp.einsum("nm,nm->n", y, y)
            xp.multiply(y, _scale(m, self.goodness[j, rows]), out=self.x[j + 1][rows])

    def loss_and_dz(self, j):
        """Return the loss of a layer, its new running means, and the gradients of its total inputs and of its biases."""
        xp, n, config = get_xp(self.like), self.n, self.config
        goodness, y, mean_activity = self.goodness[j], self.y[j], self.params[f"{j}.mean_activity"]
        loss, cache = goodness_loss_forward(goodness[:n], goodness[n:], config.thetas[j], config.goal)
        dz = goodness_backward(xp.concatenate(goodness_loss_backward(1.0, cache)), y)
        if config.peer_weight:
            peer_loss, peer = peer_normalisation_forward(y[:n], mean_activity, config.peer_weight)
            dz[:n] += peer_normalisation_backward(1.0, peer)
            loss, mean_activity = loss + peer_loss, peer[0]
        return loss, mean_activity, dz, dz.sum(axis=0)

    def product(self, split, j, x, dz):
        """Return the gradient xᵀ dz of a layer's weights; the threads share its rows."""
        dW = self.new(f"dW {j}", *self.params[f"{j}.W"].shape)
        split(lambda rows: get_xp(x).matmul(x.T[rows], dz, out=dW[rows]), len(dW))
        return dW

    def learn(self, split):
        """Return the mean loss, the gradients of all layers but for the first one's weights, and the dz that this one lacks."""
        depth, grads = len(self.config.hidden), {}
        judged = [None] * depth

        def judge(layers):
            for j in range(layers.start, layers.stop):
                judged[j] = self.loss_and_dz(j)

        split(judge, depth, depth)
        for j, (_, mean_activity, dz, dbias) in enumerate(judged):
            grads |= {f"{j}.mean_activity": mean_activity, f"{j}.bias": dbias}
            if j:
                grads[f"{j}.W"] = self.product(split, j, self.x[j], dz)
        return sum(loss for loss, *_ in judged) / depth, grads, judged[0][2]


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
    layers = _Layers(params, ink, config, workspace)
    shown, factor = layers.new("ink W", n, config.hidden[0]), layers.new("factor", 2 * n, 1)

    def labelled(pixels, rows, which):
        """Send the images ``which`` through all layers, with these label pixels."""
        factor[rows] = _scale(config.pixels, squares[which] + xp.einsum("nk,nk->n", pixels, pixels))
        xp.multiply(shown[which] + pixels @ params["0.W"][:k], factor[rows], out=layers.y[0][rows])
        layers.upwards(rows)

    def neutral(rows):
        xp.matmul(ink[rows], params["0.W"], out=shown[rows])
        labelled(xp.full((len(ink[rows]), k), config.label_strength / k, ink.dtype), rows, rows)

    with parallel(xp) as split:
        split(neutral, n)
        features = xp.concatenate([x[:n] for x in layers.x[1 + FIRST_HEARD:]], axis=1)
        _, predictor, logits = predictor_gradients(params, features, labels)
        wrong = wrong_labels(labels, k, rng, logits if hard else None)
        pixels = config.label_strength * (xp.concatenate([labels, wrong])[:, None] == xp.arange(k)).astype(ink.dtype)
        which = xp.arange(2 * n) % n
        split(lambda rows: labelled(pixels[rows], rows, which[rows]), 2 * n)
        loss, grads, dz = layers.learn(split)
        scaled = dz * factor
        grads["0.W"] = layers.product(split, 0, ink, scaled[:n] + scaled[n:])
        grads["0.W"][:k] = pixels.T @ scaled
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
    layers = _Layers(params, x_pos, config, workspace)

    def judged(rows):
        xp.matmul(layers.x[0][rows], params["0.W"], out=layers.y[0][rows])
        layers.upwards(rows)

    layers.x[0][...], _ = length_normalise_forward(xp.concatenate([x_pos, x_neg]))
    with parallel(xp) as split:
        split(judged, 2 * n)
        loss, grads, dz = layers.learn(split)
        grads["0.W"] = layers.product(split, 0, layers.x[0], dz)
    return loss, grads


def _scale(size, squares):
    """Return what samples of so many numbers, with such a sum of squares, are multiplied by to have a mean square of one, (n, 1)."""
    return (size ** 0.5 / get_xp(squares).sqrt(squares + (squares == 0)))[:, None]
