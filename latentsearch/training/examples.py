"""What a run learns from, told from its name: a folder of pictures, MNIST's digits, or the synthetic ring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from indexer.decode import Framing
from latentsearch.data.digits import holds_digits, load_digits
from latentsearch.training.images import Images, find_pictures, load_digit_images, load_images
from latentsearch.training.points import POINTS, Points

RING = "ring"


def kind_of(data: Path) -> str:
    """ "ring" for the word `ring`, "digits" for an .npz file or a folder of MNIST's files, else "pictures"."""
    if str(data) == RING and not data.exists():
        return "ring"
    return "digits" if holds_digits(data) else "pictures"


def count(data: Path) -> int:
    """How many examples there are to train on. Raises InputError where there are none."""
    if kind_of(data) == "ring":
        return POINTS
    return len(load_digits(data, "train")) if kind_of(data) == "digits" else len(find_pictures(data)[1])


def load(data: Path, run: Path, framing: Framing, report: Callable[[int, int], None]) -> Images | Points:
    """The examples; pictures and digits are kept decoded in the run's folder.

    Raises InputError where there are none, or when the disk is full.
    """
    if kind_of(data) == "ring":
        return Points()
    if kind_of(data) == "digits":
        return load_digit_images(data, run, framing)
    return load_images(data, run, framing, report)
