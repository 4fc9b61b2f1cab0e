"""Starts the Python interpreters of workers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import NamedTuple


class Interpreter(NamedTuple):
    """A process that will become a worker, and our end of the socket to it."""

    process: subprocess.Popen[bytes]
    ours: socket.socket


def start_interpreter() -> Interpreter:
    """Start an interpreter that imports what workers need and waits for a task at the other end of its socket."""
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
