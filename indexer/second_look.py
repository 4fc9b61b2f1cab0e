"""A cheap look at a file that circumstances kept from being used: a run may meet thousands of them again."""

from __future__ import annotations

import os

from indexer.discover import may_pass, reason_for
from indexer.errors import UnreadableImage
from indexer.formats import identify, load_plugin

# What formats are told by.
BYTES = 512


def look_again(path: str) -> None:
    """Read the first bytes of a file and import what decodes it.

    Raises UnreadableImage where it still may not be read or its extra is still missing. Of a thousand HEIC pictures
    without their extra this takes less than a second; to read them whole again would take gigabytes.
    """
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            head = file.read(BYTES)
    except OSError as error:
        raise UnreadableImage(reason_for(path, error), may_pass=may_pass(error)) from error
    load_plugin(identify(head))


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # or opening a named pipe waits for a writer
