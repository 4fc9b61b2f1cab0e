"""Starts the Python interpreters of workers, optionally in advance, to import modules in parallel with this process."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
from typing import NamedTuple


class Interpreter(NamedTuple):
    """A process that will become a worker, and our end of the socket to it."""

    process: subprocess.Popen[bytes]
    ours: socket.socket


_ahead: list[Interpreter] = []
# Several threads take interpreters at the same time.
_lock = threading.Lock()


def start_ahead(count: int) -> None:
    """Start interpreters until `count` are ready. Unused ones are killed when this process exits."""
    with _lock:
        _ahead.extend(_start() for _ in range(count - len(_ahead)))


def take_interpreter() -> Interpreter:
    """Return a running interpreter that was started in advance, or else a new one. Thread-safe."""
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
    # Pass on our module search path, so that workers import the same modules however this program was started.
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
