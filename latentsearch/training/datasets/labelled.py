"""Choose and load training labels: CelebA's attributes, labels from a CSV file, or the classes of digits."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.files.label_files import Label, Labels, load_labels
from indexer.paths import printable
from latentsearch.data import load_manifest
from latentsearch.data.digits import holds_digits, load_digits
from latentsearch.training.datasets.images import LABELS, Images, find_pictures

DIGITS = tuple(map(str, range(10)))
# Columns of CelebA's other files, which are not attributes.
NO_ATTRIBUTES = {"partition", "identity"}


def papers_attributes() -> tuple[str, ...]:
    """Return the CelebA attributes of IcGAN's protocol, in the data set's order."""
    protocols = load_manifest("celeba").protocols
    return next(protocol.attributes for protocol in protocols if protocol.paper == "IcGAN")


def choose_labels(data: Path, file: Path | None, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the training labels.

    These are the wanted labels if given; otherwise those of IcGAN's protocol if the data has them all; otherwise all
    labels in the data. file: an additional label file; CelebA's own are found without it. Raises InputError if there
    are no labels or a wanted label is missing.
    """
    found = DIGITS if holds_digits(data) else _attribute_names(load_labels([data], [] if file is None else [file]))
    if not found:
        raise InputError(
            f"{printable(data)} has no labels to learn with: put CelebA's list_attr_celeba.txt there, or name a CSV "
            "file with --labels"
        )
    for name in wanted:
        if name not in found:
            raise InputError(f"{printable(data)} has no label {name!r}: it has {', '.join(found)}")
    papers = papers_attributes()
    return tuple(wanted) or (papers if set(papers) <= set(found) else found)


def with_labels(images: Images, data: Path, file: Path | None, names: Sequence[str], run: Path) -> Images:
    """Return the images with the values of these labels, and save the values in the run's folder.

    Raises InputError if an image lacks a label or its value is not 1 or 0.
    """
    values = _of_digits(data, names) if holds_digits(data) else _of_pictures(images, data, file, names)
    np.save(run / LABELS, values)
    return replace(images, values=values)


def _attribute_names(labels: Labels) -> tuple[str, ...]:
    names = dict.fromkeys(name for table in labels.tables for name in table.names)
    return tuple(name for name in names if name not in NO_ATTRIBUTES)


def _of_digits(data: Path, names: Sequence[str]) -> NDArray[np.uint8]:
    classes = np.concatenate([load_digits(data, split).labels for split in ("test", "train")])
    values: NDArray[np.uint8] = (classes[:, None] == np.array([int(name) for name in names])).astype(np.uint8)
    return values


def _of_pictures(images: Images, data: Path, file: Path | None, names: Sequence[str]) -> NDArray[np.uint8]:
    labels = load_labels([data], [] if file is None else [file])
    values = np.zeros((len(images.pixels), len(names)), np.uint8)
    for row, path in enumerate(_readable(images, data)):
        own = labels.of(os.path.abspath(path))
        values[row] = [_checked(own.get(name), name, path) for name in names]
    return values


def _readable(images: Images, data: Path) -> Iterator[str]:
    """Yield the paths of the decoded pictures in the order of their rows."""
    held_out, training = find_pictures(data)
    unreadable = {path for path, _ in images.facts["unreadable"]}
    return (file.path for file in (*held_out, *training) if printable(file.path) not in unreadable)


def _checked(value: Label | None, name: str, path: str) -> int:
    if value in (0, 1):
        return int(value or 0)
    fault = "has no label" if value is None else f"has {value!r} as its label"
    raise InputError(f"{printable(path)} {fault} {name}: every picture needs 1 or 0, or choose others with --label")
