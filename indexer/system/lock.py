"""One writer at a time: a lock on a file that dies with its holder."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from indexer.errors import InputError, LockedIndex
from indexer.paths import printable

FILE_NAME = "writer.lock"


class WriterLock:
    """The right to write to an index folder; may be taken again by its holder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock without waiting.

        Raises LockedIndex, naming the holder, where another has it, InputError where the folder cannot be written to.
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
        """Give the lock back; the file stays, since removing it would race with the next writer."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
