"""Read damaged files of one format, a trial after the other, and report what came of them as JSON.

    python -m tests.robustness.files FORMAT DAMAGED FLIPPED SEED

DAMAGED files are cut, overwritten, filled with zeros, shortened in the middle or lengthened; in
FLIPPED ones a single bit is turned. The process may take 1 GiB more than it has when it begins, a
trial 20 seconds; a trial that takes more ends the process.
"""
import dataclasses
import gzip
import json
import signal
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.data import cifar_file
from tinycaps.capsules import CapsNetConfig, init_capsnet, load_capsnet, save_capsnet
from tinycaps.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinycaps.data import cifar, load_digits, load_folder, load_image, load_npz
from tinycaps.data.idx import read_idx

MEMORY = 2 ** 30
SECONDS = 20


class Format(NamedTuple):
    """A kind of file."""

    write: object
    """Function path -> None."""
    read: object
    """Function path -> list of arrays."""
    guarded: bool = True
    """Whether the format carries a checksum, so that no change may be missed."""


def digit():
    """Return a digit as a person would draw it: 40 pixels wide, black on white, bytes."""
    image = load_digits().test_images[3, :, :, 0].repeat(5, axis=0).repeat(5, axis=1)
    return np.pad(255 - (255 * image).astype(np.uint8), 4, constant_values=255)


def write_picture(mode, **options):
    def write(path):
        from PIL import Image
        image = Image.fromarray(digit())
        if mode.endswith("A"):
            image = image.convert(mode)
            image.putalpha(Image.fromarray(255 - digit()))
        with path.open("wb") as file:
            image.convert(mode).save(file, **{"format": "png"} | options)
    return write


def read_picture(path):
    return [load_image(path, (8, 8, 1))]


def write_idx(opened):
    def write(path):
        images = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)
        with opened(path, "wb") as file:
            file.write(bytes([0, 0, 8, 3]) + np.array(images.shape, ">u4").tobytes())
            file.write(images.tobytes())
    return write


def write_npz(save):
    def write(path):
        rng = np.random.default_rng(0)
        with path.open("wb") as file:
            save(file, images=rng.integers(0, 256, (9, 5, 5), dtype=np.uint8),
                 labels=np.arange(9) % 3)
    return write


def write_cifar(path):
    path.write_bytes(cifar_file.pack(cifar_file.small(1)))


def read_cifar(path):
    """Read a file that has not the published checksum, which would refuse every damage."""
    return list(cifar.unpack(path.read_bytes(), path))


def write_image_zip(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "a/0.png", "a/1.png", "b/0.png", "b/1.png":
            write_picture("L")(zipfile.Path(archive, name))


def write_checkpoint(path):
    rng = np.random.default_rng(0)
    params = {"W": rng.standard_normal((3, 4)), "bias": np.zeros(4, np.float32)}
    state = {"step": 7, "first.W": np.ones((3, 4))}
    save_checkpoint(path, Checkpoint(params, state, {"seed": 0}, 7, 1.5))


def read_checkpoint(path):
    found = load_checkpoint(path)
    numbers = json.dumps([found.about, found.step, found.seconds, [*found.params, *found.state]])
    return [np.array(numbers), *found.params.values(), *found.state.values()]


def write_network(path):
    config = CapsNetConfig(image_shape=(5, 5, 1), conv_channels=3, conv_kernel=3, primary_types=2,
                           primary_dims=2, primary_kernel=2, primary_stride=1, classes=3,
                           class_dims=3, decoder_hidden=(4,))
    about = {"config": dataclasses.asdict(config), "images": [9, 5, 5, 1], "margin": 0}
    save_capsnet(path, init_capsnet(np.random.default_rng(0), config), about)


def read_network(path):
    found = load_capsnet(path)
    return [np.array(json.dumps([str(found.config), found.about])), *found.params.values()]


FORMATS = {
    "grey png": Format(write_picture("L"), read_picture),
    "bit png": Format(write_picture("1"), read_picture),
    "palette png": Format(write_picture("P"), read_picture),
    "transparent png": Format(write_picture("LA"), read_picture),
    "colour png": Format(write_picture("RGBA"), read_picture),
    "jpeg": Format(write_picture("L", format="jpeg"), read_picture, guarded=False),
    "idx": Format(write_idx(open), lambda path: [read_idx(path)], guarded=False),
    "gzipped idx": Format(write_idx(gzip.open), lambda path: [read_idx(path)]),
    "npz": Format(write_npz(np.savez), lambda path: list(load_npz(path))),
    "compressed npz": Format(write_npz(np.savez_compressed), lambda path: list(load_npz(path))),
    "image zip": Format(write_image_zip, lambda path: list(load_folder(path, say=str))),
    "cifar tar": Format(write_cifar, read_cifar),
    "checkpoint": Format(write_checkpoint, read_checkpoint),
    "network": Format(write_network, read_network),
}


def damage(content, rng):
    """Return a file's bytes, damaged in one of five ways."""
    start, end = sorted(rng.integers(0, len(content) + 1, 2))
    if rng.random() < 0.5:
        end = min(end, start + 8)
    noise = rng.bytes(end - start)
    ways = [content[:start], content[:start] + noise + content[end:],
            content[:start] + bytes(end - start) + content[end:], content[:start] + content[end:],
            content[:start] + noise + content[start:]]
    return ways[rng.integers(len(ways))]


def flip(content, rng):
    """Return a file's bytes with one bit turned."""
    turned = bytearray(content)
    turned[rng.integers(len(content))] ^= 1 << rng.integers(8)
    return bytes(turned)


def judge(kind, path, whole):
    """Read a file; return "same", "refused", or what is wrong with what came of it."""
    try:
        arrays = kind.read(path)
    except (ValueError, OSError) as error:
        text = str(error)
        good = str(path) in text and "got" in text and "wanted" in text and "\n" not in text
        return "refused" if good else f"error that is not one clear line: {text!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if len(arrays) == len(whole) and all(map(np.array_equal, arrays, whole)):
        return "same"
    if kind.guarded:
        return "loaded wrong"
    sound = all(a.dtype == b.dtype and a.ndim == b.ndim and np.isfinite(a).all()
                for a, b in zip(arrays, whole))
    return "other pixels" if sound else "of another structure"


def hold_memory():
    """Let this process have 1 GiB more than now, where the system can be asked for that."""
    try:
        import resource
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))


def main(name, *numbers):
    """Run the trials and print what came of them."""
    damaged, flipped, seed = map(int, numbers)
    kind, rng, came = FORMATS[name], np.random.default_rng(seed), Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        kind.write(path)
        content, whole = path.read_bytes(), kind.read(path)
        hold_memory()
        for spoil in [damage] * damaged + [flip] * flipped:
            spoilt = spoil(content, rng)
            path.write_bytes(spoilt)
            signal.alarm(SECONDS)
            result = judge(kind, path, whole)
            signal.alarm(0)
            came[result if spoilt != content else "same"] += 1
    print(json.dumps(came))


if __name__ == "__main__":
    main(*sys.argv[1:])
