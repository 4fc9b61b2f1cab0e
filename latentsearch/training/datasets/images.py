"""Training images: pictures decoded once into a memory-mapped uint8 array in the run's folder."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.encoders.framing import Framing
from indexer.errors import InputError
from indexer.files.discover import Found, discover
from indexer.paths import printable
from indexer.progress import Report
from indexer.system.disk import atomic_write, write_json
from indexer.workers.in_order import decoded_in_order
from indexer.workers.tasks import Job

if TYPE_CHECKING:
    from torch import Tensor

PIXELS, ABOUT, LABELS = "images.u8", "images.json", "labels.npy"
SHOWN = 32  # images on the grids
BLOCK = 256


@dataclass(frozen=True)
class Images:
    """The decoded images of a run.

    pixels: uint8 (n, h, w, 3), memory-mapped; the first `held_out` rows are validation images and never trained on.
    facts: the content of images.json. values: label values uint8 (n, labels) of 0 and 1, or None if the run does not
    use labels.
    """

    pixels: NDArray[np.uint8]
    held_out: int
    facts: dict[str, Any]
    values: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        """Return the number of training images."""
        return len(self.pixels) - self.held_out

    def describe(self) -> dict[str, Any]:
        """Describe the training data for run.json: the source's name and the numbers of pictures."""
        return {
            "source": Path(self.facts["source"]).name,
            "images": len(self),
            "held_out": self.held_out,
            "unreadable": len(self.facts["unreadable"]),
        }

    def describe_for_people(self) -> str:
        """Describe the training data in one line of text."""
        held = f", {self.held_out} held out (the data set's validation partition)" if self.held_out else ""
        bad = self.facts["unreadable"]
        left_out = f", {len(bad)} left out as unreadable (named in images.json)" if bad else ""
        return f"training on {len(self)} pictures{held}{left_out}"

    def shown(self) -> Tensor:
        """Return the first images, which are held-out ones if there are any: float32 (n, 3, h, w) in [0, 1]."""
        return to_float(self.pixels[:SHOWN])

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """Return training images as float32 (n, 3, h, w) in [0, 1]."""
        return to_float(self.pixels[self.held_out + rows])

    def blocks(self, size: int = BLOCK) -> Iterator[NDArray[np.uint8]]:
        """Yield all training images in order, in blocks uint8 (n, h, w, 3) of at most `size` images.

        They are read from the file, because touched pages of the memory map would count as this process's memory.
        """
        shape = self.pixels.shape[1:]
        each = int(np.prod(shape))
        assert isinstance(self.pixels, np.memmap) and self.pixels.filename is not None
        with open(self.pixels.filename, "rb") as file:
            file.seek(self.held_out * each)
            for start in range(0, len(self), size):
                yield np.fromfile(file, np.uint8, min(size, len(self) - start) * each).reshape(-1, *shape)

    def first(self, count: int) -> Images:
        """Return these images with all but the first `count` training images removed; held-out images are kept."""
        values = None if self.values is None else self.values[: self.held_out + count]
        return replace(self, pixels=self.pixels[: self.held_out + count], values=values)

    def all_labels(self) -> Tensor:
        """Return the labels of all training images as float32 (n, labels); the run must use labels."""
        import torch

        assert self.values is not None
        return torch.from_numpy(self.values[self.held_out :]).float()

    def labels(self, rows: NDArray[np.int64]) -> Tensor | None:
        """Return the labels of training images as float32 (n, labels), or None if the run does not use labels."""
        import torch

        return None if self.values is None else torch.from_numpy(self.values[self.held_out + rows]).float()


def to_float(pixels: NDArray[np.uint8]) -> Tensor:
    """Convert pixels uint8 (n, h, w, 3) to float32 (n, 3, h, w) in [0, 1]."""
    import torch  # imported here because the family `parts` does without PyTorch

    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float().div_(255)


def epoch_batches(count: int, batch: int, seed: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Return the rows of one epoch in full batches; the order depends only on the seed, so that a run can resume."""
    rows = np.random.default_rng(seed).permutation(count)
    return list(rows[: count - count % batch].reshape(-1, batch))


def load_images(folder: Path, run: Path, framing: Framing, report: Report = lambda done, total: None) -> Images:
    """Decode the pictures below `folder` into `run/images.u8`, unless a previous run has done so.

    Pictures that cannot be read, or crash their decoder, are skipped and listed in `run/images.json`. If CelebA's
    list_eval_partition.txt is in the folder or its parent, only the train partition is trained on and the validation
    partition is held out. Raises InputError if the folder is missing or has no pictures, or if the disk is full.
    """
    held_out, training = find_pictures(folder)
    key = fingerprint([*held_out, *training], framing)
    if not (run / ABOUT).exists() or json.loads((run / ABOUT).read_text())["key"] != key:
        _decode_all(held_out, training, run, framing, {"key": key, "source": str(folder)}, report)
    return cached_images(run, framing)


def load_arrays(
    path: Path,
    held_out: NDArray[np.uint8],
    training: NDArray[np.uint8],
    run: Path,
    framing: Framing,
    scale: bool = False,
) -> Images:
    """Write two splits of MNIST or CIFAR-10, loaded from `path`, as RGB images to `run/images.u8`.

    held_out, training: uint8 (n, h, w), grey, or (n, h, w, 3). scale: whether to scale them to the framing's size; if
    not, raises InputError if their size differs.
    """
    if not scale and training.shape[1:3] != (framing.height, framing.width):
        raise InputError(f"{path} has pictures of {training.shape[1:3]}, not ({framing.height}, {framing.width})")
    digest = hashlib.sha256(json.dumps(framing.to_json()).encode() if scale else b"")
    for split in (held_out, training):
        digest.update(split.tobytes())
    counts = {"held_out": len(held_out), "train": len(training)}
    facts = {"key": digest.hexdigest(), "source": str(path), "unreadable": [], **counts}
    if not (run / ABOUT).exists() or json.loads((run / ABOUT).read_text())["key"] != facts["key"]:
        both = np.concatenate([held_out, training])
        colours = both if both.ndim == 4 else np.broadcast_to(both[..., None], (*both.shape, 3))
        _write_pixels((_scaled(one, framing) for one in colours) if scale else colours, run, facts)
    return cached_images(run, framing)


def _scaled(pixels: NDArray[np.uint8], framing: Framing) -> NDArray[np.uint8]:
    size = (framing.width, framing.height)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def cached_images(run: Path, framing: Framing) -> Images:
    """Return the decoded images of a run; raises InputError if it has none."""
    if not (run / ABOUT).exists():
        raise InputError(f"{run} has no decoded pictures: train it first, or again with --resume")
    facts = json.loads((run / ABOUT).read_text())
    shape = (facts["held_out"] + facts["train"], framing.height, framing.width, 3)
    values = np.load(run / LABELS, allow_pickle=False) if (run / LABELS).exists() else None
    return Images(np.memmap(run / PIXELS, np.uint8, "r", shape=shape), facts["held_out"], facts, values)


def find_pictures(folder: Path) -> tuple[list[Found], list[Found]]:
    """Find the pictures below a folder: (held-out ones, training ones), each sorted by path.

    If CelebA's list_eval_partition.txt is in the folder or its parent, its validation partition is held out and its
    train partition trained on; otherwise nothing is held out. Raises InputError if the folder is missing or has no
    pictures.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: name the folder that holds the training pictures")
    found = sorted((file for file in discover([folder]) if isinstance(file, Found)), key=lambda file: file.path)
    if not found:
        raise InputError(f"{folder} holds no pictures: name the folder that holds the training pictures")
    partition = _partition(folder)
    if partition is None:
        return [], found
    return _of_partition(found, partition, "1"), _of_partition(found, partition, "0")


def fingerprint(files: Sequence[Found], framing: Framing) -> str:
    """Return a hash of the files' names, sizes and modification times and of the framing."""
    digest = hashlib.sha256(json.dumps(framing.to_json()).encode())
    for file in files:
        digest.update(os.fsencode(os.path.basename(file.path)) + f"\0{file.size}\0{file.mtime_ns}\0".encode())
    return digest.hexdigest()


def _partition(folder: Path) -> dict[str, str] | None:
    files = (parent / "list_eval_partition.txt" for parent in (folder, folder.absolute().parent))
    file = next((file for file in files if file.is_file()), None)
    return dict(line.split() for line in file.read_text().splitlines() if line.strip()) if file else None


def _of_partition(files: list[Found], partition: dict[str, str], number: str) -> list[Found]:
    return [file for file in files if partition.get(os.path.basename(file.path)) == number]


def _decode_all(
    held_out: list[Found], training: list[Found], run: Path, framing: Framing, facts: dict[str, Any], report: Report
) -> None:
    facts = {**facts, "held_out": 0, "train": 0, "unreadable": []}  # readable() fills these
    total = len(held_out) + len(training)

    def readable() -> Iterator[NDArray[np.uint8]]:
        jobs = (Job(file.path, file.size, file.mtime_ns) for file in (*held_out, *training))
        for done, (outcome, pixels) in enumerate(decoded_in_order(framing, jobs), 1):
            if pixels is None:
                facts["unreadable"].append([printable(outcome.job.path), outcome.reason])
            else:
                facts["held_out" if done <= len(held_out) else "train"] += 1
                yield pixels
            if done % 256 == 0 or done == total:
                report(done, total)

    _write_pixels(readable(), run, facts)


def _write_pixels(images: Iterable[NDArray[np.uint8]], run: Path, facts: dict[str, Any]) -> None:
    """Write images.u8, then images.json with its facts."""
    try:
        with atomic_write(run / PIXELS) as out:
            for pixels in images:
                out.write(pixels.tobytes())
            (run / ABOUT).unlink(missing_ok=True)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InputError(f"the disk of {run} is full: the decoded pictures need more room there") from error
        raise
    write_json(run / ABOUT, facts)
