"""Load training examples by path: a folder of pictures, MNIST, CIFAR-10, or the word `ring` for the synthetic ring."""

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


def content_of(data: Path) -> str:
    """Return the content of the data: "ring", "digits", "cifar10" or "pictures".

    The word `ring` is "ring", a folder with MNIST's files is "digits", and any other folder is "pictures". An .npz file
    is "cifar10" if its images have three colours, and "digits" if not.
    """
    if str(data) == RING and not data.exists():
        return "ring"
    if holds_photographs(data):
        return "cifar10"
    return "digits" if holds_digits(data) else "pictures"


def count(data: Path) -> int:
    """Return the number of training examples; raises InputError if `data` is missing, empty or unreadable."""
    if content_of(data) == "ring":
        from latentsearch.training.datasets.ring import POINTS

        return POINTS
    if content_of(data) == "cifar10":
        return len(load_photographs(data, "train"))
    return len(load_digits(data, "train")) if content_of(data) == "digits" else len(find_pictures(data)[1])


def load(data: Path, run: Path, framing: Framing, report: Report, scale: bool = False) -> Images | Points:
    """Load the examples; decoded images are cached in the run's folder.

    scale: whether to scale MNIST and CIFAR-10 to the framing; if not, the framing must have their size. Raises
    InputError if there are no examples or the disk is full.
    """
    if content_of(data) == "ring":
        from latentsearch.training.datasets.ring import Points

        return Points()
    if content_of(data) == "digits":
        held_out, training = (load_digits(data, split).images for split in ("test", "train"))
        return load_arrays(data, held_out, training, run, framing, scale)
    if content_of(data) == "cifar10":
        held_out, training = (load_photographs(data, split).images for split in ("test", "train"))
        return load_arrays(data, held_out, training, run, framing, scale)
    return load_images(data, run, framing, report)
