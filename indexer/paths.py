"""Path helpers: display, containment, reasons why a file cannot be read, and the location of the index."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterable
from pathlib import Path

logger = logging.getLogger(__name__)

# The file that makes a folder an index.
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


# Errors that depend on the path itself, not on the present state of its drive.
LASTING = frozenset((errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL))


def reason_for(path: str | Path, error: OSError) -> str:
    """Describe in a few words why a file could not be opened."""
    if error.errno == errno.ENOENT and os.path.islink(path):
        return "a dead link"
    return REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()


def may_pass(error: OSError) -> bool:
    """Return whether a file that could not be opened or read may be readable later."""
    return error.errno not in LASTING


def reason_for_mode(mode: int) -> str | None:
    """Describe why a file with this st_mode is not read; None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((reason for is_kind, reason in SPECIAL_FILES if is_kind(mode)), "not a regular file")


def printable(path: str | Path) -> str:
    """Format a path for messages; bytes that are not UTF-8 become backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_under(path: str, folder: str) -> bool:
    """Return whether a path is the folder itself or lies in it."""
    return path == folder or path.startswith(with_separator(folder))


def with_separator(folder: str) -> str:
    """Return a folder's path with a trailing separator, as a prefix of the paths in it."""
    return folder.rstrip(os.sep) + os.sep


def outermost(paths: Iterable[str]) -> list[str]:
    """Return the paths that do not lie inside another path, sorted and without duplicates."""
    unique = set(paths)
    return sorted(path for path in unique if unique.isdisjoint(above(path)))


def above(path: str) -> list[str]:
    """Return the ancestors of an absolute path, outermost first."""
    found = []
    while (parent := os.path.dirname(path)) != path:
        path = parent
        found.append(path)
    return found[::-1]


def locate(option: str | Path | None = None) -> Path:
    """Return the index folder: `option`, else LATENTSEARCH_INDEX, else `index` in the user's data folder."""
    named = option or os.environ.get("LATENTSEARCH_INDEX")
    if named:
        location = Path(os.path.abspath(named))
    else:
        import platformdirs

        location = platformdirs.user_data_path("latentsearch") / "index"
    source = "--index" if option else "$LATENTSEARCH_INDEX" if named else "the user's own"
    logger.debug("index: %s (%s)", location, source)
    return location
