"""Where each pair of the package is differentiated: at points drawn by its door, or given here.

A forward that is decorated with the axes of its arrays, @door(u="n,i,p", W="i,j,q,p"), says enough
to draw a random point for it, so most new pairs need no line here. A line is needed where arrays
cannot be any numbers (probabilities, parameters of a network), or where a setting that is not the
default should be differentiated too.
"""
import importlib
import inspect
import pkgutil
from functools import partial

import numpy as np

import tinycaps
from tinycaps import capsules, distillation, ops

NO_DERIVATIVE = {"ff_forward"}
"""Forwards whose backward is, on purpose, no derivative of it: each layer has a loss of its own."""
DEPARTURES = {"ff_layer_loss": dict(exact=False)}
"""Defaults with which a backward departs from the derivative, on purpose. The point of the pair has
the exact settings; the tour measures how far these are off."""
SIZES = (3, 4, 2, 5, 6, 7)
"""Of the axes, in the order in which a door names them."""


def find_pairs():
    """Return every pair of the package: the name of the op to its forward and backward."""
    pairs = {}
    for room in pkgutil.iter_modules(tinycaps.__path__):
        module = importlib.import_module(f"tinycaps.{room.name}") if room.ispkg else None
        for name in getattr(module, "__all__", ()):
            if name.endswith("_forward") and name not in NO_DERIVATIVE:
                op = name.removesuffix("_forward")
                pairs[op] = getattr(module, name), getattr(module, f"{op}_backward")
    return pairs


def find_points(seed):
    """Yield for every pair its op, forward, backward, the inputs to differentiate by, keywords.

    Where there is no point, inputs are None and the keywords say why.
    """
    rng = np.random.default_rng(seed)
    given = {op: point for room in ROOMS for op, point in room(rng).items()}
    for op, (forward, backward) in find_pairs().items():
        try:
            inputs, keywords = given[op] if op in given else draw_point(forward, backward, rng)
        except (TypeError, ValueError) as error:
            inputs, keywords = None, {"why": error}
        if op in WITH_INPUT:
            backward = partial(backward, input_gradient=True)
        yield op, forward, backward, inputs, keywords


WITH_INPUT = {"mlp", "capsnet", "cnn"}
"""Networks whose backward returns a gradient for the images when it is asked to."""


def draw_point(forward, backward, rng):
    """Draw a point that fits the door of a forward.

    Returns
    -------
    inputs : list of arrays
        The leading ones, for which backward returns gradients.
    keywords : dict
        The other arrays: labels, masks, and numbers that are given.
    """
    sizes, arrays = {}, {}
    for name, axes in getattr(forward, "axes", {}).items():
        if inspect.signature(forward).parameters[name].default is inspect.Parameter.empty:
            arrays[name] = _draw(axes, sizes, rng)
    out, cache = forward(**arrays)
    cotangents = [np.ones_like(y) for y in (out if isinstance(out, tuple) else (out,))]
    gradients = backward(*cotangents, cache)
    count = len(gradients) if isinstance(gradients, tuple) else 1
    names = [*arrays]
    return ([arrays[name] for name in names[:count]],
            {name: arrays[name] for name in names[count:]})


def _draw(axes, sizes, rng):
    """Draw an array for the axes of a door; sizes: letter to size, of the arrays before."""
    kind, _, letters = axes.rpartition(" ")
    if "<" in axes:
        samples, classes = (letter.strip() for letter in axes.split("<"))
        return rng.integers(0, sizes[classes], sizes[samples])
    shape = []
    for letter in letters.split(",") if letters else ():
        size = sizes.setdefault(letter, SIZES[len(sizes) % len(SIZES)])
        shape += [2, size] if letter == "..." else [size]
    return rng.random(shape) > 0.5 if kind == "bool" else rng.standard_normal(shape)


def _moved(init, rng, *arguments):
    """Draw parameters in double precision with biases that are not zero.

    With biases of zero, dead units would sit on the kink of relu.
    """
    params = init(rng, *arguments, dtype="float64")
    return {key: p + 0.1 * rng.standard_normal(p.shape) if key.endswith("bias") else p
            for key, p in params.items()}


def of_ops(rng):
    """Return points of `tinycaps.ops`, and of a fast twin."""
    draw = rng.standard_normal
    soft = dict(soft_targets=ops.soften(draw((4, 3)), 2.5), temperature=2.5)
    kernel = [draw((3, 3, 2, 3)), draw(3)]
    apart = draw(120).argsort().reshape(2, 5, 6, 2) / 50        # no window has two winners
    return {
        "mlp": ([_moved(ops.init_mlp, rng, (5, 6, 4, 3)), draw((4, 5))], {}),
        "conv2d": ([draw((2, 5, 6, 2)), *kernel], dict(stride=2, padding="same")),
        "fourier_conv2d": ([draw((2, 6, 6, 2)), *kernel], dict(stride=2)),
        "margin_loss": ([rng.random((4, 3))], dict(labels=rng.random((4, 3)) > 0.5)),
        "max_pool": ([apart], dict(size=3, stride=2)),
        "soft_cross_entropy": ([draw((4, 3))], soft),
        "kl_divergence": ([draw((4, 3))], soft),
    }


def of_capsules(rng):
    """Return points of `tinycaps.capsules` and of its fast twin."""
    config = capsules.CapsNetConfig(
        image_shape=(8, 8, 2), conv_channels=3, conv_kernel=3, primary_types=2, primary_dims=3,
        primary_kernel=3, primary_stride=2, classes=3, class_dims=4, decoder_hidden=(5, 6),
        reconstruction_weight=0.05)
    cnn = capsules.CNNConfig(image_shape=config.image_shape, channels=(2, 3), kernel=3,
                             hidden=(5, 4), classes=config.classes)
    net, baseline = _moved(capsules.init_capsnet, rng, config), _moved(capsules.init_cnn, rng, cnn)
    decoder = {key: p for key, p in net.items() if key.startswith("decoder")}
    encoder = {key: p for key, p in net.items() if key not in decoder}
    images, labels = rng.random((2, *config.image_shape)), rng.integers(0, config.classes, 2)
    masked = rng.standard_normal((2, config.classes, config.class_dims))
    mask = rng.random((2, cnn.hidden[-1])) > 0.5
    pairs, digits = np.array([[2, 0], [1, 2]]), rng.random((2, 2, *config.image_shape))
    return {
        "decoder": ([decoder, masked], dict(config=config)),
        "capsnet": ([encoder, images], dict(config=config)),
        "fast_capsnet": ([encoder], dict(x=images, config=config)),
        "capsnet_loss": ([net], dict(x=images, labels=labels, config=config)),
        "capsnet_multi_label_loss": (
            [net], dict(x=images, labels=pairs, digits=digits, config=config)),
        "cnn": ([baseline, images], dict(config=cnn, mask=mask)),
        "cnn_loss": ([baseline], dict(x=images, labels=labels, config=cnn, mask=mask)),
        "cnn_multi_label_loss": ([baseline], dict(x=images, labels=pairs, config=cnn)),
    }


def of_forward_forward(rng):
    """Return points of `tinycaps.forward_forward`."""
    draw = rng.standard_normal
    layer = dict(x_pos=draw((4, 6)), x_neg=draw((4, 6)), mean_activity=draw(5), exact=True)
    return {
        "goodness_loss": ([5 + draw(4), 5 + draw(4)], dict(theta=5.0)),
        "ff_layer_loss": ([0.5 * draw((6, 5)), draw(5)], layer),
    }


def of_distillation(rng):
    """Return points of `tinycaps.distillation`."""
    draw, sizes = rng.standard_normal, (5, 6, 3)
    soft = dict(soft_targets=ops.soften(draw((4, 3)), 2.5), temperature=2.5)
    piece = dict(hardware=distillation.draw_hardware(rng, sizes, dtype="float64"),
                 noise=[draw((4, 6)), draw((4, 3))])
    return {
        "distillation_loss": ([draw((4, 3))], dict(labels=rng.integers(0, 3, 4), **soft)),
        "hardware_mlp": ([_moved(ops.init_mlp, rng, sizes)], dict(x=draw((4, 5)), **piece)),
    }


ROOMS = (of_ops, of_capsules, of_forward_forward, of_distillation)
