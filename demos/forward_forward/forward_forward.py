"""Layers that learn alone, without backpropagation: forward-forward (Hinton 2022).

Every layer sees real images with their true label in the first pixels, positive data, and the same
with a wrong label, negative data. It makes its own goodness, the sum of its squared activities,
large for the one and small for the other; no gradient comes down from the layers above. An image is
classified by trying every label, or by a softmax on the layers' activities, or by trying the five
best labels of the softmax, the shortlist. What you will see: the goodness of positive and negative
data in each layer while it learns, the errors of the three readouts, and in --out

    learning_curves.png       the loss of the training batches, the errors of the readouts
    layer_curves.png          how each layer separates positive from negative data, and its error
    goodness_histograms.png   how far apart positive and negative data are at the end
    receptive_fields.png      what units of the first layer respond to, and their weights of labels
    label_goodness.png        some images, and the goodness with each label

With --negatives hybrid the layers learn without labels, and only a softmax on top of them sees any.
The control is the same softmax on layers that stay as they were drawn: it too learns most of the
task. On the digits, with five seeds, it makes 13, 6, 14, 10, 14 errors of 360, and on trained
layers 8, 11, 5, 7, 7: fewer with four of the seeds.

    python -m demos forward_forward                        a minute
    python -m demos forward_forward --negatives hybrid     without labels: a mixture of two images
                                                           is negative; then a softmax on top
    python -m demos forward_forward --goal minimise        little goodness for positive data
    python -m demos forward_forward --data mnist           Hinton's 3 x 1000 units, half an hour

A run that was killed goes on with --resume. The test images are read once, at the end; --hold-out N
evaluates on N training images instead. The last line of the default, an image or two more or less
on another BLAS:
test error 1.39 % by goodness, 1.11 % by softmax, 1.39 % by the shortlist (5, 4, 5 of 360 wrong)
"""
import dataclasses
import zlib
from functools import partial

import numpy as np

from demos.forward_forward.report import (RANDOM, READOUTS, describe_errors, draw, layer_table,
                                          print_table, show)
from demos.harness.arguments import (add_training_arguments, describe_defaults, fill_in,
                                     make_parser, not_negative, positive_number, whole_number)
from demos.harness.data import (augmentation, count_classes, judged, load_data, subsample,
                                watched)
from demos.harness.learn import check_begun, describe_training, learn, optimiser
from demos.harness.record import Record, write_log
from demos.harness.run import exit_code, prepare
from tinycaps.backend import asarray, to_numpy
from tinycaps.forward_forward import (FFConfig, ff_features, ff_forward, ff_update,
                                      hybrid_negatives, init_ff, layer_report, make_room,
                                      predictor_gradients, predictor_logits, readout_errors,
                                      supervised_gradients, unsupervised_gradients, write_labels,
                                      wrong_labels)

SMALL = dict(hidden=[300, 300, 300], epochs=100, batch=20, learning_rate=5e-4, weight_decay=0.004,
             label_strength=1.0, shift=0, warp=True, predictor_epochs=50, evaluate_every=10)
LARGE = dict(hidden=[1000, 1000, 1000], epochs=100, batch=100, learning_rate=5e-4,
             weight_decay=0.004, label_strength=1.0, shift=0, warp=False, predictor_epochs=20,
             evaluate_every=5)
QUICK = dict(epochs=2, predictor_epochs=2)
SOFTMAX = "softmax.W", "softmax.bias"
"""Its parameters."""


def build_parser():
    """Return the argument parser."""
    parser, at_least_one = make_parser("forward_forward", __doc__), whole_number(1)
    add, defaults = parser.add_argument, partial(describe_defaults, SMALL, LARGE)
    add("--negatives", choices=("hard", "random", "hybrid"), default="hard",
        help="images with a wrong label that the network finds likely, or with any wrong label, or "
             "mixtures of two images, to learn without labels (default hard)")
    add("--goal", choices=("maximise", "minimise"), default="maximise",
        help="what to do with the goodness of positive data (default maximise)")
    add("--hidden", nargs="+", type=at_least_one, metavar="N",
        help=f"units of each layer; {defaults('hidden')}")
    add_training_arguments(parser, SMALL, LARGE, "the layers; it falls to zero in the second half")
    add("--weight-decay", type=not_negative, metavar="X",
        help=f"of the layers; {defaults('weight_decay')}")
    add("--label-strength", type=positive_number, metavar="X",
        help=f"value of the label pixel; {defaults('label_strength')}")
    add("--theta", type=positive_number, metavar="X",
        help="threshold on goodness; default: the number of units of a layer")
    add("--predictor-epochs", type=at_least_one, metavar="N",
        help=f"of the softmax that follows with hybrid; {defaults('predictor_epochs')}")
    add("--evaluate-every", type=at_least_one, metavar="N",
        help=f"epochs; {defaults('evaluate_every')}")
    return parser


def fit_config(arguments, data):
    """Return the network that the arguments ask for."""
    classes = count_classes(data)
    if classes < 2:
        raise ValueError(f"classes: got {classes}, wanted at least 2: with a single class no label "
                         "is wrong")
    return FFConfig(image_shape=data.train_images.shape[1:], classes=classes,
                    hidden=arguments.hidden, theta=arguments.theta, goal=arguments.goal,
                    label_strength=arguments.label_strength)


def with_room(data, arguments):
    """Return the data with room for the label, if there is to be one, and what moves a batch."""
    move = augmentation(arguments)
    if arguments.negatives == "hybrid":
        if len(data.train_images) % arguments.batch == 1:
            raise ValueError(f"batch: got {arguments.batch}, which leaves one of the "
                             f"{len(data.train_images)} training images alone, wanted another: "
                             "two are mixed")
        return data, move
    train_images, test_images = make_room(data.train_images, data.test_images,
                                          classes=count_classes(data))
    rows = train_images.shape[1] - data.train_images.shape[1]

    def move_below_the_label(batch, rng):
        images, labels = batch
        below, labels = move((images[:, rows:], labels), rng)
        return np.concatenate([images[:, :rows], below], axis=1), labels
    return data._replace(train_images=train_images, test_images=test_images), move_below_the_label


def on_device(arrays, arguments):
    """Return images and labels where the network lies."""
    return [asarray(array, arguments.device) for array in arrays]


def samples(params, images, labels, config, arguments):
    """Return positive and negative data as in training, the same each time for one predictor."""
    rng = np.random.default_rng(arguments.seed)
    if arguments.negatives == "hybrid":
        return [x.reshape(len(x), -1) for x in (images, hybrid_negatives(images, rng))]
    hard = arguments.negatives == "hard"
    logits = predictor_logits(params, images, config) if hard else None
    wrong = wrong_labels(labels, config.classes, rng, logits)
    return [write_labels(images, each, config.classes, config.label_strength)
            for each in (labels, wrong)]


def errors_of(params, images, labels, config, arguments):
    """Return the error rate of each readout."""
    if arguments.negatives == "hybrid":
        logits = predictor_logits(params, images, config, neutral=False)
        return {"softmax": float((logits.argmax(axis=1) != labels).mean())}
    return readout_errors(params, images, labels, config)


def describe(name, arguments, config, epochs, **settings):
    """Return the Training of the layers, or of the softmax on top of them."""
    names = "negatives", "weight_decay", "shift", "warp"
    return describe_training(
        name, arguments, epochs=epochs, learning_rate=arguments.learning_rate,
        config=dataclasses.asdict(config), **{name: getattr(arguments, name) for name in names},
        **settings)


def fit(training, arguments, data, augment, config):
    """Train the layers and the softmax; return parameters, log, seconds and the control's params.

    The control is the same softmax on layers that stay as they were drawn; without hybrid negatives
    there is none.
    """
    shown = on_device(subsample(*data[:2]), arguments)
    evaluated = on_device(watched(arguments, data), arguments)
    hybrid, hard = arguments.negatives == "hybrid", arguments.negatives == "hard"

    def layers(params):
        losses, caches = ff_forward(params, *samples(params, *shown, config, arguments), config)
        return {"sample loss": float(sum(losses)) / len(losses)} | layer_report(caches, config)

    def errors(params):
        found = errors_of(params, *evaluated, config, arguments)
        return {f"error {name}": error for name, error in found.items()}

    def gradients(params, batch, now):
        if hybrid:
            return unsupervised_gradients(params, *batch, now.rng, config)
        return supervised_gradients(params, *batch, now.rng, config, hard)

    teach = partial(
        learn, arrays=(data.train_images, data.train_labels), arguments=arguments, augment=augment,
        update=optimiser(partial(ff_update, weight_decay=arguments.weight_decay), arguments),
        evaluate_every=arguments.evaluate_every, show=show)
    if not hybrid:
        return *teach(training, draw_start(arguments, config), gradients,
                      evaluate=lambda params: layers(params) | errors(params)), None

    params = {key: p for key, p in draw_start(arguments, config).items() if key not in SOFTMAX}
    params, log, seconds = teach(training, params, gradients, evaluate=layers)
    fitted = []
    for name, below in ("softmax", params), (RANDOM, draw_start(arguments, config)):
        print(f"now a {READOUTS[name]}", flush=True)
        predictor, more, rest = fit_softmax(
            name, below, teach, arguments, config,
            evaluate=lambda params: {f"error {name}": errors(params)["error softmax"]})
        fitted.append(below | predictor)
        log, seconds = log + [line for line in more if "loss" not in line], seconds + rest
    params, control = fitted
    return params, log, seconds, control


def draw_start(arguments, config):
    """Return the first parameters of a training, where the network lies."""
    params = init_ff(np.random.default_rng(arguments.seed), config)
    return {key: asarray(p, arguments.device) for key, p in params.items()}


def fit_softmax(name, params, teach, arguments, config, evaluate):
    """Train a softmax on layers that stay as they are."""
    def gradients(predictor, batch, now):
        images, labels = batch
        features = ff_features(params, images.reshape(len(images), -1), config)
        return predictor_gradients(predictor, features, labels)[:2]

    below = zlib.crc32(b"".join(to_numpy(p).tobytes() for key, p in params.items()
                                if key not in SOFTMAX))
    training = describe(f"forward_forward {READOUTS[name]}", arguments, config,
                        arguments.predictor_epochs, layers_crc32=below)
    predictor = {key: draw_start(arguments, config)[key] for key in SOFTMAX}
    return teach(training, predictor, gradients,
                 evaluate=lambda predictor: evaluate(params | predictor))


def main(argv):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = Record("forward_forward", argv, arguments)
    prepare(arguments)
    data = load_data(arguments)
    fill_in(arguments, data, SMALL, LARGE, QUICK)
    data, augment = with_room(data, arguments)
    config = fit_config(arguments, data)
    training = describe(f"forward_forward {arguments.negatives} {arguments.goal}", arguments,
                        config, arguments.epochs)
    check_begun(arguments, training)
    size = sum(p.size for key, p in init_ff(np.random.default_rng(0), config).items()
               if not key.endswith("mean_activity"))
    print(f"{len(data.train_images):,} images of {'x'.join(map(str, config.image_shape))}, "
          f"{config.classes} classes; layers of {', '.join(map(str, config.hidden))}, {size:,} "
          f"parameters; {arguments.negatives} negatives", flush=True)

    params, log, seconds, control = fit(training, arguments, data, augment, config)
    errors = errors_of(params, *on_device(data[2:], arguments), config, arguments)
    if control:
        of_control = errors_of(control, *on_device(data[2:], arguments), config, arguments)
        errors[RANDOM] = of_control["softmax"]
    shown = samples(params, *on_device(subsample(*data[2:]), arguments), config, arguments)
    _, caches = ff_forward(params, *shown, config)
    layers = layer_table(layer_report(caches, config), errors)
    print_table(layers)
    write_log(arguments, log)
    (word, whose), count = judged(arguments), len(data.test_images)
    wrong = {name: round(error * count) for name, error in errors.items()}
    readouts = [name for name in READOUTS if name in errors]
    rival = {"baseline": errors[RANDOM]} if control else {}
    record.write(errors[readouts[0]], **rival, errors=errors, wrong=wrong, judged=count,
                 judged_on=whose, layers=layers, epochs=arguments.epochs,
                 training_minutes=round(seconds / 60, 2), parameters=size,
                 config=dataclasses.asdict(config),
                 evaluations=[line for line in log if "loss" not in line])
    draw(params, data, config, caches, log, arguments)
    print(f"trained in {seconds:.0f} s; figures and run.json are in {arguments.out}, the "
          f"checkpoint in {training.folder}")
    numbers = ", ".join(str(wrong[name]) for name in readouts)
    print(f"{word} error {describe_errors(errors)} ({numbers} of {count:,} wrong)")
    return exit_code(arguments, errors[readouts[0]])
