"""Runs latentsearch as a process bound by file permissions, even if root runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.experiments.faults.rights import drop_rights


def run_unprivileged(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a verb without root's right to read and write against permissions."""
    return subprocess.run(
        [sys.executable, "-m", "latentsearch", *map(str, arguments)],
        capture_output=True,
        text=True,
        preexec_fn=drop_rights,
        env={**os.environ, **environment},
    )


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder and its files read-only while the block runs."""
    paths = [*folder.iterdir(), folder]
    modes = [path.stat().st_mode for path in paths]
    for path, mode in zip(paths, modes, strict=True):
        os.chmod(path, mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in reversed(list(zip(paths, modes, strict=True))):
            if path.exists():
                os.chmod(path, mode)
