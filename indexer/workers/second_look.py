"""A cheap look at a file that circumstances kept from being used: a run may meet thousands of them again."""

from __future__ import annotations

from indexer.decoding.file_types import Format, identify, load_plugin
from indexer.errors import UnreadableImage
from indexer.files.first_bytes import first_bytes
from indexer.paths import may_pass, reason_for


def look_again(path: str) -> None:
    """Read the first bytes of a file, and import the extra that its format needs, if any.

    Raises UnreadableImage where it still may not be read or the extra is still missing. A thousand HEIC pictures
    without their extra take a second; to read them whole again would take gigabytes.
    """
    try:
        head = first_bytes(path)
    except OSError as error:
        raise UnreadableImage(reason_for(path, error), may_pass=may_pass(error)) from error
    kind = _format_of(head)
    if kind is not None and kind.extra:
        load_plugin(kind)


def _format_of(head: bytes) -> Format | None:
    """None for what its first bytes do not tell, such as formats with a signature at their end."""
    try:
        return identify(head)
    except UnreadableImage:
        return None
