"""Every backward of the package, but two, proven to be the derivative of its forward.

Each pair that a room of tinycaps exports, from relu to the whole networks, is run at a random point
in double precision; the derivative of its forward by every input is measured and compared with what
its backward returns. You will see one table with one row for each array and the entry (or the
random direction) where it differs most: the analytic gradient, the measured one, the estimated
error of the measurement, and the complex step as a second witness. No tolerance is chosen: "ok"
means that the gradient lies within eight estimated errors of what was measured, and that these are
small enough to prove it.

Two backwards are no gradients, on purpose. As it trains, ff_layer_loss pushes units that are off,
too, as Hinton's Matlab does. The table has it with exact=True, which is a gradient, and a line
below the table says how far the default is off. ff is left out: each of its layers has a loss of
its own, so there is no loss of which it could be the gradient.

The figure step_size.png in --out shows why a single step would not do. It looks at one entry of the
votes of dynamic routing. Large steps suffer from truncation and small ones from rounding; in
between, forward differences reach 8 digits and central ones 11, at different steps. Ridders'
extrapolation finds 13 by itself, and knows how many it has found. The complex step takes no
difference: on the right it is off by as much as the central one, on the left it is exact.

    python -m demos gradient_check_tour           some 5 seconds

The exit code is 1 if a gradient is wrong or a pair has no point. The last line:
118 gradients of 37 pairs correct, 0 wrong; estimated errors below 1e-11
"""
import numpy as np

from demos.gradcheck.points import DEPARTURES, find_points
from demos.harness.arguments import make_parser
from demos.harness.record import Record
from demos.harness.run import prepare
from tinycaps import plot
from tinycaps.capsules import routing_backward, routing_forward
from tinycaps.gradcheck import Report, check_gradients, derivative

ENTRIES = 30
"""Arrays with more entries are checked along random directions."""


def check_all(seed):
    """Check every pair.

    Returns
    -------
    names : list of str
        The pairs.
    report : Report
        Of all, its rows named by pair and array.
    departures : dict
        Pair to `departure`, for those that depart from the gradient on purpose.
    """
    from tqdm import tqdm
    names, rows, problems, departures = [], [], [], {}
    for op, forward, backward, inputs, keywords in tqdm(find_points(seed), disable=None,
                                                        leave=False):
        names.append(op)
        if inputs is None:
            problems.append(f"{op}: got no point ({keywords['why']}), wanted one in "
                            "demos/gradcheck/points.py")
            continue
        report = check_gradients(forward, backward, *inputs, seed=seed, max_entries=ENTRIES,
                                 **keywords)
        rows += [row._replace(name=f"{op}: {row.name}") for row in report.rows]
        problems += [f"{op}: {problem}" for problem in report.problems]
        if op in DEPARTURES:
            departures[op] = departure(forward, backward, inputs, keywords, DEPARTURES[op])
    return names, Report(rows, problems), departures


def departure(forward, backward, inputs, keywords, settings):
    """Return how far other settings of a loss are off: a fraction of the largest exact entry."""
    exact, other = (backward(1.0, forward(*inputs, **each)[1])
                    for each in (keywords, keywords | settings))
    return max(abs(d - e).max() / abs(e).max() for d, e in zip(other, exact))


def step_size_figure(seed):
    """Measure one derivative of routing with steps of all sizes; draw how far off each is."""
    rng = np.random.default_rng(seed)
    u_hat, dv = rng.standard_normal((1, 6, 3, 4)), rng.standard_normal((1, 3, 4))
    gradient = routing_backward(dv, routing_forward(u_hat)[1])
    entry = np.unravel_index(abs(gradient).argmax(), gradient.shape)
    truth = gradient[entry]

    def f(h):
        moved = u_hat.astype(type(h))
        moved[entry] += h
        return routing_forward(moved)[0].ravel()

    def relative(value):
        # Zero has no place on a logarithmic axis.
        return max(abs(value / truth - 1), np.finfo(float).eps / 2)

    weights, steps = dv.ravel(), 10.0 ** np.arange(0, -15.1, -0.25)
    found = derivative(f, weights, scale=abs(truth))
    quotients = {
        "forward difference": lambda h: weights @ (f(h) - f(0.0)) / h,
        "central difference": lambda h: weights @ (f(h) - f(-h)) / (2 * h),
        "complex step": lambda h: weights @ f(1j * h).imag / h,
    }
    curves = {label: (steps, [relative(quotient(h)) for h in steps])
              for label, quotient in quotients.items()}
    levels = {"Ridders' extrapolation": relative(found.value),
              "its estimate of its error": found.error / abs(truth)}
    return plot.step_size_errors(curves, levels)


def main(argv):
    """Run the demo; return its exit code."""
    arguments = make_parser("gradient_check_tour", __doc__).parse_args(argv)
    record = Record("gradient_check_tour", argv, arguments)
    prepare(arguments)
    names, report, departures = check_all(arguments.seed)
    print(report)
    for op, off_by in departures.items():
        settings = ", ".join(f"{name}={value}" for name, value in DEPARTURES[op].items())
        print(f"not the gradient, on purpose: {op} with {settings}, its default, is off by "
              f"up to {off_by:.1%} of the largest entry")
    plot.save(step_size_figure(arguments.seed), arguments.out / "step_size.png")
    correct = sum(row.verdict == "ok" for row in report.rows)
    wrong = len(report.rows) - correct + len(report.problems)
    largest = max(row.error for row in report.rows)
    record.write(wrong / (correct + wrong), gradients=len(report.rows), pairs=len(names),
                 wrong=wrong, largest_error=largest, departures=departures,
                 problems=report.problems, rows=report.as_dicts())
    print(f"figure and run.json are in {arguments.out}")
    print(f"{correct} gradients of {len(names)} pairs correct, {wrong} wrong; estimated errors "
          f"below {10 ** np.ceil(np.log10(largest)):.0e}")
    return int(wrong > 0)
