"""A cheap check of files that failed for a cause outside them, since a run may meet thousands of them again."""

from __future__ import annotations

from indexer.decoding.file_types import Format, identify, load_plugin
from indexer.errors import UnreadableImage
from indexer.files.first_bytes import first_bytes
from indexer.paths import may_pass, reason_for


def look_again(path: str) -> None:
    """Read a file's first bytes, and import the extra that its format needs, if any.

    Raises UnreadableImage if the file is still unreadable or the extra still missing. Checking a thousand HEIC pictures
    without their extra takes a second, whereas decoding would read gigabytes.
    """
    try:
        head = first_bytes(path)
    except OSError as error:
        raise UnreadableImage(reason_for(path, error), may_pass=may_pass(error)) from error
    file_type = _format_of(head)
    if file_type is not None and file_type.extra:
        load_plugin(file_type)


def _format_of(head: bytes) -> Format | None:
    """Return the format, or None if the first bytes do not show it, as in formats with a signature at the end."""
    try:
        return identify(head)
    except UnreadableImage:
        return None
