"""How long a training step takes, where the time goes, and how far that is from what the machine can do.

One table for the published network (S17), float32, forward + backward + Adam: seconds for each part, peak memory, GFLOP/s, and its
ratio to the speed of one large matrix product measured in the same run, which is the limit. Contenders:

    plain          the network to read, `tinycaps.capsules.capsnet`
    fast           its fast twin, `tinycaps.capsules.fast_capsnet`
    torch          where PyTorch is installed: the same network with its autograd, eager, written with care, as installed
    torch tuned    the same with fused Adam, and with malloc told to keep what was freed (on a GPU: cuDNN searching for its best)

Before anything is timed, all of them must return the same loss and the same gradients, name by name, for the same parameters and
images. Then they take turns, step by step, each in a process of its own, so that a busy neighbour hurts all of them alike. Memory is that
of the process: interpreter, libraries, parameters, optimiser, and the most that a step needs; on a GPU, the device's.

    python -m demos.benchmark                  two minutes
    python -m demos.benchmark --scaling        seven minutes, 9 GB: also how time and memory grow, as a table and scaling.png
    python -m demos.benchmark --device gpu     the same with CuPy, against PyTorch on CUDA; TF32 is off for both

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
from demos.contenders import PARTS, Task, Worker
from tinycaps import plot
from tinycaps.capsules import PAPER, CapsNetConfig, init_capsnet
from tinycaps.data import load_digits, load_mnist
from tinycaps.environment import environment
from tinycaps.ops.fourier_plan import fourier_plan

TUNED = {"MALLOC_MMAP_THRESHOLD_": str(2 ** 33), "MALLOC_TRIM_THRESHOLD_": str(2 ** 34), "MALLOC_TOP_PAD_": str(2 ** 26)}
"""glibc's malloc, for the process of the contender "torch tuned" alone: give no memory back to the system."""
AGREE = 1e-4
"""Differences between gradients that rounding may make, relative to the largest entry of the array."""
WARM = 2
"""Steps before those that count."""
PAUSE = 0.1
"""Seconds before each step, in which the threads of the contender before fall asleep."""
QUICK = CapsNetConfig(conv_channels=16, primary_types=4, decoder_hidden=(32, 64))
SCALES = {
    "images in a batch": [1, 2, 4, 8, 16, 32, 64, 128, 256],
    "routing rounds": [1, 2, 3, 4, 5],
    "types of primary capsules, 36 each": [8, 16, 32, 64],
    "pixels along an image": [20, 24, 28, 32, 36, 40, 44],
}
GIB = 2 ** 30


def build_parser():
    """Return the argument parser."""
    p = command.parser("benchmark", __doc__)
    p.add_argument("--batch", type=command.whole_number(1), default=128, metavar="N", help="images in a step (default %(default)s)")
    p.add_argument("--repeats", type=command.whole_number(5), default=7, metavar="N", help="steps, at least 5 (default %(default)s)")
    p.add_argument("--data", choices=("digits", "mnist"), default="digits",
                   help="the images: the embedded digits, magnified (default), or MNIST; no difference to the times")
    p.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    p.add_argument("--scaling", action="store_true", help="also measure other batches, rounds, capsules and images")
    p.add_argument("--json", action="store_true", help="print run.json on stdout, everything else on stderr")
    p.add_argument("--quick", action="store_true", help="a small network and 8 images: does it run at all?")
    return p


def make_task(arguments, config, batch):
    """Draw parameters and take images for a network; small images are magnified to its size."""
    data = load_mnist() if arguments.data == "mnist" else load_digits()
    chosen = np.arange(batch) % len(data.train_images)
    rows, columns = (np.arange(size) * old // size for size, old in zip(config.image_shape[:2], data.train_images.shape[1:]))
    images = np.ascontiguousarray(data.train_images[chosen][:, rows][:, :, columns])
    params = init_capsnet(np.random.default_rng(arguments.seed), config)
    return Task(config, params, images, data.train_labels[chosen], arguments.device)


def arithmetic(config, n):
    """Return GFLOP of a step of n images, {part: (forward, backward)}: those of the direct algorithm, and those of the fast one.

    Counted are the multiplications and additions of the matrix products; all else is small beside them. A backward costs twice its
    forward, for it has two gradients to make; that of conv1 only one. The rounds of routing are counted line by line.
    """
    (h, w, channels), (rows, columns), c = config.image_shape, config.grid, config.conv_channels
    k, s, f, r = config.primary_kernel, config.primary_stride, config.primary_types * config.primary_dims, config.iterations
    pixels = n * (h - config.conv_kernel + 1) * (w - config.conv_kernel + 1)
    votes = n * config.primary_capsules * config.classes * config.class_dims
    layers = (config.classes * config.class_dims, *config.decoder_hidden, h * w * channels)
    conv1 = pixels * config.conv_kernel ** 2 * channels * c
    primary = n * rows * columns * k * k * c * f
    decoder = n * sum(a * b for a, b in zip(layers, layers[1:]))
    direct = {"conv1": (conv1, conv1), "primary": (primary, 2 * primary),
              "predictions": (votes * config.primary_dims, 2 * votes * config.primary_dims),
              "routing": (votes * (2 * r - 1), votes * (4 * r - 3)), "decoder and losses": (decoder, 2 * decoder)}
    R, points = fourier_plan(h - config.conv_kernel + 1, k, s).B_T.shape
    conv1 += pixels * c + R * points * n * s * s * c                        # the bias as one more row of the kernel, and V = Bᵀ x
    products, transforms = R * n * s * s * c * f, R * (k * k * c * f + n * rows * columns * f)              # M = V U; U = G w, y = Aᵀ M
    fast = direct | {"conv1": (conv1, conv1), "primary": (products + transforms, 2 * products + transforms)}
    return [{part: [2e-9 * count for count in counts] for part, counts in each.items()} for each in (direct, fast)]


def start(stack, names, task):
    """Start contenders; go on without a PyTorch that cannot. Return the workers by name."""
    workers = {name: stack.enter_context(Worker(name, TUNED if name == "torch tuned" else {})) for name in names}
    for name in names:
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


def take_turns(workers, repeats, warm=WARM):
    """Let every worker make one step in each round; return {name: [laps]}, or the rates of those that multiply."""
    found = {worker.name: [] for worker in workers}
    for k in tqdm(range(warm + repeats), disable=None, leave=False):
        for worker in workers[k % len(workers):] + workers[:k % len(workers)]:
            time.sleep(PAUSE)
            found[worker.name].append(worker.call("rate") if worker.name.endswith("sgemm") else worker.call("timed"))
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


def compare(arguments, config):
    """Run the contenders; return the results."""
    task = make_task(arguments, config, arguments.batch)
    names = ["torch", "torch tuned"] if find_spec("torch") else []
    if not names:
        print("PyTorch is not installed: no comparison with it (pip install torch)")
    with contextlib.ExitStack() as stack:
        workers = start(stack, ["plain", "fast", *names], task)
        differences = check_agreement([*workers.values()])
        for name, found in differences.items():
            worst = max(found, key=found.get)
            print(f"{name} computes what plain does: loss and {len(found) - 1} gradients within {found[worst]:.0e} ({worst})")
        meters = start(stack, ["sgemm", "torch sgemm"][:1 + ("torch" in workers)], task)
        found = take_turns([*workers.values(), *meters.values()], arguments.repeats)
        rates = {name: spread(found[name]) for name in meters}
        counted = arithmetic(config, arguments.batch)
        limit = max(rate["median"] for rate in rates.values())
        return {
            "batch": arguments.batch, "config": dataclasses.asdict(config), "parameters": sum(p.size for p in task.params.values()),
            "gflop": dict(zip(("direct", "fast"), counted)), "differences": differences, "sgemm_gflops": rates, "limit_gflops": limit,
            "torch": workers["torch"].call("about") if "torch" in workers else None,
            "contenders": {name: summarise(name, found[name], worker, counted, limit) for name, worker in workers.items()}}


def table(results):
    """Yield the lines of the table."""
    contenders = results["contenders"]
    direct, fast = (sum(map(sum, each.values())) for each in results["gflop"].values())

    def row(label, cell):
        return f"{label:32}" + "".join(f"{cell(name, found):>22}" for name, found in contenders.items())

    yield row("seconds: forward + backward", lambda name, found: name)
    for part in PARTS:
        yield row(f"  {part}", lambda name, found: " + ".join(                      # sorted backwards: forward, backward
            f"{seconds['median']:#.3g}" for key, seconds in sorted(found["parts"].items(), reverse=True) if key.startswith(part)))
    yield row("step: median", lambda name, found: f"{found['seconds']['median']:#.3g}")
    yield row("  fastest – slowest", lambda name, found: f"{found['seconds']['min']:#.3g} – {found['seconds']['max']:#.3g}")
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


def scaling(arguments, config):
    """Measure plain and fast at other sizes, one changed at a time, and print them; return {what: {name: [(size, seconds, bytes)]}}."""
    curves = {what: {"plain": [], "fast": []} for what in SCALES}
    for what, sizes in SCALES.items():
        print(f"{what:36}" + "".join(f"{name + ', s':>12}{'GiB':>8}" for name in curves[what]), flush=True)
        for size in sizes[1:3] if arguments.quick else sizes:
            changed = {"routing rounds": {"iterations": size}, "types of primary capsules, 36 each": {"primary_types": size},
                       "pixels along an image": {"image_shape": (size, size, 1)}}.get(what, {})
            task = make_task(arguments, dataclasses.replace(config, **changed), arguments.batch if changed else size)
            try:
                with contextlib.ExitStack() as stack:
                    workers = start(stack, ["plain", "fast"], task)
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
        command.prepare(arguments)
        if arguments.quick:
            arguments.batch = min(arguments.batch, 8)
        config = QUICK if arguments.quick else PAPER
        found = environment()
        print(f"{found['processor']}; {', '.join(found['devices'])}; NumPy's BLAS: {found['blas']}; "
              f"OPENBLAS_CORETYPE {'is set' if os.environ.get('OPENBLAS_CORETYPE') else 'not set'}")
        results = compare(arguments, config)
        print("\n".join(table(results)))
        if arguments.scaling:
            results["scaling"] = scaling(arguments, config)
            plot.save(plot.scaling(results["scaling"]), arguments.out / "scaling.png")
        record.write(**results)
        others = ", ".join(f"{ratio(results, name, 'fast'):.1f} {'times as fast ' * (name == 'plain')}as {name}"
                           for name in results["contenders"] if name != "fast")
        print(f"{'figure and ' * arguments.scaling}run.json is in {arguments.out}")
        print(f"fast: {results['contenders']['fast']['seconds']['median']:#.3g} s for a step of {arguments.batch} images; {others}")
    if arguments.json:
        print((arguments.out / "run.json").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    command.run(main)
