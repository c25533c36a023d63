"""One way to train: where it lies, what it goes on from, how fast it steps, and what it prints."""
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from demos.harness import learn as harness
from tests.demos.calls import own
from tests.demos.harness.test_arguments import parse
from tinycaps.checkpoint import load_checkpoint
from tinycaps.optim import sgd

IMAGES = np.random.default_rng(0).random((12, 4, 4, 1)).astype("float32")


def training(*words, name="boat", **settings):
    given = dict(epochs=4, learning_rate=0.5) | settings
    return harness.describe_training(name, arguments(*words), **given)


def arguments(*words):
    found = parse(*words)
    found.batch = found.batch or 5
    return found


def learn(*words, gradients=None, epochs=4, **more):
    """Learn nothing in particular: the mean of the images."""
    def towards_the_mean(params, batch, now):
        error = params["mean"] - batch[0].mean(axis=0)
        return (error ** 2).sum(), {"mean": error}
    given = arguments(*words)
    settings = dict(evaluate=lambda params: {"error": float(abs(params["mean"]).mean())},
                    update=harness.optimiser(sgd, given)) | more
    params = {"mean": np.zeros((4, 4, 1), "float32")}
    return harness.learn(training(*words, epochs=epochs), params, gradients or towards_the_mean,
                         (IMAGES,), given, **settings)


def test_every_setting_decides_the_folder(empty):
    own("mine.npz", 2)
    again, *others = [
        training(), training(), training("--seed", 1), training(seed=1, epochs=5),
        training(epochs=5), training(learning_rate=0.1), training(hidden=[3]), training("--quick"),
        training(name="student on labels"), training("--hold-out", 3), training("--batch", 6),
        training("--data", "mine.npz")]
    assert again.folder == others[0].folder
    assert len({each.folder for each in others}) == len(others)
    crc32 = f"{zlib.crc32(Path('mine.npz').read_bytes()):08x}"
    names = [each.folder.name[:-9] for each in others]
    assert names == ["boat-digits-0", "boat-digits-1", "boat-digits-1", *["boat-digits-0"] * 3,
                     "boat-digits-0-quick", "student-on-labels-digits-0",
                     *["boat-digits-0"] * 2, f"boat-mine.npz-{crc32}-0"]
    assert all(each.folder.parent.name == "runs" for each in others)


def test_an_own_file_or_folder_that_has_changed_is_another_training(empty):
    own("mine.npz", 2)
    before = training("--data", "mine.npz").folder
    assert training("--data", "mine.npz").folder == before
    assert training("--data", "./mine.npz").folder == before
    own("mine.npz", 3)
    assert training("--data", "mine.npz").folder != before
    Path("own").mkdir()
    Path("own", "a").write_text("a")
    before = training("--data", "own").folder
    assert before.name.startswith("boat-own-") and training("--data", "own/").folder == before
    Path("own", "a").write_text("b")
    assert training("--data", "own").folder != before


def test_a_training_leaves_log_and_checkpoint_with_its_settings(empty, capsys):
    trained = learn()
    expected = training()
    assert expected.begun and not training(epochs=5).begun
    found = load_checkpoint(expected.folder / "checkpoint.npz")
    assert found.step == 12 and found.about.items() >= expected.settings.items()
    assert np.array_equal(found.params["mean"], trained.params["mean"])
    assert all(line["network"] == "boat" for line in trained.log) and trained.seconds > 0
    lines = (expected.folder / "log.jsonl").read_text().splitlines()
    assert [{"network": "boat", **json.loads(line)} for line in lines] == trained.log
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert printed[0].startswith("boat: epoch 1, error ")
    assert printed[0].endswith(" % on training images, not moved")


def test_the_rate_is_flat_and_then_falls_to_zero_unless_another_schedule_is_given(empty):
    def rates(**more):
        return [line["learning_rate"] for line in learn(**more).log if "loss" in line]
    # The last of three steps in each of four epochs: 2, 5, 8, 11 of 12 are behind.
    assert rates() == pytest.approx([0.5, 0.5, 0.5 * 2 * 4 / 12, 0.5 * 2 * 1 / 12])
    assert rates(schedule=lambda rate, step, steps: rate + step + steps) == pytest.approx(
        [14.5, 17.5, 20.5, 23.5])


def test_evaluates_some_ten_times_or_as_asked(empty):
    def evaluated(**more):
        return [line["epoch"] for line in learn(**more).log if "error" in line]
    assert evaluated(epochs=25) == [3, 6, 9, 12, 15, 18, 21, 24, 25]
    assert evaluated(epochs=5) == [1, 2, 3, 4, 5]
    assert evaluated(epochs=5, evaluate_every=2) == [2, 4, 5]


def test_prints_no_more_than_some_ten_lines(capsys):
    for epoch in range(1, 26):
        line = {"epoch": epoch, "error": 0.125, "error ensemble": 0.25, "sample loss": 3}
        harness.print_errors(training(epochs=25), arguments("--hold-out", 3), line)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == ("boat: epoch 3, error 12.50 %, error ensemble 25.00 % on held-out "
                          "training images")
    assert [line.split()[2] for line in printed] == ["3,", "6,", "9,", "12,", "15,", "18,", "21,",
                                                     "24,", "25,"]


def test_goes_on_where_there_is_a_checkpoint_and_else_begins(empty):
    class Stop(Exception):
        pass

    def interrupted(line):
        if line["epoch"] == 2:
            raise Stop
    whole = learn()
    with pytest.raises(Stop):
        learn(show=interrupted)
    resumed = learn("--resume")
    assert np.array_equal(resumed.params["mean"], whole.params["mean"])
    assert resumed.log == whole.log
    assert learn("--resume", "--seed", 7).log[-1]["step"] == 12        # never begun

    def never(*given):
        raise AssertionError("trained")
    assert learn(gradients=never, resume=True).log == whole.log


def test_to_resume_something_must_have_been_begun(empty):
    begun, other = training(), training(epochs=5)
    harness.check_begun(arguments(), other)
    learn()
    harness.check_begun(arguments("--resume"), other, begun)
    with pytest.raises(FileNotFoundError) as caught:
        harness.check_begun(arguments("--resume"), other)
    line = str(caught.value)
    assert line.startswith(f"resume: got no checkpoint in {other.folder}, wanted one to go on from"
                           ": give all settings")
    with pytest.raises(ZeroDivisionError):              # begun once more, and stopped at once
        learn(gradients=lambda *given: 1 / 0)
    with pytest.raises(FileNotFoundError, match=f"the earlier run is in {begun.folder / 'old-1'}"):
        harness.check_begun(arguments("--resume"), other, begun)


@pytest.mark.parametrize("words, side, more, one", [
    ([], 4, {}, True), ([], 17, {}, False), ([], 17, {"shares_work": True}, True),
    (["--plain"], 4, {}, True), (["--plain"], 17, {"shares_work": True}, False)])
def test_the_blas_has_one_thread_for_small_images_and_networks_that_share_their_work(
        empty, monkeypatch, cores, words, side, more, one):
    held, before = [], blas_threads()
    cores(2)
    if before == 1:
        pytest.skip("the BLAS has one thread anyway")

    def gradients(params, batch, now):
        held.append(blas_threads() == 1)
        return np.zeros((), "float32"), {"mean": np.zeros_like(params["mean"])}
    monkeypatch.setitem(globals(), "IMAGES", np.zeros((12, side, side, 1), "float32"))
    learn(*words, gradients=gradients, **more)
    assert set(held) == {one} and blas_threads() == before


def blas_threads():
    return max(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")


def test_plain_means_the_plain_optimiser(monkeypatch):
    assert harness.optimiser(sgd, arguments("--plain")) is sgd
    fast = harness.optimiser(sgd, arguments())
    assert fast is not sgd and fast.__wrapped__ is sgd


@pytest.mark.parametrize("batch, labels, epochs, steps", [(50, 256, 2, 12), (64, 256, 3, 12),
                                                          (100, 60, 5, 5), (7, 8, 1, 2)])
def test_steps_are_counted_with_the_last_smaller_batch(batch, labels, epochs, steps):
    assert harness.count_steps(labels, batch, epochs) == steps
