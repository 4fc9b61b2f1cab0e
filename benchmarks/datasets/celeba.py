"""A folder in CelebA's format: pictures, the 40 attributes, the partition and the identities (Liu et al., 2015)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets.pictures import features, framed
from indexer.encoders.framing import CELEBA, Framing
from indexer.errors import InputError
from indexer.files.label_files import read_label_file

ATTRIBUTES, PARTITION, IDENTITY = "list_attr_celeba.txt", "list_eval_partition.txt", "identity_CelebA.txt"
PICTURES = "img_align_celeba"
PARTITIONS = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True)
class Faces:
    """Faces with their labels, in the order of their file names.

    paths: n; attributes: uint8 (n, attributes), 0 or 1; identity: int64 (n,), one number per person.
    """

    paths: tuple[Path, ...]
    attribute_names: tuple[str, ...]
    attributes: NDArray[np.uint8]
    identity: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.paths)

    def pixels(self, framing: Framing = CELEBA) -> NDArray[np.uint8]:
        """The pictures as an encoder receives them: uint8 (n, height, width, 3), mapped from a cache on disk."""
        return framed(self.paths, framing)

    def features(self) -> NDArray[Any]:
        """The classical features of the full pictures, see benchmarks.datasets.pictures.features."""
        return features(self.paths)

    @cached_property
    def names_sha256(self) -> str:
        """A hash of the file names, which identifies this set of faces."""
        return hashlib.sha256("\n".join(path.name for path in self.paths).encode()).hexdigest()


def together(first: Faces, second: Faces) -> Faces:
    """Join the faces of two partitions."""
    return Faces(
        paths=(*first.paths, *second.paths),
        attribute_names=first.attribute_names,
        attributes=np.concatenate([first.attributes, second.attributes]),
        identity=np.concatenate([first.identity, second.identity]),
    )


def load_faces(folder: Path, partition: str) -> Faces:
    """The faces of one partition (a key of PARTITIONS) that have attributes and a picture; any others are skipped.

    Raises InputError if a label file or every picture is missing.
    """
    attributes = read_label_file(folder / ATTRIBUTES)
    partitions = read_label_file(folder / PARTITION)
    persons = read_label_file(folder / IDENTITY).rows
    chosen = sorted(name for name, number in partitions.rows.items() if number == (PARTITIONS[partition],))
    chosen = [name for name in chosen if name in attributes.rows and (folder / PICTURES / name).is_file()]
    if not chosen:
        raise InputError(f"{folder} has no pictures of the {partition} partition in {PICTURES}")
    return Faces(
        paths=tuple(folder / PICTURES / name for name in chosen),
        attribute_names=attributes.names,
        attributes=np.array([attributes.rows[name] for name in chosen], np.uint8),
        # A face without an identity counts as a person of its own.
        identity=np.array([persons.get(name, (-1 - row,))[0] for row, name in enumerate(chosen)], np.int64),
    )
