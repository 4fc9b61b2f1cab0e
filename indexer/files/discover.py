"""Walks folders for picture files, and finds CelebA's label files beside them.

Picture files are streamed, so memory use does not grow with their number.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from indexer.errors import InputError
from indexer.files.ignore import FolderRules, Rules, UnusableRules
from indexer.files.passed import Passed
from indexer.numbers import size_and_mtime
from indexer.paths import may_pass, printable, reason_for, reason_for_mode

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
MODERN_SUFFIXES = (".webp", ".avif", ".heic", ".heif", ".hif")
SUFFIXES = frozenset((*JPEG_SUFFIXES, *MODERN_SUFFIXES, ".png", ".apng", ".gif", ".bmp", ".dib", ".tif", ".tiff"))
# Entries of a folder are sorted by name in batches of this size; only larger folders are not fully sorted.
SORTED_AT_ONCE = 65_536
# CelebA's attributes, partition and identities.
CELEBA_FILES = ("list_attr_celeba.txt", "list_eval_partition.txt", "identity_CelebA.txt")


@dataclass(frozen=True, slots=True)
class Found:
    """A file to decode: absolute path (surrogate escapes for bytes that are not UTF-8), size in bytes, mtime in ns.

    is_asked_for: whether the user named the file or a negated pattern includes it; it is then indexed even if it is one
    of our contact sheets.
    """

    path: str
    size: int
    mtime_ns: int
    is_asked_for: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A path that cannot be used, and why.

    is_hidden: whether the path, or anything below it, may exist although it cannot be seen now. may_pass: whether the
    cause lies outside the file (a permission, a drive), so that an image already indexed at this path is kept.
    """

    path: str
    reason: str
    is_hidden: bool = False
    may_pass: bool = False


class FolderNames:
    """Assigns one path to each real folder, however many links lead to it."""

    def __init__(self) -> None:
        self._paths: dict[tuple[int, int], str] = {}

    def name_of(self, folder: str, status: os.stat_result) -> str:
        """Return the folder's assigned path; `folder` itself if no earlier path still leads to it."""
        key = _identity(status)
        name = self._paths.setdefault(key, folder)
        if name != folder and _identity_at(name) != key:
            name = self._paths[key] = folder
        return name


def discover(
    paths: Iterable[str | Path],
    names: FolderNames | None = None,
    rules: Rules | None = None,
    passed: Passed | None = None,
    *,
    only_by_suffix: bool = False,
) -> Iterator[Found | Problem]:
    """Yield picture files in folders, recognised by suffix or else by first bytes, and any files named directly.

    Links are followed, and each real folder is visited once, by its real path if that lies within `paths`. Hidden files
    and folders, and those that the rules exclude, are skipped unless named. names: records each folder's path. passed:
    counts skipped files. only_by_suffix: open no files. Raises InputError for a path that does not exist, before
    anything is listed.
    """
    roots = list(dict.fromkeys(os.path.abspath(path) for path in paths))
    for root in roots:
        if not os.path.lexists(root):
            raise InputError(f"{printable(root)}: no such file or folder")
    walk = _Walk(names or FolderNames(), rules or Rules(), passed or Passed(), only_by_suffix)
    return walk.over(dict.fromkeys(roots))


def discover_again(
    paths: Iterable[str],
    roots: Sequence[str],
    names: FolderNames | None = None,
    rules: Rules | None = None,
    passed: Passed | None = None,
) -> Iterator[Found | Problem]:
    """Yield what `discover` would now find at some paths below its folders; nothing for a path that is gone.

    paths: absolute paths of files or folders, none inside another. roots: absolute paths of the folders.
    """
    walk = _Walk(names or FolderNames(), rules or Rules(), passed or Passed())
    folders: dict[str, FolderRules | None] = {}
    for path in paths:
        try:
            if path in roots:
                folders[path] = None
            elif (around := walk.rules.at(os.path.dirname(path), roots)) is None:
                continue
            elif not os.path.isdir(path):
                yield from _some(walk.at(path, around))
            elif not around.decide(path, is_folder=True):
                folders[path] = around
        except UnusableRules as error:
            yield Problem(path, str(error), is_hidden=True)
    yield from walk.over(folders)


def look_at(path: str) -> Found | Problem | None:
    """Check the file at an absolute path, whatever its name and rules; None if it no longer exists."""
    return _examine(_Named(path), is_asked_for=True)


class _Folder(NamedTuple):
    """A folder to visit; around: the parent's rules, None if the folder was named; device: the parent's device."""

    path: str
    around: FolderRules | None
    device: int | None = None


class _Walk:
    """Walks folders; names: assigned folder paths; rules: what to exclude; passed: counts what is skipped."""

    def __init__(self, names: FolderNames, rules: Rules, passed: Passed, only_by_suffix: bool = False) -> None:
        self.rules = rules
        self._only_by_suffix = only_by_suffix
        self._names, self._passed = names, passed

    def over(self, roots: Mapping[str, FolderRules | None]) -> Iterator[Found | Problem]:
        """Walk root folders and check root files; each maps to its parent's rules, or None if the user named it."""
        named = {root for root in roots if not os.path.isdir(root)}
        for root in roots:
            if root in named:
                yield from _some(_examine(_Named(root), is_asked_for=True))
        folders = deque(_Folder(root, around) for root, around in roots.items() if root not in named)
        links: deque[_Folder] = deque()
        visited: set[tuple[int, int]] = set()
        while folders or links:
            # Links wait until all real folders are visited, so that files get paths without links.
            folder, around, device = folders.popleft() if folders else links.popleft()
            try:
                status = os.stat(folder)
                if _identity(status) in visited or self._names.name_of(folder, status) != folder:
                    continue
                visited.add(_identity(status))
                if device not in (None, status.st_dev):
                    self._passed.drives.append(folder)
                rules = self.rules.of(folder) if around is None else around.inside(folder)
                for entry in _entries(folder):
                    if entry.name.startswith(".") or entry.path in named:
                        continue
                    if not _is_folder(entry):
                        if (found := self._file(entry, rules)) is not None:
                            yield found
                    elif rules.decide(entry.path, is_folder=True):
                        self._passed.exclude()
                    else:
                        (links if entry.is_symlink() else folders).append(_Folder(entry.path, rules, status.st_dev))
            except FileNotFoundError:  # removed during the walk
                continue
            except UnusableRules as error:  # skip the folder, because files it excludes must not be indexed
                yield Problem(folder, str(error), is_hidden=True)
            except OSError as error:
                yield Problem(folder, reason_for(folder, error), is_hidden=True, may_pass=may_pass(error))

    def at(self, path: str, rules: FolderRules) -> Found | Problem | None:
        """Check a path that is not a folder, under the rules of its folder."""
        return self._file(_Named(path), rules) if os.path.lexists(path) else None

    def _file(self, entry: os.DirEntry[str] | _Named, rules: FolderRules) -> Found | Problem | None:
        decided = rules.decide(entry.path, is_folder=False) if rules.has_patterns else None
        if decided:
            self._passed.exclude()
        elif is_picture(entry.name) or self._begins_as_picture(entry):
            return _examine(entry, decided is False)
        return None

    def _begins_as_picture(self, entry: os.DirEntry[str] | _Named) -> bool:
        from indexer.files.first_bytes import begins_as_picture

        try:
            # Only regular files are opened, because opening a device or pipe can have side effects.
            if not self._only_by_suffix and entry.is_file() and begins_as_picture(entry.path):
                return True
        except OSError as error:
            if error.errno != errno.ENOENT:
                self._passed.unreadable.append(entry.path)
        self._passed.add(entry.name)
        return False


@dataclass(frozen=True, slots=True)
class _Named:
    """A path with the interface of os.DirEntry."""

    path: str

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    def is_file(self) -> bool:
        return os.path.isfile(self.path)

    def stat(self) -> os.stat_result:
        return os.stat(self.path)


def _some(found: Found | Problem | None) -> Iterator[Found | Problem]:
    if found is not None:
        yield found


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        while part := sorted(islice(entries, SORTED_AT_ONCE), key=lambda entry: entry.name, reverse=True):
            while part:
                # An entry caches its stat result, so drop each one once it has been yielded.
                yield part.pop()


def is_picture(path: str) -> bool:
    """Return whether a name has a picture's suffix. Other files are recognised by their first bytes."""
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


def _examine(entry: os.DirEntry[str] | _Named, is_asked_for: bool) -> Found | Problem | None:
    """Return the file, or why it cannot be used; None if it has just been removed."""
    path = entry.path
    try:
        status = entry.stat()
    except OSError as error:
        is_gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
        if is_gone and not os.path.islink(path):
            return None
        is_hidden = not is_gone and error.errno != errno.ELOOP
        return Problem(path, reason_for(path, error), is_hidden, may_pass(error))
    if stat.S_ISREG(status.st_mode):
        return Found(path, *size_and_mtime(status), is_asked_for)
    return Problem(path, reason_for_mode(status.st_mode) or "not a regular file")


def find_celeba_files(folders: Iterable[str | Path]) -> list[Path]:
    """Find CelebA's label files in these folders and their parents, where they lie beside the picture folder."""
    searched: dict[Path, None] = {}
    for folder in (Path(os.path.abspath(folder)) for folder in folders):
        searched |= {folder: None, folder.parent: None}
    return [folder / name for folder in searched for name in CELEBA_FILES if (folder / name).is_file()]
