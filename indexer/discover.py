"""Folders -> files: path, size and time of change, streamed, so that a million files take no memory."""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from indexer.errors import InputError

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
MODERN_SUFFIXES = (".webp", ".avif", ".heic", ".heif", ".hif")
SUFFIXES = frozenset((*JPEG_SUFFIXES, *MODERN_SUFFIXES, ".png", ".apng", ".gif", ".bmp", ".dib", ".tif", ".tiff"))
# Folders of up to this many entries are listed in the order of their names; of larger ones, each part of this size.
SORTED_AT_ONCE = 65_536
SPECIAL_FILES = (
    (stat.S_ISFIFO, "a named pipe, not a file"),
    (stat.S_ISSOCK, "a socket, not a file"),
    (stat.S_ISCHR, "a device, not a file"),
    (stat.S_ISBLK, "a device, not a file"),
    (stat.S_ISDIR, "a folder, not a file"),
)
REASONS = {
    errno.ENOENT: "no such file",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EISDIR: "a folder, not a file",
    errno.ELOOP: "a link that leads back to itself",
    errno.ENAMETOOLONG: "the name is too long",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A file to decode: absolute path (not UTF-8: with surrogate escapes), size in bytes, time of change in ns."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A path that cannot be used, and why."""

    path: str
    reason: str


def discover(paths: Iterable[str | Path]) -> Iterator[Found | Problem]:
    """Stream the pictures in folders, by their suffix, and files that are named themselves, whatever their suffix.

    Links are followed, each real folder is visited once and under its own name where it has one here; hidden files
    and folders are left out unless named. Raises InputError, before anything is listed, for a path that is not there.
    """
    roots = list(dict.fromkeys(os.path.abspath(path) for path in paths))
    for root in roots:
        if not os.path.lexists(root):
            raise InputError(f"{printable(root)}: no such file or folder")
    return _walk(roots)


def reason_for(path: str | Path, error: OSError) -> str:
    """Why a file could not be opened, in a few words."""
    if error.errno == errno.ENOENT and os.path.islink(path):
        return "a dead link"
    return REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()


def reason_for_mode(mode: int) -> str | None:
    """Why a file of this st_mode is not read, None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((reason for is_kind, reason in SPECIAL_FILES if is_kind(mode)), "not a regular file")


def printable(path: str | Path) -> str:
    """A path for people: bytes that are not UTF-8 as backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _walk(roots: list[str]) -> Iterator[Found | Problem]:
    named = {root for root in roots if not os.path.isdir(root)}
    for root in roots:
        if root in named:
            yield _examine(root)
    folders = deque(root for root in roots if root not in named)
    links: deque[str] = deque()
    visited: set[tuple[int, int]] = set()
    while folders or links:
        # Links wait until every real folder was visited, so that a file keeps the path without links.
        folder = folders.popleft() if folders else links.popleft()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            for entry in _entries(folder):
                if entry.name.startswith(".") or entry.path in named:
                    continue
                if _is_folder(entry):
                    (links if entry.is_symlink() else folders).append(entry.path)
                elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
                    yield _examine(entry)
        except OSError as error:
            yield Problem(folder, reason_for(folder, error))


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        while part := sorted(islice(entries, SORTED_AT_ONCE), key=lambda entry: entry.name):
            yield from part


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _examine(file: str | os.DirEntry[str]) -> Found | Problem:
    path = os.fspath(file)
    try:
        status = os.stat(path) if isinstance(file, str) else file.stat()
    except OSError as error:
        return Problem(path, reason_for(path, error))
    reason = reason_for_mode(status.st_mode)
    return Problem(path, reason) if reason else Found(path, status.st_size, status.st_mtime_ns)
