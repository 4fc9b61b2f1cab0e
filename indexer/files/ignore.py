"""Which files and folders are left out: patterns in gitignore's language, and what nobody wants in a photo collection.

A path is decided by the patterns that were asked for, then by the `.latentsearchignore` nearest to it, then by those
above; the last pattern of a level that matches decides. Folders that are left out are not descended.
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
# A list of patterns is a few kB; whatever is larger is something else.
BYTES_AT_MOST = 1_000_000
BYTE_ORDER_MARK = "\ufeff"
# In lower case: Windows writes $RECYCLE.BIN and $Recycle.Bin.
SYNOLOGY = ("@eadir", "#recycle", "#snapshot")
QNAP = ("@recycle", "@recently-snapshot", "@__thumb")
WINDOWS = ("$recycle.bin", "recycler", "system volume information")
APPLE_SHARES = ("network trash folder", "temporary items")
USUAL_FOLDERS = frozenset((*SYNOLOGY, *QNAP, *WINDOWS, *APPLE_SHARES, "lost+found", "node_modules"))
LIGHTROOM_PREVIEWS = ".lrdata"
NEXTCLOUD_DATA = "appdata_oc"
CAPTURE_ONE, CAPTURE_ONE_CACHE = ("captureone", ".cocatalog"), "cache"
# Photos, iPhoto and Aperture of Apple: a library is a folder that holds what was imported and what was made of it.
LIBRARIES = (".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary", ".migratedaplibrary")
ORIGINALS = frozenset(("originals", "masters"))
DERIVATIVES = frozenset(
    ("resources", "derivatives", "thumbnails", "previews", "caches", "data.noindex", "ipod photo cache", "modified")
)
DERIVATIVES_AT_THE_TOP = frozenset(("data", "database", "faces", "private"))
# A negated pattern such as !*/ names nothing: it takes back other patterns, and asks for nothing.
NAMES_SOMETHING = re.compile(r"[^!*?/.\s]")


class UnusableRules(Exception):
    """An ignore file cannot be read, or holds what is no pattern; the reason names the file."""


@dataclass(frozen=True)
class Level:
    """Patterns that are relative to one folder; base: its absolute path and a slash."""

    base: str
    patterns: tuple[Compiled, ...]

    def decide(self, path: str, is_folder: bool) -> str | None:
        """The last pattern that matches an absolute path below the folder itself, and not only a folder above it."""
        if not path.startswith(self.base):
            return None
        # To the regular expressions of pathspec, a line break in a name would end the name.
        relative = path[len(self.base) :].replace("\n", "\0")
        whole = f"{relative}/" if is_folder else relative
        return next((pattern.text for pattern in reversed(self.patterns) if pattern.matches(whole)), None)


class Compiled(NamedTuple):
    """One pattern. pathspec's expressions match what lies in a folder that matches, too; a walk asks folder by folder.

    is_any: whether it matches any name, as * and */ do. is_deep: whether it ends in /**, and so matches all that
    lies in a folder, but not the folder. is_for_folders: whether only folders match.
    """

    text: str
    expression: re.Pattern[str]
    is_any: bool
    is_deep: bool
    is_for_folders: bool

    @classmethod
    def of(cls, line: str, expression: re.Pattern[str]) -> Compiled:
        """Of a line and what pathspec makes of it."""
        text = line.rstrip()
        is_any = not expression.pattern.startswith("^")
        return cls(line, expression, is_any, text.rstrip("/").endswith("/**"), text.endswith("/"))

    def matches(self, relative: str) -> bool:
        """Whether it matches a path, which ends with a slash where it is a folder's."""
        if self.is_for_folders and not relative.endswith("/"):
            return False
        if self.is_any:
            return True
        if self.is_deep:
            return self.expression.match(relative.rstrip("/")) is not None
        return self.expression.fullmatch(relative) is not None


@dataclass(frozen=True)
class FolderRules:
    """What holds in a folder: patterns that were asked for, those of ignore files, the nearest first.

    in_library: whether it lies in a photo library, outside its originals.
    """

    asked: Level | None = None
    levels: tuple[Level, ...] = ()
    in_library: bool = False

    @property
    def has_patterns(self) -> bool:
        """Whether files can be left out; without patterns only folders are."""
        return self.asked is not None or bool(self.levels)

    def decide(self, path: str, is_folder: bool) -> bool | None:
        """Of what lies in the folder: True where it is left out, False where a pattern asks for it, None for neither.

        path: absolute.
        """
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
        """What holds in a folder that lies in this one. Raises UnusableRules for its ignore file."""
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
    """Patterns that were asked for, relative to each folder that is named. Raises InputError for what is no pattern."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        try:
            self._compiled = _compiled(patterns)
        except UnusableRules as error:
            raise InputError(f"cannot exclude by {error}") from None

    def of(self, root: str) -> FolderRules:
        """What holds in a folder that was named, which asks for it, wherever it lies. Raises UnusableRules.

        Ignore files of the folders above hold as well, unless by them it would be left out.
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
        """What holds in a folder at or below one that was named; None where it is left out. Raises UnusableRules."""
        root = max((root for root in roots if is_under(folder, root)), key=len, default=folder)
        rules = self.of(root)
        for step in [*above(folder), folder]:
            if step != root and is_under(step, root):
                if rules.decide(step, is_folder=True):
                    return None
                rules = rules.inside(step)
        return rules

    def takes_in(self, path: str, root: str) -> bool:
        """Whether a path in a folder that was named is not left out, nor a folder on its way. Raises UnusableRules."""
        if path == root:
            return True
        around = self.at(os.path.dirname(path), [root])
        return around is not None and not around.decide(path, os.path.isdir(path))


def _read(folder: str) -> Level | None:
    """The ignore file of a folder, None where it has none."""
    path = os.path.join(folder, IGNORE_FILE)
    try:
        content = _content(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.EACCES) and not os.path.lexists(path):
            return None  # the folder itself cannot be seen; listing it reports that
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
    """Patterns, but for empty lines, comments, and those that can match nothing. Raises UnusableRules.

    pathspec is imported only where there are any: that takes as long as listing 10,000 files.
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
