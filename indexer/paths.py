"""Paths: how they are shown, which lies in which, why one cannot be read, and where the index is."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


logger = logging.getLogger(__name__)

# The file in the folder of an index that makes it one.
CATALOGUE = "catalog.sqlite"
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


def is_under(path: str, folder: str) -> bool:
    """Whether a path is this one or lies in that folder."""
    return path == folder or path.startswith(with_separator(folder))


def with_separator(folder: str) -> str:
    """A folder's path as it begins those of what lies in it."""
    return folder.rstrip(os.sep) + os.sep


def outermost(paths: Iterable[str]) -> list[str]:
    """These paths but for those within others of them."""
    unique = set(paths)
    return sorted(path for path in unique if unique.isdisjoint(above(path)))


def above(path: str) -> list[str]:
    """The folders that an absolute path lies in, the outermost first."""
    found = []
    while (parent := os.path.dirname(path)) != path:
        path = parent
        found.append(path)
    return found[::-1]


def locate(option: str | Path | None = None) -> Path:
    """Where the index is: what --index says, else LATENTSEARCH_INDEX, else the user's data folder."""
    named = option or os.environ.get("LATENTSEARCH_INDEX")
    if named:
        location = Path(os.path.abspath(named))
    else:
        import platformdirs

        location = platformdirs.user_data_path("latentsearch") / "index"
    source = "--index" if option else "$LATENTSEARCH_INDEX" if named else "the user's own"
    logger.debug("index: %s (%s)", location, source)
    return location
