"""Atomic file replacement, full-disk errors, and the lock that allows one writer per index."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from indexer.errors import InputError, LockedIndex
from indexer.paths import printable

LOCK_FILE = "writer.lock"


@contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """Raise InputError if the disk runs full while the index in `folder` is being written."""
    try:
        yield
    except OSError as error:
        if is_full_disk(error):
            raise no_space_for(folder) from error
        raise


def is_full_disk(error: OSError) -> bool:
    """Return whether an error means that the disk is full or a quota is used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def no_space_for(folder: Path) -> InputError:
    """Return the error for a disk that ran full while the index in `folder` was being written."""
    return InputError(
        f"no space left for the index at {printable(folder)}: what was stored before is kept, the same "
        "command goes on from there"
    )


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file beside `path` and rename it to `path` if the block succeeds.

    The temporary file is flushed to disk before the rename. After an error or a kill, `path` is unchanged. Raises
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
    """Yield a file, opened for writing bytes, that replaces `path` as in `atomic_path`."""
    with atomic_path(path) as unfinished, open(unfinished, "wb") as file:
        yield file
        file.flush()


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, replacing the file in one step."""
    with atomic_write(path) as file:
        file.write((json.dumps(value, indent=2) + "\n").encode())


def flush(path: Path) -> None:
    """Flush a file's content to disk with fsync."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


class WriterLock:
    """The exclusive right to write to an index folder. The holder may acquire it repeatedly."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock without waiting.

        Raises LockedIndex, naming the holder, if another process has the lock, and InputError if the folder is not
        writable.
        """
        if self.held:
            return
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"the index at {printable(self._path.parent)} cannot be written to: {reason}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(file, 256).decode(errors="replace").strip()
            os.close(file)
            raise LockedIndex(
                f"another process writes to the index at {self._path.parent} ({holder or 'it has just begun'}): "
                "wait until it ends"
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Release the lock. The file stays, because removing it would race with the next writer."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
