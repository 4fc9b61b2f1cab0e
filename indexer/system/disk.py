"""Files that are replaced in one step, and full disks."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from indexer.errors import InputError
from indexer.paths import printable


@contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """Raise InputError for a disk that is full while the index in a folder is written."""
    try:
        yield
    except OSError as error:
        if is_full_disk(error):
            raise no_space_for(folder) from error
        raise


def is_full_disk(error: OSError) -> bool:
    """Whether a disk is full, or a quota is used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def no_space_for(folder: Path) -> InputError:
    """What to say of a disk that is full while the index in a folder is written."""
    return InputError(
        f"no space left for the index at {printable(folder)}: what was stored before is kept, the same "
        "command goes on from there"
    )


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """The path of a new file beside `path`, which takes its place when the block ends without an error.

    Its bytes are on the disk before. After an error, or where the process is killed, `path` is as it was. Raises
    OSError.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        flush(unfinished)
        unfinished.replace(path)
    finally:
        with suppress(OSError):
            unfinished.unlink()


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """The same with the file opened for writing bytes."""
    with atomic_path(path) as unfinished, open(unfinished, "wb") as file:
        yield file
        file.flush()


def write_json(path: Path, value: object) -> None:
    """Replace a JSON file in one step."""
    with atomic_write(path) as file:
        file.write((json.dumps(value, indent=2) + "\n").encode())


def flush(path: Path) -> None:
    """See that a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
