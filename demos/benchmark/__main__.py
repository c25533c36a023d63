"""How long a training step takes, where the time goes, and how near the limit that is.

You will see one table for a published network, float32, a whole training step: seconds for each
part, peak memory, GFLOP/s, and its ratio to the speed of one large matrix product measured in the
same run, which is the limit. Networks:

    capsnet            S17: forward, backward and Adam; 128 images
    forward-forward    H22: three layers of 1000 units, hard negatives, the softmax beside them,
                       momentum and weight decay; 100 images

Contenders:

    plain          the code to read, in tinycaps.capsules or tinycaps.forward_forward
    fast           capsnet only: its fast twin in tinycaps.fast, and Adam in blocks
    torch          where PyTorch is installed: the same network with its autograd, eager, written
                   with care, as installed
    torch tuned    the same with a fused optimiser, and with malloc set to keep what was freed (on a
                   GPU: cuDNN searching for its best)

Before anything is timed, all of them must return the same loss and the same gradients, name by
name, for the same parameters and images, and for forward-forward the same random numbers. Then they
take turns, each in a process of its own, so that a busy neighbour hurts all of them alike: one step
of capsnet, or twenty of forward-forward, where one is over before the cores are awake. Memory is
that of the process: interpreter, libraries, parameters, optimiser, and the most that a step needs;
on a GPU, the device's.

    python -m demos benchmark                             two minutes
    python -m demos benchmark --scaling                   seven minutes, 9 GB: also how time and
                                                          memory grow, a table and scaling.png
    python -m demos benchmark --network forward-forward   one minute; also the seconds of an epoch
    python -m demos benchmark --device gpu                the same with CuPy, against PyTorch on
                                                          CUDA; TF32 is off for both

The last line:
fast: 0.508 s for a step of 128 images; 2.9 times as fast as plain, 3.6 as torch, 2.5 as torch tuned
"""
import contextlib
import os
import sys

from demos.benchmark.capsnet import CAPSNET
from demos.benchmark.forward_forward import FORWARD_FORWARD
from demos.benchmark.measure import compare, scaling
from demos.benchmark.table import last_line, median_step, ours, table
from demos.harness.arguments import make_parser, whole_number
from demos.harness.record import Record
from demos.harness.run import prepare
from tinycaps import plot
from tinycaps.environment import environment

NETWORKS = {"capsnet": CAPSNET, "forward-forward": FORWARD_FORWARD}


def build_parser():
    """Return the argument parser."""
    parser = make_parser("benchmark", __doc__)
    add = parser.add_argument
    add("--network", choices=NETWORKS, default="capsnet", help="default %(default)s")
    batches = " or ".join(f"{network.batch} for {name}" for name, network in NETWORKS.items())
    add("--batch", type=whole_number(1), metavar="N", help=f"images in a step; default {batches}")
    add("--repeats", type=whole_number(5), default=7, metavar="N",
        help="steps, at least 5 (default %(default)s)")
    add("--data", choices=("digits", "mnist"), default="digits",
        help="the images: the embedded digits, magnified (default), or MNIST; the times are alike")
    add("--device", choices=("cpu", "gpu"), default="cpu")
    add("--scaling", action="store_true",
        help="also measure other batches, rounds, capsules and images of capsnet")
    add("--json", action="store_true", help="print run.json on stdout, all else on stderr")
    add("--quick", action="store_true", help="a small network and 8 images: does it run at all?")
    return parser


def measure(arguments, record):
    """Print the table of a network and write run.json."""
    network = NETWORKS[arguments.network]
    if arguments.scaling and not network.scales:
        names = " or ".join(name for name, each in NETWORKS.items() if each.scales)
        raise ValueError(f"scaling: got --network {arguments.network}, wanted {names}")
    prepare(arguments)
    arguments.batch = arguments.batch or network.batch
    if arguments.quick:
        arguments.batch = min(arguments.batch, 8)
    config, found = network.quick if arguments.quick else network.paper, environment()
    setting = "is set" if os.environ.get("OPENBLAS_CORETYPE") else "not set"
    print(f"{found['processor']}; {', '.join(found['devices'])}; NumPy's BLAS: {found['blas']}; "
          f"OPENBLAS_CORETYPE {setting}")
    results = compare(arguments, network, config)
    print("\n".join(table(network, results)))
    if arguments.scaling:
        results["scaling"] = scaling(arguments, network, config)
        plot.save(plot.scaling(results["scaling"]), arguments.out / "scaling.png")
    rivals = [name for name in results["contenders"] if name != ours(results)]
    baseline = {"baseline": median_step(results, rivals[-1])} if rivals else {}
    record.write(median_step(results, ours(results)), unit="seconds of a step", **baseline,
                 **results)
    print(f"written: {'scaling.png and ' * arguments.scaling}run.json, in {arguments.out}")
    print(last_line(network, results))


def main(argv):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = Record("benchmark", argv, arguments)
    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        measure(arguments, record)
    if arguments.json:
        print((arguments.out / "run.json").read_text(encoding="utf-8"))
    return 0
