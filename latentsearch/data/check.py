"""Check one published file by its size and hash, by its unpacked contents, or by its rows."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from latentsearch.data.manifest import File, Labels, Manifest

CHUNK = 1 << 20
GOOD = {"ok", "unpacked"}
BAD = {"wrong size", "wrong hash"}


@dataclass(frozen=True)
class FileReport:
    """The result of checking one file.

    `status` is ok, unpacked (the archive's contents are present instead of the archive), packed (the archive is present
    but not its contents), partial, missing, wrong size or wrong hash.
    """

    name: str
    status: str
    detail: str = ""
    optional: bool = False


def check_file(manifest: Manifest, file: File, folder: Path) -> FileReport:
    """Check a published file, or the files it unpacks to; hashing reads the whole file."""
    path = folder / file.name
    status, detail = _published(file, path) if path.is_file() else ("missing", "")
    if file.unpacks_to:
        status, detail = _with_unpacked(file, folder / file.unpacks_to, status, detail)
    elif file.content_sha256 and status != "ok":
        status, detail = _with_content(file, folder, status, detail)
    elif file.rows and status in BAD:
        status, detail = _with_rows(manifest, file, path, status, detail)
    return FileReport(file.name, status, detail, file.optional)


def picture_names(folder: Path) -> dict[str, int]:
    """Return the names of a folder's JPEG files with their sizes in bytes; empty if the folder does not exist."""
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        return {
            entry.name: entry.stat().st_size for entry in entries if entry.name.endswith(".jpg") and entry.is_file()
        }


def read_rows(file: File, path: Path) -> Iterator[list[str]]:
    """Yield the fields of each row of a label file, starting with the picture's name.

    Raises ValueError after the last row if the number of rows is not the one in the header.
    """
    with path.open(encoding="utf-8", errors="replace") as lines:
        stated = next(lines, "").strip() if file.header else None
        if file.header:
            next(lines, "")
        count = 0
        for line in filter(str.strip, lines):
            count += 1
            yield line.split()
    if stated is not None and stated != str(count):
        raise ValueError(f"its first line says {stated[:20]!r} rows and it has {count}")


def without_gz(file: File) -> str:
    """Return the file's name without `.gz`."""
    return file.name.removesuffix(".gz")


def _published(file: File, path: Path) -> tuple[str, str]:
    size = path.stat().st_size
    if file.bytes not in (None, size):
        return "wrong size", f"{size:,} bytes, published with {file.bytes:,}"
    good = _has_hashes(path, file.hashes)
    return ("ok", "") if good else ("wrong hash", f"not the published {' and '.join(file.hashes)}")


def _has_hashes(path: Path, hashes: dict[str, str]) -> bool:
    with path.open("rb") as stream:
        return _hashes_of(stream, tuple(hashes))[1] == hashes


def _hashes_of(stream: IO[bytes], algorithms: tuple[str, ...]) -> tuple[int, dict[str, str]]:
    """Read a stream to its end and return its length in bytes and its hash by algorithm."""
    digests = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms}
    length = 0
    while chunk := stream.read(CHUNK):
        length += len(chunk)
        for digest in digests.values():
            digest.update(chunk)
    return length, {algorithm: digest.hexdigest() for algorithm, digest in digests.items()}


def _with_unpacked(file: File, folder: Path, status: str, detail: str) -> tuple[str, str]:
    """Accept the unpacked contents in place of the archive; incomplete contents without the archive are partial."""
    there, wanted = _unpacked(file, folder)
    if there == wanted:
        return ("ok" if status == "ok" else "unpacked"), f"{wanted:,} files in {folder.name}"
    said = f"{there:,} of {wanted:,} files in {folder.name}"
    if status == "ok":
        return "packed", f"{said}: `latentsearch data fetch` unpacks it"
    return ("partial", said) if there and status == "missing" else (status, detail)


def _unpacked(file: File, folder: Path) -> tuple[int, int]:
    if file.members:
        good = [m for m in file.members if (folder / m.name).is_file() and _has_hashes(folder / m.name, m.hashes)]
        return len(good), len(file.members)
    return len(picture_names(folder)), file.pictures or 0


def _with_content(file: File, folder: Path, status: str, detail: str) -> tuple[str, str]:
    """Accept a recompressed or decompressed copy of a published gzip file if its contents match."""
    if _has_content(file, folder / file.name, gzip.open):
        return "ok", "the published content, compressed anew"
    plain = folder / without_gz(file)
    return ("ok", f"decompressed: {plain.name}") if _has_content(file, plain, open) else (status, detail)


def _has_content(file: File, path: Path, opened: Callable[[Path, str], Any]) -> bool:
    try:
        with opened(path, "rb") as stream:
            length, hashes = _hashes_of(stream, ("sha256",))
    except (OSError, EOFError, ValueError):
        return False
    return length == file.content_bytes and hashes["sha256"] == file.content_sha256


def _with_rows(manifest: Manifest, file: File, path: Path, status: str, detail: str) -> tuple[str, str]:
    """Report a label file as partial if it has fewer rows than published and every row is valid."""
    labels = next(labels for labels in manifest.labels if labels.file == file.name)
    try:
        _require_header(file, labels, path)
        rows = sum(_fits(labels, row) for row in read_rows(file, path))
    except ValueError as error:
        return status, f"{detail}; {error}"
    return ("partial", f"{rows:,} of {file.rows:,} rows") if 0 < rows < (file.rows or 0) else (status, detail)


def _require_header(file: File, labels: Labels, path: Path) -> None:
    with path.open(encoding="utf-8", errors="replace") as lines:
        header = [next(lines, "") for _ in range(2)][1].split()
    if file.header and tuple(header) != labels.names:
        raise ValueError("its second line does not name the published labels")


def _fits(labels: Labels, row: list[str]) -> bool:
    """Return True if the row has valid labels; raises ValueError with the picture's name if not."""
    allowed: Callable[[str], bool] = {
        "binary": lambda value: value in {"1", "-1"},
        "class": lambda value: value in labels.values,
        "identity": lambda value: value.isdecimal() and 1 <= int(value) <= (labels.count or 0),
        "split": lambda value: value.isdecimal() and int(value) < len(labels.values),
    }[labels.kind]
    if len(row) != len(labels.names) + 1 or not all(map(allowed, row[1:])):
        raise ValueError(f"the row of {row[0][:40]!r} has invalid labels")
    return True
