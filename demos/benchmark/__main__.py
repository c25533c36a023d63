"""How long a training step takes, where the time goes, and how far that is from what the machine can do.

One table for a published network, float32, a whole training step: seconds for each part, peak memory, GFLOP/s, and its ratio to the speed
of one large matrix product measured in the same run, which is the limit. Networks:

    capsnet            S17: forward, backward and Adam; 128 images
    forward-forward    H22: three layers of 1000 units, hard negatives, the softmax beside them, momentum and weight decay; 100 images

Contenders:

    plain          the network to read, in `tinycaps.capsules.capsnet` or `tinycaps.forward_forward.learning`
    fast           its fast twin, in `fast_capsnet` or `fast_learning`
    torch          where PyTorch is installed: the same network with its autograd, eager, written with care, as installed
    torch tuned    the same with a fused optimiser, and with malloc told to keep what was freed (on a GPU: cuDNN searching for its best)

Before anything is timed, all of them must return the same loss and the same gradients, name by name, for the same parameters and
images, and for forward-forward the same random numbers. Then they take turns, each in a process of its own, so that a busy neighbour
hurts all of them alike: one step of capsnet, or twenty of forward-forward, where one is over before the cores are awake. Memory is that
of the process: interpreter, libraries, parameters, optimiser, and the most that a step needs; on a GPU, the device's.

    python -m demos.benchmark                               two minutes
    python -m demos.benchmark --scaling                     seven minutes, 9 GB: also how time and memory grow, as a table and scaling.png
    python -m demos.benchmark --network forward-forward     under a minute; also the seconds of an epoch
    python -m demos.benchmark --device gpu                  the same with CuPy, against PyTorch on CUDA; TF32 is off for both

The last line: fast: 0.508 s for a step of 128 images; 2.9 times as fast as plain, 3.6 as torch, 2.5 as torch tuned
"""
import contextlib
import dataclasses
import os
import sys
import time
from importlib.util import find_spec
from statistics import median

import numpy as np
from tqdm import tqdm

from demos import command
from demos.contenders import Task, Worker
from demos.contenders_capsnet import CAPSNET
from demos.contenders_forward_forward import FORWARD_FORWARD
from tinycaps import plot
from tinycaps.data import load_digits, load_mnist
from tinycaps.environment import environment

NETWORKS = {"capsnet": CAPSNET, "forward-forward": FORWARD_FORWARD}
METERS = {"sgemm": "demos.contenders.Multiply", "torch sgemm": "demos.careful_torch.Multiply"}
"""What measures the limit, with NumPy or CuPy, and with PyTorch."""
TUNED = {"MALLOC_MMAP_THRESHOLD_": str(2 ** 33), "MALLOC_TRIM_THRESHOLD_": str(2 ** 34), "MALLOC_TOP_PAD_": str(2 ** 26)}
"""glibc's malloc, for the process of the contender "torch tuned" alone: give no memory back to the system."""
AGREE = 1e-4
"""Differences between gradients that rounding may make, relative to the largest entry of the array."""
WARM = 2
"""Steps before those that count."""
PAUSE = 0.1
"""Seconds before each step, in which the threads of the contender before fall asleep."""
GIB = 2 ** 30


def build_parser():
    """Return the argument parser."""
    p = command.parser("benchmark", __doc__)
    p.add_argument("--network", choices=NETWORKS, default="capsnet", help="default %(default)s")
    p.add_argument("--batch", type=command.whole_number(1), metavar="N",
                   help=f"images in a step (default {', '.join(f'{network.batch} for {name}' for name, network in NETWORKS.items())})")
    p.add_argument("--repeats", type=command.whole_number(5), default=7, metavar="N", help="steps, at least 5 (default %(default)s)")
    p.add_argument("--data", choices=("digits", "mnist"), default="digits",
                   help="the images: the embedded digits, magnified (default), or MNIST; no difference to the times")
    p.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    p.add_argument("--scaling", action="store_true", help="also measure other batches, rounds, capsules and images of capsnet")
    p.add_argument("--json", action="store_true", help="print run.json on stdout, everything else on stderr")
    p.add_argument("--quick", action="store_true", help="a small network and 8 images: does it run at all?")
    return p


def make_task(arguments, network, config, batch):
    """Draw parameters and take images for a network; small images are magnified to its size."""
    data = load_mnist() if arguments.data == "mnist" else load_digits()
    chosen = np.arange(batch) % len(data.train_images)
    rows, columns = (np.arange(size) * old // size for size, old in zip(config.image_shape[:2], data.train_images.shape[1:]))
    images = np.ascontiguousarray(data.train_images[chosen][:, rows][:, :, columns])
    params = network.draw(np.random.default_rng(arguments.seed), config)
    return Task(config, params, images, data.train_labels[chosen], arguments.device, arguments.seed)


def start(stack, contenders, task):
    """Start contenders; go on without a PyTorch that cannot. Return the workers by name."""
    workers = {name: stack.enter_context(Worker(name, where, TUNED if name == "torch tuned" else {})) for name, where in contenders.items()}
    for name in contenders:
        try:
            workers[name].begin(task)
        except RuntimeError as error:
            if not name.startswith("torch"):
                raise
            print(f"{error}: going on without it")
            del workers[name]
    return workers


def check_agreement(workers):
    """Hold losses and gradients of all workers against the first one's, and forget the memory that it took.

    Raises
    ------
    RuntimeError
        If one computes something else.
    """
    first, *others = workers
    loss, grads = first.call("gradients")
    differences = {}
    for worker in others:
        other_loss, other = worker.call("gradients")
        if other.keys() != grads.keys():
            raise RuntimeError(f"{worker.name}: got gradients of {', '.join(other)}, wanted those of {', '.join(grads)}; nothing was timed")
        found = {key: float(abs(other[key] - g).max() / abs(g).max()) for key, g in grads.items()}
        found["loss"] = abs(other_loss / loss - 1)
        worst = max(found, key=lambda key: np.nan_to_num(found[key], nan=np.inf))
        if not found[worst] <= AGREE:
            raise RuntimeError(f"{worker.name}: got {worst} {found[worst]:.1e} away from that of {first.name}, wanted at most {AGREE:.0e}; "
                               "nothing was timed")
        differences[worker.name] = found
    for worker in workers:
        worker.call("forget_peak")
    return differences


def take_turns(workers, repeats, warm=WARM, steps=1):
    """Let every worker make so many steps in each round; return {name: [mean laps]}, or the rates of those that multiply."""
    found = {worker.name: [] for worker in workers}
    for k in tqdm(range(warm + repeats), disable=None, leave=False):
        for worker in workers[k % len(workers):] + workers[:k % len(workers)]:
            time.sleep(PAUSE)
            found[worker.name].append(worker.call("rate") if worker.name.endswith("sgemm") else worker.call("timed", steps))
    return {name: values[warm:] for name, values in found.items()}


def spread(values):
    """Return median, least and largest."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def summarise(name, laps, worker, counted, limit):
    """Return all that is told about a contender."""
    direct, fast = (sum(map(sum, each.values())) for each in counted)
    step = spread([each["step"] for each in laps])
    useful, actual = direct / step["median"], (fast if name == "fast" else direct) / step["median"]
    return {
        "seconds": step, "steps": [each["step"] for each in laps],
        "parts": {part: spread([each[part] for each in laps]) for part in laps[0] if part != "step"},
        "peak_bytes": worker.call("peak"), "library_bytes": worker.call("libraries"),
        "useful_gflops": useful, "useful_of_sgemm": useful / limit, "actual_gflops": actual, "actual_of_sgemm": actual / limit}


def compare(arguments, network, config):
    """Run the contenders; return the results."""
    task = make_task(arguments, network, config, arguments.batch)
    has_torch = find_spec("torch")
    contenders = {name: where for name, where in network.contenders.items() if has_torch or not name.startswith("torch")}
    if not has_torch:
        print("PyTorch is not installed: no comparison with it (pip install torch)")
    with contextlib.ExitStack() as stack:
        workers = start(stack, contenders, task)
        differences = check_agreement([*workers.values()])
        for name, found in differences.items():
            worst = max(found, key=found.get)
            print(f"{name} computes what plain does: loss and {len(found) - 1} gradients within {found[worst]:.0e} ({worst})")
        meters = start(stack, METERS if "torch" in workers else {"sgemm": METERS["sgemm"]}, task)
        found = take_turns([*workers.values(), *meters.values()], arguments.repeats, steps=network.turn)
        rates = {name: spread(found[name]) for name in meters}
        counted = network.arithmetic(config, arguments.batch)
        limit = max(rate["median"] for rate in rates.values())
        return {
            "network": arguments.network, "batch": arguments.batch, "config": dataclasses.asdict(config),
            "parameters": sum(p.size for p in task.params.values()),
            "gflop": dict(zip(("direct", "fast"), counted)), "differences": differences, "sgemm_gflops": rates, "limit_gflops": limit,
            "torch": workers["torch"].call("about") if "torch" in workers else None,
            "contenders": {name: summarise(name, found[name], worker, counted, limit) for name, worker in workers.items()}}


def table(network, results):
    """Yield the lines of the table."""
    contenders = results["contenders"]
    direct, fast = (sum(map(sum, each.values())) for each in results["gflop"].values())

    def row(label, cell):
        return f"{label:32}" + "".join(f"{cell(name, found):>22}" for name, found in contenders.items())

    halves = any(key.endswith("backward") for key in contenders["plain"]["parts"])
    yield row("seconds: forward + backward" if halves else "seconds", lambda name, found: name)
    for part in network.parts:
        yield row(f"  {part}", lambda name, found: " + ".join(                      # sorted backwards: forward, backward
            f"{seconds['median']:#.3g}" for key, seconds in sorted(found["parts"].items(), reverse=True) if key.startswith(part)))
    yield row("step: median", lambda name, found: f"{found['seconds']['median']:#.3g}")
    yield row("  fastest – slowest", lambda name, found: f"{found['seconds']['min']:#.3g} – {found['seconds']['max']:#.3g}")
    if network.epoch:
        yield row(f"epoch of {network.epoch:,} images", lambda name, found: f"{epoch_seconds(network, results, name):.1f}")
    yield row("peak memory, GiB", lambda name, found: f"{found['peak_bytes'] / GIB:.2f}")
    yield row("  libraries alone", lambda name, found: f"{found['library_bytes'] / GIB:.2f}" if found["library_bytes"] else "–")
    yield row("GFLOP/s, useful", lambda name, found: f"{found['useful_gflops']:.0f}, {found['useful_of_sgemm']:.0%} of sgemm")
    yield row("GFLOP/s, actual", lambda name, found: f"{found['actual_gflops']:.0f}, {found['actual_of_sgemm']:.0%} of sgemm")
    for other in [name for name in contenders if name.startswith("torch")]:
        yield row(f"times as fast as {other}", lambda name, found: f"{ratio(results, other, name):.2f}")
    yield (f"{direct:.1f} GFLOP in a step by the direct algorithm: the useful rate; fast makes do with {fast:.1f}: its actual rate")
    for name, rate in results["sgemm_gflops"].items():
        yield f"{name}: {rate['median']:.0f} GFLOP/s ({rate['min']:.0f} – {rate['max']:.0f})"


def ratio(results, slow, fast):
    """Return how many times as fast one contender is as another."""
    return results["contenders"][slow]["seconds"]["median"] / results["contenders"][fast]["seconds"]["median"]


def epoch_seconds(network, results, name):
    """Return how long a contender takes for the steps of an epoch."""
    return -(-network.epoch // results["batch"]) * results["contenders"][name]["seconds"]["median"]


def last_line(network, results):
    """Say it in one line."""
    step = f"{results['contenders']['fast']['seconds']['median']:#.3g} s for a step of {results['batch']} images"
    epoch = f", {epoch_seconds(network, results, 'fast'):.1f} s for an epoch of {network.epoch:,}" if network.epoch else ""
    others = ", ".join(f"{ratio(results, name, 'fast'):.1f} {'times as fast ' * (name == 'plain')}as {name}"
                       for name in results["contenders"] if name != "fast")
    return f"fast: {step}{epoch}; {others}"


def scaling(arguments, network, config):
    """Measure plain and fast at other sizes, one changed at a time, and print them; return {what: {name: [(size, seconds, bytes)]}}."""
    names = ("plain", "fast")
    curves = {what: {name: [] for name in names} for what in network.scales}
    for what, sizes in network.scales.items():
        print(f"{what:36}" + "".join(f"{name + ', s':>12}{'GiB':>8}" for name in names), flush=True)
        for size in [*sizes][1:3] if arguments.quick else sizes:
            changed = sizes[size]
            task = make_task(arguments, network, dataclasses.replace(config, **changed), arguments.batch if changed else size)
            try:
                with contextlib.ExitStack() as stack:
                    workers = start(stack, {name: network.contenders[name] for name in names}, task)
                    found = take_turns([*workers.values()], 3, warm=1)
                    point = {name: (size, median(laps["step"] for laps in found[name]), workers[name].call("peak")) for name in workers}
            except RuntimeError as error:
                print(f"{size:>36}  left out: {error}")
                continue
            print(f"{size:>36}" + "".join(f"{seconds:>#12.3g}{peak / GIB:>8.2f}" for _, seconds, peak in point.values()), flush=True)
            for name, curve in curves[what].items():
                curve.append(point[name])
    return curves


def main(argv=None):
    """Run the demo; return its exit code."""
    arguments = build_parser().parse_args(argv)
    record = command.Record("benchmark", argv, arguments)
    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        network = NETWORKS[arguments.network]
        if arguments.scaling and not network.scales:
            raise ValueError(f"scaling: got --network {arguments.network}, wanted {' or '.join(n for n in NETWORKS if NETWORKS[n].scales)}")
        command.prepare(arguments)
        arguments.batch = arguments.batch or network.batch
        if arguments.quick:
            arguments.batch = min(arguments.batch, 8)
        config = network.quick if arguments.quick else network.paper
        found = environment()
        print(f"{found['processor']}; {', '.join(found['devices'])}; NumPy's BLAS: {found['blas']}; "
              f"OPENBLAS_CORETYPE {'is set' if os.environ.get('OPENBLAS_CORETYPE') else 'not set'}")
        results = compare(arguments, network, config)
        print("\n".join(table(network, results)))
        if arguments.scaling:
            results["scaling"] = scaling(arguments, network, config)
            plot.save(plot.scaling(results["scaling"]), arguments.out / "scaling.png")
        record.write(**results)
        print(f"{'figure and ' * arguments.scaling}run.json is in {arguments.out}")
        print(last_line(network, results))
    if arguments.json:
        print((arguments.out / "run.json").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    command.run(main)
