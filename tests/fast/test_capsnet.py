"""The fast network equals the plain one: values, gradients and errors, on any number of cores."""
import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.capsules.networks import SMALL, capsnet
from tests.ops.facts import (ALONG_DIRECTIONS, error, near, on, on_device, refuses,
                             refuses_two_memories, stays_float32)
from tinycaps import checks
from tinycaps.backend import to_numpy
from tinycaps.capsules import (PAPER, PLAIN, CapsNetConfig, Network, capsnet_forward,
                               capsnet_loss_backward, capsnet_loss_forward, init_capsnet, predict)
from tinycaps.checkpoint import load_checkpoint
from tinycaps.fast import (choose_network, fast_capsnet_backward, fast_capsnet_forward,
                           fast_network, threads)
from tinycaps.fast.fourier_plan import fourier_plan
from tinycaps.gradcheck import assert_gradients

ROOT = Path(__file__).parents[2]
# conv1 leaves 8 x 8 pixels: phases of 4 x 4, capsules on 2 x 2.
SQUARE = replace(SMALL, image_shape=(9, 9, 2), primary_kernel=5)
BARE = replace(SQUARE, reconstruction_weight=0)
CONFIGS = {
    "even N": BARE,
    "odd N, one channel, two rounds": replace(
        BARE, image_shape=(7, 7, 1), primary_kernel=3, iterations=2),
    "stride 3, one round, one capsule of a type": replace(
        BARE, image_shape=(7, 7, 3), primary_kernel=4, primary_stride=3, iterations=1),
    "stride 1, stopped gradient": replace(
        BARE, image_shape=(6, 6, 2), primary_kernel=3, primary_stride=1, stop_gradient=True),
    "wide": replace(
        BARE, conv_channels=9, primary_types=5, primary_dims=3, classes=4, class_dims=2,
        iterations=4),
}
WIDE = CONFIGS["wide"]
NOT_SQUARE = {
    "narrow": replace(BARE, image_shape=(9, 8, 2)),
    "broad": replace(BARE, image_shape=(9, 11, 2)),
    # conv1's output has one column in each phase.
    "one column": replace(BARE, image_shape=(5, 3, 2), primary_kernel=2),
}
ODD_STRIDE = replace(BARE, image_shape=(8, 8, 2))
"""Its stride 2 does not divide the 7 pixels that conv1 leaves."""
configs = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())

# Without a workspace, so pure.
FAST = Network(fast_capsnet_forward, fast_capsnet_backward)
DIRECT = Network(partial(fast_capsnet_forward, fourier=False), fast_capsnet_backward)


def lent(fourier=True):
    """The fast network as training uses it, with a workspace."""
    return fast_network(fourier)


def case(xp, config=BARE, n=3, dtype="float64", seed=2):
    """Parameters, images, an upstream gradient."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, *config.image_shape))
    dv = rng.standard_normal((n, config.classes, config.class_dims))
    return on(xp, capsnet(np, config, dtype)[0], x.astype(dtype), dv.astype(dtype))


def run(network, params, x, dv, config):
    """Return v and the gradients in one dict, on the host and out of reach of the next call."""
    v, cache = network.forward(params, x, config)
    results = {"v": v} | network.backward(dv, cache)
    return {key: to_numpy(array).copy() for key, array in results.items()}


def agree(got, want, tolerance=1e-12):
    assert got.keys() == want.keys()
    for key in want:
        near(got[key], want[key], tolerance)


def same_bits(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


@configs
@pytest.mark.parametrize("n", [1, 3, 4, 5, 18, 33])             # for equal and unequal slices
def test_equals_the_plain_network_in_value_and_every_gradient(xp, config, n):
    arrays = case(xp, config, n)
    want = run(PLAIN, *arrays, config)
    agree(run(FAST, *arrays, config), want)
    agree(run(DIRECT, *arrays, config), want)


@configs
@pytest.mark.parametrize("n", [1, 9, 33])
def test_float32_errs_as_little_as_the_plain_network(config, n):
    # Fractions of the largest number. Measured: at most 4e-6, and 5e-6 in the plain network, both
    # for conv1's bias.
    truth = run(PLAIN, *case(np, config, n), config)
    narrow = case(np, config, n, "float32")
    fast, plain = (run(network, *narrow, config) for network in (FAST, PLAIN))
    for key in truth:
        allowed = max(6 * error(plain[key], truth[key]), 5e-6)
        assert error(fast[key], truth[key]) < allowed < 5e-5, key


def test_the_published_network():
    # Fractions of the largest number of v and of each gradient. Measured against float64: the fast
    # network is off by at most 0.9e-6, the plain one by 1.7e-6.
    config = replace(PAPER, reconstruction_weight=0)
    params = init_capsnet(np.random.default_rng(0), config)
    rng = np.random.default_rng(1)
    x = rng.random((12, 28, 28, 1), "float32")
    dv = rng.standard_normal((12, 10, 16), "float32")
    fast, plain = (run(network, params, x, dv, config) for network in (lent(), PLAIN))
    agree(fast, plain, 1e-5)


def check_by_name(network, params, x, config, **options):
    """Check the gradient of every parameter."""
    report = assert_gradients(lambda params: network.forward(params, x, config), network.backward,
                              params, **options)
    assert {row.name for row in report.rows} == params.keys()


@configs
def test_gradients_by_name(xp, config):
    config = replace(config, stop_gradient=False)       # a stopped gradient is no derivative
    params, x, _ = case(xp, config)
    check_by_name(FAST, params, x, config, **ALONG_DIRECTIONS)


def test_gradients_by_name_with_direct_convolution(xp):
    config = NOT_SQUARE["broad"]
    params, x, _ = case(xp, config)
    check_by_name(DIRECT, params, x, config, **ALONG_DIRECTIONS)


@pytest.mark.parametrize("network", [FAST, DIRECT], ids=["Fourier", "direct"])
def test_gradients_by_name_over_several_slices(monkeypatch, network):
    monkeypatch.setattr(threads, "SLICE", 400)      # 1 sample in the convolutions, 4 in the routing
    params, x, _ = case(np, n=19)
    check_by_name(network, params, x, BARE, **ALONG_DIRECTIONS)


def test_work_is_cut_by_the_numbers_of_a_sample(monkeypatch):
    asked = []
    for room in "convolutions", "capsules":
        monkeypatch.setattr(f"tinycaps.fast.{room}.pieces", lambda *sizes: asked.append(sizes) or 1)
    run(FAST, *case(np, n=5), BARE)
    i, j, q, p = BARE.shapes["digit.W"]
    # conv1 gives 8 x 8 pixels, which become R products of 2 x 2 phases.
    f, R = BARE.conv_channels, len(fourier_plan(8, 5, 2).B_T)
    up = [(5, 8 * 8 * f + R * 4 * f), (5, i * p), (5, i * j * q)]
    assert asked == up + up[::-1]


def test_gradients_entry_by_entry_of_all_but_the_largest_layers():
    params, x, _ = case(np)
    check_by_name(FAST, params, x, BARE, max_entries=60)


@pytest.mark.parametrize("config", [SQUARE, BARE], ids=["with a decoder", "without"])
def test_the_whole_objective(xp, config):
    params, x, labels = capsnet(xp, config)
    want, cache = capsnet_loss_forward(params, x, labels, config)
    wanted = {key: to_numpy(grad) for key, grad in capsnet_loss_backward(1.0, cache).items()}
    for network in FAST, DIRECT, lent():
        for _ in range(2):
            loss, cache = capsnet_loss_forward(params, x, labels, config, network)
            near(loss, want)
            agree(capsnet_loss_backward(1.0, cache), wanted)


def test_gradients_of_the_whole_objective_by_name(xp):
    config = replace(SQUARE, image_shape=(7, 7, 1), primary_kernel=3, iterations=2,
                     decoder_hidden=(4,))
    params, x, labels = capsnet(xp, config)

    def forward(params):
        return capsnet_loss_forward(params, x, labels, config, FAST)
    report = assert_gradients(forward, capsnet_loss_backward, params, max_entries=1, directions=1)
    assert {row.name for row in report.rows} == params.keys()


@pytest.mark.parametrize("network", [FAST, lent()], ids=["without a workspace", "with one"])
def test_predictions_whatever_the_batch(xp, network):
    params, x, _ = case(xp, n=20)
    x = 20 * (x - 0.5)                  # so different that they do not all fall into one class
    want = predict(params, x, BARE)
    assert len(set(to_numpy(want).tolist())) > 1
    for batch in 1, 7, 8, 20, 100:
        assert (predict(params, x, BARE, batch, network) == want).all()


def test_images_do_not_see_each_other(xp):
    params, x, dv = case(xp, n=11)
    together, _ = fast_capsnet_forward(params, x, BARE)
    alone, _ = fast_capsnet_forward(params, x[9:10], BARE)
    near(together[9:10], alone)


def test_black_images_give_zero_and_finite_gradients(xp):
    params, = on(xp, init_capsnet(np.random.default_rng(0), BARE))
    black = xp.zeros((2, *BARE.image_shape), dtype="float32")
    v, cache = fast_capsnet_forward(params, black, BARE)
    assert not v.any()
    grads = fast_capsnet_backward(xp.ones_like(v), cache)
    assert all(xp.isfinite(grad).all() for grad in grads.values())


def test_float32_stays_float32(xp):
    params, x, dv = case(xp, dtype="float32")
    for network in FAST, DIRECT, lent(), lent(fourier=False):
        v, cache = network.forward(params, x, BARE)
        stays_float32(xp, v, network.backward(dv, cache))


# The workspace.

@pytest.mark.parametrize("fourier", [True, False], ids=["Fourier", "direct"])
def test_with_a_workspace_everything_stays_right_though_the_calls_differ(xp, fourier):
    network = lent(fourier)
    for name, n, dtype in [
            ("even N", 9, "float64"), ("even N", 9, "float64"), ("even N", 3, "float64"),
            ("even N", 33, "float32"), ("even N", 33, "float64"), ("wide", 9, "float64"),
            ("stride 1, stopped gradient", 9, "float32"), ("even N", 9, "float64")]:
        config = CONFIGS[name]
        arrays = case(xp, config, n, dtype, seed=n)
        tolerance = 1e-12 if dtype == "float64" else 2e-5
        agree(run(network, *arrays, config), run(PLAIN, *arrays, config), tolerance)


def big_arrays(cache, grads):
    """What lies in the workspace."""
    conv1, products = cache.front
    return [products.V, products.U, *conv1[:2], cache.routing[0], grads["primary.W"],
            grads["digit.W"]]


@pytest.mark.parametrize("network, again", [(lent(), True), (FAST, False)],
                         ids=["with a workspace", "without"])
def test_only_a_workspace_lends_the_same_memory_again(network, again):
    params, x, dv = case(np, n=9)
    v, cache = network.forward(params, x, BARE)
    first, kept = big_arrays(cache, network.backward(dv, cache)), v.copy()
    other, cache = network.forward(params, 1 - x, BARE)
    second = big_arrays(cache, network.backward(dv, cache))
    assert [np.shares_memory(a, b) for a, b in zip(first, second)] == [again] * 7
    assert np.array_equal(v, kept) and not np.array_equal(v, other)


def test_two_networks_do_not_get_in_each_others_way():
    # Each has a workspace of its own, or the second forward would overwrite the cache of the first.
    config = CapsNetConfig(image_shape=(14, 14, 1), conv_channels=64, conv_kernel=3,
                           primary_types=16, primary_kernel=6, primary_stride=1, classes=3,
                           class_dims=4, reconstruction_weight=0)
    (a, reason), (b, _) = (choose_network(config, 32) for _ in range(2))
    assert reason.startswith("Fourier convolution") and a.forward is not b.forward
    params, x, dv = case(np, config, 5)
    v, cache = a.forward(params, x, config)
    b.forward(params, 1 - x, config)
    agree({"v": v} | a.backward(dv, cache), run(PLAIN, params, x, dv, config))


def test_what_cannot_fit_is_refused_before_the_votes_are_made(monkeypatch):
    monkeypatch.setattr(checks, "free_memory", lambda xp: 10 ** 3)
    monkeypatch.setattr(checks, "WORTH_ASKING", 0)
    params, x, _ = case(np)
    for network in PLAIN, FAST, lent():
        refuses(MemoryError, "u_hat", "at most the 0.0 GiB that are free", network.forward, params,
                x, BARE)


def test_votes_with_a_buffer_in_the_workspace_ask_for_no_free_memory(monkeypatch):
    monkeypatch.setattr(checks, "WORTH_ASKING", 0)
    params, x, dv = case(np)
    network = lent()
    monkeypatch.setattr(checks, "free_memory", lambda xp: 10 ** 6)
    first = run(network, params, x, dv, BARE)
    # The workspace has taken the rest.
    monkeypatch.setattr(checks, "free_memory", lambda xp: 10 ** 3)
    assert same_bits(first, run(network, params, x, dv, BARE))


# Threads.

@pytest.mark.parametrize("pretended", [1, 2, 7])
def test_the_same_bits_in_every_run_however_the_threads_are_scheduled(cores, pretended):
    cores(pretended)
    arrays = case(np, WIDE, 33, "float32")
    first, network = run(FAST, *arrays, WIDE), lent()
    interval = sys.getswitchinterval()
    try:
        sys.setswitchinterval(1e-6)
        for _ in range(30):
            assert same_bits(run(FAST, *arrays, WIDE), first)
            assert same_bits(run(network, *arrays, WIDE), first)
    finally:
        sys.setswitchinterval(interval)


def test_the_same_bits_in_whatever_order_the_slices_are_worked(monkeypatch):
    def in_order(arrange):
        @contextmanager
        def parallel(xp):
            def split(work, count, pieces=None):
                for part in arrange(threads._cut(count, pieces or 3)):
                    work(part)
            yield split
        monkeypatch.setattr("tinycaps.fast.capsnet.parallel", parallel)
        return run(FAST, *arrays, WIDE)
    arrays, rng = case(np, WIDE, 33, "float32"), random.Random(0)
    first = in_order(lambda parts: parts)
    assert same_bits(in_order(lambda parts: parts[::-1]), first)
    for _ in range(5):
        assert same_bits(in_order(lambda parts: rng.sample(parts, len(parts))), first)


@pytest.mark.parametrize("pretended", [1, 2, 3, 7, 40])
def test_equals_the_plain_network_on_any_number_of_cores(cores, pretended):
    cores(pretended)
    arrays = case(np, WIDE, 33)
    want = run(PLAIN, *arrays, WIDE)
    for network in FAST, DIRECT, lent():
        agree(run(network, *arrays, WIDE), want)


@pytest.mark.parametrize("libraries", ["no threadpoolctl", "a BLAS that it does not see"])
def test_equals_the_plain_network_where_the_blas_cannot_be_held(monkeypatch, cores, libraries):
    cores(4)
    if libraries == "no threadpoolctl":
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    else:
        monkeypatch.setattr("threadpoolctl.ThreadpoolController._load_libraries",
                            lambda self: None)
    threads._controller.cache_clear()
    try:
        arrays = case(np, n=19)
        agree(run(lent(), *arrays, BARE), run(PLAIN, *arrays, BARE))
        assert threads._controller() is None
    finally:
        threads._controller.cache_clear()


@pytest.mark.parametrize("pretended", [1, 2])
def test_numbers_that_overflow_come_out_without_a_warning_where_the_caller_wants_none(
        cores, pretended):
    cores(pretended)
    params, x, dv = case(np, n=17, dtype="float32")
    huge = {key: 1e30 * array for key, array in params.items()}
    with np.errstate(all="ignore"):                 # as in training, which names the step instead
        assert not np.isfinite(run(FAST, huge, x, dv, BARE)["conv1.W"]).all()


# Bad input.

def test_bad_images(xp):
    params, x, dv = case(xp)
    forward = fast_capsnet_forward
    refuses(ValueError, "x", "(n, 9, 9, 2)", forward, params, x[0], BARE)
    refuses(ValueError, "x", "(n, 9, 9, 2)", forward, params, x[..., :1], BARE)
    refuses(ValueError, "x", "at least one along every axis", forward, params, x[:0], BARE)
    refuses(TypeError, "x", "floating-point numbers", forward, params, x.astype("uint8"), BARE)
    v, cache = forward(params, x, BARE)
    refuses(ValueError, "dv", "(3, 3, 4)", fast_capsnet_backward, v.swapaxes(1, 2), cache)
    refuses(ValueError, "dv", "(3, 3, 4)", fast_capsnet_backward, v[:2], cache)
    refuses(TypeError, "dv", "float64", fast_capsnet_backward, v.astype("float32"), cache)


ONE_LINE = r"\A[\w. ,\[\]']+: got [^\n]*, wanted [^\n]*\Z"


@pytest.mark.parametrize("config", NOT_SQUARE.values(), ids=NOT_SQUARE.keys())
def test_images_that_are_not_square_need_direct_convolution(xp, config):
    arrays = params, x, _ = case(xp, config)
    want = run(PLAIN, *arrays, config)
    for network in DIRECT, lent(fourier=False):
        agree(run(network, *arrays, config), want)
    for network in FAST, lent():
        refuses(ValueError, "image_shape", "square images for the Fourier convolution",
                network.forward, params, x, config)


def test_a_stride_that_does_not_divide_the_size_needs_direct_convolution(xp):
    arrays = params, x, _ = case(xp, ODD_STRIDE)
    agree(run(DIRECT, *arrays, ODD_STRIDE), run(PLAIN, *arrays, ODD_STRIDE))
    refuses(ValueError, "size", "a multiple of the stride", fast_capsnet_forward, params, x,
            ODD_STRIDE)


MISFITS = {
    "digit.W of fewer capsules": ("digit.W", lambda W: W[:5]),
    "digit.W of other capsules": ("digit.W", lambda W: W[..., :1]),
    "digit.W of another precision": ("digit.W", lambda W: W.astype("float32")),
    "primary.W of fewer inputs": ("primary.W", lambda W: W[:, :, :2]),
    "primary.W of fewer outputs": ("primary.W", lambda W: W[..., :2]),
    "primary.W of another kernel": ("primary.W", lambda W: W[:4, :4]),
    "primary.W of another precision": ("primary.W", lambda W: W.astype("float32")),
    "primary.bias of one": ("primary.bias", lambda bias: bias[:1]),
    "primary.bias of another precision": ("primary.bias", lambda bias: bias.astype("float32")),
    "conv1.W of another kernel": ("conv1.W", lambda W: W[:1, :1]),
    "conv1.W of other images": ("conv1.W", lambda W: W[:, :, :1]),
    "conv1.W of another precision": ("conv1.W", lambda W: W.astype("float32")),
    "conv1.bias of one": ("conv1.bias", lambda bias: bias[:1]),
    "conv1.bias of another precision": ("conv1.bias", lambda bias: bias.astype("float32")),
}


@pytest.mark.parametrize("key, change", MISFITS.values(), ids=MISFITS.keys())
def test_parameters_that_do_not_fit_are_refused_in_one_line_as_by_the_plain_network(key, change):
    params, x, _ = case(np)
    params[key] = change(params[key])
    with pytest.raises((ValueError, TypeError), match=ONE_LINE) as plain:
        capsnet_forward(params, x, BARE)
    for network in FAST, DIRECT:
        with pytest.raises(plain.type, match=ONE_LINE):
            network.forward(params, x, BARE)


@on_device
def test_host_and_device_do_not_mix(xp):
    params, x, _ = case(np)
    refuses_two_memories("x, .*", fast_capsnet_forward, on(xp, params)[0], x, BARE)


# A real process, killed in the middle of a step, with half of the cache already overwritten.
TRAINING = """if True:
    import dataclasses, os, signal, sys
    import numpy as np
    from pathlib import Path
    from tinycaps.capsules import (DIGITS, Network, capsnet_loss_backward, capsnet_loss_forward,
                                   init_capsnet)
    from tinycaps.data import load_digits, random_shift
    from tinycaps.fast import fast_capsnet_backward, fast_network
    from tinycaps.train import train
    folder, arrivals = Path(sys.argv[1]), int(sys.argv[2])
    config = dataclasses.replace(DIGITS, conv_channels=8, primary_types=4, primary_dims=4,
                                 decoder_hidden=(16,))

    def backward(dv, cache):
        global arrivals
        grads = fast_capsnet_backward(dv, cache)
        arrivals -= 1
        if arrivals == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return grads
    network = Network(fast_network().forward, backward)

    def gradients(params, batch, now):
        loss, cache = capsnet_loss_forward(params, *batch, config, network)
        return loss, capsnet_loss_backward(1.0, cache)
    data = load_digits()
    train(gradients, init_capsnet(np.random.default_rng(0), config),
          (data.train_images[:200], data.train_labels[:200]), epochs=2, batch=32, seed=0,
          augment=lambda batch, rng: (random_shift(batch[0], rng, 1), batch[1]), folder=folder,
          about={}, checkpoint_seconds=0.0, resume=(folder / "checkpoint.npz").exists())
"""


def train(folder, arrivals):
    command = [sys.executable, "-c", TRAINING, str(folder), str(arrivals)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, timeout=120).returncode


def test_training_killed_and_resumed_ends_with_the_same_bits(tmp_path):
    assert train(tmp_path / "whole", 0) == 0
    for arrivals, step in (4, 3), (6, 8):
        assert train(tmp_path / "cut", arrivals) == -signal.SIGKILL
        assert load_checkpoint(tmp_path / "cut" / "checkpoint.npz").step == step
    assert train(tmp_path / "cut", 0) == 0
    cut, whole = (load_checkpoint(tmp_path / name / "checkpoint.npz") for name in ("cut", "whole"))
    assert cut.step == whole.step == 14
    assert same_bits(cut.params, whole.params) and same_bits(cut.state, whole.state)
