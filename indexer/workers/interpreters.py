"""Bare interpreters for workers, which may be started ahead: they import what they need while their parent does."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
from typing import NamedTuple


class Interpreter(NamedTuple):
    """A process that will be a worker, and our end of the socket between us."""

    process: subprocess.Popen[bytes]
    ours: socket.socket


_ahead: list[Interpreter] = []
# Each of several threads takes one for its worker.
_lock = threading.Lock()


def start_ahead(count: int) -> None:
    """Have this many ready; those that are not taken end with this process."""
    with _lock:
        _ahead.extend(_start() for _ in range(count - len(_ahead)))


def take_interpreter() -> Interpreter:
    """One that was started ahead and lives, else a new one. May be called from several threads."""
    while interpreter := _take_ahead():
        if interpreter.process.poll() is None:
            return interpreter
        interpreter.ours.close()
    return _start()


def _take_ahead() -> Interpreter | None:
    with _lock:
        return _ahead.pop() if _ahead else None


@atexit.register
def _end_ahead() -> None:
    while interpreter := _take_ahead():
        interpreter.ours.close()
        interpreter.process.kill()
        interpreter.process.wait()


def _start() -> Interpreter:
    ours, theirs = socket.socketpair()
    # The modules come from where ours came from, whatever the folder and the way in which we were started.
    serve = f"from indexer.workers.serve import serve; serve({theirs.fileno()})"
    code = f"import sys; sys.path[:] = {sys.path!r}; {serve}"
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    return Interpreter(process, ours)
