"""Every backward of the package, proven to be the derivative of its forward.

Each pair of `tinycaps.ops`, `capsules`, `forward_forward` and `distillation`, from relu to the whole networks, is run at a random
point in double precision; the derivative of its forward by every input is measured and compared with what its backward returns. You
see one table, one row for each array, with the entry (or the random direction) where it came off worst: the analytic gradient, the
measured one, the estimated error of the measurement, and the complex step as a second witness. No tolerance is chosen: "ok" means
that the gradient lies within eight estimated errors of what was measured, and that these are small enough to prove it.

The figure step_size.png shows why a single step would not do. It looks at one entry of the votes of dynamic routing. Large steps
suffer from truncation and small ones from rounding; in between, forward differences reach 8 digits and central ones 11, at
different steps. Ridders' extrapolation finds 13 by itself, and knows how many it has found. The complex step takes no difference: on
the right it is off by as much as the central one, on the left it is exact.

    python -m demos.gradient_check_tour          some 10 seconds; exit code 1 if a gradient is wrong or a pair is left out

The last line: 99 gradients of 33 pairs right, 0 wrong; estimated errors below 1e-08
"""
from functools import partial

import numpy as np
from tqdm import tqdm

from demos import command
from tinycaps import capsules as caps
from tinycaps import distillation as dist
from tinycaps import forward_forward as ff
from tinycaps import ops, plot
from tinycaps.gradcheck import Report, check_gradients, derivative

ENTRIES = 60
"""Arrays with more entries are checked along random directions."""
NO_PAIR = {"ff_forward"}
"""A forward whose backward is meant to be no derivative of it: a loss for each layer, and gradients that know of no other layer's."""


def tour(rng):
    """Yield forward, backward, the inputs to differentiate by, and the keywords of forward, for every pair of the package."""
    draw, labels = rng.standard_normal, rng.integers(0, 3, 4)
    yield ops.relu_forward, ops.relu_backward, [draw((4, 5))], {}
    yield ops.sigmoid_forward, ops.sigmoid_backward, [draw((4, 5))], {}
    yield ops.softmax_forward, ops.softmax_backward, [draw((4, 5))], {}
    yield ops.cross_entropy_forward, ops.cross_entropy_backward, [draw((4, 3))], dict(labels=labels)
    yield ops.squared_error_forward, ops.squared_error_backward, [draw((4, 5))], dict(target=draw((4, 5)))
    yield ops.dropout_forward, ops.dropout_backward, [draw((4, 5))], dict(mask=rng.random((4, 5)) > 0.5)
    yield ops.linear_forward, ops.linear_backward, [draw((4, 5)), draw((5, 3)), draw(3)], {}
    yield ops.mlp_forward, _with_input(ops.mlp_backward), [_moved(ops.init_mlp, rng, (5, 6, 4, 3)), draw((4, 5))], {}
    yield ops.conv2d_forward, ops.conv2d_backward, [draw((2, 5, 6, 2)), draw((3, 3, 2, 3)), draw(3)], dict(stride=2, padding="same")
    yield ops.fourier_conv2d_forward, ops.fourier_conv2d_backward, [draw((2, 6, 6, 2)), draw((3, 3, 2, 3)), draw(3)], dict(stride=2)
    yield ops.max_pool_forward, ops.max_pool_backward, [draw((2, 5, 6, 2))], dict(size=3, stride=2)

    yield caps.squash_forward, caps.squash_backward, [draw((4, 3, 5))], {}
    yield caps.predictions_forward, caps.predictions_backward, [draw((2, 4, 3)), draw((4, 3, 5, 3))], {}
    yield caps.routing_forward, caps.routing_backward, [draw((2, 4, 3, 5))], {}
    yield caps.length_forward, caps.length_backward, [draw((4, 3, 5))], {}
    yield caps.margin_loss_forward, caps.margin_loss_backward, [rng.random((4, 3))], dict(labels=labels)
    yield caps.mask_forward, caps.mask_backward, [draw((4, 3, 5))], dict(labels=labels)

    net, config = _moved(caps.init_capsnet, rng, caps.DIGITS), dict(config=caps.DIGITS)
    decoder = {key: array for key, array in net.items() if key.startswith("decoder")}
    encoder = {key: array for key, array in net.items() if key not in decoder}
    images, digits = rng.random((2, *caps.DIGITS.image_shape)), rng.integers(0, 10, 2)
    masked = draw((2, caps.DIGITS.classes, caps.DIGITS.class_dims))
    yield caps.decoder_forward, caps.decoder_backward, [decoder, masked], config
    yield caps.capsnet_forward, _with_input(caps.capsnet_backward), [encoder, images], config
    yield caps.fast_capsnet_forward, caps.fast_capsnet_backward, [encoder], dict(x=images, **config)
    yield caps.capsnet_loss_forward, caps.capsnet_loss_backward, [net], dict(x=images, labels=digits, **config)

    cnn, config = _moved(caps.init_cnn, rng, caps.CNN_DIGITS), dict(config=caps.CNN_DIGITS)
    config |= dict(mask=rng.random((2, caps.CNN_DIGITS.hidden[-1])) > 0.5)
    yield caps.cnn_forward, _with_input(caps.cnn_backward), [cnn, images], config
    yield caps.cnn_loss_forward, caps.cnn_loss_backward, [cnn], dict(x=images, labels=digits, **config)

    yield ff.goodness_forward, ff.goodness_backward, [draw((4, 5))], {}
    yield ff.goodness_loss_forward, ff.goodness_loss_backward, [5 + draw(4), 5 + draw(4)], dict(theta=5.0)
    yield ff.length_normalise_forward, ff.length_normalise_backward, [draw((4, 5))], {}
    yield ff.peer_normalisation_forward, ff.peer_normalisation_backward, [draw((4, 5))], dict(mean_activity=draw(5))
    layer = dict(x_pos=draw((4, 6)), x_neg=draw((4, 6)), mean_activity=draw(5), exact=True)
    yield ff.ff_layer_loss_forward, ff.ff_layer_loss_backward, [0.5 * draw((6, 5)), draw(5)], layer

    soft = dict(soft_targets=dist.soften(draw((4, 3)), 2.5), temperature=2.5)
    yield dist.soft_cross_entropy_forward, dist.soft_cross_entropy_backward, [draw((4, 3))], soft
    yield dist.kl_divergence_forward, dist.kl_divergence_backward, [draw((4, 3))], soft
    yield dist.distillation_loss_forward, dist.distillation_loss_backward, [draw((4, 3))], dict(labels=labels, **soft)
    yield dist.logit_matching_forward, dist.logit_matching_backward, [draw((4, 3))], dict(teacher_logits=draw((4, 3)))
    piece = dict(x=draw((4, 5)), hardware=dist.draw_hardware(rng, (5, 6, 3), dtype="float64"), noise=[draw((4, 6)), draw((4, 3))])
    yield dist.hardware_mlp_forward, dist.hardware_mlp_backward, [_moved(ops.init_mlp, rng, (5, 6, 3))], piece


def _with_input(backward):
    return partial(backward, input_gradient=True)


def _moved(init, rng, *arguments):
    """Draw parameters in double precision, and biases that are not zero: at zero, dead units sit on the kink of relu."""
    params = init(rng, *arguments, dtype="float64")
    return {key: array + 0.1 * rng.standard_normal(array.shape) if key.endswith("bias") else array for key, array in params.items()}


def all_pairs():
    """Return the names of all forwards of the package that have a derivative."""
    return {name for room in (ops, caps, ff, dist) for name in room.__all__ if name.endswith("_forward")} - NO_PAIR


def check_all(seed):
    """Check every pair; return the names of the forwards, and one Report whose parameters are called by pair and name."""
    names, rows, problems = [], [], []
    for forward, backward, inputs, keywords in tqdm(list(tour(np.random.default_rng(seed))), disable=None, leave=False):
        report = check_gradients(forward, backward, *inputs, seed=seed, max_entries=ENTRIES, **keywords)
        pair = forward.__name__.removesuffix("_forward")
        names.append(forward.__name__)
        rows += [row._replace(name=f"{pair}: {row.name}") for row in report.rows]
        problems += [f"{pair}: {problem}" for problem in report.problems]
    problems += [f"{name}: not on the tour" for name in sorted(all_pairs() - set(names))]
    return names, Report(rows, problems)


def step_size_figure(seed):
    """Measure one derivative of routing with steps of all sizes, and draw how far off each is."""
    rng = np.random.default_rng(seed)
    u_hat, dv = rng.standard_normal((1, 6, 3, 4)), rng.standard_normal((1, 3, 4))
    gradient = caps.routing_backward(dv, caps.routing_forward(u_hat)[1])
    entry = np.unravel_index(abs(gradient).argmax(), gradient.shape)
    truth = gradient[entry]

    def f(h):
        moved = u_hat.astype(type(h))
        moved[entry] += h
        return caps.routing_forward(moved)[0].ravel()

    def relative(value):
        return max(abs(value / truth - 1), np.finfo(float).eps / 2)         # zero has no place on a logarithmic axis

    weights, steps = dv.ravel(), 10.0 ** np.arange(0, -15.1, -0.25)
    found = derivative(f, weights, scale=abs(truth))
    curves = {
        "forward difference": [relative(weights @ (f(h) - f(0.0)) / h) for h in steps],
        "central difference": [relative(weights @ (f(h) - f(-h)) / (2 * h)) for h in steps],
        "complex step": [relative(weights @ f(1j * h).imag / h) for h in steps],
    }
    levels = {"Ridders' extrapolation": relative(found.value), "its estimate of its error": found.error / abs(truth)}
    return plot.step_size_errors({label: (steps, errors) for label, errors in curves.items()}, levels)


def main(argv=None):
    """Run the demo; return its exit code."""
    arguments = command.parser("gradient_check_tour", __doc__).parse_args(argv)
    record = command.Record("gradient_check_tour", argv, arguments)
    command.prepare(arguments)
    names, report = check_all(arguments.seed)
    print(report)
    plot.save(step_size_figure(arguments.seed), arguments.out / "step_size.png")
    right = sum(row.verdict == "ok" for row in report.rows)
    wrong = len(report.rows) - right + len(report.problems)
    error = max(row.error for row in report.rows)
    record.write(gradients=len(report.rows), pairs=len(names), wrong=wrong, largest_error=error, problems=report.problems,
                 rows=report.as_dicts())
    print(f"figure and run.json are in {arguments.out}")
    print(f"{right} gradients of {len(names)} pairs right, {wrong} wrong; estimated errors below "
          f"{10 ** np.ceil(np.log10(error)):.0e}")
    return int(wrong > 0)


if __name__ == "__main__":
    command.run(main)
