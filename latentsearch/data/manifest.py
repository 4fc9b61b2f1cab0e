"""Parse a data set's TOML manifest into frozen dataclasses, which validate themselves on construction."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from indexer.errors import InputError

HASH_LENGTHS = {"md5": 32, "sha256": 64}
LABEL_KINDS = ("binary", "class", "identity", "split")
SELECTIONS = ("first", "others", "split", "random", "unstated")


@dataclass(frozen=True)
class Member:
    """A file inside an archive, with its hashes by algorithm."""

    name: str
    hashes: dict[str, str]


@dataclass(frozen=True)
class File:
    """One published file.

    `bytes` is None if no source states the size. `content_sha256` is the hash of the decompressed file, to recognise
    copies with another gzip header. `rows` is the number of pictures in a label file; with `header`, the file begins
    with two lines (count, names). An archive unpacks to the folder `unpacks_to`; it contains either the number of files
    in `pictures` or exactly the files in `members`.
    """

    name: str
    holds: str
    hashes: dict[str, str]
    urls: tuple[str, ...]
    bytes: int | None = None
    content_bytes: int | None = None
    content_sha256: str | None = None
    optional: bool = False
    rows: int | None = None
    header: bool = False
    unpacks_to: str | None = None
    pictures: int | None = None
    members: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        _require(_is_plain_name(self.name), f"{self.name!r} is not a plain file name")
        _require(self.unpacks_to is None or _is_plain_name(self.unpacks_to), f"{self.unpacks_to!r} is not a plain name")
        _require(bool(self.urls) and bool(self.hashes), f"{self.name} needs a URL and a hash")
        for algorithm, value in self.hashes.items():
            _require(_is_hash(algorithm, value), f"{self.name}: {value!r} is not an {algorithm} hash")


@dataclass(frozen=True)
class Split:
    """One part of the official split, such as train or test."""

    name: str
    images: int


@dataclass(frozen=True)
class Labels:
    """Labels of one kind: `binary` (1 or -1), `class` (one of `values`), `identity` (1 to `count`), `split`."""

    kind: str
    names: tuple[str, ...]
    file: str | None = None
    values: tuple[str, ...] = ()
    count: int | None = None

    def __post_init__(self) -> None:
        _require(self.kind in LABEL_KINDS, f"{self.kind!r} is none of the kinds of labels {LABEL_KINDS}")


@dataclass(frozen=True)
class Selection:
    """The pictures that a protocol uses.

    `take` is first (the first `images` pictures), others (`images` pictures that the protocol's first selection leaves
    out), split (the part named `split`), random (a `share` of all pictures) or unstated.
    """

    take: str
    images: int | None = None
    split: str | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        _require(self.take in SELECTIONS, f"{self.take!r} is none of {SELECTIONS}")


@dataclass(frozen=True)
class Protocol:
    """How a paper uses the data set, and what it does not specify.

    `attributes` are the labels that the paper trains with, () if none.
    """

    paper: str
    section: str
    says: str
    leaves_open: str
    training: Selection | None = None
    gallery: Selection | None = None
    queries: Selection | None = None
    attributes: tuple[str, ...] = ()

    def selections(self) -> tuple[Selection, ...]:
        """Return the selections for training, gallery and queries that the paper defines."""
        return tuple(part for part in (self.training, self.gallery, self.queries) if part)


@dataclass(frozen=True)
class Ring:
    """A mixture of `modes` Gaussians with standard deviation `sigma`, evenly spaced on a circle around the origin."""

    modes: int
    radius: float
    sigma: float
    seed: int


@dataclass(frozen=True)
class Manifest:
    """All facts about one data set; `shape` is (height, width, channels) of one picture."""

    name: str
    title: str
    source: str
    licence: str
    images: int
    shape: tuple[int, ...]
    by_hand: str
    splits: tuple[Split, ...] = ()
    files: tuple[File, ...] = ()
    labels: tuple[Labels, ...] = ()
    protocols: tuple[Protocol, ...] = ()
    ring: Ring | None = None

    def __post_init__(self) -> None:
        _require(sum(split.images for split in self.splits) == self.images, "the splits do not add up to the images")
        _require(bool(self.files) != bool(self.ring), "either files or a ring")
        named = {file.name for file in self.files}
        _require(len(named) == len(self.files), "a file is named twice")
        _require(all(labels.file in named for labels in self.labels if labels.file), "labels of an unknown file")
        for part in (part for protocol in self.protocols for part in protocol.selections()):
            _require(part.split is None or part.split in self.split_names(), f"no split is called {part.split!r}")
            _require((part.images or 0) <= self.images, "a protocol takes more images than there are")
        labels = {name for labels in self.labels for name in labels.names}
        for protocol in self.protocols:
            _require(set(protocol.attributes) <= labels, f"{protocol.paper} learns with labels that no file has")

    def split_names(self) -> tuple[str, ...]:
        """Return the names of the official split's parts, in the order of their codes 0, 1, 2."""
        return tuple(split.name for split in self.splits)

    def needed(self) -> tuple[File, ...]:
        """Return the files that latentsearch reads; the rest are optional."""
        return tuple(file for file in self.files if not file.optional)


def manifest_names() -> list[str]:
    """Return the names of all data sets with a manifest, sorted."""
    entries = files("data_manifests").iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))


def load_manifest(name: str) -> Manifest:
    """Read the manifest of a data set; raises InputError, which lists the known names, if the name is unknown."""
    known = manifest_names()
    if name not in known:
        raise InputError(f"no data set is called {name!r}; there are {', '.join(known)}")
    return parse_manifest(files("data_manifests").joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def parse_manifest(text: str) -> Manifest:
    """Parse a manifest from TOML text; raises InputError if a field is missing, unknown or inconsistent."""
    try:
        table = tomllib.loads(text)
        return _manifest(table)
    except (tomllib.TOMLDecodeError, TypeError, KeyError, ValueError) as error:
        raise InputError(f"a data set's manifest cannot be used: {error}") from error


def _manifest(table: dict[str, Any]) -> Manifest:
    parts: dict[str, Any] = {
        "shape": tuple(table.pop("shape")),
        "splits": tuple(Split(**part) for part in table.pop("splits", ())),
        "files": tuple(_file(part) for part in table.pop("files", ())),
        "labels": tuple(_labels(part) for part in table.pop("labels", ())),
        "protocols": tuple(_protocol(part) for part in table.pop("protocols", ())),
        "ring": Ring(**table.pop("ring")) if "ring" in table else None,
    }
    return Manifest(**table, **parts)


def _file(table: dict[str, Any]) -> File:
    members = tuple(Member(part.pop("name"), part) for part in table.pop("members", ()))
    hashes = {algorithm: table.pop(algorithm) for algorithm in HASH_LENGTHS if algorithm in table}
    return File(**{**table, "urls": tuple(table["urls"]), "hashes": hashes, "members": members})


def _labels(table: dict[str, Any]) -> Labels:
    return Labels(**{**table, "names": tuple(table["names"]), "values": tuple(table.get("values", ()))})


def _protocol(table: dict[str, Any]) -> Protocol:
    attributes = table.pop("attributes", ())
    parts: dict[str, Any] = {
        part: Selection(**table.pop(part)) for part in ("training", "gallery", "queries") if part in table
    }
    return Protocol(**table, **parts, attributes=tuple(attributes))


def _is_plain_name(name: str) -> bool:
    return PurePosixPath(name).parts == (name,) and name not in {"..", "/"} and "\\" not in name


def _is_hash(algorithm: str, value: str) -> bool:
    return len(value) == HASH_LENGTHS.get(algorithm) and set(value) <= set("0123456789abcdef")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
