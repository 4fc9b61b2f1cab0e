"""Verify a copy of a data set: check every file, and count a folder's pictures, their labels and their splits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from latentsearch.data.check import BAD, GOOD, FileReport, check_file, picture_names, read_rows, without_gz
from latentsearch.data.manifest import File, Manifest


@dataclass(frozen=True)
class Pictures:
    """Counts for a folder of pictures.

    `found` of the `of` published pictures are present. Among these, `labelled` have all labels and `empty` are empty
    files; `splits` counts them by split.
    """

    found: int
    of: int
    labelled: int
    splits: dict[str, int] = field(default_factory=dict)
    empty: int = 0


@dataclass(frozen=True)
class Report:
    """The result of verifying a data set.

    `state` is complete, partial, damaged, missing or synthetic (generated, so that there are no files to check).
    """

    name: str
    folder: Path
    state: str
    summary: str
    files: tuple[FileReport, ...] = ()
    pictures: Pictures | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the report as dicts, lists and strings that JSON can represent."""
        return {**asdict(self), "folder": str(self.folder)}


def folder_of(manifest: Manifest, root: Path) -> Path:
    """Return root if it is named after the data set or contains one of its files, and root/NAME if not."""
    names = {name for file in manifest.files for name in (file.name, without_gz(file), file.unpacks_to) if name}
    own = root.resolve().name == manifest.name or any((root / name).exists() for name in names)
    return root if own else root / manifest.name


def verify(manifest: Manifest, root: Path) -> Report:
    """Check every file of the data set below root; reads each file completely and writes nothing."""
    folder = folder_of(manifest, root)
    if manifest.ring:
        return Report(manifest.name, folder, "synthetic", "synthetic: drawn from its parameters, there is no file")
    reports = tuple(check_file(manifest, file, folder) for file in manifest.files)
    pictures = _pictures(manifest, folder)
    state = _state(reports, pictures)
    return Report(manifest.name, folder, state, _summary(manifest, state, reports, pictures), reports, pictures)


def _pictures(manifest: Manifest, folder: Path) -> Pictures | None:
    """Count the pictures and their labels and splits; None if the data set is not a folder of pictures."""
    archive = next((file for file in manifest.files if file.pictures), None)
    if archive is None:
        return None
    found = picture_names(folder / (archive.unpacks_to or archive.name))
    values = {file.name: _values(file, folder / file.name) for file in manifest.needed() if file.rows}
    labelled = set(found).intersection(*values.values())
    partition = next((labels.file for labels in manifest.labels if labels.kind == "split"), None)
    codes = [values[partition].get(name) for name in found] if partition else []
    splits = {split: codes.count(str(code)) for code, split in enumerate(manifest.split_names())}
    empty = sum(size == 0 for size in found.values())
    return Pictures(len(found), archive.pictures or 0, len(labelled), splits, empty)


def _values(file: File, path: Path) -> dict[str, str]:
    """Return the first label of each picture by name; empty if the file cannot be read."""
    try:
        return {row[0]: row[1] for row in read_rows(file, path) if len(row) > 1}
    except (OSError, ValueError):
        return {}


def _state(reports: tuple[FileReport, ...], pictures: Pictures | None) -> str:
    needed = {report.status for report in reports if not report.optional}
    if any(report.status in BAD for report in reports) or (pictures and pictures.empty):
        return "damaged"
    if needed == {"missing"}:
        return "missing"
    return "complete" if needed <= GOOD else "partial"


def _summary(manifest: Manifest, state: str, reports: tuple[FileReport, ...], pictures: Pictures | None) -> str:
    if state == "complete":
        shares = _shares({split.name: split.images for split in manifest.splits})
        return f"complete: {manifest.images:,} pictures; splits {shares}"
    if state == "missing":
        return "missing: none of its files is there"
    if state == "damaged":
        return f"damaged: {_damages(reports, pictures)}"
    return f"partial: {_parts(pictures) if pictures else _gaps(reports)}"


def _damages(reports: tuple[FileReport, ...], pictures: Pictures | None) -> str:
    damages = [f"{report.name} ({report.status}: {report.detail})" for report in reports if report.status in BAD]
    if pictures and pictures.empty:
        damages.append(f"{pictures.empty:,} of the pictures are empty files")
    return "; ".join(damages)


def _parts(pictures: Pictures) -> str:
    text = f"{pictures.found:,} of {pictures.of:,} pictures"
    if not pictures.found:
        return text
    whose = "all" if pictures.labelled == pictures.found else f"{pictures.labelled:,}"
    return f"{text}, labels for {whose} of them; splits {_shares(pictures.splits)}"


def _gaps(reports: tuple[FileReport, ...]) -> str:
    needed = [report for report in reports if not report.optional]
    gaps = [f"{report.name} ({report.status})" for report in needed if report.status not in GOOD]
    return f"{len(needed) - len(gaps)} of {len(needed)} files; not {', '.join(gaps)}"


def _shares(splits: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in splits.items() if count) or "unknown"
