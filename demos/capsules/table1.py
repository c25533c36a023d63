"""Table 1 of the CapsNet paper, measured: routing rounds and the decoder (Sabour et al. 2017).

Each row is the published CapsNet, trained from random weights on MNIST as in the paper: images
moved by up to two pixels, Adam, a learning rate that decays exponentially. Its number of epochs is
fixed beforehand. The test images choose nothing and are read once for each row. What you will see:
the errors of all rows alongside the published ones, a sign test for each two rows, and in --out

    learning_curves.png     the error of each row after each epoch, on up to 1,000 training images
    misclassified-ROW.png   the test images that a row with a decoder gets wrong (at most 240),
                            redrawn from the longest capsule and from the capsule of the label
    ROW.npz                 the trained network in half precision, for any demo with --checkpoint

    python -m demos table1                  all rows, eight epochs each: two hours
    python -m demos table1 --rows r3-reconstruction --epochs 50 --out out/table1-50
                                            the main row as long as it pays, four hours
    python -m demos table1 --quick          does it run at all? the small network, 5 seconds

After a kill the same command with --resume goes on. --hold-out 5000 evaluates on 5,000 training
images instead, for choosing the rate and its decay. --min-accuracy applies to the last row in the
order of the paper. The last line of the default:
test error 0.49 % of r3-reconstruction (49 of 10,000 wrong)
"""
import dataclasses
import itertools
import math

import numpy as np

from demos.capsules import capsnet
from demos.harness.arguments import fill_in, make_parser
from demos.harness.data import judged, load_data, watched_on
from demos.harness.learn import check_begun
from demos.harness.record import Record
from demos.harness.run import exit_code, prepare
from tinycaps import plot
from tinycaps.backend import asarray, get_xp, to_numpy
from tinycaps.capsules import capsnet_forward, length_forward, save_capsnet

ROWS = {"r1": (1, False), "r1-reconstruction": (1, True),
        "r3": (3, False), "r3-reconstruction": (3, True)}
"""Routing rounds, and whether there is a decoder."""
PUBLISHED = {"r1": "0.34 ± 0.032", "r1-reconstruction": "0.29 ± 0.011",
             "r3": "0.35 ± 0.036", "r3-reconstruction": "0.25 ± 0.005"}
"""Test error in %, mean and standard deviation of three trials (S17 Table 1)."""
RERUN = {"r1": "0.39 ± 0.024", "r1-reconstruction": "0.36 ± 0.009",
         "r3": "0.40 ± 0.016", "r3-reconstruction": "0.34 ± 0.016"}
"""The same of XifengGuo's CapsNet-Keras after 50 epochs; whether of the last or of the best one, it
does not say."""
LARGE = capsnet.LARGE | dict(epochs=8)
SHOWN = 240
"""Misclassified images, at most, that are drawn."""


def build_parser():
    """Return the argument parser."""
    parser = make_parser("table1", __doc__)
    parser.add_argument("--rows", nargs="+", choices=["all", *ROWS], default=["all"], metavar="ROW",
                        help=f"all (default), or any of {', '.join(ROWS)}")
    capsnet.add_arguments(parser, LARGE)
    parser.set_defaults(data=None)
    return parser


def choose_data(arguments):
    """Set --data: MNIST, or the embedded digits where nothing but speed matters."""
    if arguments.data == "digits" and not arguments.quick:
        raise ValueError("data: got digits, wanted mnist, fashion-mnist or FILE.npz: 360 test "
                         "images are too few to tell the rows apart (--quick takes digits)")
    arguments.data = arguments.data or ("digits" if arguments.quick else "mnist")


def describe_row(row, arguments, data):
    """Return the config of a row and its Training."""
    rounds, decoded = ROWS[row]
    config = capsnet.fit_config(data, rounds)
    if not decoded:
        config = dataclasses.replace(config, reconstruction_weight=0)
    return config, capsnet.describe(f"table1 {row}", arguments, data, config)


def draw_misclassified(params, config, images, labels, path):
    """Draw images, redrawn from the capsule that is longest and from the capsule of the label."""
    v, _ = capsnet_forward(params, images, config)
    lengths = to_numpy(length_forward(v)[0])
    found = lengths.argmax(axis=1)
    captions = [f"{label} ({length[label]:.2f})\nas {k} ({length[k]:.2f})"
                for label, k, length in zip(labels, found, lengths)]
    xp = get_xp(v)
    rows = {"image": to_numpy(images),
            "as read": capsnet.redraw(params, v, xp.asarray(found), config),
            "as labelled": capsnet.redraw(params, v, xp.asarray(labels), config)}
    wrong = np.zeros(len(found), bool)
    plot.save(plot.image_table(rows, captions, wrong), path)


def uncertainty(wrong, count):
    """Return the binomial standard deviation of an error rate of wrong / count."""
    return math.sqrt(wrong * (count - wrong) / count ** 3)


def compare(misclassified):
    """Return for each two rows the images that only one of them misclassifies, and McNemar's p.

    Were both equally good, the images that only one of them misclassifies would be shared out by
    the toss of a coin: p is the probability of sharing them out as unequally as this, or more.
    """
    from scipy.stats import binomtest
    pairs = []
    for one, other in itertools.combinations(misclassified, 2):
        a, b = set(misclassified[one]), set(misclassified[other])
        counts = [len(a - b), len(b - a)]
        p = binomtest(counts[0], sum(counts)).pvalue if any(counts) else 1.0
        pairs.append({"rows": [one, other], "misclassified by one": counts, "p": float(p)})
    return pairs


def table(wrong, count, word, others):
    """Yield the lines of the table; others: what else is known of each row, by its heading."""
    yield f"{'':20}{'errors':>8}{word + ' error %':>20}" + "".join(f"{name:>16}" for name in others)
    for row, number in wrong.items():
        found = f"{100 * number / count:.2f} ± {100 * uncertainty(number, count):.2f}"
        yield f"{row:20}{number:8}{found:>20}" + "".join(f"{each[row]:>16}"
                                                         for each in others.values())
    rest = "; of the others: other first weights, in three trials" if others else ""
    yield f"±: binomial, what other test images would do{rest}"


def main(argv):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    choose_data(arguments)
    record = Record("table1", argv, arguments)
    prepare(arguments)
    data = load_data(arguments)
    fill_in(arguments, data, capsnet.SMALL, LARGE)
    rows = {row: describe_row(row, arguments, data)
            for row in ROWS if row in arguments.rows or "all" in arguments.rows}
    check_begun(arguments, *(training for _, training in rows.values()))
    count, (word, whose) = len(data.test_labels), judged(arguments)
    misclassified, curves, minutes = {}, {}, {}
    for row, (config, training) in rows.items():
        goes_on = arguments.resume and training.begun
        print(f"{row}: {f'goes on from {training.folder}' if goes_on else 'begins'}", flush=True)
        params, log, seconds = capsnet.fit(training, arguments, data, config)
        network = capsnet.choose(arguments, config)[0]
        found = capsnet.classify(params, data.test_images, arguments, config, network)
        misclassified[row] = np.flatnonzero(found != data.test_labels).tolist()
        curves[row] = [(line["epoch"], line["error"]) for line in log if "error" in line]
        minutes[row] = round(seconds / 60, 1)
        if config.reconstruction_weight and misclassified[row]:
            shown = misclassified[row][:capsnet.ACROSS if arguments.quick else SHOWN]
            images = asarray(data.test_images[shown], arguments.device)
            draw_misclassified(params, config, images, data.test_labels[shown],
                               arguments.out / f"misclassified-{row}.png")
        save_capsnet(arguments.out / f"{row}.npz", params, training.settings)
        print(f"{row}: {len(misclassified[row])} of {count:,} {word} images misclassified, trained "
              f"in {seconds:.0f} s", flush=True)

    plot.save(plot.error_curves({watched_on(arguments): {"curves": curves}}, "epoch"),
              arguments.out / "learning_curves.png")
    wrong = {row: len(which) for row, which in misclassified.items()}
    pairs, last = compare(misclassified), [*rows][-1]
    error = wrong[last] / count
    record.write(error, wrong=wrong, judged=count, judged_on=whose,
                 uncertainty={row: uncertainty(number, count) for row, number in wrong.items()},
                 misclassified=misclassified, pairs=pairs, training_minutes=minutes,
                 learning_curves=curves)
    for pair in pairs:
        (one, other), (a, b) = pair["rows"], pair["misclassified by one"]
        print(f"{one} alone misclassifies {a}, {other} alone {b}: p = {pair['p']:.2g} by the sign "
              "test, if both were equally good")
    others = {"paper": PUBLISHED, "Keras rerun": RERUN} if arguments.data == "mnist" else {}
    print("\n".join(table(wrong, count, word, others)))
    print(f"{word} error {100 * error:.2f} % of {last} ({wrong[last]} of {count:,} wrong)")
    return exit_code(arguments, error)
