"""Exclusion rules: gitignore patterns, and folders that never belong to a photo collection.

A path is decided first by the patterns from the command line, then by the nearest `.latentsearchignore`, then by those
of the folders above; within one level, the last matching pattern decides. Excluded folders are not entered.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from indexer.errors import InputError
from indexer.paths import above, is_under, with_separator

IGNORE_FILE = ".latentsearchignore"
# Ignore files have a few kB; a larger file than this is a mistake.
BYTES_AT_MOST = 1_000_000
BYTE_ORDER_MARK = "\ufeff"
# All in lower case, because Windows writes both $RECYCLE.BIN and $Recycle.Bin.
SYNOLOGY = ("@eadir", "#recycle", "#snapshot")
QNAP = ("@recycle", "@recently-snapshot", "@__thumb")
WINDOWS = ("$recycle.bin", "recycler", "system volume information")
APPLE_SHARES = ("network trash folder", "temporary items")
USUAL_FOLDERS = frozenset((*SYNOLOGY, *QNAP, *WINDOWS, *APPLE_SHARES, "lost+found", "node_modules"))
LIGHTROOM_PREVIEWS = ".lrdata"
NEXTCLOUD_DATA = "appdata_oc"
CAPTURE_ONE, CAPTURE_ONE_CACHE = ("captureone", ".cocatalog"), "cache"
# Libraries of Apple's Photos, iPhoto and Aperture: folders with imported originals and files derived from them.
LIBRARIES = (".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary", ".migratedaplibrary")
ORIGINALS = frozenset(("originals", "masters"))
DERIVATIVES = frozenset(
    ("resources", "derivatives", "thumbnails", "previews", "caches", "data.noindex", "ipod photo cache", "modified")
)
DERIVATIVES_AT_THE_TOP = frozenset(("data", "database", "faces", "private"))
# Matches patterns that name something. A negated pattern such as !*/ only cancels others and requests no files.
NAMES_SOMETHING = re.compile(r"[^!*?/.\s]")


class UnusableRules(Exception):
    """An ignore file cannot be read or contains an invalid pattern; the message names the file."""


@dataclass(frozen=True)
class Level:
    """Patterns relative to one folder; base: its absolute path with a trailing slash."""

    base: str
    patterns: tuple[Compiled, ...]

    def decide(self, path: str, is_folder: bool) -> str | None:
        """Return the last pattern that matches this absolute path itself, not merely a folder above it."""
        if not path.startswith(self.base):
            return None
        # pathspec's regular expressions treat a line break as the end of the name.
        relative = path[len(self.base) :].replace("\n", "\0")
        whole = f"{relative}/" if is_folder else relative
        return next((pattern.text for pattern in reversed(self.patterns) if pattern.matches(whole)), None)


class Compiled(NamedTuple):
    """A pattern. pathspec also matches everything inside a matching folder; here each folder is decided on its own.

    is_any: matches any name, like * and */. is_deep: ends in /**, so it matches everything in a folder but not the
    folder itself. is_for_folders: matches folders only.
    """

    text: str
    expression: re.Pattern[str]
    is_any: bool
    is_deep: bool
    is_for_folders: bool

    @classmethod
    def of(cls, line: str, expression: re.Pattern[str]) -> Compiled:
        """Build a pattern from its line and pathspec's regular expression."""
        text = line.rstrip()
        is_any = not expression.pattern.startswith("^")
        return cls(line, expression, is_any, text.rstrip("/").endswith("/**"), text.endswith("/"))

    def matches(self, relative: str) -> bool:
        """Return whether the pattern matches a relative path; the path of a folder ends with a slash."""
        if self.is_for_folders and not relative.endswith("/"):
            return False
        if self.is_any:
            return True
        if self.is_deep:
            return self.expression.match(relative.rstrip("/")) is not None
        return self.expression.fullmatch(relative) is not None


@dataclass(frozen=True)
class FolderRules:
    """The rules of one folder: command-line patterns, then the levels of ignore files, nearest first.

    in_library: whether the folder lies in a photo library but outside its originals.
    """

    asked: Level | None = None
    levels: tuple[Level, ...] = ()
    in_library: bool = False

    @property
    def has_patterns(self) -> bool:
        """Whether there are any patterns; without them, only folders can be excluded."""
        return self.asked is not None or bool(self.levels)

    def decide(self, path: str, is_folder: bool) -> bool | None:
        """Decide an absolute path in this folder: True to exclude, False if a pattern includes it, None for neither."""
        for level in (self.asked, *self.levels) if self.asked else self.levels:
            pattern = level.decide(path, is_folder)
            if pattern is None:
                continue
            if not pattern.startswith("!"):
                return True
            if NAMES_SOMETHING.search(pattern):
                return False
            break
        return True if is_folder and self._is_usual(path) else None

    def inside(self, folder: str) -> FolderRules:
        """Return the rules of a folder in this one. Raises UnusableRules for a bad ignore file."""
        name = os.path.basename(folder).lower()
        in_library = name.endswith(LIBRARIES) or (self.in_library and name not in ORIGINALS)
        level = _read(folder)
        if level is None and in_library == self.in_library:
            return self
        return replace(self, levels=(level, *self.levels) if level else self.levels, in_library=in_library)

    def _is_usual(self, path: str) -> bool:
        parent, name = os.path.split(path.lower())
        if name in USUAL_FOLDERS or name.endswith(LIGHTROOM_PREVIEWS) or name.startswith(NEXTCLOUD_DATA):
            return True
        if name == CAPTURE_ONE_CACHE and parent.endswith(CAPTURE_ONE):
            return True
        return self.in_library and (
            name in DERIVATIVES or (name in DERIVATIVES_AT_THE_TOP and parent.endswith(LIBRARIES))
        )


class Rules:
    """Command-line patterns, relative to each folder named. Raises InputError for an invalid pattern."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        try:
            self._compiled = _compiled(patterns)
        except UnusableRules as error:
            raise InputError(f"cannot exclude by {error}") from None

    def of(self, root: str) -> FolderRules:
        """Return the rules of a folder named by the user, which is indexed wherever it lies. Raises UnusableRules.

        Ignore files of the folders above also apply, unless they would exclude the folder.
        """
        asked = Level(with_separator(root), self._compiled) if self._compiled else None
        around = FolderRules()
        for folder in above(root):
            if around.has_patterns and around.decide(folder, is_folder=True):
                around = FolderRules()
                break
            around = replace(around.inside(folder), in_library=False)
        if around.has_patterns and around.decide(root, is_folder=True):
            around = FolderRules()
        return replace(around.inside(root), asked=asked)

    def at(self, folder: str, roots: Iterable[str]) -> FolderRules | None:
        """Return the rules of a folder at or below a named one; None if it is excluded. Raises UnusableRules."""
        root = max((root for root in roots if is_under(folder, root)), key=len, default=folder)
        rules = self.of(root)
        for step in [*above(folder), folder]:
            if step != root and is_under(step, root):
                if rules.decide(step, is_folder=True):
                    return None
                rules = rules.inside(step)
        return rules

    def takes_in(self, path: str, root: str) -> bool:
        """Return whether no rule excludes a path below `root` or a folder on the way to it. Raises UnusableRules."""
        if path == root:
            return True
        around = self.at(os.path.dirname(path), [root])
        return around is not None and not around.decide(path, os.path.isdir(path))


def _read(folder: str) -> Level | None:
    """Read a folder's ignore file; None if it is missing or has no patterns."""
    path = os.path.join(folder, IGNORE_FILE)
    try:
        content = _content(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.EACCES) and not os.path.lexists(path):
            return None  # the folder itself is inaccessible; listing it reports that
        raise UnusableRules(f"its {IGNORE_FILE} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if len(content) > BYTES_AT_MOST:
        raise UnusableRules(f"its {IGNORE_FILE} is larger than {BYTES_AT_MOST // 1_000_000} MB")
    text = os.fsdecode(content).removeprefix(BYTE_ORDER_MARK)
    try:
        compiled = _compiled([line.removesuffix("\r") for line in text.split("\n")])
    except UnusableRules as error:
        raise UnusableRules(f"its {IGNORE_FILE} holds {error}") from None
    return Level(with_separator(folder), compiled) if compiled else None


def _content(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnusableRules(f"its {IGNORE_FILE} is not a file")
        return os.read(descriptor, BYTES_AT_MOST + 1)
    finally:
        os.close(descriptor)


def _compiled(lines: Sequence[str]) -> tuple[Compiled, ...]:
    """Compile patterns, skipping empty lines, comments and patterns that match nothing. Raises UnusableRules.

    pathspec is imported only if there are patterns, because the import takes as long as listing 10,000 files.
    """
    kept = [line for line in lines if line.strip() and not line.startswith("#")]
    if not kept:
        return ()
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    compiled = []
    for line in kept:
        try:
            expression = GitIgnoreSpecPattern(line).regex
        except (ValueError, re.error):
            shown = os.fsencode(line).decode("utf-8", "backslashreplace")
            raise UnusableRules(f"'{shown}', which is no pattern of gitignore's language") from None
        if expression is not None:
            compiled.append(Compiled.of(line, expression))
    return tuple(compiled)
