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
from indexer.numbers import size_and_mtime

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
# What a path is, rather than how its drive fares at the moment.
LASTING = frozenset((errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL))


@dataclass(frozen=True, slots=True)
class Found:
    """A file to decode: absolute path (not UTF-8: with surrogate escapes), size in bytes, time of change in ns."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A path that cannot be used, and why.

    is_hidden: what is there, or below it, cannot be seen now, but may be there all the same. may_pass: circumstances
    are the reason (a permission, a drive), so that an image at this path is kept.
    """

    path: str
    reason: str
    is_hidden: bool = False
    may_pass: bool = False


class FolderNames:
    """The one path by which each real folder goes, however many links lead to it."""

    def __init__(self) -> None:
        self._paths: dict[tuple[int, int], str] = {}

    def name_of(self, folder: str, status: os.stat_result) -> str:
        """The path by which a folder goes: this one, where no earlier one still leads there."""
        key = _identity(status)
        name = self._paths.setdefault(key, folder)
        if name != folder and _identity_at(name) != key:
            name = self._paths[key] = folder
        return name


def discover(paths: Iterable[str | Path], names: FolderNames | None = None) -> Iterator[Found | Problem]:
    """Stream the pictures in folders, by their suffix, and files that are named themselves, whatever their suffix.

    Links are followed, each real folder is visited once and under its own name where it has one here; hidden files
    and folders are left out unless named. names: learns the folders' names. Raises InputError, before anything is
    listed, for a path that is not there.
    """
    roots = list(dict.fromkeys(os.path.abspath(path) for path in paths))
    for root in roots:
        if not os.path.lexists(root):
            raise InputError(f"{printable(root)}: no such file or folder")
    return _walk(roots, names or FolderNames())


def discover_again(paths: Iterable[str], names: FolderNames) -> Iterator[Found | Problem]:
    """Stream what `discover` would find now at some of the paths below its folders; nothing where a path is gone.

    paths: absolute, files or folders, none within another.
    """
    folders = []
    for path in paths:
        if os.path.isdir(path):
            folders.append(path)
        elif is_picture(path):
            yield from _examine(path)
    yield from _walk(folders, names)


def reason_for(path: str | Path, error: OSError) -> str:
    """Why a file could not be opened, in a few words."""
    if error.errno == errno.ENOENT and os.path.islink(path):
        return "a dead link"
    return REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()


def may_pass(error: OSError) -> bool:
    """Whether a file that could not be opened or read may be readable another time."""
    return error.errno not in LASTING


def reason_for_mode(mode: int) -> str | None:
    """Why a file of this st_mode is not read, None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((reason for is_kind, reason in SPECIAL_FILES if is_kind(mode)), "not a regular file")


def printable(path: str | Path) -> str:
    """A path for people: bytes that are not UTF-8 as backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _walk(roots: list[str], names: FolderNames) -> Iterator[Found | Problem]:
    named = {root for root in roots if not os.path.isdir(root)}
    for root in roots:
        if root in named:
            yield from _examine(root)
    folders = deque(root for root in roots if root not in named)
    links: deque[str] = deque()
    visited: set[tuple[int, int]] = set()
    while folders or links:
        # Links wait until every real folder was visited, so that a file keeps the path without links.
        folder = folders.popleft() if folders else links.popleft()
        try:
            status = os.stat(folder)
            if _identity(status) in visited or names.name_of(folder, status) != folder:
                continue
            visited.add(_identity(status))
            for entry in _entries(folder):
                if entry.name.startswith(".") or entry.path in named:
                    continue
                if _is_folder(entry):
                    (links if entry.is_symlink() else folders).append(entry.path)
                elif is_picture(entry.name):
                    yield from _examine(entry)
        except FileNotFoundError:  # it was removed just now
            continue
        except OSError as error:
            yield Problem(folder, reason_for(folder, error), is_hidden=True, may_pass=may_pass(error))


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        while part := sorted(islice(entries, SORTED_AT_ONCE), key=lambda entry: entry.name, reverse=True):
            while part:
                # An entry grows when it is looked at, and goes when it was.
                yield part.pop()


def is_picture(path: str) -> bool:
    """Whether a name is one that a picture would have."""
    return os.path.splitext(path)[1].lower() in SUFFIXES


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _identity_at(path: str) -> tuple[int, int] | None:
    try:
        return _identity(os.stat(path))
    except OSError:
        return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _examine(file: str | os.DirEntry[str]) -> Iterator[Found | Problem]:
    """The file, or why it cannot be used; nothing where it was removed just now."""
    path = os.fspath(file)
    try:
        status = os.stat(path) if isinstance(file, str) else file.stat()
    except OSError as error:
        is_gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
        if not is_gone or os.path.islink(path):
            is_hidden = not is_gone and error.errno != errno.ELOOP
            yield Problem(path, reason_for(path, error), is_hidden, may_pass(error))
        return
    reason = reason_for_mode(status.st_mode)
    yield Problem(path, reason) if reason else Found(path, *size_and_mtime(status))
