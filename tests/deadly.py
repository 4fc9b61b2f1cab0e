"""Framings that do to a process what a picture's decoder might, for pictures of one size."""

from __future__ import annotations

import os
import signal
import time

from indexer.encoders.framing import Framing

DEADLY_SIZE = (13, 13)
# One that asks for memory first.
LARGE_DEADLY_SIZE = (3_000, 2_001)


class DeadlyFraming(Framing):
    """Kills the process, as a crash inside a decoder would."""

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        if (width, height) in (DEADLY_SIZE, LARGE_DEADLY_SIZE):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().box(width, height)


class StallingFraming(Framing):
    """Takes forever, as a drive that stalls would."""

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        if (width, height) == DEADLY_SIZE:
            time.sleep(1_000)
        return super().box(width, height)
