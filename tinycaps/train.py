"""The training loop: shuffled batches, shifts, progress, log, checkpoints, and resuming as if nothing had happened.

Nothing random is carried from step to step: the order of an epoch is drawn from (seed, epoch), what a step needs from (seed,
epoch, step in the epoch), both counted from 1, since NumPy takes (seed, 0) for the seed alone. So parameters, optimiser state
and the number of steps done are the whole state of a run, and a run that was killed and resumed ends, on NumPy, with the same
bits.
"""
import json
import math
import os
import time
import zlib
from pathlib import Path

import numpy as np

from .backend import get_xp
from .checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from .checks import check_count, check_images, check_labels
from .optim import adam
from .run_log import RunLog


class TrainingError(RuntimeError):
    """The numbers went bad; the last good checkpoint is on the disk."""


def train(gradients, params, images, labels, *, epochs, batch, folder, about, seed=0, update=adam, learning_rate=lambda step: 1e-3,
          augment=None, evaluate=None, evaluate_every=1, show=None, resume=False, log_every=20, checkpoint_seconds=60.0):
    """Train parameters, in place, and leave a log and a checkpoint in a folder.

    Parameters
    ----------
    gradients : function (params, x, labels, rng) -> loss, grads
        One batch; ``rng`` is for dropout masks and the like.
    params : dict of arrays
        Where they lie, host or device, the batches are brought to.
    images : array (n, h, w, c)
        On the host, finite.
    labels : integer array (n,)
        On the host.
    epochs, batch : int
        The last batch of an epoch may be smaller.
    folder : path
        Gets ``log.jsonl`` and ``checkpoint.npz``; earlier ones are kept under ``old-`` names, unless resumed.
    about : dict
        JSON values that a resumed run must share, such as the network's config.
    seed : int
    update : function (params, grads, state, learning_rate=)
        From `tinycaps.optim`.
    learning_rate : function step -> float
    augment : function (x, rng) -> x, optional
        Changes the images of a batch, on the host: `tinycaps.data.random_shift`, for example.
    evaluate : function params -> dict, optional
        Called at the end of an epoch; its numbers go into the log.
    evaluate_every : int
        Epochs from one call of it to the next; the last epoch is always evaluated.
    show : function dict -> None, optional
        Called with the line that each evaluation leaves in the log.
    resume : bool
        Go on from the checkpoint in the folder.
    log_every : int
        Steps.
    checkpoint_seconds : float
        Checkpoints are written at the end of every epoch, and whenever so much time has passed.

    Returns
    -------
    log : list of dict
        Everything that the log file holds.
    seconds : float
        Spent in training, those before a resume included.

    Raises
    ------
    ValueError, TypeError
        If the images or labels are unfit, the batch is larger than the data, or the checkpoint is of another run. Nothing has
        been written then.
    FileNotFoundError
        If there is nothing to resume.
    TrainingError
        If a loss or a parameter is not finite: says at which step. The checkpoint holds the last good state.
    """
    folder = Path(folder)
    check_images(images)
    check_labels(labels, len(images), np.iinfo(np.int64).max)
    check_count(epochs=epochs, batch=batch, evaluate_every=evaluate_every, log_every=log_every)
    if not hasattr(seed, "__index__") or seed < 0:
        raise ValueError(f"seed: got {seed!r}, wanted an integer of at least 0")
    if batch > len(images):
        raise ValueError(f"batch: got {batch}, wanted at most the {len(images)} training images")
    data = zlib.crc32(np.ascontiguousarray(images), zlib.crc32(np.ascontiguousarray(labels)))
    about = json.loads(json.dumps(about | {"seed": seed, "batch": batch, "images": images.shape, "data_crc32": data}))
    steps_per_epoch = math.ceil(len(images) / batch)
    state, step, seconds = {}, 0, 0.0
    if resume:
        step, seconds = _restore(folder / "checkpoint.npz", params, state, about)
        if step > epochs * steps_per_epoch:
            raise ValueError(f"epochs: got {epochs}, wanted at least the {step / steps_per_epoch:.3g} that the checkpoint has behind it")
    else:
        _keep_old(folder)
    for torn in folder.glob(".checkpoint.npz.*"):
        torn.unlink()                               # left by a kill in the middle of writing
    log = RunLog(folder / "log.jsonl", step)

    losses = []
    started = saved = time.monotonic()
    with np.errstate(all="ignore"), _progress(epochs * steps_per_epoch, step) as bar:    # what is not finite is reported by its step
        for epoch in range(step // steps_per_epoch, epochs):
            order = np.random.default_rng([seed, 1 + epoch]).permutation(len(images))
            for k in range(step % steps_per_epoch, steps_per_epoch):
                chosen = order[k * batch:(k + 1) * batch]
                rng = np.random.default_rng([seed, 1 + epoch, 1 + k])
                x = augment(images[chosen], rng) if augment else images[chosen]
                rate = learning_rate(step)
                loss, grads = gradients(params, *_to_params(params, x, labels[chosen]), rng)
                update(params, grads, state, learning_rate=rate)
                step += 1
                losses.append(loss)
                last = k == steps_per_epoch - 1
                due = not last and time.monotonic() - saved >= checkpoint_seconds
                if step % log_every == 0 or last or due:
                    mean = _finite_mean(losses, step)
                    losses = []
                    log.write(step=step, epoch=step / steps_per_epoch, loss=mean, learning_rate=rate)
                    bar.set_postfix(loss=f"{mean:.4f}", refresh=False)
                if last or due:
                    _check_finite(params, step)
                if last and evaluate and ((epoch + 1) % evaluate_every == 0 or epoch + 1 == epochs):
                    log.write(step=step, epoch=epoch + 1, **evaluate(params))
                    if show:
                        show(log.lines[-1])
                if last or due:
                    save_checkpoint(folder / "checkpoint.npz",
                                    Checkpoint(params, state, about, step, seconds + time.monotonic() - started))
                    saved = time.monotonic()
                bar.update()
    return log.lines, seconds + time.monotonic() - started


def _to_params(params, *arrays):
    """Bring a batch to where the parameters lie, in their precision."""
    some = next(iter(params.values()))
    xp = get_xp(some)
    return [xp.asarray(a, dtype=some.dtype if a.dtype.kind == "f" else None) for a in arrays]


def _progress(total, done):
    from tqdm import tqdm
    return tqdm(total=total, initial=done, unit="step", disable=None, dynamic_ncols=True)


def _finite_mean(losses, step):
    values = [float(loss) for loss in losses]
    for k, value in enumerate(values):
        if not math.isfinite(value):
            raise TrainingError(f"loss: got {value} at step {step - len(values) + k + 1}, wanted a finite number; "
                                "the last good checkpoint stays. A smaller learning rate may help")
    return sum(values) / len(values)


def _check_finite(params, step):
    for key, p in params.items():
        if not bool(get_xp(p).isfinite(p).all()):
            raise TrainingError(f"params: got NaN or infinity in {key} after step {step}, wanted finite numbers; "
                                "the last good checkpoint stays. A smaller learning rate may help")


def _restore(path, params, state, about):
    """Copy a checkpoint into params and state, if it is one of this run; return its step and seconds."""
    found = load_checkpoint(path)
    came, wanted = _settings(found.about, found.params), _settings(about, params)
    for key in wanted | came:
        if came.get(key) != wanted.get(key):
            raise ValueError(f"checkpoint: got {path} of a run with {key} = {came.get(key)}, wanted {key} = {wanted.get(key)}")
    for key, p in params.items():
        p[...] = get_xp(p).asarray(found.params[key], dtype=p.dtype)
    some = next(iter(params.values()))
    state.update({key: get_xp(some).asarray(value) if value.dtype.kind == "f" else value.item() for key, value in found.state.items()})
    return found.step, found.seconds


def _settings(about, params):
    """Lay out flat what two runs must have in common, so that one thing can be named."""
    flat = {}
    for key, value in about.items():
        flat |= {f"{key}.{name}": entry for name, entry in value.items()} if isinstance(value, dict) else {key: value}
    return flat | {f"params.{key}": f"{p.dtype} {p.shape}" for key, p in params.items()}


def _keep_old(folder):
    """Rename what an earlier run left; a log without a checkpoint must not push out one that has its own."""
    if (folder / "checkpoint.npz").exists():
        for name in ("log.jsonl", "checkpoint.npz"):
            if (folder / name).exists():
                os.replace(folder / name, folder / f"old-{name}")
