"""What a run learns from, told from its name: a folder of pictures, MNIST's digits, CIFAR-10, or the synthetic ring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from indexer.encoders.framing import Framing
from indexer.progress import Report
from latentsearch.data.cifar10 import holds_photographs, load_photographs
from latentsearch.data.digits import holds_digits, load_digits
from latentsearch.training.datasets.images import Images, find_pictures, load_arrays, load_images

if TYPE_CHECKING:
    from latentsearch.training.datasets.ring import Points

RING = "ring"


def kind_of(data: Path) -> str:
    """ "ring" for the word `ring`, "digits" for a folder of MNIST's files, else "pictures" for a folder.

    An .npz file is "cifar10" where its images have three colours, else "digits".
    """
    if str(data) == RING and not data.exists():
        return "ring"
    if holds_photographs(data):
        return "cifar10"
    return "digits" if holds_digits(data) else "pictures"


def count(data: Path) -> int:
    """How many examples there are to train on. Raises InputError where there are none."""
    if kind_of(data) == "ring":
        from latentsearch.training.datasets.ring import POINTS

        return POINTS
    if kind_of(data) == "cifar10":
        return len(load_photographs(data, "train"))
    return len(load_digits(data, "train")) if kind_of(data) == "digits" else len(find_pictures(data)[1])


def load(data: Path, run: Path, framing: Framing, report: Report, scale: bool = False) -> Images | Points:
    """The examples; images are kept decoded in the run's folder.

    scale: whether MNIST and CIFAR-10 are scaled to the framing; else it has to have their size.

    Raises InputError where there are none, or when the disk is full.
    """
    if kind_of(data) == "ring":
        from latentsearch.training.datasets.ring import Points

        return Points()
    if kind_of(data) == "digits":
        held_out, training = (load_digits(data, split).images for split in ("test", "train"))
        return load_arrays(data, held_out, training, run, framing, scale)
    if kind_of(data) == "cifar10":
        held_out, training = (load_photographs(data, split).images for split in ("test", "train"))
        return load_arrays(data, held_out, training, run, framing, scale)
    return load_images(data, run, framing, report)
