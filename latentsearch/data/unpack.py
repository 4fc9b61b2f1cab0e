"""Unpack zip and tar archives: streamed, each file written atomically, and nothing outside the target folder."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from indexer.errors import TransferError
from indexer.progress import StepReport
from indexer.system.disk import atomic_write


class Entry(NamedTuple):
    """A file in an archive: its name, its size in bytes, and a function that opens it."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, top: str, count: int, progress: StepReport) -> None:
    """Unpack the archive's folder `top` next to the archive; files that exist with the right size are kept.

    `count` is the expected number of files, for progress only. Raises TransferError if the archive is damaged, or
    contains a link or a path outside its folder.
    """
    try:
        for done, entry in enumerate(_entries(archive), start=1):
            path = _inside(archive, entry.name)
            if path.parts[0] == top:
                _write(entry, archive.parent / path, archive.parent.resolve())
            progress(f"unpacking {archive.name}", done, count)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise TransferError(f"{archive} is damaged: {error}; remove it and fetch it again") from error


def _entries(archive: Path) -> Iterator[Entry]:
    return _zip_entries(archive) if zipfile.is_zipfile(archive) else _tar_entries(archive)


def _zip_entries(archive: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(archive) as zipped:
        for info in zipped.infolist():
            if stat.S_ISLNK(info.external_attr >> 16):
                raise _unsafe(archive, info.filename)
            if not info.is_dir():
                yield Entry(info.filename, info.file_size, lambda info=info: zipped.open(info))  # type: ignore[misc]


def _tar_entries(archive: Path) -> Iterator[Entry]:
    with tarfile.open(archive) as tar:
        for info in tar:
            if not (info.isfile() or info.isdir()):
                raise _unsafe(archive, info.name)
            if info.isfile():
                yield Entry(info.name, info.size, lambda info=info: _opened(tar, info))  # type: ignore[misc]


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(info)
    if stream is None:
        raise tarfile.ReadError(f"{info.name} cannot be read")
    return stream


def _inside(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or ":" in path.parts[0]:
        raise _unsafe(archive, name)
    return path


def _unsafe(archive: Path, name: str) -> TransferError:
    return TransferError(f"{archive} holds {name!r}, a link or a path that leaves its folder: it is not unpacked")


def _write(entry: Entry, target: Path, root: Path) -> None:
    if target.is_file() and target.stat().st_size == entry.size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(root):
        raise TransferError(f"{target.parent} is a link out of {root}: nothing is unpacked there")
    with entry.open() as source, atomic_write(target) as sink:
        shutil.copyfileobj(source, sink)
