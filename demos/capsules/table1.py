"""Table 1 of the paper, measured: routing in one round or three, with and without reconstruction (Sabour, Frosst, Hinton 2017).

Each row is the published CapsNet, trained from nothing on MNIST as in the paper: images moved by up to two pixels, Adam, a learning rate
that decays exponentially. Its number of epochs is fixed beforehand. The test images choose nothing and are read once for each row. Then
it draws, into --out:

    learning_curves.png     the error of each row after each epoch, on up to 1,000 training images, not moved
    misread-ROW.png         all test images that a row with a decoder misreads (or the first 240), redrawn from the capsule that it
                            took for the right one and from the capsule of the label
    ROW.npz                 the trained network in half precision (MNIST: 16 MB), for every demo that has a --checkpoint

    python -m demos.table1                                                          the whole table, eight epochs a row: two hours
    python -m demos.table1 --rows r3-reconstruction --epochs 50 --out out/table1-50 the main row, four hours
    python -m demos.table1 --data digits                                            the same question to the embedded digits, two minutes

After a kill the same command with --resume goes on from the last minute's checkpoint. --hold-out 5000 judges on so many training images
instead, for choosing the rate and its decay. --min-accuracy is asked of the last row in the order of the paper.
"""
import dataclasses
import itertools
import math

import numpy as np

from demos import capsnet, command, training
from tinycaps import plot
from tinycaps.backend import asarray, get_xp, to_numpy
from tinycaps.capsules import capsnet_forward, length_forward, predict, save_capsnet

ROWS = {"r1": (1, False), "r1-reconstruction": (1, True), "r3": (3, False), "r3-reconstruction": (3, True)}
"""Routing rounds, and whether there is a decoder."""
PUBLISHED = {"r1": "0.34 ± 0.032", "r1-reconstruction": "0.29 ± 0.011", "r3": "0.35 ± 0.036", "r3-reconstruction": "0.25 ± 0.005"}
"""Test error in %, mean and standard deviation of three trials (S17 Table 1)."""
RERUN = {"r1": "0.39 ± 0.024", "r1-reconstruction": "0.36 ± 0.009", "r3": "0.40 ± 0.016", "r3-reconstruction": "0.34 ± 0.016"}
"""The same of XifengGuo's CapsNet-Keras, 50 epochs; whether of the last epoch or of the best is not told."""
LARGE = capsnet.LARGE | dict(epochs=8)
SHOWN = 240
"""Misread images, at most, that are drawn."""


def build_parser():
    """Return the argument parser."""
    p = command.parser("table1", __doc__)
    p.add_argument("--rows", nargs="+", choices=["all", *ROWS], default=["all"], metavar="ROW",
                   help=f"all (default), or some of {', '.join(ROWS)}")
    capsnet.add_arguments(p, LARGE, data="mnist")
    return p


def folder_of(row, arguments):
    """Return where the checkpoint of a row lies."""
    held_out = f"-held-out-{arguments.hold_out}" if arguments.hold_out else ""
    return training.run_folder(f"table1-{row}-{arguments.epochs}{held_out}", arguments)


def train_row(row, arguments, data, resume):
    """Train a row, or go on with it; return its params, its config, its log and the seconds."""
    rounds, decoded = ROWS[row]
    config, folder = capsnet.fit_config(data, rounds), folder_of(row, arguments)
    if not decoded:
        config = dataclasses.replace(config, reconstruction_weight=0)
    print(f"{row}: goes on from {folder}" if resume else f"{row}: begins", flush=True)
    params, log, seconds = capsnet.fit(arguments, data, config, folder, training.watched(arguments, data), resume)
    return params, config, log, seconds


def draw_misread(params, config, images, labels, path):
    """Draw images, redrawn from the capsule that is longest and from that of the label."""
    v, _ = capsnet_forward(params, images, config)
    lengths = to_numpy(length_forward(v)[0])
    found = lengths.argmax(axis=1)
    captions = [f"{label} ({length[label]:.2f})\nas {k} ({length[k]:.2f})" for label, k, length in zip(labels, found, lengths)]
    redrawn = {"as read": capsnet.redraw(params, v, get_xp(v).asarray(found), config),
               "as labelled": capsnet.redraw(params, v, get_xp(v).asarray(labels), config)}
    plot.save(plot.reconstructions(to_numpy(images), redrawn, captions, np.zeros(len(found), bool)), path)


def uncertainty(wrong, count):
    """Return the standard deviation of the error of a network that misreads so many of so many images, binomial."""
    return math.sqrt(wrong * (count - wrong) / count ** 3)


def compare(misread):
    """Return, for every two rows, how many images only the one and only the other misreads, and the p of the exact sign test (McNemar's).

    Were both equally good, the images that only one of them misreads would be shared out by the toss of a coin: p is how often it would
    share them out as unequally as this, or more.
    """
    from scipy.stats import binomtest
    pairs = []
    for one, other in itertools.combinations(misread, 2):
        counts = [len(set(misread[a]) - set(misread[b])) for a, b in ((one, other), (other, one))]
        p = binomtest(counts[0], sum(counts)).pvalue if any(counts) else 1.0
        pairs.append({"rows": [one, other], "only misread by": counts, "p": float(p)})
    return pairs


def main(argv=None):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = command.Record("table1", argv, arguments)
    command.prepare(arguments)
    data = training.load_data(arguments)
    training.fill_in(arguments, data, capsnet.SMALL, LARGE)
    rows = [row for row in ROWS if row in arguments.rows or "all" in arguments.rows]
    folders = {row: folder_of(row, arguments) for row in rows}
    begun = [row for row, folder in folders.items() if (folder / "checkpoint.npz").exists()]
    if arguments.resume and not begun:
        raise FileNotFoundError(f"resume: got no checkpoint in {' or '.join(map(str, folders.values()))}, wanted one to go on from: give "
                                "the rows, epochs and seed of the run that was stopped, or leave out --resume")
    count, (word, judged_on) = len(data.test_labels), training.judged(arguments)
    images, misread, curves, minutes = asarray(data.test_images, arguments.device), {}, {}, {}
    for row in rows:
        with training.resumable(*folders.values()):
            params, config, log, seconds = train_row(row, arguments, data, arguments.resume and row in begun)
        found = to_numpy(predict(params, images, config, arguments.batch, capsnet.choose(arguments, config)[0]))
        misread[row] = np.flatnonzero(found != data.test_labels).tolist()
        curves[row], minutes[row] = [(line["epoch"], line["error"]) for line in log if "error" in line], round(seconds / 60, 1)
        if config.reconstruction_weight and misread[row]:
            shown = misread[row][:SHOWN]
            draw_misread(params, config, images[shown], data.test_labels[shown], arguments.out / f"misread-{row}.png")
        save_capsnet(arguments.out / f"{row}.npz", params, capsnet.describe(arguments, data, config))
        print(f"{row}: {len(misread[row])} of {count:,} {word} images misread, trained in {seconds:.0f} s", flush=True)

    watched_on = judged_on if arguments.hold_out else f"{len(training.watched(arguments, data)[1]):,} training images, not moved"
    plot.save(plot.error_curves({watched_on: {"curves": curves}}, "epoch"), arguments.out / "learning_curves.png")
    wrong, pairs = {row: len(which) for row, which in misread.items()}, compare(misread)
    sigma = {row: uncertainty(number, count) for row, number in wrong.items()}
    record.write(wrong=wrong, judged=count, judged_on=judged_on, uncertainty=sigma, misread=misread, pairs=pairs,
                 training_minutes=minutes, learning_curves=curves)
    for pair in pairs:
        (one, other), (a, b) = pair["rows"], pair["only misread by"]
        print(f"{one} alone misreads {a}, {other} alone {b}: p = {pair['p']:.2g} by the sign test, if both were equally good")
    others = {"paper": PUBLISHED, "Keras rerun": RERUN} if arguments.data == "mnist" else {}
    print("".join([f"{'':20}{'errors':>8}{word + ' error %':>20}", *(f"{name:>16}" for name in others)]))
    for row in rows:
        found = f"{100 * wrong[row] / count:.2f} ± {100 * sigma[row]:.2f}"
        print("".join([f"{row:20}{wrong[row]:8}{found:>20}", *(f"{other[row]:>16}" for other in others.values())]))
    rest = "; of the others: what other first weights did, in three trials" if others else ""
    print(f"±: binomial, what other test images would do{rest}")
    last = rows[-1]
    print(f"{word} error {100 * wrong[last] / count:.2f} % of {last} ({wrong[last]} of {count:,} wrong)")
    return int(arguments.min_accuracy is not None and 1 - wrong[last] / count < arguments.min_accuracy)


if __name__ == "__main__":
    command.run(main)
