"""A full disk, told in one sentence."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.discover import printable
from indexer.errors import InputError


@contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """Raise InputError for a disk that is full while the index in a folder is written."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"no space left for the index at {printable(folder)}: what was stored before is kept, the same "
            "command goes on from there"
        ) from error
