"""A tiny CIFAR-10, written out by the format's definition."""
import gzip
import io
import tarfile

import numpy as np

NAMES = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]


def records(count, seed):
    """Return labels (count,) and images (count, 32, 32, 3) of random bytes."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 10, count, np.uint8), rng.integers(0, 256, (count, 32, 32, 3), np.uint8)


def batch(labels, images):
    """Return the bytes of a batch: for each image its label, then red, green and blue."""
    return b"".join(bytes([label]) + image[..., 0].tobytes() + image[..., 1].tobytes()
                    + image[..., 2].tobytes() for label, image in zip(labels, images))


def pack(members):
    """Return a gzipped tar of name -> content, or of tarfile.TarInfo -> content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for member, content in members.items():
            if isinstance(member, str):
                member = tarfile.TarInfo(member)
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(file.getvalue(), compresslevel=1, mtime=0)


def small(count=2):
    """Return name -> content of the published file's members, a few images in each."""
    folder = "cifar-10-batches-bin/"
    return {folder + "readme.html": b"<html>"} | {
        folder + name: batch(*records(count, seed)) for seed, name in enumerate(NAMES)}
