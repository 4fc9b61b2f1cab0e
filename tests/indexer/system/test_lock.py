"""The writer's lock, between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexer.errors import LockedIndex
from indexer.system.disk import WriterLock

HOLD = """
import sys
from pathlib import Path
from indexer.system.disk import WriterLock
lock = WriterLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        lock = WriterLock(tmp_path)
        with pytest.raises(LockedIndex, match=f"process {holder.pid} on "):
            lock.acquire()
        assert not lock.held
        holder.kill()
        holder.wait()
        lock.acquire()
        assert lock.held
        lock.release()
