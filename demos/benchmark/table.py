"""The table of a comparison, and its result in one line."""

GIB = 2 ** 30


def table(network, results):
    """Yield the lines of the table."""
    contenders = results["contenders"]
    gflop = {name: sum(map(sum, each.values())) for name, each in results["gflop"].items()}

    def row(label, cell):
        return f"{label:32}" + "".join(f"{cell(name, found):>20}"
                                       for name, found in contenders.items())

    halves = any(key.endswith("backward") for key in contenders["plain"]["parts"])
    yield row("seconds: forward + backward" if halves else "seconds", lambda name, found: name)
    for part in network.parts:
        yield row(f"  {part}", lambda name, found: " + ".join(  # sorted: forward before backward
            f"{seconds['median']:#.3g}"
            for key, seconds in sorted(found["parts"].items(), reverse=True)
            if key.startswith(part)))
    yield row("step: median", lambda name, found: f"{found['seconds']['median']:#.3g}")
    yield row("  fastest – slowest", lambda name, found:
              f"{found['seconds']['min']:#.3g} – {found['seconds']['max']:#.3g}")
    if network.epoch:
        yield row(f"epoch of {network.epoch:,} images",
                  lambda name, found: f"{epoch_seconds(network, results, name):.1f}")
    yield row("peak memory, GiB", lambda name, found: f"{found['peak_bytes'] / GIB:.2f}")
    yield row("  libraries alone", lambda name, found: f"{found['library_bytes'] / GIB:.2f}"
              if found["library_bytes"] else "–")
    for kind in ("useful", "actual") if "fast" in contenders else ("useful",):
        yield row(f"GFLOP/s, {kind}", lambda name, found: f"{found[f'{kind}_gflops']:.0f}, "
                  f"{found[f'{kind}_of_sgemm']:.0%} of sgemm")
    for other in [name for name in contenders if name.startswith("torch")]:
        yield row(f"times as fast as {other}",
                  lambda name, found: f"{ratio(results, other, name):.2f}")
    line = f"{gflop['direct']:.1f} GFLOP in a step by the direct algorithm: the useful rate"
    yield line + (f"; fast needs {gflop['fast']:.1f}: its actual rate" if "fast" in contenders
                  else "")
    for name, rate in results["sgemm_gflops"].items():
        yield f"{name}: {rate['median']:.0f} GFLOP/s ({rate['min']:.0f} – {rate['max']:.0f})"


def ratio(results, slow, fast):
    """Return how many times as fast one contender is as another."""
    return median_step(results, slow) / median_step(results, fast)


def median_step(results, name):
    """Return the median seconds of a contender's step."""
    return results["contenders"][name]["seconds"]["median"]


def epoch_seconds(network, results, name):
    """Return how long a contender takes for the steps of an epoch."""
    return -(-network.epoch // results["batch"]) * median_step(results, name)


def ours(results):
    """Return the name of our fastest form: the fast twin where there is one."""
    return "fast" if "fast" in results["contenders"] else "plain"


def last_line(network, results):
    """Return the result in one line."""
    name = ours(results)
    line = (f"{name}: {median_step(results, name):#.3g} s for a step of {results['batch']} images")
    if network.epoch:
        line += f", {epoch_seconds(network, results, name):.1f} s for an epoch of {network.epoch:,}"
    ratios = [f"{ratio(results, other, name):.1f}{' times as fast' * (k == 0)} as {other}"
              for k, other in enumerate(each for each in results["contenders"] if each != name)]
    return "; ".join([line, ", ".join(ratios)] if ratios else [line])
