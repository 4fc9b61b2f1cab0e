"""`latentsearch index --watch` as a real process, with its output read as it appears."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

SECONDS = 60
RUN = """
{before}
from latentsearch.cli import main
main({arguments}, prog_name="latentsearch")
"""


class Followed:
    """A process that watches folders. Each result holds the non-zero counters of a summary."""

    def __init__(self, arguments: list[str], environment: dict[str, str], before: str) -> None:
        code = RUN.format(arguments=arguments, before=before)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
        self._lines: dict[str, queue.Queue[str | None]] = {"out": queue.Queue(), "err": queue.Queue()}
        streams = (("out", self.process.stdout), ("err", self.process.stderr))
        self._threads = [threading.Thread(target=self._read, args=(stream, self._lines[n])) for n, stream in streams]
        for thread in self._threads:
            thread.start()

    def batch(self) -> dict[str, int]:
        """Wait for the next summary."""
        line = self._lines["out"].get(timeout=SECONDS)
        assert line is not None, f"it ended: {self.told()}"
        summary: dict[str, Any] = json.loads(line)
        return {name: count for name, count in summary.items() if isinstance(count, int) and count}

    def batches_until(self, name: str, count: int = 1) -> dict[str, int]:
        """Add up summaries until a counter has reached `count`."""
        total: dict[str, int] = {}
        while total.get(name, 0) < count:
            for key, number in self.batch().items():
                total[key] = total.get(key, 0) + number
        return total

    def sentence(self) -> str:
        """Wait for the next line on stderr."""
        line = self._lines["err"].get(timeout=SECONDS)
        assert line is not None, "it ended without output"
        return line.rstrip("\n")

    def told(self) -> list[str]:
        """The unread lines on stderr."""
        lines = list(self._lines["err"].queue)
        return [line for line in lines if line]

    def has_no_batch(self) -> bool:
        """Whether no unread summary has been printed."""
        return self._lines["out"].empty()

    def interrupt(self) -> int:
        """Send Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(SECONDS)

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()

    def _read(self, stream: IO[str], lines: queue.Queue[str | None]) -> None:
        with stream:
            for line in stream:
                lines.put(line)
        lines.put(None)


@contextmanager
def followed(
    index: Path, bundle: Path, *folders: Path, options: tuple[str, ...] = (), before: str = "", **environment: str
) -> Iterator[Followed]:
    """Watch folders; the process ends with the block. before: code to run first."""
    words = ["index", *map(str, folders), "--watch", "--json", *options]
    process = Followed([*words, "--index", str(index), "--encoder", str(bundle)], environment, before)
    try:
        yield process
    finally:
        process.end()
