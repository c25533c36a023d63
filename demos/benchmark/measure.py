"""The measurement: contenders that agree take turns, and what they needed is summarised."""
import contextlib
import dataclasses
import time
from importlib.util import find_spec
from statistics import median

import numpy as np

from demos.benchmark.contender import Task
from demos.benchmark.worker import Worker
from tinycaps.data import load_digits, load_mnist

METERS = {"sgemm": "demos.benchmark.contender.Multiply",
          "torch sgemm": "demos.benchmark.torch_contender.Multiply"}
"""What measures the limit, with NumPy or CuPy, and with PyTorch."""
TUNED = {"MALLOC_MMAP_THRESHOLD_": str(2 ** 33), "MALLOC_TRIM_THRESHOLD_": str(2 ** 34),
         "MALLOC_TOP_PAD_": str(2 ** 26)}
"""glibc's malloc, for the process of "torch tuned" alone: give no memory back to the system."""
AGREE = 1e-4
"""Differences between gradients that rounding may make, relative to the array's largest entry."""
WARM = 2
"""Steps before those that count."""
PAUSE = 0.1
"""Seconds before each step, in which the threads of the contender before fall asleep."""


def make_task(arguments, network, config, batch):
    """Draw parameters and take images for a network; small images are magnified to its size."""
    data = load_mnist() if arguments.data == "mnist" else load_digits()
    chosen = np.arange(batch) % len(data.train_images)
    rows, columns = (np.arange(size) * old // size for size, old in
                     zip(config.image_shape[:2], data.train_images.shape[1:]))
    images = np.ascontiguousarray(data.train_images[chosen][:, rows][:, :, columns])
    params = network.draw(np.random.default_rng(arguments.seed), config)
    return Task(config, params, images, data.train_labels[chosen], arguments.device,
                arguments.seed)


def start(stack, contenders, task):
    """Start contenders; go on without a PyTorch that cannot. Return the workers by name."""
    workers = {name: stack.enter_context(Worker(name, where, TUNED if "tuned" in name else {}))
               for name, where in contenders.items()}
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
    """Compare losses and gradients of all workers with the first one's; return the differences.

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
            raise RuntimeError(f"{worker.name}: got gradients of {', '.join(other)}, wanted those "
                               f"of {', '.join(grads)}; nothing was timed")
        found = {key: float(abs(other[key] - g).max() / abs(g).max()) for key, g in grads.items()}
        found["loss"] = abs(other_loss / loss - 1)
        worst = max(found, key=lambda key: np.nan_to_num(found[key], nan=np.inf))
        if not found[worst] <= AGREE:
            raise RuntimeError(f"{worker.name}: got {worst} {found[worst]:.1e} away from that of "
                               f"{first.name}, wanted at most {AGREE:.0e}; nothing was timed")
        differences[worker.name] = found
    for worker in workers:
        worker.call("forget_peak")                                  # this took more than a step
    return differences


def take_turns(workers, repeats, warm=WARM, steps=1):
    """Let every worker make some steps in each round; return {name: [mean laps, or rate]}."""
    from tqdm import tqdm
    found = {worker.name: [] for worker in workers}
    for k in tqdm(range(warm + repeats), disable=None, leave=False):
        for worker in workers[k % len(workers):] + workers[:k % len(workers)]:
            time.sleep(PAUSE)
            call = ["rate"] if worker.name.endswith("sgemm") else ["timed", steps]
            found[worker.name].append(worker.call(*call))
    return {name: values[warm:] for name, values in found.items()}


def spread(values):
    """Return median, least and largest."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def summarise(name, laps, worker, counted, limit):
    """Return all results of a contender."""
    direct, fast = (sum(map(sum, each.values())) for each in counted)
    step = spread([each["step"] for each in laps])
    useful, actual = direct / step["median"], (fast if name == "fast" else direct) / step["median"]
    return {
        "seconds": step, "steps": [each["step"] for each in laps],
        "parts": {part: spread([each[part] for each in laps]) for part in laps[0]
                  if part != "step"},
        "peak_bytes": worker.call("peak"), "library_bytes": worker.call("libraries"),
        "useful_gflops": useful, "useful_of_sgemm": useful / limit,
        "actual_gflops": actual, "actual_of_sgemm": actual / limit}


def compare(arguments, network, config):
    """Run the contenders; return the results."""
    task = make_task(arguments, network, config, arguments.batch)
    contenders = network.contenders
    if not find_spec("torch"):
        print("PyTorch is not installed: no comparison with it (pip install torch)")
        contenders = {name: where for name, where in contenders.items()
                      if not name.startswith("torch")}
    with contextlib.ExitStack() as stack:
        workers = start(stack, contenders, task)
        differences = check_agreement([*workers.values()])
        for name, found in differences.items():
            worst = max(found, key=found.get)
            print(f"{name} computes what plain does: loss and {len(found) - 1} gradients within "
                  f"{found[worst]:.0e} ({worst})")
        meters = start(stack, METERS if "torch" in workers else {"sgemm": METERS["sgemm"]}, task)
        found = take_turns([*workers.values(), *meters.values()], arguments.repeats,
                           steps=network.turn)
        rates = {name: spread(found[name]) for name in meters}
        counted = network.arithmetic(config, arguments.batch)
        limit = max(rate["median"] for rate in rates.values())
        return {
            "network": arguments.network, "batch": arguments.batch,
            "config": dataclasses.asdict(config),
            "parameters": sum(p.size for p in task.params.values()),
            "gflop": dict(zip(("direct", "fast"), counted)), "differences": differences,
            "sgemm_gflops": rates, "limit_gflops": limit,
            "torch": workers["torch"].call("about") if "torch" in workers else None,
            "contenders": {name: summarise(name, found[name], worker, counted, limit)
                           for name, worker in workers.items()}}


def scaling(arguments, network, config):
    """Measure our contenders at other sizes, one size changed at a time, and print them.

    Returns
    -------
    curves : dict
        What is changed to {name: [(size, seconds, bytes)]}.
    """
    contenders = {name: where for name, where in network.contenders.items()
                  if not name.startswith("torch")}
    curves = {what: {name: [] for name in contenders} for what in network.scales}
    for what, sizes in network.scales.items():
        heads = "".join(f"{name + ', s':>12}{'GiB':>8}" for name in contenders)
        print(f"{what:36}{heads}", flush=True)
        for size in [*sizes][1:3] if arguments.quick else sizes:
            batch = arguments.batch if sizes[size] else size
            changed = dataclasses.replace(config, **sizes[size])
            task = make_task(arguments, network, changed, batch)
            try:
                with contextlib.ExitStack() as stack:
                    workers = start(stack, contenders, task)
                    found = take_turns([*workers.values()], 3, warm=1)
                    point = {name: (size, median(laps["step"] for laps in found[name]),
                                    worker.call("peak")) for name, worker in workers.items()}
            except RuntimeError as error:
                print(f"{size:>36}  left out: {error}")
                continue
            cells = "".join(f"{seconds:>#12.3g}{peak / 2 ** 30:>8.2f}"
                            for _, seconds, peak in point.values())
            print(f"{size:>36}{cells}", flush=True)
            for name, curve in curves[what].items():
                curve.append(point[name])
    return curves
