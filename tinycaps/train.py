"""The training loop: shuffled batches, progress, log, checkpoints, and resuming to the bit.

Nothing random is carried from step to step: the order of an epoch is drawn from (seed, epoch), what
a step needs from (seed, epoch, step in the epoch), both counted from 1, since NumPy takes (seed, 0)
for the seed alone. So parameters, optimiser state and the number of steps done are the whole state
of a run, and a run that was killed and resumed ends, on NumPy, with the same bits.

The losses of a few steps are kept where they are computed and read together: on a GPU every
``float(loss)`` waits for the device, and an ``if loss < best`` in each step would do so each time.
"""
import math
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .backend import get_xp, is_array
from .checkpoint import Checkpoint, save_checkpoint
from .checks import check_count, check_finite
from .divergence import TrainingError, check_params, finite_mean, warn_of_divergence
from .optim import adam
from .resume import at_work, restore, settings_of

__all__ = ["Now", "TrainingError", "train"]


class Now(NamedTuple):
    """Where a training is when it asks for gradients."""

    epoch: int
    """From 1."""
    step: int
    """From 1, over all epochs."""
    rng: np.random.Generator
    """Of this step alone: for dropout masks, negatives and the like."""


def train(gradients, params, data, *, epochs, batch, folder, about, seed=0, update=adam,
          learning_rate=lambda step: 1e-3, augment=None, evaluate=None, evaluate_every=1, show=None,
          resume=False, log_every=20, checkpoint_seconds=60.0):
    """Train parameters, in place, and leave a log and a checkpoint in a folder.

    Parameters
    ----------
    gradients : function (params, batch, now) -> loss, grads
        ``batch`` is a tuple with the chosen samples of every array of ``data``, ``now`` a `Now`.
    params : dict of arrays
        The batches are brought to where they lie, host or device.
    data : tuple of arrays (n, ...)
        On the host: images and labels, for example, or sequences. Floating-point arrays are
        finite.
    epochs, batch : int
        The last batch of an epoch may be smaller.
    folder : path
        Gets ``log.jsonl`` and ``checkpoint.npz``. Those of an earlier run are moved to a folder
        ``old-1`` inside, and so on, unless it is resumed; the last five are kept.
    about : dict
        JSON values, or NumPy scalars, that a resumed run must share, such as the network's config.
    seed : int
    update : function (params, grads, state, learning_rate=)
        From `tinycaps.optim`.
    learning_rate : function step -> float
        The learning rate after this number of steps, 0 at first.
    augment : function (batch, rng) -> batch, optional
        Changes a batch, on the host.
    evaluate : function params -> dict, optional
        Called at the end of an epoch; its numbers go into the log. Those whose names begin with
        "error" are error rates.
    evaluate_every : int
        Epochs from one call of it to the next; the last epoch is always evaluated.
    show : function dict -> None, optional
        Called with the line that each evaluation leaves in the log.
    resume : bool
        Go on from the checkpoint in the folder.
    log_every : int
        Steps.
    checkpoint_seconds : float
        A checkpoint is written at the end of every epoch, and when the last is older than this.

    Returns
    -------
    log : list of dict
        Everything that the log file holds.
    seconds : float
        Spent in training, including the time before a resume.

    Raises
    ------
    ValueError, TypeError
        If the data are unfit, the batch is larger than the data, or the checkpoint is of another
        run. Nothing is written then.
    FileNotFoundError
        If there is nothing to resume.
    BlockingIOError
        If another training is at work in the folder.
    TrainingError
        If a loss or a parameter is not finite: the message names the step, and that of the
        checkpoint, which holds the last good state, if there is one.
    """
    folder, samples = Path(folder), _check_data(data)
    if not isinstance(params, dict) or not params:
        raise TypeError(f"params: got {type(params).__name__}, wanted a dict of at least one array")
    check_count(epochs=epochs, batch=batch, evaluate_every=evaluate_every, log_every=log_every)
    if not hasattr(seed, "__index__") or seed < 0:
        raise ValueError(f"seed: got {seed!r}, wanted an integer of at least 0")
    if batch > samples:
        raise ValueError(f"batch: got {batch}, wanted at most the {samples} training samples")
    seed, batch = int(seed), int(batch)
    about = settings_of(about, data, seed=seed, batch=batch)
    steps_per_epoch = math.ceil(samples / batch)
    state, step, seconds, found = {}, 0, 0.0, None
    if resume:
        found = restore(folder / "checkpoint.npz", params, state, about)
        step, seconds = found.step, found.seconds
        if step > epochs * steps_per_epoch:
            raise ValueError(f"epochs: got {epochs}, wanted at least the "
                             f"{step / steps_per_epoch:.3g} that the checkpoint has behind it")

    losses, first, good = [], None, step
    # What is not finite is reported by its step, so NumPy need not warn.
    with (at_work(folder, found) as log, np.errstate(all="ignore"),
          _progress(epochs * steps_per_epoch, step) as bar):
        started = saved = time.monotonic()
        for epoch in range(step // steps_per_epoch, epochs):
            order = np.random.default_rng([seed, 1 + epoch]).permutation(samples)
            for k in range(step % steps_per_epoch, steps_per_epoch):
                rng = np.random.default_rng([seed, 1 + epoch, 1 + k])
                chosen = tuple(array[order[k * batch:(k + 1) * batch]] for array in data)
                if augment:
                    chosen = augment(chosen, rng)
                rate = learning_rate(step)
                step += 1
                now = Now(1 + epoch, step, rng)
                loss, grads = gradients(params, _to_params(params, chosen), now)
                update(params, grads, state, learning_rate=rate)
                losses.append(loss)
                last = k == steps_per_epoch - 1
                due = not last and time.monotonic() - saved >= checkpoint_seconds
                if step % log_every == 0 or last or due:
                    mean = finite_mean(losses, step, good)
                    first = float(losses[0]) if first is None else first
                    losses = []
                    log.write(step=step, epoch=step / steps_per_epoch, loss=mean,
                              learning_rate=rate)
                    bar.set_postfix(loss=f"{mean:.4f}", refresh=False)
                if last or due:
                    check_params(params, step, good)
                if last and evaluate and ((epoch + 1) % evaluate_every == 0 or epoch + 1 == epochs):
                    log.write(step=step, epoch=epoch + 1, **evaluate(params))
                    if show:
                        show(log.lines[-1])
                if last or due:
                    elapsed = seconds + time.monotonic() - started
                    save_checkpoint(folder / "checkpoint.npz",
                                    Checkpoint(params, state, about, step, elapsed, len(log.lines)))
                    saved, good = time.monotonic(), step
                bar.update()
    if first is not None:
        warn_of_divergence(folder, log.lines, first)
    return log.lines, seconds + time.monotonic() - started


def _check_data(data):
    """Return the number of samples, the same in all arrays."""
    if not isinstance(data, tuple) or not data:
        raise TypeError(f"data: got {type(data).__name__}, wanted a tuple of at least one "
                        "array")
    for k, array in enumerate(data):
        name = f"data[{k}]"
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufc":
            came = f"dtype {array.dtype}" if is_array(array) else type(array).__name__
            raise TypeError(f"{name}: got {came}, wanted a NumPy array of numbers")
        if array.ndim == 0 or array.size == 0:
            raise ValueError(f"{name}: got shape {array.shape}, wanted (n, ...) with at least one "
                             "along every axis")
        if len(array) != len(data[0]):
            raise ValueError(f"{name}: got {len(array)} samples, wanted {len(data[0])} as in "
                             "data[0]")
        if array.dtype.kind in "fc":
            check_finite(**{name: array})
    return len(data[0])


def _to_params(params, arrays):
    """Bring a batch to where the parameters lie, in their precision."""
    if not isinstance(arrays, tuple):
        raise TypeError(f"augment: got {type(arrays).__name__}, wanted it to return a batch, a "
                        "tuple of arrays")
    p = next(iter(params.values()))
    return tuple(get_xp(p).asarray(array, dtype=p.dtype if array.dtype.kind == "f" else None)
                 for array in arrays)


def _progress(total, done):
    from tqdm import tqdm
    tqdm.set_lock(threading.RLock())    # not one for processes, which a kill would leave behind
    return tqdm(total=total, initial=done, unit="step", disable=None, dynamic_ncols=True)
