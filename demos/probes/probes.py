"""What is asked of a trained CapsNet: attacks, detection, occlusion, movement, crowding, time.

Each probe of `tinycaps.probes` sees the network as a few functions; how a CapsNet and a CNN become
such functions is in networks.py beside this file. Nothing is trained: the network is the one that
comes with the package, or that of --checkpoint. What you will see, as one table:

    attacks       accuracy after every pixel was moved by up to ε: at random, by FGSM (one step
                  along the sign of the gradient) and by BIM (ten). The gradient goes through all
                  rounds of routing, or is stopped at the coupling; the loss is the cross entropy of
                  the lengths. The margin loss gives no gradient at all for images classified with
                  room to spare, and an attack through it makes the network look robust
    detection     misclassified attacked images found by their reconstruction error, with the
                  threshold set to 5 % false alarms on half of the test images and tested on the
                  rest. An attacker who knew of the detector would minimise that error as well
    occlusion     accuracy with a part hidden; how much of what was hidden is restored by the
                  reconstruction, and by that of the whole image: 1 all, 0 nothing
    equivariance  how the pose of the winning capsule moves with the image: R² of a linear rule that
                  foretells its move, R² of the amount read off that move, whether the class stays
    crowding      accuracy for two images of a class, a distance apart, and for one of them alone
                  at the same place; how often the reconstruction is nearer to one than to both

and a figure, probes.png, in --out.

    python -m demos probes                                  half a minute
    python -m demos probes --checkpoint FILE --data mnist   another network; large ones take long

The last line, one image more or less on another BLAS:
misclassified: 0.8%, and 20.8% under FGSM with ε = 0.1
"""
import dataclasses
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from demos.harness.arguments import is_small, make_parser, whole_number
from demos.harness.data import count_classes, load_data, subsample
from demos.harness.record import Record
from demos.harness.run import prepare
from demos.probes.drawings import figure
from demos.probes.networks import CROSS_ENTROPY, MARGIN, ask_capsnet
from tinycaps import plot
from tinycaps.capsules import load_capsnet
from tinycaps.fast import parallel
from tinycaps.probes import (MOVEMENTS, accuracy, bim, border, crowding, detection, draw_targets,
                             equivariance, fgsm, halves, occlusion, patches, restoration,
                             robustness, seconds, unmoved)

EPSILONS = (0.05, 0.1, 0.2)
BIM_STEPS = 10
"""Each of ε/4, where the paper takes more and smaller ones."""
FALSE_ALARMS = 0.05
EIGHTHS = 8
"""Sizes of regions and movements are multiples of an eighth of the image."""
EXTENTS = dict(rotation=20, right=1 / EIGHTHS, down=1 / EIGHTHS, scale=0.2)
"""Degrees; fractions of the side, to be pixels; logarithm of the factor."""


def build_parser():
    """Return the argument parser."""
    parser = make_parser("probes", __doc__)
    add = parser.add_argument
    add("--checkpoint", type=Path, metavar="FILE",
        help="a trained CapsNet (default: the one that comes with the package)")
    add("--data", default="digits", metavar="NAME",
        help="digits (default), mnist, fashion-mnist, or FILE.npz with images and labels")
    add("--images", type=whole_number(40), default=360, metavar="N",
        help="test images, at most, at least 40 (default 360)")
    parser.set_defaults(hold_out=None, quick=False)
    return parser


def load(arguments):
    """Return params and config of the network, and the data that fit it."""
    params, config, _ = load_capsnet(arguments.checkpoint)
    data = load_data(arguments)
    shape = data.test_images.shape[1:]
    if shape != config.image_shape or count_classes(data) > config.classes:
        raise ValueError(f"data: got {count_classes(data)} classes of images {shape}, wanted at "
                         f"most {config.classes} of {config.image_shape}, as the network has")
    every = -(-len(data.test_images) // arguments.images)
    images, labels = data.test_images[::every], data.test_labels[::every]
    return params, config, subsample(*data[:2])[0], images, labels


def attacks(exact, stopped, margin, images, labels, rng):
    """Return for each attack a fraction of the images for each ε: accuracy, or targets hit."""
    def at_random(images, labels):
        return rng.standard_normal(images.shape).astype(images.dtype)

    def under(gradient, attack="fgsm", targets=None):
        found = [robustness(exact.forward, gradient, images, labels, [epsilon], attack, targets,
                            **settings(attack, epsilon))[0] for epsilon in EPSILONS]
        return [each.accuracy if targets is None else each.hit for each in found]

    targets = draw_targets(labels, exact.forward(images[:1]).shape[1], rng)
    return {"random signs": under(at_random),
            "FGSM": under(exact.input_gradient),
            "FGSM, gradient stopped": under(stopped.input_gradient),
            "FGSM, margin loss": under(margin.input_gradient),
            "BIM": under(exact.input_gradient, "bim"),
            "BIM, gradient stopped": under(stopped.input_gradient, "bim"),
            "FGSM, target hit": under(exact.input_gradient, "fgsm", targets),
            "BIM, target hit": under(exact.input_gradient, "bim", targets)}


def settings(attack, epsilon):
    """Return the settings of an attack for one ε."""
    return dict(step=epsilon / 4, iterations=BIM_STEPS) if attack == "bim" else {}


def detect(asked, images, labels, epsilon):
    """Return of FGSM and BIM how many attacked images are misclassified, and how many detected.

    Every other image sets the threshold; what is attacked are the rest that are classified
    correctly.
    """
    calibration, clean, labels = images[::2], images[1::2], labels[1::2]
    right = asked.forward(clean).argmax(axis=1) == labels
    found = {}
    for name, attack in ("fgsm", fgsm), ("bim", bim):
        attacked = attack(asked.input_gradient, clean[right], labels[right], epsilon,
                          **settings(name, epsilon))
        fooled = asked.forward(attacked).argmax(axis=1) != labels[right]
        if fooled.any():
            rates = detection(asked.reconstruct, calibration, clean, attacked[fooled], FALSE_ALARMS)
            found[name.upper()] = dict(fooled=int(fooled.sum()), attacked=int(right.sum()),
                                       **rates._asdict())
    return found


def occlude(asked, images, labels):
    """Return accuracy and restoration by region, and the map of a patch's places."""
    h, w = images.shape[1:3]
    eighth = max(1, min(h, w) // EIGHTHS)
    places = occlusion(asked.forward, images, labels, patches(h, w, 3 * eighth, eighth))
    regions = {f"border of {eighth}": border(h, w, eighth)}
    regions |= {f"{name} half": region for name, region in halves(h, w).items()}
    found = {}
    for name, region in regions.items():
        found[name] = dict(accuracy=float(occlusion(asked.forward, images, labels, region)))
        if asked.reconstruct:
            found[name] |= restoration(asked.reconstruct, images, region)._asdict()
    return found, places


def examples(asked, images, labels):
    """Return the first image of each class attacked by BIM: rows of images, and captions."""
    first = np.unique(labels, return_index=True)[1]
    images, labels = images[first], labels[first]
    epsilon = EPSILONS[-1]
    attacked = bim(asked.input_gradient, images, labels, epsilon, **settings("bim", epsilon))
    found = asked.forward(attacked).argmax(axis=1)
    rows = {"image": images, f"BIM, {epsilon:g}": attacked}
    if asked.reconstruct:
        rows["redrawn"] = asked.reconstruct(attacked)
    return rows, [f"{label}, as {k}" for label, k in zip(labels, found)], found == labels


def move_all(asked, train_images, images, rng):
    """Return the Equivariance of every movement, with the extent in its name."""
    found = {}
    for movement in MOVEMENTS:
        extent = EXTENTS[movement]
        if movement in ("right", "down"):
            extent *= images.shape[2 if movement == "right" else 1]
        found[f"{movement} ±{extent:g}"] = equivariance(
            asked.forward, asked.pose, train_images, images, movement, extent, rng)._asdict()
    return found


def print_table(title, heads, rows):
    """Print a table: title and heads, then a line for each row, {name: list}."""
    print(f"\n{title:34}" + "".join(f"{head:>14}" for head in heads))
    for name, values in rows.items():
        print(f"  {name:32}" + "".join(f"{value:14.3f}" for value in values))


def print_tables(results, places):
    """Print all that was measured."""
    print_table("attacks: accuracy, or targets hit", [f"ε = {e:g}" for e in EPSILONS],
                results["attacks"])
    print(f"  no gradient of the margin loss for {results['unmoved']:.1%} of the images")
    if results["detection"]:
        print_table(f"detection, ε = {EPSILONS[-1]:g}", ["misclassified", "detected",
                                                         "false alarms"],
                    {name: [each["fooled"] / each["attacked"], each["true_positives"],
                            each["false_alarms"]] for name, each in results["detection"].items()})
    print_table("occlusion", ["accuracy", "restored", "at best"],
                {name: [*each.values()] for name, each in results["occlusion"].items()})
    print(f"  a square of three eighths: accuracy {places.mean():.3f} on average, "
          f"{places.min():.3f} at the worst place")
    print_table("equivariance", ["R² of pose", "R² of amount", "class stays"],
                {name: [*each.values()] for name, each in results["equivariance"].items()})
    print_table("crowding", ["two", "one alone", "one redrawn"],
                {f"distance {each['distance']:g}": [*each.values()][1:]
                 for each in results["crowding"]})


def main(argv):
    """Run the demo."""
    arguments = build_parser().parse_args(argv)
    record = Record("probes", argv, arguments)
    prepare(arguments)
    params, config, train_images, images, labels = load(arguments)
    exact, stopped, margin = (
        ask_capsnet(params, dataclasses.replace(config, stop_gradient=stop), loss)
        for stop, loss in ((False, CROSS_ENTROPY), (True, CROSS_ENTROPY), (False, MARGIN)))
    rng = np.random.default_rng(arguments.seed)
    with parallel(np) if is_small(images) else nullcontext():
        clean = accuracy(exact.forward, images, labels)
        print(f"{arguments.checkpoint or 'the network that comes with the package'}: accuracy "
              f"{clean:.3f} on {len(images)} test images", flush=True)
        shown, places = occlude(exact, images, labels)
        distances = [k * images.shape[2] / EIGHTHS for k in range(5)]
        results = dict(
            clean=clean, attacks=attacks(exact, stopped, margin, images, labels, rng),
            unmoved=unmoved(margin.input_gradient, images, labels),
            detection=detect(exact, images, labels, EPSILONS[-1]) if exact.reconstruct else {},
            occlusion=shown, places=places.tolist(),
            equivariance=move_all(exact, train_images, images, rng),
            crowding=[each._asdict() for each in crowding(exact.forward, images, labels, distances,
                                                          exact.reconstruct)],
            seconds_per_image=seconds(exact.forward, images, repeats=3) / len(images))
        drawn = examples(exact, images, labels)
    print_tables(results, places)
    plot.save(figure(results, EPSILONS, drawn), arguments.out / "probes.png")
    error = 1 - results["attacks"]["FGSM"][EPSILONS.index(0.1)]
    record.write(error, epsilons=list(EPSILONS), images=len(images), **results)
    milliseconds = 1000 * results["seconds_per_image"]
    print(f"\n{milliseconds:.2f} ms for an image; figure and run.json are in {arguments.out}")
    print(f"misclassified: {1 - clean:.1%}, and {error:.1%} under FGSM with ε = 0.1")
