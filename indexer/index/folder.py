"""The folder of an index, before it is opened: made, and brought up to date."""

from __future__ import annotations

import os
from pathlib import Path

from indexer.catalog.catalog import Catalog
from indexer.errors import InputError
from indexer.paths import CATALOGUE, printable
from indexer.system import lock as locks
from indexer.system.disk import full_disk_told
from indexer.system.lock import WriterLock

# What may lie in a folder that is no index yet: a first run was killed while it made one.
BEGINNINGS = {locks.FILE_NAME, *(CATALOGUE + end for end in ("", "-wal", "-shm", "-journal"))}


def migrate_folder(folder: Path) -> None:
    """Bring the catalogue of an earlier version to this one's schema.

    Raises LockedIndex while another process writes, InputError where the folder cannot be written to.
    """
    lock = WriterLock(folder)
    try:
        with full_disk_told(folder):
            lock.acquire()
            Catalog.write(folder / CATALOGUE).close()
    except InputError as error:
        raise InputError(
            f"{error}; an earlier latentsearch made it, and it must be brought up to date first"
        ) from error
    finally:
        lock.release()


def make_folder(folder: Path) -> None:
    """Make the folder of an index. Raises InputError where it cannot be one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = {entry.name for entry in os.scandir(folder)} - BEGINNINGS
        is_index = (folder / CATALOGUE).exists()
    except OSError as error:
        raise InputError(f"{printable(folder)} cannot hold an index: {error.strerror}") from error
    if strangers and not is_index:
        raise InputError(f"{printable(folder)} is a folder of something else: name a new one with --index")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{printable(folder)} cannot hold an index: no permission to write there")
