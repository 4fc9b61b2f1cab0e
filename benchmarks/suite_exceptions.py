"""Files of public suites whose colours differ from a careful decode on purpose, and why."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

# Of the suite's folder name and the file's path in it: patterns, and the reason that the page states.
EXCEPTIONS: tuple[tuple[str, str, str], ...] = ()


def reason_for_difference(suite: str, row: dict[str, Any]) -> str:
    """Why a file is an exception, empty for none."""
    if row.get("incomplete"):
        return "incomplete: what is missing is mid-grey here, black or white there"
    named = (why for of, pattern, why in EXCEPTIONS if fnmatchcase(suite, of) and fnmatchcase(row["file"], pattern))
    return next(named, "")
